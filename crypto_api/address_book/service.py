"""The verbs of the address book. Each is part of the caller's unit of work."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from crypto_api.address_book import rules, store
from crypto_api.address_book.documents import Payee
from crypto_api.address_book.errors import AlreadyDecided, OtherAddress, OwnEntry, PayeeRemoved
from crypto_api.address_book.events import PayeeAdded, PayeeChanged, PayeeRejected, PayeeVerified
from crypto_api.address_book.events import PayeeRemoved as PayeeWasRemoved
from crypto_api.address_book.types import PRESENT, Checked, NewPayee, PayeeFacts, PayeeHold, PayeeState
from crypto_api.audit import service as audit
from crypto_api.events import service as events
from crypto_api.events.types import DomainEvent
from crypto_api.kit.errors import NotFound, PreconditionFailed
from crypto_api.kit.ids import new_id
from crypto_api.organizations.rules import fold
from mongodb_config.unit_of_work import Session

SUBJECT = "payee"
_CHANGEABLE = PRESENT | {PayeeState.REJECTED}
_TOLD = ("name", "address", "network", "note", "state", "verified_by", "payable_from")
Versions = Collection[int] | None


@dataclass(frozen=True)
class Standing:
    """What the address book says of paying an address on a network."""

    payee: Payee | None  # the entry, also one that holds the payment up
    hold: PayeeHold | None  # None: it may be paid
    payable_from: datetime | None = None  # while it cools off


def standing(present: Sequence[Payee], network: str, now: datetime) -> Standing:
    """Of an address with these entries. Asked when a payment is prepared, and again before it is signed."""
    entries = [row for row in present if row.network in (None, network)]
    hold = rules.hold_of([_facts(row) for row in entries], network, now)
    best = sorted(entries, key=lambda row: (row.state is not PayeeState.VERIFIED, row.payable_from or now, row.network is None))
    payee = best[0] if best else None
    return Standing(payee, hold, payee.payable_from if payee is not None and hold is PayeeHold.COOLING_OFF else None)


def _facts(row: Payee) -> PayeeFacts:
    return PayeeFacts(row.state, row.network, row.payable_from)


def prepare(org_id: str, new: NewPayee, found: Checked, by: str, now: datetime) -> Payee:
    """The entry as it is to be stored."""
    return Payee(
        id=new_id("pye"),
        created_at=now,
        updated_at=now,
        org_id=org_id,
        name=new.name,
        name_folded=fold(new.name),
        address=found.address,
        network=new.network,
        note=new.note,
        created_by=by,
        address_changed_by=by,
        address_changed_at=now,
        warnings=list(found.warnings),
    )


async def add(session: Session, payee: Payee, now: datetime) -> Payee:
    """PayeeExists."""
    await store.insert(session, payee)
    await _record(session, payee, "payee.added", f"Wrote down {payee.name} at {payee.address}", now, None, PayeeAdded)
    return payee


async def change(session: Session, before: Payee, fields: dict[str, Any], found: Checked | None, by: str, now: datetime) -> Payee:
    """`fields` of name, note, address and network; `found` where one of the last two changes: then it is to be verified anew. PayeeExists.
    `before` was read in this unit of work."""
    changes = {**fields, "updated_at": now}
    if "name" in fields:
        changes["name_folded"] = fold(fields["name"])
    if found is not None:
        changes |= {
            "address": found.address,
            "warnings": list(found.warnings),
            "state": PayeeState.UNVERIFIED,
            "address_changed_by": by,
            "address_changed_at": now,
            "verified_by": None,
            "verified_at": None,
            "verified_name": None,
            "payable_from": None,
        }
    after = await _put(session, before, changes, _CHANGEABLE)
    told = f"{after.name} has another address, {after.address}: it is to be verified anew" if found else f"Changed {after.name}"
    await _record(session, after, "payee.changed", told, now, before, PayeeChanged)
    return after


async def verify(session: Session, before: Payee, address: str, by: str, cooling_off: timedelta, now: datetime) -> Payee:
    """`address` is what the person compared. AlreadyDecided, OwnEntry, OtherAddress. `before` was read in this unit of work."""
    if before.state is not PayeeState.UNVERIFIED:
        raise AlreadyDecided(before.state)
    if by == before.address_changed_by:
        raise OwnEntry
    if address != before.address:
        raise OtherAddress
    verdict = {"verified_by": by, "verified_at": now, "verified_name": before.name, "payable_from": now + cooling_off}
    after = await _put(session, before, {"state": PayeeState.VERIFIED, **verdict, "updated_at": now}, {PayeeState.UNVERIFIED})
    await _record(session, after, "payee.verified", f"Verified {after.name} at {after.address}", now, before, PayeeVerified)
    return after


async def reject(session: Session, before: Payee, now: datetime) -> Payee:
    """Also what was verified before: nobody is paid there from now on. AlreadyDecided. `before` was read in this unit of work."""
    if before.state not in PRESENT:
        raise AlreadyDecided(before.state)
    gone = {"state": PayeeState.REJECTED, "payable_from": None, "updated_at": now}
    after = await _put(session, before, gone, PRESENT)
    await _record(session, after, "payee.rejected", f"Rejected {after.name} at {after.address}", now, before, PayeeRejected)
    return after


async def remove(session: Session, before: Payee, now: datetime) -> None:
    """`before` was read in this unit of work."""
    after = await _put(session, before, {"state": PayeeState.REMOVED, "payable_from": None, "updated_at": now}, _CHANGEABLE)
    await _record(session, after, "payee.removed", f"Removed {after.name}", now, before, PayeeWasRemoved)


async def standing_entry(session: Session, org_id: str, payee_id: str, versions: Versions) -> Payee:
    """NotFound, PayeeRemoved, or PreconditionFailed when it stands at none of `versions`."""
    row = await store.get(org_id, payee_id, session)
    if row is None:
        raise NotFound
    if row.state is PayeeState.REMOVED:
        raise PayeeRemoved
    if versions is not None and row.version not in versions:
        raise PreconditionFailed
    return row


async def _put(session: Session, before: Payee, changes: dict[str, Any], among: Collection[PayeeState]) -> Payee:
    after = await store.change(session, before.org_id, before.id, before.version, changes, among)
    if after is None:
        raise PreconditionFailed("It was changed at the same moment. Read it again.")
    return after


async def _record(
    session: Session, row: Payee, action: str, summary: str, now: datetime, before: Payee | None, kind: Callable[..., DomainEvent]
) -> None:
    await events.append(session, row.org_id, kind(payee_id=row.id, state=row.state), now)
    was = {name: getattr(before, name) for name in _TOLD} if before is not None else None
    became = {name: getattr(row, name) for name in _TOLD}
    await audit.record(session, row.org_id, action, summary, now, subject=(SUBJECT, row.id), before=was, after=became)
