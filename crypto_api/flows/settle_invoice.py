"""Money that came for an invoice, told by a person: it settles the receivable, and what the rate gained or lost since the day of issue is realised
(IAS 21.28). The payment, the entry and the invoice's state are one unit of work."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from crypto_api.flows.issue_invoice import Counter, Rate, rate_of
from crypto_api.invoices import rules, service, store
from crypto_api.invoices.documents import Invoice, InvoicePayment
from crypto_api.invoices.errors import WrongKind
from crypto_api.invoices.types import InvoiceKind, PaymentMethod
from crypto_api.kit.amounts import FUNCTIONAL_PLACES, multiply, text, to_functional
from crypto_api.kit.clock import day_of
from crypto_api.kit.errors import InvalidInput, NotFound
from crypto_api.kit.ids import new_id
from crypto_api.ledger import service as ledger
from crypto_api.ledger.types import AccountCode, EntryDraft, Line, Source, SourceKind
from crypto_api.organizations import store as organizations
from mongodb_config.unit_of_work import Session

ZERO = Decimal(0)


@dataclass(frozen=True)
class Received:
    """As a person tells it. `date` None: today in the organisation's time zone; `rate` None: that of the sources on that day."""

    amount: Decimal
    day: date | None = None
    method: PaymentMethod = PaymentMethod.BANK
    account_code: str = AccountCode.CASH
    reference: str = ""
    note: str = ""
    rate: Decimal | None = None


async def receive_payment(counter: Counter, invoice_id: str, told: Received) -> tuple[Invoice, InvoicePayment]:
    """NotFound, WrongKind, InvoiceNotIssued, MoreThanDue, NoRate, InvalidInput."""
    row, organization = await store.get(counter.org_id, invoice_id), await organizations.get(counter.org_id)
    if row is None:
        raise NotFound
    assert organization is not None
    if row.kind is not InvoiceKind.INVOICE:
        raise WrongKind("Only an invoice is paid.")
    service.check_payable(row, told.amount)
    today = day_of(counter.clock.now(), organization.time_zone)
    day = told.day or today
    _check(told, row, day, today)
    if told.account_code not in await ledger.money_accounts(counter.org_id) and told.account_code != AccountCode.CASH:
        raise InvalidInput.of("account_code", "is no account that money can lie on", "unknown_account")
    rate = await rate_of(counter, row.currency, organization.functional_currency, told.rate, day)

    async def work(session: Session) -> tuple[Invoice, InvoicePayment]:
        now = counter.clock.now()
        before = await service.standing(session, counter.org_id, invoice_id)
        service.check_payable(before, told.amount)
        payment = await _book(session, counter, before, told, day, rate)
        return await service.pay(session, before, payment, today, now), payment

    return await counter.uow.run(work)


def _check(told: Received, row: Invoice, day: date, today: date) -> None:
    if told.amount <= 0:
        raise InvalidInput.of("amount", "must be more than zero", "not_positive")
    if told.amount != told.amount.quantize(Decimal(1).scaleb(-row.decimals)):
        raise InvalidInput.of("amount", f"has more decimals than {row.currency}, which has {row.decimals}", "too_many_decimals")
    if day > today:
        raise InvalidInput.of("date", "is in the future", "in_the_future")
    if row.issue_date is not None and day < row.issue_date:
        raise InvalidInput.of("date", "is before the invoice was issued", "before_issue")


async def _book(session: Session, counter: Counter, row: Invoice, told: Received, day: date, rate: Rate) -> InvoicePayment:
    """What it settles of the receivable is its part of what the invoice put on it; the last payment settles what is left, so that the account comes
    to zero with the invoice."""
    now, payment_id = counter.clock.now(), new_id("ipy")
    received = to_functional(multiply(told.amount, rate.value))
    last = told.amount == row.due
    settled = row.booked - row.settled if last else rules.part_of(row.booked, told.amount, row.total, FUNCTIONAL_PLACES)
    draft = EntryDraft(
        date=day,
        description=f"Payment of {text(told.amount)} {row.currency} for {row.number}: {row.client_name}",
        reference=told.reference or str(row.number),
        source=Source(kind=SourceKind.INVOICE_PAYMENT, id=payment_id, purpose="settlement"),
        lines=_lines(told.account_code, received, settled),
    )
    entry = await ledger.post(session, counter.org_id, draft, now, by=counter.user_id)
    return InvoicePayment(
        id=payment_id,
        created_at=now,
        org_id=counter.org_id,
        invoice_id=row.id,
        amount=told.amount,
        currency=row.currency,
        date=day,
        method=told.method,
        account_code=told.account_code,
        reference=told.reference,
        note=told.note,
        rate=rate.value,
        rate_source=rate.source,
        received=received,
        settled=settled,
        entry_id=entry.id,
        booked_on=entry.date,
        created_by=counter.user_id,
    )


def _lines(account_code: str, received: Decimal, settled: Decimal) -> list[Line]:
    lines = [Line(account_code=account_code, debit=received), Line(account_code=AccountCode.RECEIVABLES, credit=settled)]
    if received > settled:
        lines.append(Line(account_code=AccountCode.EXCHANGE_GAINS, credit=received - settled))
    if received < settled:
        lines.append(Line(account_code=AccountCode.EXCHANGE_LOSSES, debit=settled - received))
    return [line for line in lines if line.debit or line.credit]


def settlement_lines(owed_account: str, money_account: str, settles: Decimal, paid: Decimal) -> list[Line]:
    """What we owed is settled: it stood at `settles`, and costs `paid`, both in the functional currency."""
    lines = [Line(account_code=owed_account, debit=settles), Line(account_code=money_account, credit=paid)]
    if paid > settles:
        lines.append(Line(account_code=AccountCode.EXCHANGE_LOSSES, debit=paid - settles))
    if paid < settles:
        lines.append(Line(account_code=AccountCode.EXCHANGE_GAINS, credit=settles - paid))
    return [line for line in lines if line.debit or line.credit]
