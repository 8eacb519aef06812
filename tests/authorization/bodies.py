"""A valid request for each operation that the examples of the schema do not make one for. A function takes the act (who asks, in which
organisation, with which objects made for the path) and gives what is to be sent."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pyotp
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount

from crypto_api.address_book.documents import Payee
from crypto_api.classification.documents import ClassificationRule
from crypto_api.contract_audits.documents import ContractAudit, ContractFinding
from crypto_api.flows.ethereum_log_in import begin_ethereum_log_in
from crypto_api.flows.keep_address_book import Desk
from crypto_api.flows.link_ethereum_account import begin_link
from crypto_api.flows.passkey_log_in import begin_passkey_approval, begin_passkey_log_in
from crypto_api.flows.pay_wallet import begin_pay_wallet
from crypto_api.flows.register_passkey import begin_passkey
from crypto_api.flows.second_factor import bound_to
from crypto_api.flows.wallet_ownership import begin_ownership
from crypto_api.http.auth import door_of
from crypto_api.identity import service as identity
from crypto_api.identity.documents import OneTimePurpose, Totp, User
from crypto_api.identity.passkeys import RelyingParty, relying_party
from crypto_api.identity.siwe import Site, site_of
from crypto_api.identity.types import RESET_LIFETIME, Device, Purpose
from crypto_api.invoices import service as invoices
from crypto_api.kit.ids import new_id
from crypto_api.lots.documents import LotPolicy, LotProposal, LotRule
from crypto_api.lots.types import LotMethod
from crypto_api.organizations.types import Principal, Role
from crypto_api.payroll.documents import Payslip
from crypto_api.payroll.typed_data import DOMAIN, NAMES, TYPES
from crypto_api.policies.documents import OrganizationPolicy, Proposal
from crypto_api.policies.types import PaymentPolicy
from crypto_api.tasks.store import set_installation_schedule, set_organization_schedule
from crypto_api.wallets.documents import Wallet, WalletType
from tests.authorization.authenticator import Authenticator
from tests.authorization.cells import Cells
from tests.authorization.house import PASSWORD, House, Person, random_address
from tests.authorization.objects import ANSWERS_42, CHAIN_ID, KINDS, ethereum_account_of, invited, passkey_of
from tests.authorization.product import Operation

Values = dict[str, Any]
LOGO = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8ffff3f0005fe02fea73569810000000049454e44ae426082"
)
ONE = Decimal(1)
OTHER_PASSWORD = "nine-lanterns-over-a-harbour"
DEVICE = Device(None, None)


@dataclass(frozen=True)
class Request:
    path: Mapping[str, str] = field(default_factory=dict)  # by name of the parameter
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    raw: bytes | None = None  # instead of a body: as it goes over the wire
    headers: Mapping[str, str] = field(default_factory=dict)

    def with_id(self, place: str, object_id: str) -> "Request":
        """The same with another id at `path.…`, `query.…` or `body.…`."""
        where, _, name = place.partition(".")
        if where == "body":
            return replace(self, body=_put(self.body or {}, name.split("."), object_id))
        return replace(self, **{where: {**getattr(self, where), name: object_id}})

    def filled(self, path: str) -> str:
        for name, value in self.path.items():
            path = path.replace("{" + name + "}", value)
        assert "{" not in path, f"{path}: no id for it"
        return path


def _put(body: Any, keys: list[str], value: Any) -> Any:
    key, rest = keys[0], keys[1:]
    if isinstance(body, list):
        return [_put(item, rest, value) if index == int(key) and rest else value if index == int(key) else item for index, item in enumerate(body)]
    if key.endswith("[]"):
        return {**body, key[:-2]: [value]}
    return {**body, key: _put(body.get(key, {}), rest, value) if rest else value}


@dataclass(frozen=True)
class Act:
    house: House
    org_id: str
    person: Person
    ids: Mapping[str, str]

    async def make(self, kind: str) -> str:
        return await KINDS[kind](self.house, self.org_id, self.person)


async def request_for(house: House, cells: Cells, operation: Operation, org_id: str, person: Person) -> Request:
    """Fresh objects for its path, and a valid body."""
    ids = {
        place.removeprefix("path."): await KINDS[kind](house, org_id, person)
        for place, kind in cells.ids.items()
        if place.startswith("path.") and kind != "-"
    }
    act = Act(house, org_id, person, ids)
    given = await REQUESTS[cells.name](act) if cells.name in REQUESTS else Request(body=example(operation.body) if operation.body else None)
    if not isinstance(given, Request):
        given = Request(body=given)
    return replace(given, path={**ids, **given.path})


def example(schema: Values) -> Any:
    """A value after the schema: its example, or the required fields by theirs."""
    for key in ("example", "const", "default"):
        if key in schema and schema[key] is not None:
            return schema[key]
    if schema.get("examples"):
        return schema["examples"][0]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return example(schema[key][0])
    match schema.get("type"):
        case "object":
            return {name: example(part) for name, part in schema.get("properties", {}).items() if name in schema.get("required", [])}
        case "array":
            return [example(schema["items"]) for _ in range(max(1, schema.get("minItems", 1)))]
        case "boolean":
            return True
        case "integer" | "number":
            return schema.get("minimum", 1)
        case _:
            return "x"


Maker = Callable[[Act], Awaitable[Any]]
REQUESTS: dict[str, Maker] = {}


def request(maker: Maker) -> Maker:
    """For the operation of that name."""
    REQUESTS[maker.__name__] = maker
    return maker


# ---- accounts and sessions


@request
async def register(act: Act) -> Values:
    name = new_id("n").replace("_", "-")
    return {"username": name, "email": f"{name}@example.com", "password": PASSWORD, "first_name": "Ada", "last_name": "Byron"}


@request
async def verify_email(act: Act) -> Values:
    house, now = act.house, act.house.now
    newcomer = await house.person(None, None, user={"email_verified_at": None})
    return {"token": await house.runtime.uow.run(lambda session: identity.issue_verification(session, newcomer.user_id, now))}


@request
async def log_in(act: Act) -> Values:
    return {"username": act.person.username, "password": PASSWORD}


@request
async def refresh(act: Act) -> Values:
    return {"refresh": act.person.refresh}


async def _reset_token(act: Act) -> str:
    house, now = act.house, act.house.now
    purpose = OneTimePurpose.RESET_PASSWORD
    return await house.runtime.uow.run(lambda session: identity.issue_one_time(session, act.person.user_id, purpose, RESET_LIFETIME, now))


@request
async def reset_forgotten_password(act: Act) -> Values:
    return {"token": await _reset_token(act), "new_password": OTHER_PASSWORD}


@request
async def forgot_password(act: Act) -> Values:
    return {"email": f"{act.person.username}@example.com"}


@request
async def resend_verification(act: Act) -> Values:
    return {"email": f"{act.person.username}@example.com"}


@request
async def change_own_password(act: Act) -> Values:
    return {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}


@request
async def delete_other_sessions(act: Act) -> None:
    await act.make("session")


@request
async def update_profile(act: Act) -> Values:
    return {"first_name": "Augusta"}


# ---- organisations


@request
async def update_organization(act: Act) -> Values:
    return {"name": "Renamed"}


@request
async def leave_organization(act: Act) -> None:
    await act.house.in_role(act.org_id, Role.ADMIN)  # the last one could not leave


@request
async def switch_organization(act: Act) -> Values:
    other = await act.house.organization()
    await act.house.member(other, act.person.user_id, Role.USER)
    return {"organization_id": other}


@request
async def invite_member(act: Act) -> Values:
    return {"email": f"{new_id('i')}@example.com", "role": await act.house.role(act.org_id, [])}


@request
async def update_member(act: Act) -> Values:
    return {"suspended": True}


@request
async def remove_named_member(act: Act) -> Request:
    return Request(query={"user_id": await act.make("user")})


@request
async def accept_invitation(act: Act) -> Values:
    return {"token": (await invited(act.house, await act.house.organization(), f"{act.person.username}@example.com", act.person))[1]}


@request
async def decline_invitation(act: Act) -> Values:
    return await accept_invitation(act)


@request
async def create_role(act: Act) -> Values:
    return {"name": new_id("Role"), "permissions": []}


@request
async def update_role(act: Act) -> Values:
    return {"description": "Watches the wallets"}


@request
async def create_company(act: Act) -> Values:
    return {"legal_name": new_id("Company")}


@request
async def update_company(act: Act) -> Values:
    return {"address": "12 St James's Square"}


@request
async def suspend_organization(act: Act) -> Request:
    return Request(path={"organization_id": await act.house.organization()}, body={"suspended": True})


@request
async def suspend_user(act: Act) -> Request:
    return Request(path={"user_id": (await act.house.person(None, None)).user_id}, body={"suspended": True})


# ---- second factors and step-up


def _principal(act: Act) -> Principal:
    return Principal(act.person.user_id, act.person.org_id, None, frozenset(), act.person.session_id, act.house.now)


async def _totp(act: Act, *, confirmed: bool) -> str:
    """An authenticator app of whoever asks; the code that it shows."""
    secret, user_id = pyotp.random_base32(), act.person.user_id
    sealed = act.house.runtime.box.seal(secret.encode(), bound_to(user_id))
    set_up = Totp(sealed_secret=sealed, confirmed_at=act.house.now if confirmed else None).model_dump()
    await User.get_pymongo_collection().update_one({"_id": user_id}, {"$set": {"totp": set_up}})
    return pyotp.TOTP(secret).at(act.house.now)


@request
async def confirm_totp_setup(act: Act) -> Values:
    return {"otp": await _totp(act, confirmed=False)}


@request
async def delete_totp(act: Act) -> None:
    await _totp(act, confirmed=True)


@request
async def create_recovery_codes(act: Act) -> None:
    await _totp(act, confirmed=True)


@request
async def confirm_password(act: Act) -> Values:
    return {"password": PASSWORD}


def _party(act: Act) -> RelyingParty:
    return relying_party(act.house.runtime.config.frontend_url)


@request
async def create_passkey(act: Act) -> Values:
    runtime, party = act.house.runtime, _party(act)
    challenge = await begin_passkey(runtime.uow, runtime.clock, party, _principal(act))
    return {"name": "Phone", "credential": Authenticator(party.id, party.origin).create(challenge.public_key["challenge"])}


@request
async def log_in_by_passkey(act: Act) -> Values:
    runtime, device = act.house.runtime, await passkey_of(act.house, act.person)
    challenge = await begin_passkey_log_in(door_of(runtime), _party(act), DEVICE)
    return {"credential": device.get(challenge.public_key["challenge"], act.person.user_id)}


@request
async def begin_passkey_step_up(act: Act) -> Values:
    await passkey_of(act.house, act.person)
    return {"purpose": "keys"}


@request
async def approve_session_by_passkey(act: Act) -> Values:
    runtime, device = act.house.runtime, await passkey_of(act.house, act.person)
    challenge = await begin_passkey_approval(runtime.uow, runtime.clock, _party(act), _principal(act), Purpose.KEYS)
    return {"credential": device.get(challenge.public_key["challenge"], act.person.user_id), "purpose": "keys"}


def _site(act: Act) -> Site:
    return site_of(act.house.runtime.config.frontend_url)


def _signed(key: LocalAccount, message: str) -> Values:
    signature = key.sign_message(encode_defunct(text=message)).signature
    return {"message": message, "signature": "0x" + bytes(signature).hex()}


@request
async def log_in_by_wallet(act: Act) -> Values:
    runtime, (_, key) = act.house.runtime, await ethereum_account_of(act.house, act.person)
    challenge = await begin_ethereum_log_in(door_of(runtime), _site(act), DEVICE, key.address, CHAIN_ID)
    return _signed(key, challenge.message)


@request
async def create_wallet_link(act: Act) -> Values:
    runtime, key = act.house.runtime, Account.create()
    challenge = await begin_link(runtime.uow, runtime.clock, _site(act), _principal(act), key.address, CHAIN_ID)
    return _signed(key, challenge.message)


# ---- employees


@request
async def create_employee(act: Act) -> Values:
    name = new_id("e").replace("_", "-")
    return {"email": f"{name}@example.com", "first_name": "Grace", "last_name": "Hopper"}


@request
async def add_employee_account(act: Act) -> Values:
    name = new_id("e").replace("_", "-")
    return {"email": f"{name}@example.com", "first_name": "Grace", "last_name": "Hopper"}


@request
async def add_existing_employee(act: Act) -> Values:
    return {"email": f"{(await act.house.person(None, None)).username}@example.com"}


@request
async def update_employee(act: Act) -> Values:
    return {"job_title": "Controller"}


@request
async def get_own_employee(act: Act) -> None:
    await act.make("own_employee")


# ---- treasury


@request
async def create_wallet(act: Act) -> Values:
    return {"name": "Operations", "wallet_type": "watch", "network": "testnet", "address": random_address()}


@request
async def prove_wallet_ownership(act: Act) -> Values:
    """The wallet gets an address whose key is known here."""
    runtime, key, wallet_id = act.house.runtime, Account.create(), act.ids["wallet_id"]
    rows = runtime.database["wallets"]
    await rows.update_one({"_id": wallet_id, "org_id": act.org_id}, {"$set": {"address": key.address}})
    challenge = await begin_ownership(runtime.uow, runtime.clock, _site(act), _principal(act), act.org_id, wallet_id, {"testnet": CHAIN_ID})
    return _signed(key, challenge.message)


@request
async def backfill_wallet(act: Act) -> Values:
    return {"from_block": 7}


@request
async def remedy_inbox_item(act: Act) -> Values:
    return {"remedy": "recheck"}


@request
async def waive_inbox_item(act: Act) -> Values:
    return {"reason": "Agreed with the auditor"}


@request
async def list_transactions_of_category(act: Act) -> Request:
    return Request(path={"category": "unclassified"})


# ---- payment policy


async def _proposed(act: Act) -> Values:
    """A change by somebody who has left since, which waits."""
    now = act.house.now
    proposal = Proposal(policy=PaymentPolicy(approvals_required=2), proposed_by=new_id("usr"), proposed_at=now)
    if await OrganizationPolicy.get(act.org_id) is None:
        await OrganizationPolicy(id=act.org_id, org_id=act.org_id, created_at=now, updated_at=now, policy=PaymentPolicy(), proposal=proposal).insert()
    return {"version": 1}


@request
async def propose_payment_policy(act: Act) -> Values:
    return {"approvals_required": 2, "transaction_max": "50000"}


@request
async def confirm_proposed_policy(act: Act) -> Values:
    return await _proposed(act)


@request
async def reject_proposed_policy(act: Act) -> Values:
    return await _proposed(act)


# ---- payroll


@request
async def create_payroll_period(act: Act) -> Values:
    days = {"start_date": "2026-11-01", "end_date": "2026-11-30", "pay_date": "2026-11-30"}
    return {"name": f"November {random_address()}", "currency": "USD", **days}


@request
async def update_payroll_period(act: Act) -> Values:
    return {"name": f"November {random_address()}"}


@request
async def update_pay_profile(act: Act) -> Values:
    return {"basic": "1200.00"}


@request
async def create_tax_table(act: Act) -> Values:
    row = {"above": "0", "percent": "10"}
    return {"code": "WAGE", "name": "Wage tax", "currency": "USD", "effective_from": "2026-01-01", "brackets": [row]}


@request
async def create_payslip(act: Act) -> Values:
    return {"period_id": await act.make("payroll_period"), "employee_id": await act.make("paid_employee")}


@request
async def update_payslip(act: Act) -> Values:
    return {"note": random_address()}


@request
async def process_payslip_payment(act: Act) -> Values:
    return {"account_code": "1010"}


@request
async def pay_payroll_period(act: Act) -> Values:
    return {"wallet_id": await act.make("wallet"), "payslip_ids": [await act.make("draft_payslip")]}


@request
async def check_payslip_statement(act: Act) -> Values:
    paid = dict.fromkeys(("network", "asset", "amount", "rate", "transaction"), "1") | {"payee": Account.create().address}
    message = dict.fromkeys(NAMES, "1") | {"transfers": [paid]}
    return {"typed_data": {"types": TYPES, "primaryType": "Payslip", "domain": DOMAIN, "message": message}, "signature": "0x" + "11" * 65}


@request
async def begin_own_wallet(act: Act) -> Values:
    await _paid_self(act)
    return {"address": Account.create().address}


@request
async def prove_own_wallet(act: Act) -> Values:
    await _paid_self(act)
    runtime, key = act.house.runtime, Account.create()
    desk = Desk(runtime.uow, runtime.clock, runtime.networks, runtime.rpc)
    challenge = await begin_pay_wallet(desk, _site(act), replace(_principal(act), org_id=act.org_id), key.address, CHAIN_ID)
    return _signed(key, challenge.message)


async def _paid_self(act: Act) -> None:
    await act.make("own_payslip")


@request
async def get_own_pay(act: Act) -> None:
    await _paid_self(act)


@request
async def list_own_years(act: Act) -> None:
    await _paid_self(act)


@request
async def verify_payslip(act: Act) -> Request:
    row = await Payslip.get(await act.make("own_payslip"))
    assert row is not None
    return Request(path={"token": row.verify_token or ""})


# ---- address book


@request
async def create_payee(act: Act) -> Values:
    return {"name": "Analytical Engines", "address": random_address()}


async def _invoice(act: Act) -> Values:
    item = {"description": "Analysis", "unit_price": "120.00"}
    return {"client_id": await act.make("client"), "items": [item], "tax_rate": "19", **await _crypto(act)}


async def _crypto(act: Act) -> Values:
    return {"crypto_currency": "ETH", "network": "testnet", "receive_wallet_id": await act.make("wallet")}


@request
async def create_invoice(act: Act) -> Values:
    return await _invoice(act)


@request
async def preview_invoice(act: Act) -> Values:
    return await _invoice(act)


@request
async def update_invoice(act: Act) -> Values:
    return {"reference": random_address()}


@request
async def update_invoice_settings(act: Act) -> Values:
    return {"footer": random_address()}


@request
async def invite_client_login(act: Act) -> Values:
    return {"email": f"{new_id('i')}@example.com"}


@request
async def create_recurring_invoice(act: Act) -> Values:
    items = [{"description": "Analysis", "unit_price": "120.00"}]
    when = {"frequency": "monthly", "start_date": "2030-01-31"}
    return {"client_id": await act.make("client"), "items": items, **when, **await _crypto(act)}


@request
async def update_recurring_invoice(act: Act) -> Values:
    return {"reference": random_address(), **await _crypto(act)}


@request
async def get_invoice_logo(act: Act) -> Request:
    await act.house.runtime.uow.run(lambda session: invoices.put_logo(session, act.org_id, LOGO, act.house.now))
    return Request()


@request
async def delete_invoice_logo(act: Act) -> Request:
    return await get_invoice_logo(act)


@request
async def put_invoice_logo(act: Act) -> Request:
    head, tail = b'--coffer\r\nContent-Disposition: form-data; name="file"; filename="logo.png"\r\n\r\n', b"\r\n--coffer--\r\n"
    return Request(raw=head + LOGO + tail, headers={"Content-Type": "multipart/form-data; boundary=coffer"})


@request
async def create_credit_note(act: Act) -> Values:
    return {"note": "Not delivered"}


@request
async def send_invoice(act: Act) -> Values:
    return {"to": "billing@engines.example"}


@request
async def create_invoice_delivery(act: Act) -> Values:
    return {"to": "billing@engines.example"}


@request
async def update_invoice_status(act: Act) -> Values:
    return {"status": "CANCELLED"}


@request
async def create_invoice_payment(act: Act) -> Values:
    return {"amount": "10.00"}


@request
async def update_receiving_settings(act: Act) -> Values:
    return {"lock_minutes": 30}


@request
async def create_payment_request(act: Act) -> Values:
    return {"crypto_currency": "ETH", "network": "testnet", "receive_wallet_id": await act.make("wallet")}


@request
async def apply_receipts(act: Act) -> Values:
    return {"receipt_ids": [await act.make("open_receipt")], "invoices": [{"invoice_id": await act.make("sent_invoice")}]}


@request
async def credit_receipt(act: Act) -> Values:
    return {"client_id": await act.make("client")}


@request
async def refund_open_receipt(act: Act) -> Values:
    return {"wallet_id": await act.make("wallet")}


@request
async def update_client(act: Act) -> Values:
    return {"name": f"Engines {random_address()}"}


@request
async def update_payee(act: Act) -> Values:
    return {"note": "Told on the phone"}


@request
async def verify_payee_address(act: Act) -> Values:
    row = await Payee.get(act.ids["payee_id"])
    assert row is not None
    return {"address": row.address}


@request
async def register_contract_address(act: Act) -> Values:
    address = random_address()
    await act.house.runtime.rpc["testnet"].call_once("anvil_setCode", [address, ANSWERS_42])
    return {"address": address, "network": "testnet", "name": "Vesting"}


@request
async def update_contract(act: Act) -> Values:
    return {"name": "Vesting of the founders"}


@request
async def verify_contract(act: Act) -> Values:
    return {"compiler_version": "0.8.37", "contract_name": "A", "source": "contract A {}"}


@request
async def audit_contract(act: Act) -> Values:
    await ContractAudit.find({"org_id": act.org_id, "live": True}).delete()  # of those there are only so many
    return {"address": await act.make("contract")}


@request
async def upload_contract(act: Act) -> Request:
    await ContractAudit.find({"org_id": act.org_id, "live": True}).delete()
    head = b'--coffer\r\nContent-Disposition: form-data; name="file"; filename="A.sol"\r\n\r\n'
    return Request(raw=head + b"contract A {}\r\n--coffer--\r\n", headers={"Content-Type": "multipart/form-data; boundary=coffer"})


@request
async def suppress_finding(act: Act) -> Request:
    return Request(path={"finding_id": act.ids["audit_id"].replace("cau", "fnd", 1)}, body={"reason": "The owner is our Safe."})


@request
async def reopen_finding(act: Act) -> Request:
    finding_id = act.ids["audit_id"].replace("cau", "fnd", 1)
    await ContractFinding.find({"_id": finding_id, "org_id": act.org_id}).update({"$set": {"suppressed": True}})
    return Request(path={"finding_id": finding_id})


@request
async def interact_with_contract(act: Act) -> Values:
    return {"function": "total", "arguments": []}


# ---- payments


async def _to_pay(act: Act) -> Values:
    """From a wallet with a key and enough on it."""
    wallet_id = await KINDS["wallet"](act.house, act.org_id, act.person)
    row = await Wallet.get(wallet_id)
    assert row is not None
    await row.set({"wallet_type": WalletType.PRIVATE_KEY})
    await act.house.runtime.rpc["testnet"].call_once("anvil_setBalance", [row.address, hex(10**18)])
    return {"wallet_id": wallet_id, "to": random_address(), "amount": "0.1"}


@request
async def create_payment(act: Act) -> Values:
    return await _to_pay(act)


@request
async def create_recurring_payment(act: Act) -> Values:
    paid = await _to_pay(act)
    when = {"frequency": "monthly", "start_date": "2027-01-31"}
    return {"name": "Rent", "asset": "ETH", "amount": "0.5", "wallet_id": paid["wallet_id"], "payee_id": await act.make("payee")} | when


@request
async def update_recurring_payment(act: Act) -> Values:
    return {"name": f"Rent {random_address()}"}


@request
async def recurring_calendar(act: Act) -> Request:
    return Request(query={"until": (act.house.now + timedelta(days=40)).date().isoformat()})


@request
async def send_eth(act: Act) -> Values:
    return await _to_pay(act)


@request
async def estimate_gas(act: Act) -> Request:
    return Request(query=await _to_pay(act))


@request
async def approve_payment(act: Act) -> Values:
    return {"reason": "Agreed"}


@request
async def tell_payment_hash(act: Act) -> Values:
    return {"hash": "0x" + secrets.token_hex(32)}


@request
async def set_wallet_monitoring(act: Act) -> Values:
    return {"wallet_id": await KINDS["wallet"](act.house, act.org_id, act.person), "enabled": False}


@request
async def create_transaction(act: Act) -> Values:
    sides = {"wallet_id": await act.make("wallet"), "to_wallet_id": await act.make("wallet")}
    return {"timestamp": "2026-03-01T10:00:00Z", "type": "TRANSFER", "asset": "ETH", "amount": "1", **sides}


@request
async def update_transaction(act: Act) -> Values:
    return {"amount": "2", "wallet_id": await act.make("wallet"), "to_wallet_id": await act.make("wallet")}


async def _said_rule(act: Act) -> Values:
    conditions = {"ways": ["out"], "wallet_ids": [await act.make("wallet")]}
    return {"name": "Hosting", "conditions": conditions, "outcome": {"category": "expense", "subcategory": "Servers"}}


@request
async def create_classification_rule(act: Act) -> Values:
    return await _said_rule(act)


@request
async def update_classification_rule(act: Act) -> Values:
    return await _said_rule(act)


@request
async def order_classification_rules(act: Act) -> Values:
    await ClassificationRule.find({"org_id": act.org_id}).delete()  # each is named once
    return {"rule_ids": [await act.make("classification_rule")]}


@request
async def dry_run_classification_rules(act: Act) -> Values:
    return {"rule_id": await act.make("classification_rule"), "rule": await _said_rule(act)}


@request
async def ai_classify_transaction(act: Act) -> Values:
    return {"transaction_id": await act.make("transaction")}


@request
async def classify_transactions(act: Act) -> Values:
    return {"transaction_ids": [await act.make("transaction")]}


@request
async def import_transactions(act: Act) -> Request:
    wallet = await act.house.runtime.database["wallets"].find_one({"_id": await act.make("wallet"), "org_id": act.org_id})
    assert wallet is not None
    table = f"timestamp,type,asset,amount,wallet\r\n2026-03-01T10:00:00Z,INCOME,ETH,1,{wallet['address']}\r\n"
    part = f'--coffer\r\nContent-Disposition: form-data; name="file"; filename="rows.csv"\r\n\r\n{table}\r\n--coffer--\r\n'
    return Request(query={"dry_run": "true"}, raw=part.encode(), headers={"Content-Type": "multipart/form-data; boundary=coffer"})


# ---- books


@request
async def import_accounts(act: Act) -> Request:
    table = "code,name,type\r\n6000,Grants,income\r\n"
    part = f'--coffer\r\nContent-Disposition: form-data; name="file"; filename="chart.csv"\r\n\r\n{table}\r\n--coffer--\r\n'
    return Request(query={"dry_run": "true"}, raw=part.encode(), headers={"Content-Type": "multipart/form-data; boundary=coffer"})


def _journal_entry() -> Values:
    lines = [{"account_code": "1100", "debit_amount": "10.00"}, {"account_code": "3100", "credit_amount": "10.00"}]
    return {"date": "2026-11-20", "description": "By hand", "line_items": lines}


@request
async def create_journal_entry(act: Act) -> Values:
    return _journal_entry()


@request
async def update_journal_entry(act: Act) -> Values:
    return _journal_entry()


@request
async def reverse_journal_entry(act: Act) -> Values:
    return {"reason": "Booked twice"}


@request
async def create_account(act: Act) -> Values:
    return {"code": "4" + str(int(random_address(), 16))[:7], "name": "Grants", "account_type": "income"}


@request
async def update_account(act: Act) -> Values:
    return {"name": "Public grants"}


@request
async def get_general_ledger(act: Act) -> Request:
    return Request(query={"account_code": "1100"})


@request
async def preview_lot_rule(act: Act) -> Values:
    return {"method": "fifo", "scope": "wallet"}


@request
async def propose_lot_policy(act: Act) -> Values:
    return {"method": "fifo", "scope": "wallet"}


async def _waiting_lot_rule(act: Act, by: str | None = None) -> Values:
    """Proposed by somebody else, unless it says by whom."""
    now = act.house.now
    rule = LotProposal(rule=LotRule(method=LotMethod.FIFO), proposed_by=by or new_id("usr"), proposed_at=now)
    known = await LotPolicy.find_one({"org_id": act.org_id})
    if known is not None:
        await LotPolicy.get_pymongo_collection().delete_one({"_id": known.id, "org_id": act.org_id})
    await LotPolicy(id=act.org_id, org_id=act.org_id, created_at=now, updated_at=now, proposal=rule).insert()
    return {"version": 1}


@request
async def confirm_lot_policy(act: Act) -> Values:
    return await _waiting_lot_rule(act)


@request
async def reject_lot_policy(act: Act) -> Values:
    return await _waiting_lot_rule(act)


@request
async def withdraw_lot_policy(act: Act) -> Values:
    return await _waiting_lot_rule(act, act.person.user_id)


async def _stretch(act: Act) -> Values:
    return {"start_date": "2026-01-01", "end_date": "2026-12-31", "method": "fifo", "scope": "wallet"}


async def _period(act: Act) -> Values:
    return {"start_date": "2026-01-01", "end_date": "2026-06-30"}


@request
async def make_balance_sheet(act: Act) -> Values:
    return {"as_of": "2026-06-30"}


async def _day(act: Act) -> Values:
    return {"date": "2026-05-01", "method": "fifo"}


@request
async def order_general_ledger_file(act: Act) -> Values:
    return {"format": "csv", "wallet_id": await act.make("wallet")}


@request
async def order_books_file(act: Act) -> Values:
    return {"format": "csv"}


@request
async def order_tax_report_file(act: Act) -> Values:
    return {"format": "csv"}


REQUESTS |= dict.fromkeys(("make_income_statement", "make_cash_flow", "make_crypto_roll_forward"), _period)
REQUESTS |= {f"generate_{name}tax_report": _stretch for name in ("", "custom_")}
REQUESTS |= {f"generate_{name}_tax_report": _day for name in ("daily", "weekly", "monthly", "yearly")}


# ---- prices


async def _price(act: Act) -> None:
    """Known to the organisation before it is asked for."""
    from crypto_api.prices import service as prices

    house, now = act.house, act.house.now
    await house.runtime.uow.run(
        lambda session: prices.set_manual(
            session, act.org_id, asset="ETH", quote="USD", at=now, rate=ONE, reason="", user_id=act.person.user_id, now=now
        )
    )


@request
async def get_exchange_rate(act: Act) -> Request:
    await _price(act)
    return Request(query={"base": "ETH", "quote": "USD"})


@request
async def convert_amount(act: Act) -> Values:
    await _price(act)
    return {"base": "ETH", "quote": "USD", "amount": "0.25"}


@request
async def get_rate_history(act: Act) -> Request:
    return Request(query={"base": "ETH", "quote": "USD", "points": "2"})


@request
async def get_portfolio_performance(act: Act) -> Request:
    await act.make("posted_entry")
    return Request(query={"span": "7d"})


@request
async def list_portfolio_movements(act: Act) -> Request:
    return Request(query={"asset": "ETH"})


@request
async def import_exchange_rates(act: Act) -> Request:
    table = "asset,quote,at,rate\r\nETH,USD,2026-03-01T10:00:00Z,3000\r\n"
    part = f'--coffer\r\nContent-Disposition: form-data; name="file"; filename="rows.csv"\r\n\r\n{table}\r\n--coffer--\r\n'
    return Request(query={"dry_run": "true"}, raw=part.encode(), headers={"Content-Type": "multipart/form-data; boundary=coffer"})


@request
async def create_price_alert(act: Act) -> Values:
    return {"asset": "ETH", "quote": "USD", "condition": "above", "threshold": "4000"}


@request
async def update_price_alert(act: Act) -> Values:
    return {"threshold": "3500", "paused": True}


@request
async def create_exchange_rate(act: Act) -> Values:
    return {"asset": "ETH", "quote": "USD", "at": "2026-11-20T12:00:00Z", "rate": "3120.45"}


@request
async def start_automation(act: Act) -> Values:
    await set_organization_schedule(None, act.org_id, "prices", act.house.now, {"stopped_at": act.house.now})
    return {"schedule": "prices"}


@request
async def start_platform_automation(act: Act) -> Values:
    await set_installation_schedule(None, "news", act.house.now, {"stopped_at": act.house.now})
    return {"schedule": "news"}


@request
async def create_webhook(act: Act) -> Values:
    return {"url": "https://example.com/coffer", "kinds": ["invoice.*"]}


@request
async def update_webhook(act: Act) -> Values:
    return {"description": "Books elsewhere"}


@request
async def rotate_webhook_secret(act: Act) -> Values:
    return {"at_once": True}


@request
async def resume_webhook(act: Act) -> Values:
    return {"after_seq": 0}


@request
async def create_notification(act: Act) -> Values:
    return {"title": "The books close on Friday", "user_ids": [await act.make("user")]}


@request
async def update_notification_preferences(act: Act) -> Values:
    return {"topics": {"inbox": {"mail": "off"}}, "digest_at": "07:30"}
