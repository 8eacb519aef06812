"""The verbs of the slice. Each is part of the caller's unit of work; what they mean for invoices and books is put together in flows."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from crypto_api.audit import service as audit
from crypto_api.events import service as events
from crypto_api.kit import extended_keys
from crypto_api.kit.amounts import text
from crypto_api.kit.errors import InvalidInput, NotFound, PreconditionFailed
from crypto_api.receivables import store
from crypto_api.receivables.documents import PaymentRequest, Receipt, ReceivingKey, ReceivingSettings
from crypto_api.receivables.errors import GapLimitReached
from crypto_api.receivables.events import (
    PaymentRequested,
    RateLocked,
    ReceiptApplied,
    ReceiptGone,
    ReceiptOpen,
    ReceiptResolved,
    ReceiptSeen,
    ReceiptUndone,
)
from crypto_api.receivables.types import LOCKS_KEPT, RateLock, ReceiptFlag, ReceiptState, Use, UseKind
from mongodb_config.base_document import encoded
from mongodb_config.kept_row import UNSTORED
from mongodb_config.unit_of_work import Session

Versions = Collection[int] | None
_FACTS = type[ReceiptSeen] | type[ReceiptApplied] | type[ReceiptOpen] | type[ReceiptResolved] | type[ReceiptUndone] | type[ReceiptGone]


def as_kept(org_id: str, row: ReceivingSettings | None, now: datetime) -> ReceivingSettings:
    """What stands where nothing was said."""
    return row or ReceivingSettings(id=org_id, org_id=org_id, created_at=now, updated_at=now, version=UNSTORED)


def check_key(fields: dict[str, Any]) -> None:
    """InvalidInput for an extended key that is none."""
    if fields.get("extended_key"):
        try:
            extended_keys.check_receives(extended_keys.parse(fields["extended_key"]))
        except ValueError as error:
            raise InvalidInput.of("extended_key", str(error), "invalid_extended_key") from error


async def change_settings(session: Session, org_id: str, fields: dict[str, Any], versions: Versions, now: datetime) -> ReceivingSettings:
    """What is left out stays. InvalidInput for an extended key that is none, PreconditionFailed."""
    check_key(fields)
    kept = await store.settings(org_id, session)
    before = as_kept(org_id, kept, now)
    if versions is not None and before.version not in versions:
        raise PreconditionFailed
    wanted = encoded(before.model_copy(update={**fields, "updated_at": now}))
    after = await store.change_settings(session, org_id, before, {name: wanted[name] for name in (*fields, "updated_at")})
    if after is None:
        raise PreconditionFailed
    was, became = _told_of(kept) if kept else None, _told_of(after)
    summary = "Changed where clients pay in crypto"
    await audit.record(session, org_id, "receiving_settings.changed", summary, now, subject=("receiving_settings", org_id), before=was, after=became)
    return after


def first_address(extended_key: str) -> str:
    """What a person can compare with their own wallet; empty where there is no key."""
    return extended_keys.receiving_address(extended_keys.parse(extended_key), 0) if extended_key else ""


def _told_of(row: ReceivingSettings) -> dict[str, Any]:
    """The audit log hides whatever is called a key, and everybody who reads it could follow all addresses of this one: it names the first."""
    return {"first_address": first_address(row.extended_key), "gap_limit": row.gap_limit, "lock_minutes": row.lock_minutes}


async def next_address(session: Session, org_id: str, settings: ReceivingSettings, now: datetime) -> tuple[ReceivingKey, int, str]:
    """(key, index, address) that was never given out. GapLimitReached."""
    key = extended_keys.parse(settings.extended_key)
    while True:
        taken = await store.take_index(session, org_id, f"{org_id}|{key.fingerprint}", settings.extended_key, now)
        index = taken.next_index - 1
        if index - taken.last_paid > settings.gap_limit:
            raise GapLimitReached(settings.gap_limit)
        try:
            return taken, index, extended_keys.receiving_address(key, index)
        except ValueError:  # one of 2^127 that BIP-32 says to skip
            continue


# ---- requests --------------------------------------------------------------------------------------------------------------------


async def put_request(session: Session, row: PaymentRequest, now: datetime) -> None:
    await store.insert_request(session, row)
    await events.append(session, row.org_id, PaymentRequested(request_id=row.id, invoice_id=row.invoice_id), now)
    told = {"invoice": row.number, "asset": row.asset, "network": row.network, "address": row.address}
    summary = f"{row.number} can be paid in {row.asset}"
    await audit.record(session, row.org_id, "payment_request.created", summary, now, subject=("payment_request", row.id), after=told)


async def put_lock(session: Session, before: PaymentRequest, lock: RateLock, now: datetime) -> PaymentRequest:
    """PreconditionFailed when another was first."""
    locks = [encoded(one) for one in [*before.locks, lock][-LOCKS_KEPT:]]
    after = await store.change_request(session, before, {"locks": locks, "updated_at": now} | _chosen(before))
    if after is None:
        raise PreconditionFailed
    fact = RateLocked(request_id=before.id, invoice_id=before.invoice_id, expires_at=lock.expires_at.isoformat())
    await events.append(session, before.org_id, fact, now)
    told = {"due": lock.due, "currency": before.currency, "amount": lock.amount, "asset": before.asset, "rate": lock.rate, "source": lock.source}
    summary = f"{before.number} asks for {text(lock.amount)} {before.asset}"
    await audit.record(session, before.org_id, "payment_request.rate_locked", summary, now, subject=("payment_request", before.id), after=told)
    return after


async def put_choice(session: Session, chosen: PaymentRequest, now: datetime) -> PaymentRequest:
    """The payer came back to an asset whose rate still stands. PreconditionFailed when another was first."""
    after, lock = await store.change_request(session, chosen, _chosen(chosen) | {"updated_at": now}), chosen.lock
    if after is None:
        raise PreconditionFailed
    assert lock is not None, "its rate stands"
    fact = RateLocked(request_id=after.id, invoice_id=after.invoice_id, expires_at=lock.expires_at.isoformat())
    await events.append(session, after.org_id, fact, now)
    return after


def _chosen(row: PaymentRequest) -> dict[str, Any]:
    return {"asset": row.asset, "contract": row.contract, "decimals": row.decimals}


# ---- receipts --------------------------------------------------------------------------------------------------------------------


async def standing(session: Session, org_id: str, receipt_id: str) -> Receipt:
    row = await store.get(org_id, receipt_id, session)
    if row is None:
        raise NotFound
    return row


async def note(session: Session, org_id: str, rows: Sequence[Receipt], now: datetime) -> None:
    """What came. One that is known is as it is told now: its block is another one, or its worth is."""
    known = {row.id: row for row in await store.by_ids(org_id, [row.id for row in rows], session)}
    rows = await _come_back(session, org_id, rows, known)
    fresh = [row for row in rows if row.id not in known]
    if fresh:
        await store.insert(session, fresh)
    for row in fresh:
        await _tell(session, row, ReceiptSeen, now)
    for row in (row for row in rows if row.id in known):
        before = known[row.id]
        moved = before.block_hash != row.block_hash
        same = ("block_number", "block_hash", "at", "raw_amount", "quantity", "value", "request_id", "payer", "movement_key")
        changes: dict[str, Any] = {name: getattr(row, name) for name in same} | {"look_at": now}
        if moved or before.state in (ReceiptState.GONE, ReceiptState.SET_ASIDE):
            changes |= {"state": ReceiptState.WAITING, "by_hand": before.by_hand and not moved, "invoice_id": row.invoice_id or before.invoice_id}
        await put(session, before, changes, now, ReceiptSeen if moved or before.state is ReceiptState.GONE else None)


async def _come_back(session: Session, org_id: str, rows: Sequence[Receipt], known: dict[str, Receipt]) -> list[Receipt]:
    """A log has another place in another block: what was gone, and is the same otherwise, is the same receipt. It goes by its old id into `known`."""
    unknown = {row.transaction_id for row in rows if row.id not in known}
    gone = [row for row in await store.of_transactions(org_id, unknown, session) if row.state is ReceiptState.GONE] if unknown else []
    found = []
    for row in rows:
        same = (row.transaction_id, row.wallet_id, row.asset, row.raw_amount)
        before = next((one for one in gone if (one.transaction_id, one.wallet_id, one.asset, one.raw_amount) == same), None)
        if row.id not in known and before is not None:
            gone.remove(before)
            known[before.id] = before
            row = row.model_copy(update={"id": before.id})
        found.append(row)
    return found


async def put(session: Session, before: Receipt, changes: dict[str, Any], now: datetime, kind: _FACTS | None) -> Receipt:
    """PreconditionFailed when it is another by now."""
    after = before.model_copy(update={**changes, "updated_at": now})
    stored = await store.change(session, before, after)
    if stored is None:
        raise PreconditionFailed
    if kind is not None:
        await _tell(session, stored, kind, now)
    return stored


async def record(session: Session, row: Receipt, action: str, summary: str, now: datetime) -> None:
    """What a person made of it."""
    told = {"hash": row.hash, "asset": row.asset, "state": row.state, "open": row.left}
    await audit.record(session, row.org_id, action, summary, now, subject=("receipt", row.id), after=told)


def with_use(row: Receipt, use: Use, flags: Iterable[ReceiptFlag] = ()) -> dict[str, Any]:
    """The changes that the use makes: done where nothing is left."""
    uses = [*row.uses, use]
    left = row.model_copy(update={"uses": uses}).left
    assert left >= 0, f"more of receipt {row.id} would be used than came"
    kept = {*row.flags, *flags} - ({ReceiptFlag.UNPRICED} if row.value is not None else set())
    changes: dict[str, Any] = {"uses": uses, "state": ReceiptState.OPEN if left > 0 else ReceiptState.DONE, "flags": sorted(kept)}
    if use.kind is UseKind.INVOICE:
        changes["invoice_id"] = row.invoice_id or use.invoice_id
    if use.client_id is not None:
        changes["client_id"] = use.client_id
    return changes


def postponed(now: datetime, minutes: int = 5) -> datetime:
    return now + timedelta(minutes=minutes)


async def _tell(session: Session, row: Receipt, kind: _FACTS, now: datetime) -> None:
    fact = kind(
        receipt_id=row.id,
        transaction_id=row.transaction_id,
        state=row.state.value,
        flags=[flag.value for flag in row.flags],
        invoice_id=row.invoice_id,
    )
    await events.append(session, row.org_id, fact, now)
