"""Where an employee is paid: they sign a text of ours with the key of the wallet (EIP-4361), or as a contract wallet (EIP-1271), and the address
stands in the address book, unverified. Another person verifies it there, and it cools off before anybody is paid at it (a change as well)."""

from dataclasses import dataclass
from datetime import datetime

from crypto_api.address_book import service as book
from crypto_api.address_book import store as payees
from crypto_api.address_book.documents import Payee
from crypto_api.address_book.types import PRESENT, Checked, NewPayee
from crypto_api.employees import store as employees
from crypto_api.employees.documents import Employee
from crypto_api.employees.types import EmployeeStatus
from crypto_api.flows.ethereum_challenge import Asked, Chains, Challenge, SignatureRefused, Signed, issue_text, signed_by_contract, take_text
from crypto_api.flows.keep_address_book import Desk, check_address
from crypto_api.flows.run_payroll import name_of
from crypto_api.identity import siwe
from crypto_api.identity.documents import OneTimePurpose
from crypto_api.identity.siwe import Site
from crypto_api.kit.errors import Conflict, InvalidInput, NotFound
from crypto_api.kit.log import security
from crypto_api.organizations.types import Principal
from crypto_api.payments import store as payments
from crypto_api.payroll import service
from crypto_api.payroll.documents import PayProfile
from mongodb_config.unit_of_work import Session


class NotYetVerified(Conflict):
    code = "employee_not_active"

    def __init__(self) -> None:
        super().__init__("Your place as an employee is not verified yet: that comes first.")


@dataclass(frozen=True)
class OwnPay:
    """An employee's own record with what they earn, and the entry of the address book at which they are paid."""

    employee: Employee
    profile: PayProfile | None
    payee: Payee | None


async def own_employee(principal: Principal) -> Employee:
    """NotFound for whoever is none."""
    assert principal.org_id is not None
    found = await employees.of_user(principal.org_id, principal.user_id)
    if found is None:
        raise NotFound
    return found


async def own_pay(principal: Principal) -> OwnPay:
    """NotFound."""
    employee = await own_employee(principal)
    return await pay_of(employee)


async def pay_of(employee: Employee) -> OwnPay:
    try:
        profile = await service.profile_of(employee.org_id, employee.id)
    except Conflict:
        return OwnPay(employee, None, None)
    payee = await payees.get(employee.org_id, profile.payee_id) if profile.payee_id is not None else None
    return OwnPay(employee, profile, payee)


async def begin_pay_wallet(desk: Desk, site: Site, principal: Principal, address: str, chain_id: int) -> Challenge:
    """The text names organisation, person and purpose, so that nobody signs it for another. NotFound, NoPayProfile, InvalidInput, NotYetVerified."""
    employee = await _ready(principal)
    await service.profile_of(employee.org_id, employee.id)
    purpose = OneTimePurpose.PAY_WALLET
    return await issue_text(desk.uow, desk.clock, site, purpose, _statement(employee), address, chain_id, principal=principal)


async def prove_pay_wallet(desk: Desk, chains: Chains, principal: Principal, signed: Signed, *, confirm_look_alike: bool) -> OwnPay:
    """NotFound, InvalidInput when the signature proves nothing (the text is used up then), PayeeExists for an address that is somebody else's in the
    address book. The same address again changes nothing."""
    employee = await _ready(principal)
    address = await _proven(desk, chains, principal, employee, signed)
    profile = await service.profile_of(employee.org_id, employee.id)
    if profile.wallet_address == address and (kept := await pay_of(employee)).payee is not None and kept.payee.address == address:
        return kept
    found = await check_address(desk, employee.org_id, address, None, confirm_look_alike=confirm_look_alike, but=profile.payee_id)
    now = desk.clock.now()

    async def work(session: Session) -> None:
        before = await service.profile_of(employee.org_id, employee.id, session)
        payee = await _entry(session, employee, before, found, principal.user_id, now)
        await service.note_wallet(session, before, payee.id, found.address, now)
        await payments.make_due(session, employee.org_id, now)

    await desk.uow.run(work)
    security.info("pay_wallet_proved", user_id=principal.user_id, org_id=employee.org_id, employee_id=employee.id, address=address)
    return await pay_of(employee)


async def _entry(session: Session, employee: Employee, profile: PayProfile, found: Checked, by: str, now: datetime) -> Payee:
    """Their entry with the new address, or a first one. Whoever wrote the address never verifies it: here, the employee."""
    row = await payees.get(employee.org_id, profile.payee_id, session) if profile.payee_id is not None else None
    if row is not None and row.state in PRESENT:
        return await book.change(session, row, {}, found, by, now)
    new = NewPayee(name_of(employee), found.address, None, "Proved by the employee's signature")
    return await book.add(session, book.prepare(employee.org_id, new, found, by, now), now)


async def _proven(desk: Desk, chains: Chains, principal: Principal, employee: Employee, signed: Signed) -> str:
    try:
        asked = await take_text(desk.uow, desk.clock, OneTimePurpose.PAY_WALLET, signed.message)
        await _check(chains, principal, employee, asked, signed.signature)
    except SignatureRefused as error:
        security.warning("pay_wallet_refused", user_id=principal.user_id, org_id=employee.org_id, reason=str(error))
        told = f"is not that of this wallet over the text that was to be signed ({error}). Ask for a new text and sign that one"
        raise InvalidInput.of("signature", told, "invalid_signature") from error
    return asked.address


async def _check(chains: Chains, principal: Principal, employee: Employee, asked: Asked, signature: str) -> None:
    if (asked.row.user_id, asked.row.session_id) != (principal.user_id, principal.session_id) or _statement(employee) not in asked.message:
        raise SignatureRefused("it is the text of another session")
    raw = siwe.signature_bytes(signature)
    if raw is None:
        raise SignatureRefused("it is no signature: it begins with 0x and holds hexadecimal digits")
    if not (siwe.signed_by_key(asked.message, raw, asked.address) or await signed_by_contract(chains, asked, raw)):
        raise SignatureRefused("another key made it, or for another text")


def _statement(employee: Employee) -> str:
    return f"Show to Coffer that I, employee {employee.id}, am to be paid at this wallet by the organisation {employee.org_id}. This moves nothing."


async def _ready(principal: Principal) -> Employee:
    employee = await own_employee(principal)
    if employee.status is not EmployeeStatus.ACTIVE:
        raise NotYetVerified
    return employee
