"""What is paid again and again: written down and confirmed once, and each occurrence becomes a payment of its own on its day.

    a day has come → the occurrence is written down, once (compare-and-set on the number that was reached) → its payment is prepared, with the
    occurrence as its origin → it goes the way of every payment: policy, approvals, the address book, the signer

Whoever was away finds every occurrence that fell due meanwhile, and each once. What cannot be prepared now waits and says why.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from crypto_api.address_book import store as address_book
from crypto_api.address_book.types import PRESENT
from crypto_api.flows.prepare_payment import NewPayment, listed_asset, payer_of, prepare_payment
from crypto_api.flows.prepare_wanted import PaymentDesk
from crypto_api.kit.amounts import to_raw
from crypto_api.kit.clock import day_of
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound, PreconditionFailed
from crypto_api.kit.faultpoint import faultpoint
from crypto_api.kit.scope import EVERYBODY, OrgScope
from crypto_api.organizations import store as organizations
from crypto_api.organizations.types import Principal
from crypto_api.payments.types import Origin
from crypto_api.recurring import rules, service, store
from crypto_api.recurring.documents import Occurrence, RecurringPayment
from crypto_api.recurring.types import Due, NewRecurring, OccurrenceState

ORIGIN = "recurring"
AT_ONCE = 50
CALENDAR_MAX = timedelta(days=366)
_AGAIN = timedelta(minutes=1)


async def add_recurring(desk: PaymentDesk, principal: Principal, org_id: str, new: NewRecurring) -> RecurringPayment:
    """InvalidInput naming the fields."""
    await _check(desk, org_id, new.wallet_id, new.payee_id, new.asset, new.amount)
    zone, now = await _zone(org_id), desk.clock.now()
    return await desk.uow.run(lambda session: service.add(session, org_id, new, zone, principal.user_id, now))


async def change_recurring(
    desk: PaymentDesk, principal: Principal, org_id: str, recurring_id: str, fields: Mapping[str, Any], versions: Collection[int] | None
) -> RecurringPayment:
    """NotFound, PreconditionFailed, HasEnded, InvalidInput."""
    seen = await store.get(org_id, recurring_id)
    if seen is None:
        raise NotFound
    after = seen.model_copy(update={name: value for name, value in fields.items() if name != "paused"})
    await _check(desk, org_id, after.wallet_id, after.payee_id, after.asset, after.amount)
    zone, now = await _zone(org_id), desk.clock.now()
    return await desk.uow.run(lambda session: service.change(session, org_id, recurring_id, fields, versions, zone, principal.user_id, now))


async def _check(desk: PaymentDesk, org_id: str, wallet_id: str, payee_id: str, asset: str, amount: Decimal) -> None:
    network = (await payer_of(desk, org_id, wallet_id, None)).network
    found = listed_asset(network, asset)
    try:
        if to_raw(amount, found.decimals) <= 0:
            raise InvalidInput.of("amount", "must be more than zero", "not_positive")
    except ValueError as error:
        raise InvalidInput.of("amount", f"has more decimals than {asset}", "too_many_decimals") from error
    entry = await address_book.get(org_id, payee_id)
    if entry is None or entry.state not in PRESENT or entry.network not in (None, network.slug):
        raise InvalidInput.of("payee_id", "is no entry of the address book for this network", "unknown_payee")


async def _zone(org_id: str) -> str:
    organization = await organizations.get(org_id)
    assert organization is not None
    return organization.time_zone


# ---- its days --------------------------------------------------------------------------------------------------------------------


async def advance_recurring(desk: PaymentDesk, scope: OrgScope = EVERYBODY) -> int:
    """What of every organisation is due; how many were looked at."""
    rows = await store.due(desk.clock.now(), AT_ONCE, scope)
    for row in rows:
        await _advance(desk, row)
    return len(rows)


async def _advance(desk: PaymentDesk, row: RecurringPayment) -> None:
    now, zone = desk.clock.now(), await _zone(row.org_id)
    dues = rules.due_after(row.schedule, row.made, day_of(now, zone))[: service.MADE_AT_ONCE]
    if dues:
        try:
            row = await desk.uow.run(lambda session: service.write_down(session, row, dues, zone, now))
        except PreconditionFailed:  # another one was faster, or a person changed it: it is read again
            return
        faultpoint("recurring.written_down")
    waiting = await store.waiting(row.org_id, row.id)
    left = [one for one in waiting if not await _prepared(desk, row, one)]
    await _see_to_next(desk, row, again=bool(left) or len(dues) == service.MADE_AT_ONCE, zone=zone)


async def _prepared(desk: PaymentDesk, row: RecurringPayment, one: Occurrence) -> bool:
    now = desk.clock.now()
    who = Principal(row.ordered_by, row.org_id, None, frozenset(), "", now)
    native = desk.networks[network].native_asset if (network := await _network(desk, row)) is not None else ""
    new = NewPayment(row.wallet_id, row.amount, payee_id=row.payee_id, asset=None if row.asset == native else row.asset, description=row.name)
    try:
        payment = await prepare_payment(desk, who, row.org_id, new, Origin(kind=ORIGIN, id=row.id, component=str(one.number)), confirmed=True)
    except CoreError as error:
        told = f"{error.errors[0].field} {error.errors[0].message}" if isinstance(error, InvalidInput) and error.errors else error.detail
        await desk.uow.run(lambda session: store.change_occurrence(session, one, {"reason": told, "updated_at": now}))
        return False
    faultpoint("recurring.prepared")
    changes = {"state": OccurrenceState.PREPARED, "payment_id": payment.id, "reason": "", "updated_at": now}
    await desk.uow.run(lambda session: store.change_occurrence(session, one, changes))
    return True


async def _network(desk: PaymentDesk, row: RecurringPayment) -> str | None:
    try:
        return (await payer_of(desk, row.org_id, row.wallet_id, None)).network.slug
    except CoreError:
        return None


async def _see_to_next(desk: PaymentDesk, row: RecurringPayment, *, again: bool, zone: str) -> None:
    now = desk.clock.now()
    if not again and row.next_on is None:
        try:
            await desk.uow.run(lambda session: service.end_by_itself(session, row, now))
        except PreconditionFailed:
            return
        return
    at = now + _AGAIN if again or row.next_on is None else service.begins(row.next_on, zone)
    await desk.uow.run(lambda session: store.look_again(session, row, at))


# ---- what is to come -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Coming:
    row: RecurringPayment
    due: Due


@dataclass(frozen=True)
class Calendar:
    """`funds`: by wallet and asset, what all of it comes to."""

    until: date
    items: tuple[Coming, ...]
    funds: Mapping[tuple[str, str], Decimal]


async def calendar(desk: PaymentDesk, org_id: str, until: date) -> Calendar:
    """What falls due by that day, at most a year ahead, in order. InvalidInput."""
    today = day_of(desk.clock.now(), await _zone(org_id))
    if not today <= until <= today + CALENDAR_MAX:
        raise InvalidInput.of("until", "must be a day from today to a year ahead", "out_of_range")
    items = [Coming(row, due) for row in await store.active(org_id) for due in rules.due_after(row.schedule, row.made, until)]
    items.sort(key=lambda one: (one.due.pays_on, one.row.id, one.due.number))
    funds: dict[tuple[str, str], Decimal] = {}
    for one in items:
        key = (one.row.wallet_id, one.row.asset)
        funds[key] = funds.get(key, Decimal(0)) + one.row.amount
    return Calendar(until, tuple(items), funds)
