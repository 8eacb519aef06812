"""One factory for each kind of object that an operation names: it makes one in an organisation directly, and gives its id."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from crypto_api.address_book.documents import Payee
from crypto_api.audit import service as audit
from crypto_api.classification import service as classification
from crypto_api.classification.types import Category, Conditions, NewRule, Outcome
from crypto_api.clients import service as clients
from crypto_api.clients.types import NewClient
from crypto_api.contract_audits.documents import ContractAudit, ContractFinding
from crypto_api.contract_audits.types import AuditStatus, Change, Confidence, Found, FoundBy, Severity, Subject
from crypto_api.employees.documents import Employee
from crypto_api.employees.types import EmployeeStatus
from crypto_api.flows.annotate_transaction import Annotation
from crypto_api.flows.issue_invoice import Counter, issue_invoice
from crypto_api.flows.keep_webhooks import bound_to as webhook_bound_to
from crypto_api.flows.price_at import Prices
from crypto_api.flows.record_transaction import record_transaction
from crypto_api.flows.recur_invoices import add_recurring
from crypto_api.flows.run_payroll import write_payslip
from crypto_api.flows.write_invoice import Wish, Writing, write_invoice
from crypto_api.identity.documents import EthereumAccount, Passkey, Session
from crypto_api.identity.passkeys import relying_party
from crypto_api.identity.rules import hash_token
from crypto_api.inbox import service as inbox
from crypto_api.inbox.types import Finding, ItemKind
from crypto_api.invoices.types import InvoiceKind, Item
from crypto_api.kit.ethereum import checksummed
from crypto_api.kit.ids import new_id, new_token
from crypto_api.ledger import drafts
from crypto_api.ledger import service as ledger
from crypto_api.ledger.documents import Account as LedgerAccount
from crypto_api.ledger.documents import LedgerPeriod, PeriodCertificate
from crypto_api.ledger.types import AccountCode, AccountType, EntryDraft, Line, PeriodStatus, Source, SourceKind
from crypto_api.long_reports.documents import LongReport, LongReportPart
from crypto_api.long_reports.types import LongReportKind, LongReportStatus, Wanted
from crypto_api.lots.types import LotMethod, LotScope
from crypto_api.notifications.documents import Notification
from crypto_api.notifications.types import Priority, Topic
from crypto_api.organizations.documents import Company, Invitation
from crypto_api.organizations.types import Permission, Role
from crypto_api.payments.documents import Payment, SenderLane
from crypto_api.payments.rules import transfer_call
from crypto_api.payments.typed_data import digest
from crypto_api.payments.types import Origin, PaymentKind, PaymentState
from crypto_api.payments.types import Way as PayWay
from crypto_api.payroll import service as payroll
from crypto_api.payroll.documents import PayProfile, Payslip
from crypto_api.payroll.service import Approved
from crypto_api.payroll.types import Adjustments, NewPeriod, PayMethod, ShareRule
from crypto_api.price_alerts import service as price_alerts
from crypto_api.price_alerts.service import NewAlert
from crypto_api.price_alerts.types import Condition
from crypto_api.prices.documents import ManualPrice
from crypto_api.receivables.documents import PaymentRequest, Receipt
from crypto_api.receivables.types import RateLock, ReceiptState, Use, UseKind
from crypto_api.recurring import service as recurring
from crypto_api.recurring.types import NewRecurring, PaymentFrequency
from crypto_api.recurring.types import Schedule as PaySchedule
from crypto_api.recurring_invoices.types import Frequency, RecurringMode, Schedule
from crypto_api.saved_views import service as saved_views
from crypto_api.statements.documents import FinancialReport
from crypto_api.statements.types import Column, Detail, Measure, Row, RowKind, StatementKind
from crypto_api.tasks.documents import DeadLetter, Task
from crypto_api.tasks.types import INSTALLATION, JobRef, TaskStatus
from crypto_api.tax.documents import TaxReport
from crypto_api.tax.types import TaxPeriod, TaxReportStatus
from crypto_api.transactions.types import Booking, Finality
from crypto_api.wallets.documents import Wallet, WalletType
from crypto_api.webhooks.documents import Webhook, WebhookDelivery
from crypto_api.webhooks.types import SigningSecret, WebhookDeliveryPurpose, WebhookDeliveryStatus
from tests.authorization.authenticator import Authenticator
from tests.authorization.house import Factory, House, Person, random_address
from tests.http.world import stored_transaction

ABSENT = "0000"
CHAIN_ID = 31337
ANSWERS_42 = "0x602a60005260206000f3"  # PUSH1 42, PUSH1 0, MSTORE, PUSH1 32, PUSH1 0, RETURN


def absent(object_id: str) -> str:
    """An id of the same form that nobody has."""
    return object_id[: -len(ABSENT)] + ABSENT


async def organization(house: House, org_id: str, owner: Person) -> str:
    return org_id


async def wallet(house: House, org_id: str, owner: Person) -> str:
    row = Wallet(
        id=new_id("wal"),
        created_at=house.now,
        updated_at=house.now,
        org_id=org_id,
        name="Operations",
        address=to_checksum_address(random_address()),
        wallet_type=WalletType.WATCH,
        network="testnet",
        created_by=owner.user_id,
    )
    await row.insert()
    return row.id


async def contract(house: House, org_id: str, owner: Person) -> str:
    """Its address, by which operations name it. On the chain it answers 42 to everything."""
    from crypto_api.contracts.documents import Contract, ContractText

    address, contract_id = to_checksum_address(random_address()), new_id("ctr")
    abi = '[{"type":"function","name":"total","inputs":[],"outputs":[{"name":"","type":"uint256"}],"stateMutability":"view"}]'
    row = Contract(
        id=contract_id,
        created_at=house.now,
        updated_at=house.now,
        org_id=org_id,
        network="testnet",
        chain_id=CHAIN_ID,
        address=address,
        name="Vesting",
        name_folded="vesting",
        code_hash="0x" + "00" * 32,
        code_size=100,
        read_block_number=0,
        read_block_hash="0x" + "00" * 32,
        read_at=house.now,
        created_by=owner.user_id,
    )
    await row.insert()
    await house.runtime.rpc["testnet"].call_once("anvil_setCode", [address, ANSWERS_42])
    await ContractText(id=contract_id, created_at=house.now, org_id=org_id, abi=abi).insert()
    return address


async def contract_id(house: House, org_id: str, owner: Person) -> str:
    from crypto_api.contracts import store

    (row,) = await store.by_address(org_id, await contract(house, org_id, owner))
    return row.id


async def transaction(house: House, org_id: str, owner: Person) -> str:
    row = stored_transaction(org_id, await wallet(house, org_id, owner), number=int(random_address(), 16) % 10**9)
    await row.insert()
    return row.id


async def brought_transaction(house: House, org_id: str, owner: Person) -> str:
    """One that a person entered."""
    runtime, wallet_id = house.runtime, await wallet(house, org_id, owner)
    said = {"timestamp": "2026-03-01T10:00:00Z", "type": "TRANSFER", "asset": "ETH", "amount": "1", "wallet": wallet_id}
    return (await record_transaction(runtime.uow, runtime.clock, runtime.networks, org_id, said, Annotation())).row.id


async def transaction_hash(house: House, org_id: str, owner: Person) -> str:
    """No node knows it: it is the organisation's alone."""
    return (await transaction(house, org_id, owner)).rpartition(":")[2]


async def account(house: House, org_id: str, owner: Person) -> str:
    code = str(10_000_000 + int(random_address(), 16) % 80_000_000)
    row = LedgerAccount(
        id=f"{org_id}:{code}", created_at=house.now, org_id=org_id, code=code, name="Travel", account_type=AccountType.EXPENSE, parent_code=None
    )
    await row.insert()
    return row.id


def _entry_draft() -> EntryDraft:
    lines = [
        Line(account_code=AccountCode.CRYPTO, debit=Decimal(10), credit=Decimal(0)),
        Line(account_code=AccountCode.OPENING, debit=Decimal(0), credit=Decimal(10)),
    ]
    source = Source(kind=SourceKind.MANUAL, id=new_id("src"), purpose="manual")
    return EntryDraft(date=date(2026, 11, 20), description="By hand", lines=lines, source=source)


async def draft_entry(house: House, org_id: str, owner: Person) -> str:
    now = house.now
    return (await house.runtime.uow.run(lambda session: drafts.create_draft(session, org_id, _entry_draft(), owner.user_id, now))).id


async def others_draft(house: House, org_id: str, owner: Person) -> str:
    """Of somebody else, for whoever asks to approve."""
    now = house.now
    return (await house.runtime.uow.run(lambda session: drafts.create_draft(session, org_id, _entry_draft(), "usr_preparer", now))).id


async def posted_entry(house: House, org_id: str, owner: Person) -> str:
    now = house.now
    return (await house.runtime.uow.run(lambda session: ledger.post(session, org_id, _entry_draft(), now))).id


_MONTHS = count()


async def network(house: House, org_id: str, owner: Person) -> str:
    """The installation's, the same for everybody."""
    return "testnet"


async def closed_period(house: House, org_id: str, owner: Person) -> str:
    """Behind every other that is closed, so that it can be reopened."""
    year, month = divmod(next(_MONTHS), 12)
    name, certificate_id = f"{2030 + year}-{month + 1:02d}", new_id("crt")
    values = {"created_at": house.now, "org_id": org_id, "period": name}
    await PeriodCertificate(
        id=certificate_id,
        closed_through=date(2030 + year, month + 1, 28),
        issued_by=owner.user_id,
        issuer="Ada",
        checks=[],
        totals=[],
        currency="USD",
        entries=0,
        seal_seq=0,
        seal_hash="0" * 64,
        digest="",
        **values,
    ).insert()
    row = LedgerPeriod(
        id=f"{org_id}:{name}", status=PeriodStatus.CLOSED, certificate_id=certificate_id, closed_at=house.now, closed_by=owner.user_id, **values
    )
    await row.insert()
    return name


async def task(house: House, org_id: str, owner: Person) -> str:
    row = Task(id=new_id("tsk"), created_at=house.now, org_id=org_id, kind="backfill", status=TaskStatus.QUEUED)
    await row.insert()
    return row.id


async def waiting_task(house: House, org_id: str, owner: Person) -> str:
    """A job of the queue that nobody has taken up."""
    row_id = new_id("tsk")
    job = JobRef(id=row_id, name="true_up_prices", payload={"org_id": org_id})
    await Task(id=row_id, created_at=house.now, org_id=org_id, kind=job.name, status=TaskStatus.QUEUED, job=job).insert()
    return row_id


async def failed_task(house: House, org_id: str, owner: Person) -> str:
    row_id = new_id("tsk")
    job = JobRef(id=row_id, name="true_up_prices", payload={"org_id": org_id})
    await Task(id=row_id, created_at=house.now, org_id=org_id, kind=job.name, status=TaskStatus.FAILED, job=job).insert()
    return row_id


async def dead_letter(house: House, org_id: str, owner: Person) -> str:
    row_id = new_id("dead")
    job = JobRef(id=new_id("job"), name="true_up_prices", payload={"org_id": org_id})
    await DeadLetter(id=row_id, created_at=house.now, org_id=org_id, job=job, task_id=None, error="It failed.", attempts=3).insert()
    return row_id


async def platform_dead_letter(house: House, org_id: str, owner: Person) -> str:
    """Of the installation itself, whoever asks."""
    return await dead_letter(house, INSTALLATION, owner)


async def inbox_item(house: House, org_id: str, owner: Person) -> str:
    finding = Finding(ItemKind.UNCLASSIFIED, new_id("key"), ("transaction", new_id("row")), "Not known what it was", "No rule knows it.", "")
    return (await house.runtime.uow.run(lambda session: inbox.note(session, org_id, finding, house.now))).id


async def user(house: House, org_id: str, owner: Person) -> str:
    return (await house.person(org_id, Role.USER)).user_id


async def audit_record(house: House, org_id: str, owner: Person) -> str:
    now = house.now
    return (await house.runtime.uow.run(lambda session: audit.record(session, org_id, "wallet.renamed", "Ada renamed it.", now))).id


async def own_employee(house: House, org_id: str, owner: Person) -> str:
    """The record of whoever asks, verified."""
    known = await Employee.find_one({"org_id": org_id, "user_id": owner.user_id})
    if known is not None:
        return known.id
    return await _employee(house, org_id, user_id=owner.user_id, status=EmployeeStatus.ACTIVE)


async def employee(house: House, org_id: str, owner: Person) -> str:
    """In the team of whoever asks."""
    return await _employee(house, org_id, manager_id=await own_employee(house, org_id, owner), status=EmployeeStatus.ACTIVE)


async def pending_employee(house: House, org_id: str, owner: Person) -> str:
    return await _employee(house, org_id, manager_id=await own_employee(house, org_id, owner), status=EmployeeStatus.PENDING)


async def _employee(house: House, org_id: str, **values: Any) -> str:
    name = new_id("e")
    row = Employee(
        id=new_id("emp"),
        created_at=house.now,
        updated_at=house.now,
        org_id=org_id,
        email=f"{name}@example.com",
        first_name="Grace",
        last_name=name,
        name_folded=name,
        **values,
    )
    await row.insert()
    return row.id


async def passkey(house: House, org_id: str, owner: Person) -> str:
    return (await passkey_of(house, owner)).id


async def passkey_of(house: House, owner: Person) -> Authenticator:
    party = relying_party(house.runtime.config.frontend_url)
    device = Authenticator(party.id, party.origin)
    row = Passkey(id=device.id, created_at=house.now, user_id=owner.user_id, name="Phone", public_key=device.cose_key, sign_count=0)
    await row.insert()
    return device


async def ethereum_account(house: House, org_id: str, owner: Person) -> str:
    return (await ethereum_account_of(house, owner))[0]


async def ethereum_account_of(house: House, owner: Person) -> tuple[str, LocalAccount]:
    key = Account.create()
    row = EthereumAccount(
        id=f"eip155:{CHAIN_ID}:{key.address.lower()}", created_at=house.now, user_id=owner.user_id, address=key.address, chain_id=CHAIN_ID
    )
    await row.insert()
    return row.id, key


async def session(house: House, org_id: str, owner: Person) -> str:
    """Another one of whoever asks."""
    row = Session(
        id=new_id("ses"),
        created_at=house.now,
        user_id=owner.user_id,
        org_id=org_id,
        refresh_hash=hash_token(new_token()),
        expires_at=house.now + timedelta(days=1),
    )
    await row.insert()
    return row.id


async def role(house: House, org_id: str, owner: Person) -> str:
    return await house.role(org_id, [Permission.ORGANIZATION_READ])


async def invitation(house: House, org_id: str, owner: Person) -> str:
    return (await invited(house, org_id, f"{new_id('i')}@example.com", owner))[0]


async def my_invitation(house: House, org_id: str, owner: Person) -> str:
    """Of whoever asks, into an organisation that they do not belong to."""
    return (await invited(house, await house.organization(), f"{owner.username}@example.com", owner))[0]


async def invited(house: House, org_id: str, email: str, by: Person) -> tuple[str, str]:
    """Its id and its token."""
    token, then = new_token(), house.now - timedelta(hours=1)
    row = Invitation(
        id=new_id("inv"),
        created_at=then,
        org_id=org_id,
        email=email,
        role=Role.USER,
        token_hash=hash_token(token),
        invited_by=by.user_id,
        expires_at=house.now + timedelta(days=1),
        sent_at=then,
    )
    await row.insert()
    return row.id, token


async def company(house: House, org_id: str, owner: Person) -> str:
    name = "Company " + new_id("c")
    row = Company(
        id=new_id("com"),
        created_at=house.now,
        updated_at=house.now,
        org_id=org_id,
        legal_name=name,
        name_folded=name.casefold(),
        functional_currency="USD",
        time_zone="UTC",
        fiscal_year_start="01-01",
    )
    await row.insert()
    return row.id


async def payee(house: House, org_id: str, owner: Person) -> str:
    """Written down by somebody else."""
    row = Payee(
        id=new_id("pye"),
        created_at=house.now,
        updated_at=house.now,
        org_id=org_id,
        name="Analytical Engines",
        name_folded="analytical engines",
        address=checksummed(random_address()),
        created_by="usr_writer",
        address_changed_by="usr_writer",
        address_changed_at=house.now,
    )
    await row.insert()
    return row.id


async def client(house: House, org_id: str, owner: Person) -> str:
    new = NewClient("Analytical Engines")
    return (await house.runtime.uow.run(lambda session: clients.add(session, org_id, new, owner.user_id, house.now))).id


async def draft_invoice(house: House, org_id: str, owner: Person, kind: InvoiceKind = InvoiceKind.INVOICE) -> str:
    items = (Item(description="Analysis", quantity=Decimal(1), unit_price=Decimal(100)),)
    wish = Wish(items=items, client_name="Analytical Engines", kind=kind)
    return (await write_invoice(Writing(house.runtime.uow, house.runtime.clock, org_id, owner.user_id), wish)).id


async def own_invoice(house: House, org_id: str, owner: Person) -> str:
    """Issued to the client that whoever asks is."""
    client_id, runtime = await client(house, org_id, owner), house.runtime
    wish = Wish(items=(Item(description="Analysis", quantity=Decimal(1), unit_price=Decimal(100)),), client_id=client_id)
    row = await write_invoice(Writing(runtime.uow, runtime.clock, org_id, owner.user_id), wish)
    await issue_invoice(Counter(runtime.uow, runtime.clock, org_id, owner.user_id, Prices(runtime.networks, runtime.prices)), row.id, None)
    await runtime.uow.run(lambda session: clients.let_in(session, org_id, client_id, owner.user_id, house.now))
    return row.id


async def recurring_invoice(house: House, org_id: str, owner: Person) -> str:
    items = (Item(description="Analysis", quantity=Decimal(1), unit_price=Decimal(100)),)
    wish = Wish(items=items, client_id=await client(house, org_id, owner))
    schedule = Schedule(frequency=Frequency.MONTHLY, start_date=date(2030, 1, 31))
    return (await add_recurring(Writing(house.runtime.uow, house.runtime.clock, org_id, owner.user_id), wish, schedule, RecurringMode.DRAFT)).id


async def sent_invoice(house: House, org_id: str, owner: Person, kind: InvoiceKind = InvoiceKind.INVOICE) -> str:
    """In the books, and nothing was paid of it."""
    invoice_id = await draft_invoice(house, org_id, owner, kind)
    prices = Prices(house.runtime.networks, house.runtime.prices)
    await issue_invoice(Counter(house.runtime.uow, house.runtime.clock, org_id, owner.user_id, prices), invoice_id, None)
    return invoice_id


async def sent_quote(house: House, org_id: str, owner: Person) -> str:
    return await sent_invoice(house, org_id, owner, InvoiceKind.QUOTE)


async def paid_employee(house: House, org_id: str, owner: Person) -> str:
    """In the team of whoever asks."""
    return await _paid(house, org_id, await employee(house, org_id, owner))


async def _paid(house: House, org_id: str, employee_id: str) -> str:
    if await PayProfile.get(employee_id) is None:
        shares = [ShareRule(method=PayMethod.BANK, percent=Decimal(100))]
        values = {"currency": "USD", "basic": Decimal(1000), "shares": shares, "updated_by": "usr_writer"}
        await PayProfile(id=employee_id, org_id=org_id, created_at=house.now, updated_at=house.now, **values).insert()
    return employee_id


async def payroll_period(house: House, org_id: str, owner: Person) -> str:
    new = NewPeriod(f"November {new_id('n')}", date(2026, 11, 1), date(2026, 11, 30), date(2026, 11, 30), "USD")
    row = await house.runtime.uow.run(lambda session: payroll.add_period(session, org_id, new, "usr_writer", house.now))
    return row.id


async def draft_payslip(house: House, org_id: str, owner: Person) -> str:
    """Of somebody in the team of whoever asks, prepared by somebody else."""
    return await _payslip(house, org_id, owner, await paid_employee(house, org_id, owner))


async def _payslip(house: House, org_id: str, owner: Person, employee_id: str) -> str:
    runtime, period_id = house.runtime, await payroll_period(house, org_id, owner)
    return (await write_payslip(runtime.uow, runtime.clock, org_id, period_id, employee_id, Adjustments(), "usr_writer")).id


async def approved_payslip(house: House, org_id: str, owner: Person) -> str:
    return await _approved(house, await draft_payslip(house, org_id, owner))


async def own_payslip(house: House, org_id: str, owner: Person) -> str:
    """Of whoever asks."""
    return await _approved(house, await _payslip(house, org_id, owner, await _paid(house, org_id, await own_employee(house, org_id, owner))))


async def payslip_token(house: House, org_id: str, owner: Person) -> str:
    """Opens the public page of a payslip."""
    row = await Payslip.get(await own_payslip(house, org_id, owner))
    assert row is not None and row.verify_token is not None
    return row.verify_token


async def _approved(house: House, payslip_id: str) -> str:
    """Without its entry: the books are no part of it here."""
    row = await Payslip.get(payslip_id)
    assert row is not None
    fixed = Approved("Byron Treasury", "usr_approver", "USD", Decimal(1), "", row.net, None)
    return (await house.runtime.uow.run(lambda session: payroll.approve(session, row, fixed, house.now))).id


async def payment_request(house: House, org_id: str, owner: Person, expires: timedelta) -> tuple[str, str]:
    """(invoice, token) of what can be paid in ether at a wallet, at a rate that runs out then."""
    invoice_id, wallet_id, token, now = (
        await sent_invoice(house, org_id, owner),
        await wallet(house, org_id, owner),
        new_token(),
        house.runtime.clock.now(),
    )
    await Wallet.get_pymongo_collection().update_one({"_id": wallet_id}, {"$set": {"opening": "done"}})
    price = {"asset": "ETH", "quote": "USD", "at": now - timedelta(hours=1), "rate": Decimal(2000), "set_by": owner.user_id, "reason": "Agreed"}
    await ManualPrice(id=new_id("prc"), created_at=now, org_id=org_id, **price).insert()
    lock = {
        "due": Decimal("100.00"),
        "amount": Decimal("0.05"),
        "raw_amount": str(5 * 10**16),
        "rate": Decimal(2000),
        "source": "by hand",
        "rate_at": now,
    }
    request_id, found = new_id("prq"), await Wallet.get(wallet_id)
    assert found is not None
    row = PaymentRequest(
        id=request_id,
        created_at=now,
        updated_at=now,
        org_id=org_id,
        invoice_id=invoice_id,
        number="INV-2026-00001",
        client_id="cli_1",
        currency="USD",
        currency_decimals=2,
        network="testnet",
        chain_id=CHAIN_ID,
        asset="ETH",
        contract=None,
        decimals=18,
        wallet_id=wallet_id,
        address=found.address,
        own=False,
        token_hash=hash_token(token),
        token_sealed=house.runtime.box.seal(token.encode(), f"pay:{request_id}"),
        locks=[RateLock(number=1, locked_at=now - timedelta(days=2), expires_at=now + expires, **lock)],
    )
    await row.insert()
    return invoice_id, token


async def asked_invoice(house: House, org_id: str, owner: Person) -> str:
    """Its rate has run out."""
    return (await payment_request(house, org_id, owner, -timedelta(days=1)))[0]


async def pay_token(house: House, org_id: str, owner: Person) -> str:
    """Of a link that anybody may open."""
    return (await payment_request(house, org_id, owner, timedelta(hours=1)))[1]


async def open_receipt(house: House, org_id: str, owner: Person, *uses: Use) -> str:
    """A hundred dollars that belong to nothing yet."""
    row = stored_transaction(org_id, await wallet(house, org_id, owner), number=int(random_address(), 16) % 10**9)
    row = row.model_copy(update={"category": "invoice_payment", "category_source": "fact", "booking": Booking.DONE, "finality": Finality.CONFIRMED})
    await row.insert()
    receipt = Receipt(
        id=f"{row.id}~value",
        created_at=house.now,
        updated_at=house.now,
        org_id=org_id,
        transaction_id=row.id,
        movement_key="value",
        hash=row.hash,
        network="testnet",
        wallet_id=row.wallet_ids[0],
        asset="ETH",
        symbol="ETH",
        decimals=18,
        raw_amount=str(5 * 10**16),
        quantity=Decimal("0.05"),
        value=Decimal(100),
        payer=to_checksum_address(random_address()),
        block_number=row.block_number,
        block_hash=row.block_hash,
        at=house.now,
        client_id=await client(house, org_id, owner),
        state=ReceiptState.DONE if uses else ReceiptState.OPEN,
        uses=list(uses),
        look_at=house.now,
    )
    await receipt.insert()
    return receipt.id


async def kept_receipt(house: House, org_id: str, owner: Person) -> str:
    """Kept for a client."""
    use = Use(id=new_id("rcu"), kind=UseKind.CREDIT, quantity=Decimal("0.05"), value=Decimal(100), client_id="cli_1", at=house.now)
    return await open_receipt(house, org_id, owner, use)


async def recurring_payment(house: House, org_id: str, owner: Person) -> str:
    wallet_id = await wallet(house, org_id, owner)
    await Wallet.find({"_id": wallet_id}).update({"$set": {"wallet_type": WalletType.METAMASK.value}})
    rule = PaySchedule(PaymentFrequency.MONTHLY, date(2027, 1, 31))
    new = NewRecurring("Rent", wallet_id, await payee(house, org_id, owner), "ETH", Decimal("0.5"), rule)
    return (await house.runtime.uow.run(lambda session: recurring.add(session, org_id, new, "UTC", owner.user_id, house.now))).id


async def payment(house: House, org_id: str, owner: Person) -> str:
    """Waits for approval; somebody else prepared it. It is worth nothing, so that a MANAGER's word counts."""
    return (await stored_payment(house, org_id)).id


async def draft_payment(house: House, org_id: str, owner: Person) -> str:
    """From a wallet that has what it takes."""
    from_address = checksummed(random_address())
    await house.runtime.rpc["testnet"].call_once("anvil_setBalance", [from_address, hex(10**18)])
    return (await stored_payment(house, org_id, state=PaymentState.DRAFT, payload_hash=None, from_address=from_address)).id


async def sent_payment(house: House, org_id: str, owner: Person) -> str:
    return (await stored_payment(house, org_id, state=PaymentState.BROADCAST, nonce=0)).id


async def wallet_payment(house: House, org_id: str, owner: Person) -> str:
    """Approved, to be sent by a person's own wallet."""
    return (await stored_payment(house, org_id, state=PaymentState.APPROVED, way=PayWay.BROWSER)).id


async def frozen_payment(house: House, org_id: str, owner: Person) -> str:
    row = await stored_payment(house, org_id, state=PaymentState.APPROVED)
    lane = SenderLane(
        id=f"eip155:{row.chain_id}:{row.from_address}", created_at=house.now, chain_id=row.chain_id, address=row.from_address, frozen_reason="Look."
    )
    await lane.insert()
    return row.id


async def stored_payment(house: House, org_id: str, **changes: Any) -> Payment:
    payee_address = checksummed(random_address())
    values: dict[str, Any] = {
        "id": new_id("pay"),
        "created_at": house.now,
        "updated_at": house.now,
        "org_id": org_id,
        "origin": Origin(kind="manual", id=new_id("man")),
        "kind": PaymentKind.TRANSFER,
        "way": PayWay.SIGNER,
        "network": "testnet",
        "chain_id": CHAIN_ID,
        "wallet_id": new_id("wal"),
        "from_address": checksummed(random_address()),
        "payee_address": payee_address,
        "asset": "ETH",
        "decimals": 18,
        "raw_amount": "1",
        "amount": Decimal("0.000000000000000001"),
        "call": transfer_call(payee_address, 1, None),
        "value": Decimal(0),
        "value_currency": "USD",
        "prepared_by": "usr_preparer",
        "state": PaymentState.PENDING_APPROVAL,
        "due_at": None,
    }
    row = Payment(**values | changes)
    if "payload_hash" not in changes:
        row.payload_hash = digest(row)
    await row.insert()
    return row


async def statement(house: House, org_id: str, owner: Person) -> str:
    rows = [Row(kind=RowKind.HEADING, name="Assets"), Row(kind=RowKind.TOTAL, name="Total assets", amounts=(Decimal(7),), key="assets")]
    return await _report(house, org_id, owner, StatementKind.BALANCE_SHEET, [Column(first=None, last=date(2026, 6, 30))], rows)


async def rolled(house: House, org_id: str, owner: Person) -> str:
    columns = [Column(first=date(2026, 1, 1), last=date(2026, 6, 30), measure=measure) for measure in Measure]
    rows = [
        Row(kind=RowKind.HEADING, name="All crypto assets"),
        Row(kind=RowKind.TOTAL, name="Closing", amounts=(None, Decimal(7), Decimal(7)), key="closing"),
    ]
    return await _report(house, org_id, owner, StatementKind.CRYPTO_ROLL_FORWARD, columns, rows, Detail.ASSET)


async def _report(
    house: House, org_id: str, owner: Person, kind: StatementKind, columns: list[Column], rows: list[Row], detail: Detail | None = None
) -> str:
    row = FinancialReport(
        id=new_id("rep"),
        created_at=house.now,
        org_id=org_id,
        kind=kind,
        columns=columns,
        detail=detail,
        currency="USD",
        rows=rows,
        balanced=True,
        known_at=house.now,
        unpriced=0,
        seal_seq=0,
        seal_hash="",
        requested_by=owner.user_id,
    )
    await row.insert()
    return row.id


async def tax_report(house: House, org_id: str, owner: Person) -> str:
    row = TaxReport(
        id=new_id("txr"),
        created_at=house.now,
        org_id=org_id,
        period=TaxPeriod.CUSTOM,
        start_date=date(2026, 1, 1),
        end_date=date(2026, 12, 31),
        method=LotMethod.FIFO,
        scope=LotScope.WALLET,
        as_in_force=False,
        months=12,
        currency="USD",
        time_zone="UTC",
        status=TaxReportStatus.READY,
        requested_by=owner.user_id,
        generated_at=house.now,
    )
    await row.insert()
    return row.id


async def _long_report(house: House, org_id: str, owner: Person, status: LongReportStatus) -> str:
    """Its content is in one part, and its task beside it."""
    wanted, row_id, task_id = Wanted(kind=LongReportKind.BOOKS, form="csv", account_code=random_address()), new_id("lrp"), new_id("tsk")
    live = status is LongReportStatus.QUEUED
    task_status = TaskStatus.QUEUED if live else TaskStatus.FAILED
    await Task(id=task_id, created_at=house.now, org_id=org_id, kind="report", status=task_status).insert()
    row = LongReport(
        id=row_id,
        created_at=house.now,
        org_id=org_id,
        kind=wanted.kind,
        wanted=wanted,
        title="The books",
        task_id=task_id,
        requested_by=owner.user_id,
        status=status,
        digest=wanted.digest,
        live=live,
        claim="lrc_1",
        claimed_until=house.now + timedelta(days=1) if live else None,
        file_name="books.csv" if status is LongReportStatus.READY else "",
        size=4,
    )
    await row.insert()
    part = {"report_id": row_id, "claim": "lrc_1", "number": 0, "content": b"date"}
    await LongReportPart(id=f"{row_id}:lrc_1:0", created_at=house.now, org_id=org_id, **part).insert()
    return row_id


async def long_report(house: House, org_id: str, owner: Person) -> str:
    return await _long_report(house, org_id, owner, LongReportStatus.READY)


async def unfinished_report(house: House, org_id: str, owner: Person) -> str:
    await LongReport.find({"org_id": org_id, "live": True}).delete()  # of those there are only so many
    return await _long_report(house, org_id, owner, LongReportStatus.QUEUED)


async def failed_report(house: House, org_id: str, owner: Person) -> str:
    return await _long_report(house, org_id, owner, LongReportStatus.FAILED)


async def _contract_audit(house: House, org_id: str, owner: Person, status: AuditStatus) -> str:
    """With a finding whose id is that of the audit with `fnd` in front."""
    audit_id, task_id, live = new_id("cau"), new_id("tsk"), status is AuditStatus.QUEUED
    await Task(id=task_id, created_at=house.now, org_id=org_id, kind="audit_contract", status=TaskStatus.QUEUED).insert()
    row = ContractAudit(
        id=audit_id,
        created_at=house.now,
        org_id=org_id,
        subject=Subject.upload("Vesting.sol"),
        task_id=task_id,
        requested_by=owner.user_id,
        status=status,
        digest=random_address(),
        live=live,
        claimed_until=house.now + timedelta(days=1) if live else None,
        has_source=False,
        score=20,
    )
    await row.insert()
    finding = Found(
        key="bytecode:1",
        fingerprint="1",
        origin=FoundBy.BYTECODE,
        check="mint",
        title="New tokens can be made",
        severity=Severity.HIGH,
        confidence=Confidence.LOW,
        description="Somebody can make them.",
    )
    values = {**finding.model_dump(), "audit_id": audit_id, "subject_key": row.subject.key, "number": 1, "change": Change.FIRST}
    await ContractFinding(id=audit_id.replace("cau", "fnd", 1), created_at=house.now, org_id=org_id, **values).insert()
    return audit_id


async def contract_audit(house: House, org_id: str, owner: Person) -> str:
    return await _contract_audit(house, org_id, owner, AuditStatus.READY)


async def audit_finding(house: House, org_id: str, owner: Person) -> str:
    return (await contract_audit(house, org_id, owner)).replace("cau", "fnd", 1)


async def unfinished_audit(house: House, org_id: str, owner: Person) -> str:
    await ContractAudit.find({"org_id": org_id, "live": True}).delete()  # of those there are only so many
    return await _contract_audit(house, org_id, owner, AuditStatus.QUEUED)


async def failed_audit(house: House, org_id: str, owner: Person) -> str:
    await ContractAudit.find({"org_id": org_id, "live": True}).delete()
    return await _contract_audit(house, org_id, owner, AuditStatus.FAILED)


async def saved_view(house: House, org_id: str, owner: Person) -> str:
    name = f"Payroll {random_address()}"
    return (await saved_views.keep(house.runtime.uow, house.runtime.clock, org_id, owner.user_id, name, {"category": "payroll"})).id


async def price_alert(house: House, org_id: str, owner: Person) -> str:
    new = NewAlert("ETH", "USD", Condition.ABOVE, Decimal(4_000))
    return (await house.runtime.uow.run(lambda session: price_alerts.add(session, org_id, new, owner.user_id, house.now))).id


async def notification(house: House, org_id: str, owner: Person) -> str:
    row = Notification(
        id=new_id("ntf"),
        created_at=house.now,
        org_id=org_id,
        user_id=owner.user_id,
        topic=Topic.MESSAGES,
        priority=Priority.NORMAL,
        title="The books close on Friday",
        cause="message:1",
        expires_at=house.now + timedelta(days=30),
    )
    await row.insert()
    return row.id


async def webhook(house: House, org_id: str, owner: Person) -> str:
    """Its receiver is never reached: its name leads into this machine, which is refused."""
    row_id = new_id("whk")
    sealed = house.runtime.box.seal(b"0" * 32, webhook_bound_to(row_id))
    row = Webhook(
        id=row_id,
        created_at=house.now,
        org_id=org_id,
        url="https://localhost/coffer",
        description="",
        kinds=[],
        secrets=[SigningSecret(sealed=sealed, made_at=house.now)],
        done_seq=0,
        created_by=owner.user_id,
    )
    await row.insert()
    return row.id


async def webhook_delivery(house: House, org_id: str, owner: Person) -> str:
    row = WebhookDelivery(
        id=new_id("whd"),
        created_at=house.now,
        org_id=org_id,
        webhook_id=await webhook(house, org_id, owner),
        event_id="evt_1",
        event_kind="webhook.test",
        seq=None,
        purpose=WebhookDeliveryPurpose.TEST,
        status=WebhookDeliveryStatus.FAILED,
        attempts=[],
        tries=1,
        expires_at=house.now + timedelta(days=30),
    )
    await row.insert()
    return row.id


async def classification_rule(house: House, org_id: str, owner: Person) -> str:
    new = NewRule(name="Hosting", conditions=Conditions(assets=("USDC",)), outcome=Outcome(category=Category.EXPENSE))
    return (await house.runtime.uow.run(lambda session: classification.add_rule(session, org_id, new, owner.user_id, house.now))).id


KINDS: dict[str, Factory] = {
    factory.__name__: factory
    for factory in (
        *(organization, wallet, transaction, account, draft_entry, others_draft, posted_entry, closed_period, task, user, audit_record, inbox_item),
        *(network, waiting_task, failed_task, dead_letter, platform_dead_letter),
        *(own_employee, employee, pending_employee, passkey, ethereum_account, session),
        *(role, invitation, my_invitation, company, payee, contract, contract_id),
        *(saved_view, brought_transaction, classification_rule, price_alert, notification, webhook, webhook_delivery, statement, rolled, tax_report),
        *(long_report, unfinished_report, failed_report, contract_audit, audit_finding, unfinished_audit, failed_audit),
        *(client, draft_invoice, sent_invoice, sent_quote, recurring_invoice, own_invoice),
        *(paid_employee, payroll_period, draft_payslip, approved_payslip, own_payslip, payslip_token, recurring_payment),
        *(asked_invoice, pay_token, open_receipt, kept_receipt),
        *(payment, draft_payment, sent_payment, wallet_payment, frozen_payment, transaction_hash),
    )
}
PERSONAL = {"saved_view", "notification", "own_employee", "employee", "pending_employee", "passkey", "ethereum_account", "session", "my_invitation"}
PERSONAL |= {"paid_employee", "draft_payslip", "approved_payslip", "own_payslip", "own_invoice"}
"""Of whoever asks, or in their care: another's is not theirs to see."""
