"""Post what moves assets, each disposal at what its lots cost, in the unit of work in which they are taken.

    changes ─▶ lines at the average ─▶ the events that they will be read as ─▶ applied to the kept lots ─▶ lines at their cost ─▶ entry, lots

That holds where the entry comes behind everything that was taken from the same lots, the lots cover it and their costs are known, and nothing of the
organisation waits to be compared. Anything else is posted at the average of its wallet, marked (`uncosted`), and compared within seconds
(settle_lots.py), as is all that comes until then: nothing is guessed. Before an entry counts as booked by its lots it is read as a rebuild will read
it, and compared as settling does: no difference may be left.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from crypto_api.flows.lot_differences import Difference, money, takes
from crypto_api.kit.faultpoint import faultpoint
from crypto_api.kit.ids import new_id
from crypto_api.ledger import rules as ledger_rules
from crypto_api.ledger import service as ledger
from crypto_api.ledger import store as ledger_store
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import Change, EntryDraft, Holding, LotCosts, Place, Posting, Source
from crypto_api.lots import kept, store
from crypto_api.lots import service as policies
from crypto_api.lots.kept import Books, Kept, OutOfOrder
from crypto_api.lots.types import Disposed, Event, Kind, LotScope, Moved, Outcome, Rule, Told
from crypto_api.reports.lot_events import entry_of, events_of, origin_of
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Movement
from mongodb_config.unit_of_work import Session

AT_ONCE_MAX = 500  # beyond, as in a long import, working through them would hold up the process: they are settled together
_NEVER = date.max.toordinal()

Holdings = Mapping[Place, Holding]
Read = list[tuple[Event, Told]]
"""What a rebuild will read of an entry, in the order of its lines."""

Posted = tuple[Posting, EntryDraft | None]


@dataclass(frozen=True)
class Drawn:
    """What an entry is made of."""

    changes: Sequence[Change]
    row: Transaction
    movements: Sequence[Movement]  # as the row will have them
    source: Source
    draft: Callable[[Posting], EntryDraft]


class _NotByLots(Exception):
    """It is booked at the average, and compared later."""


async def post_by_lots(
    session: Session, org_id: str, time_zone: str, drawn: Sequence[Drawn], now: datetime
) -> list[tuple[Posting, JournalEntry | None]]:
    """Entries one behind another, in their order: for each what it posts, and the entry, None where it posts nothing."""
    places = {place for one in drawn for place in ledger_rules.places(one.changes)}
    holdings: Holdings = await ledger_store.holdings_in(org_id, places, session)
    assert len({one.source for one in drawn}) == len(drawn), "each source posts once"
    works = [_Work(one, new_id(ledger.ENTRY_PREFIX), ZoneInfo(time_zone)) for one in drawn]
    known = await ledger_store.entries_of_sources(org_id, [one.source for one in drawn], session)
    ready = await _ready(session, org_id, time_zone, works, holdings, now) if not known and len(works) <= AT_ONCE_MAX else None
    drafts, holdings, books = _by_lots(works, holdings, ready) if ready is not None else ([], holdings, None)
    for work in works[len(drafts) :]:
        posting, holdings = ledger_rules.post_next(work.changes, holdings)
        drafts.append((posting, work.draft(posting)))
    posted = [draft for _, draft in drafts if draft is not None]
    entries = dict(zip([draft.source for draft in posted], await ledger.post_all(session, org_id, posted, now, known=known), strict=True))
    if books is not None:
        changes = await books.changes(_pages(session, org_id))
        await store.write_pools(session, org_id, changes.pools, changes.pages, now)
        faultpoint("post_by_lots.taken")
    return [(posting, entries[draft.source] if draft is not None else None) for posting, draft in drafts]


# ---- one entry -------------------------------------------------------------------------------------------------------------------


class _Work:
    """An entry that is being drawn up."""

    def __init__(self, drawn: Drawn, entry_id: str, zone: ZoneInfo) -> None:
        self.changes, self._drawn, self._id, self._zone = drawn.changes, drawn, entry_id, zone
        self._origin = origin_of(drawn.row, drawn.movements)

    def draft(self, posting: Posting, *, by_lots: bool = False) -> EntryDraft | None:
        """None: nothing of it belongs into the books."""
        return self._drawn.draft(posting).model_copy(update={"id": self._id, "by_lots": by_lots}) if posting.lines else None

    def read(self, posting: Posting) -> Read:
        """In the order of the lines."""
        draft = self.draft(posting)
        return list(events_of(entry_of(draft), self._origin, self._zone)) if draft is not None else []

    def post(self, holdings: Holdings, books: Books) -> tuple[Posting, Holdings]:
        """At what its lots cost, which are taken. _NotByLots, OutOfOrder: some of them may be taken then."""
        at_average, _ = ledger_rules.post_next(self.changes, holdings)
        if at_average.short:
            raise _NotByLots
        before, scope = self.read(at_average), books.rule.scope
        outcomes = {event.ref: _known(books.apply(event)) for event, _ in sorted(before, key=lambda one: one[0].order)}
        taken = [event for event, _ in before if event.kind is not Kind.ACQUIRE]
        if len(taken) != at_average.taken:
            raise _NotByLots
        costs = LotCosts([_cost(event, outcomes[event.ref], scope) for event in taken], scope is LotScope.UNIVERSAL)
        posting, left = ledger_rules.post_next(self.changes, holdings, costs)
        self._check(posting, before, outcomes, scope)
        return posting, left

    def _check(self, posting: Posting, before: Read, outcomes: Mapping[str, Outcome], scope: LotScope) -> None:
        """Read once more, it says the same, and costs what it should."""
        after = self.read(posting)
        if [event for event, _ in after] != [event for event, _ in before]:
            raise _NotByLots
        for event, told in after:
            if takes(event, outcomes[event.ref], scope):
                difference = Difference(told)
                difference.compare(event, told, outcomes[event.ref], scope)
                if any(difference.amounts().values()):
                    raise _NotByLots


def _known(outcome: Outcome) -> Outcome:
    """Whatever it takes was acquired, at a known cost."""
    if outcome is None:
        return None
    lots = [portion.lot for portion in outcome.portions] if isinstance(outcome, Disposed) else outcome.lots
    if outcome.missing or not all(lot.known for lot in lots):
        raise _NotByLots
    return outcome


def _cost(event: Event, outcome: Outcome, scope: LotScope) -> Decimal | None:
    if not takes(event, outcome, scope):
        return None
    if isinstance(outcome, Disposed):
        return money(sum(portion.cost or 0 for portion in outcome.portions))
    assert isinstance(outcome, Moved)
    if scope is LotScope.UNIVERSAL:
        raise _NotByLots  # into another form: two wallets' averages, and lots of neither
    return money(outcome.cost)


# ---- many ------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Ready:
    """The kept lots, as they were read."""

    rule: Rule
    since: int  # the first day behind which there is no checkpoint
    until: int  # the day on which another rule begins
    pools: Mapping[str, Kept]

    def books(self) -> Books:
        return Books(self.rule, self.since, self.until, self.pools)


async def _ready(session: Session, org_id: str, time_zone: str, works: Sequence[_Work], holdings: Holdings, now: datetime) -> _Ready | None:
    """None where something waits to be compared: until then nobody knows which lots there are."""
    state = await store.state(org_id, session)
    if state is None or state.anew or state.time_zone != time_zone or await ledger_store.any_uncosted(org_id, session):
        return None
    policy = await policies.current(org_id, now, session)
    rules = policies.rules_of(policy)
    at = next((at for at, rule in enumerate(rules) if rule.start == state.rule_start), None)
    if at is None or state.rules_version != policy.rules_version:
        return None
    since = state.month.toordinal() if state.month is not None else 0
    until = rules[at + 1].start if at + 1 < len(rules) else _NEVER
    wanted = _wanted(works, holdings, rules[at].scope)
    rows = await store.lot_pools(org_id, session, wanted.keys())
    return _Ready(rules[at], since, until, await kept.read_pools(rows, rules[at], wanted, _pages(session, org_id)))


def _pages(session: Session, org_id: str) -> kept.Read:
    async def read(key: str, numbers: Collection[int]) -> Mapping[int, Sequence[str]]:
        return await store.lot_pages(org_id, session, key, numbers) if numbers else {}

    return read


def _wanted(works: Sequence[_Work], holdings: Holdings, scope: LotScope) -> dict[str, int]:
    """Pools, and how much is taken out of each: quantities do not depend on costs."""
    wanted: dict[str, int] = {}
    for work in works:
        posting, holdings = ledger_rules.post_next(work.changes, holdings)
        for event, _ in work.read(posting):
            source, target = kept.touched(event, scope)
            if source:
                wanted[source] = wanted.get(source, 0) + event.quantity
            if target:
                wanted.setdefault(target, 0)
    return wanted


def _by_lots(works: Sequence[_Work], holdings: Holdings, ready: _Ready) -> tuple[list[Posted], Holdings, Books]:
    """Of the works as many as can be, from the first on; the holdings and the lots as they leave them."""
    done, left, books, failed = _attempt(works, holdings, ready)
    if failed:  # some of the lots of the one that cannot may be taken: without it, from the beginning
        done, left, books, failed = _attempt(works[: len(done)], holdings, ready)
        assert not failed, "what went well goes well again"
    return done, left, books


def _attempt(works: Sequence[_Work], holdings: Holdings, ready: _Ready) -> tuple[list[Posted], Holdings, Books, bool]:
    books, done = ready.books(), list[Posted]()
    for work in works:
        try:
            posting, holdings = work.post(holdings, books)
        except (_NotByLots, OutOfOrder):
            return done, holdings, books, True
        done.append((posting, work.draft(posting, by_lots=True)))
    return done, holdings, books, False
