"""The lots of an organisation, made anew from its entries, against what is kept: quantities of every place, what is open in every pool, and the open
lots at the beginning of months and as they stand.

    one snapshot: the head of the seals, what waits for one, the kept quantities and lots ─▶ every link up to that head, some at a time
                                                        ─▶ its events in their order, past what is kept of each month ─▶ against the kept

However long the history is and whatever is posted meanwhile: what is sealed never changes, and what is kept was read together with the head. Held in
memory are places, open lots and what was taken back, not entries.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from crypto_api.flows.settle_lots import is_settled
from crypto_api.kit.amounts import text, to_units
from crypto_api.ledger import seal_store
from crypto_api.ledger import store as ledger_store
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import AccountCode
from crypto_api.lots import service as policies
from crypto_api.lots import store
from crypto_api.lots.documents import LotPolicy, LotState
from crypto_api.lots.kept import checkpoint_of, in_line, lines_of, sums_of
from crypto_api.lots.rules import History, pool_of
from crypto_api.lots.types import QUANTITY_PLACES, Event, PoolRow
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import Organization
from crypto_api.reports.lot_events import place_of_balance
from crypto_api.reports.sealed_lot_events import SealedLotEvents
from crypto_api.transactions import store as transactions
from crypto_api.transactions.types import Booking
from mongodb_config.unit_of_work import Session, UnitOfWork

_PLACES = frozenset({AccountCode.CRYPTO, AccountCode.CUSTODY})
_BATCH = 500
_EVENTS_AT_ONCE = 1000  # between which others of the process have their turn
_ATTEMPTS = 3


@dataclass(frozen=True)
class LotFailure:
    subject: str
    detail: str
    expected: str
    found: str


@dataclass(frozen=True)
class LotsVerified:
    """`lots` are open."""

    events: int
    lots: int
    checkpoints: int
    failure: LotFailure | None = None


@dataclass(frozen=True)
class _Cut:
    """What belonged together at one moment. It grows with places and open lots, and with what waits for a seal."""

    organization: Organization
    policy: LotPolicy
    head: int  # the last seal
    waiting: list[JournalEntry]
    quantities: dict[str, Decimal]  # by place
    state: LotState | None
    settled: bool  # what is kept is what a rebuild makes
    pools: dict[str, PoolRow]
    pages: dict[str, dict[int, list[str]]]


@dataclass
class _Rebuilt:
    """What the entries come to."""

    book: History
    events: int = 0
    missing: dict[str, int] = field(default_factory=dict)  # by place: what went out and never came in
    checkpoints: int = 0  # compared
    wrong: LotFailure | None = None  # of them, the first

    def found(self, failure: LotFailure | None = None) -> LotsVerified:
        lots = sum(len(pool.open_lots()) for pool in self.book.pools.values())
        return LotsVerified(self.events, lots, self.checkpoints, failure)


async def verify_lots(uow: UnitOfWork, org_id: str) -> LotsVerified:
    """Stops at the first failure."""
    organization = await organizations.get(org_id)
    if organization is None:
        return LotsVerified(0, 0, 0)
    for attempt in range(1, _ATTEMPTS + 1):
        cut = await uow.run(lambda session: _cut(session, organization))
        made = await _rebuild(cut)
        if (failure := _quantities(cut, made)) is not None:
            return made.found(failure)
        failure = made.wrong or _standing(cut, made.book)
        if failure is None or (meanwhile := await _meanwhile(cut)) is None:
            return made.found(failure)
        if attempt == _ATTEMPTS:
            return made.found(replace(failure, detail=f"{failure.detail} But {meanwhile}, each time that it was looked: look again after that."))
    raise AssertionError("unreachable")


# ---- one moment ------------------------------------------------------------------------------------------------------------------


async def _cut(session: Session, organization: Organization) -> _Cut:
    org_id = organization.id
    policy = await policies.current(org_id, organization.created_at, session)
    rows = await ledger_store.balances(org_id, session)
    return _Cut(
        organization,
        policy,
        (await seal_store.head(org_id, session)).seq,
        [entry async for entries in seal_store.every_waiting(org_id, _BATCH, session) for entry in entries],
        {place_of_balance(row): row.quantity for row in rows if row.account_code in _PLACES and row.asset},
        await store.state(org_id, session),
        await is_settled(organization, policy, session),
        await store.lot_pools(org_id, session),
        await store.all_lot_pages(org_id, session),
    )


async def _meanwhile(cut: _Cut) -> str | None:
    """What happened since, or is about to, that changes what entries of the cut say: events of a transaction are told as it is now."""
    org_id = cut.organization.id
    state = await store.state(org_id)
    if (state.version if state else None) != (cut.state.version if cut.state else None):
        return "the lots were worked through anew meanwhile"
    if await transactions.count(org_id, {"booking": Booking.DUE}):
        return "transactions wait to be booked"
    known, seq = {entry.id for entry in cut.waiting}, cut.head
    while seals := await seal_store.seals_after(org_id, seq, _BATCH):
        entries = await ledger_store.entries_by_ids(org_id, {seal.entry_id for seal in seals} - known)
        if any(entry.reverses is not None for entry in entries):
            return "entries were taken back meanwhile"
        seq = seals[-1].seq
    async for waiting in seal_store.every_waiting(org_id, _BATCH):
        if any(entry.reverses is not None for entry in waiting if entry.id not in known):
            return "entries were taken back meanwhile"
    return None


# ---- made anew -------------------------------------------------------------------------------------------------------------------


async def _rebuild(cut: _Cut) -> _Rebuilt:
    made, month = _Rebuilt(History(policies.rules_of(cut.policy))), None
    with SealedLotEvents(cut.organization.id, cut.organization.time_zone) as events:
        await events.read(cut.head, cut.waiting)
        for event in events:
            here = date.fromordinal(event.day).replace(day=1)
            if month is not None and here > month:
                made.book.begin(here.toordinal())
                await _checkpoint(cut, made, here)
            month = max(month or here, here)
            _apply(made, event)
            if made.events % _EVENTS_AT_ONCE == 0:
                await asyncio.sleep(0)
    return made


def _apply(made: _Rebuilt, event: Event) -> None:
    made.events += 1
    outcome = made.book.apply(event)
    if outcome is not None and outcome.missing:
        made.missing[event.place] = made.missing.get(event.place, 0) + outcome.missing


async def _checkpoint(cut: _Cut, made: _Rebuilt, day: date) -> None:
    """What is kept of the beginning of that month. Compared only while nothing waits to be settled."""
    if not cut.settled or made.wrong is not None:
        return
    org_id, book = cut.organization.id, made.book
    known = await store.checkpoint(org_id, day)
    row = checkpoint_of(org_id, day, book.pools, book.held, book.short, cut.policy.rules_version, cut.policy.created_at)
    if known is None or row is None:
        return
    made.checkpoints += 1
    if known.short is not None and (known.pools, known.held, known.short) != (row.pools, row.held, row.short):
        detail = "The open lots that are kept for this day are not what the entries make."
        made.wrong = LotFailure(day.isoformat(), detail, f"{len(row.pools)} pools", f"{len(known.pools)} pools")


# ---- against what is kept --------------------------------------------------------------------------------------------------------


def _quantities(cut: _Cut, made: _Rebuilt) -> LotFailure | None:
    held, kept = made.book.held, cut.quantities
    for place in sorted(kept.keys() | held.keys()):
        expected, quantity = to_units(held.get(place, 0), QUANTITY_PLACES), kept.get(place, Decimal(0))
        if expected != quantity:
            detail = "The kept quantity is not what acquisitions, disposals and transfers leave."
            return LotFailure(place, detail, text(expected), text(quantity))
    return _open(made.book, made.missing) if len(cut.policy.rules) == 1 else None


def _open(book: History, missing: Mapping[str, int]) -> LotFailure | None:
    """Lots that are open, less what went out and never came in, are what is held."""
    held: dict[str, int] = {}
    for place in book.held.keys() | missing.keys():
        key = pool_of(place, book.scope)
        held[key] = held.get(key, 0) + book.held.get(place, 0) + missing.get(place, 0)
    for key, quantity in sorted(held.items()):
        left = sum(lot.left for lot in book.pools[key].open_lots()) if key in book.pools else 0
        if left != quantity:
            detail = "The open lots do not hold what the place does."
            return LotFailure(key, detail, text(to_units(quantity, QUANTITY_PLACES)), text(to_units(left, QUANTITY_PLACES)))
    return None


def _standing(cut: _Cut, book: History) -> LotFailure | None:
    """The pools from which the next booking goes on, while nothing waits to be settled."""
    rows, pages = cut.pools, cut.pages
    if not cut.settled:
        return None
    for key in sorted(rows.keys() | pages.keys() | book.pools.keys()):
        pool, row = book.pools.get(key), rows.get(key)
        expected = (sorted(lines_of(pool).items()), *sums_of(pool)) if pool is not None else None
        found = (in_line(row, pages.get(key, {})), row.quantity, row.cost) if row is not None else None
        if expected != found or found is None:
            detail = "The lots from which the next booking would go on are not what the entries make."
            return LotFailure(key, detail, *(f"{len(one[0])} lots" if one is not None else "no pool" for one in (expected, found)))
    return None
