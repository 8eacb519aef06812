"""The books follow the lots: what a disposal cost by the organisation's method is compared with what was booked, and the difference is posted.

    what waits to be compared ─▶ the first day that it concerns ─▶ open lots at a checkpoint before it ─▶ every event from there
                                     cost by lots, less what entry and earlier corrections hold ─▶ a correcting entry
                                                                              the lots as they stand ─▶ the next booking goes on from them

What happens in its order is booked by the kept lots (post_by_lots.py), and nothing of it waits. Older rows, reorganisations, late prices and another
method change what is right. Nothing is rewritten: a correction is an entry of its own, of the entry that it corrects, and is taken back with it. It
may run at any time and as often as one likes: what agrees is left alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from crypto_api.flows.lot_differences import Difference, Key, takes
from crypto_api.kit.amounts import add_exactly
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import NotFound
from crypto_api.kit.faultpoint import faultpoint
from crypto_api.ledger import service as ledger
from crypto_api.ledger import store as ledger_store
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.rules import LINES_MAX, last_of_month, less
from crypto_api.ledger.types import AccountCode, EntryDraft, Line, Source, SourceKind
from crypto_api.lots import kept, store
from crypto_api.lots import service as policies
from crypto_api.lots.documents import LotCheckpoint, LotPolicy, LotState
from crypto_api.lots.kept import Marks, before_day
from crypto_api.lots.rules import History, rules_from
from crypto_api.lots.types import LotEvents, PoolRow, Rule
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import Organization
from crypto_api.reports.lot_events import read_lot_events
from mongodb_config.unit_of_work import Session, UnitOfWork

_CORRECTIONS_AT_ONCE = 50
_ATTEMPTS = 5
_ZERO = Decimal(0)


class NotSettled(Exception):
    """Whenever the lots had been worked through, something else had been booked by them."""


@dataclass(frozen=True)
class Correction:
    """What has to be posted so that an entry's disposals cost what their lots did. Amounts by key: credit, below zero debit."""

    entry_id: str
    day: date
    transaction_id: str | None
    transaction_hash: str
    asset: str
    amounts: Mapping[Key, Decimal]

    @property
    def cost(self) -> Decimal:
        """By how much more they cost."""
        return add_exactly([amount for (account, _, _), amount in self.amounts.items() if account in _PLACES])

    @property
    def gain(self) -> Decimal:
        return add_exactly([amount for (account, _, _), amount in self.amounts.items() if account in _RESULTS])


_PLACES = frozenset({AccountCode.CRYPTO, AccountCode.CUSTODY})
_RESULTS = frozenset({AccountCode.GAINS, AccountCode.LOSSES})


@dataclass
class Plan:
    """What the lots say of the entries from a day on."""

    book: History
    marks: Marks
    month: date | None  # of the latest event
    corrections: list[Correction] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)  # corrections of entries that no longer stand
    checkpoints: list[LotCheckpoint] = field(default_factory=list)


async def settle_lots(uow: UnitOfWork, clock: Clock, org_id: str) -> int:
    """How many corrections were posted. NotSettled where others were faster again and again: what waits stays marked, and is looked at again."""
    organization, posted = await _organization(org_id), 0
    for _ in range(_ATTEMPTS):
        policy = await policies.current(org_id, clock.now())
        if (work := await _work(uow, organization, policy)) is None:
            return posted
        known = {key: (row.last, row.taken) for key, row in work.pools.items()}
        plan = await plan_corrections(organization, policies.rules_of(policy), policy.rules_version, work.since, clock.now(), known=known)
        posted += await _correct(uow, clock, org_id, plan)
        faultpoint("settle_lots.corrected")
        if await uow.run(lambda session, work=work, plan=plan, policy=policy: _keep(session, organization, work, policy, plan, clock.now())):  # type: ignore[misc]
            faultpoint("settle_lots.committed")
            return posted
    raise NotSettled


async def _correct(uow: UnitOfWork, clock: Clock, org_id: str, plan: Plan) -> int:
    posted = 0
    for at in range(0, len(plan.corrections), _CORRECTIONS_AT_ONCE):
        some = plan.corrections[at : at + _CORRECTIONS_AT_ONCE]
        posted += await uow.run(lambda session, some=some: _post(session, org_id, some, clock.now()))  # type: ignore[misc]
    for entry_id in plan.orphans:
        await uow.run(lambda session, entry_id=entry_id: _take_back(session, org_id, entry_id, clock.now()))  # type: ignore[misc]
    return posted


async def is_settled(organization: Organization, policy: LotPolicy, session: Session | None = None) -> bool:
    """Whether everything that was posted was compared, by the rules in force."""
    org_id = organization.id
    if await ledger_store.any_uncosted(org_id, session):
        return False
    state = await store.state(org_id, session)
    if state is None:
        return not await ledger_store.any_moves_assets(org_id, session)
    return _holds(state, organization, policy)


def _holds(state: LotState, organization: Organization, policy: LotPolicy) -> bool:
    """Whether what was compared was compared by these rules, and in these days."""
    return (state.rules_version, state.time_zone) == (policy.rules_version, organization.time_zone)


async def plan_corrections(
    organization: Organization,
    rules: Sequence[Rule],
    rules_version: int,
    since: date | None,
    now: datetime,
    history: LotEvents | None = None,
    known: Mapping[str, tuple[str, str]] | None = None,
) -> Plan:
    """What would be posted by these rules; nothing is. `since`: the first day of which anything changed, None: all of them. `history`: from the
    beginning, where it was read already. `known`: how far the kept pools have come."""
    org_id = organization.id
    start = await store.checkpoint_before(org_id, since, rules_version) if since is not None else None
    first = start.day if start is not None else None
    if history is None:
        history = await read_lot_events(org_id, organization.time_zone, since=first)
    corrections = await ledger_store.standing_of_kind(org_id, SourceKind.LOTS, first)
    marks = Marks("", {}) if first is None else Marks(before_day(first), known or {})
    plan = Plan(book=_history(rules, start), marks=marks, month=first.replace(day=1) if first is not None else None)
    differences = _compared(history, plan.book, plan, marks, rules_version, org_id, now)
    adjusted = _adjusted(corrections)
    for entry_id, found in differences.items():
        amounts = found.amounts()
        for key, amount in adjusted.get(entry_id, {}).items():
            amounts[key] = less(amounts.get(key, _ZERO), amount)
        if wrong := {key: amount for key, amount in amounts.items() if amount}:
            told = found.told
            plan.corrections.append(Correction(entry_id, told.day, told.transaction_id, told.transaction_hash, told.asset, wrong))
    standing = {told.entry_id for told in history.told.values()}
    plan.orphans = [row.id for row in corrections if row.source_id not in standing and await _is_gone(org_id, row.source_id)]
    return plan


# ---- comparing -------------------------------------------------------------------------------------------------------------------


def _compared(history: LotEvents, book: History, plan: Plan, marks: Marks, rules_version: int, org_id: str, now: datetime) -> dict[str, Difference]:
    """By entry. A checkpoint at the beginning of each month goes into the plan, and how far each pool came."""
    found: dict[str, Difference] = {}
    rule = book.rule
    for event in history.events:
        here = date.fromordinal(event.day).replace(day=1)
        if plan.month is not None and here > plan.month:
            book.begin(here.toordinal())
            if (row := kept.checkpoint_of(org_id, here, book.pools, book.held, book.short, rules_version, now)) is not None:
                plan.checkpoints.append(row)
        plan.month = max(plan.month or here, here)
        outcome, told = book.apply(event), history.told[event.ref]
        if book.rule is not rule:
            rule = book.rule
            marks.begin(date.fromordinal(rule.start))
        marks.note(event, book.scope)
        if takes(event, outcome, book.scope):
            found.setdefault(told.entry_id, Difference(told)).compare(event, told, outcome, book.scope)
    return found


def _adjusted(kept: Iterable[JournalEntry]) -> dict[str, dict[Key, Decimal]]:
    """What earlier corrections hold, by the entry that they correct."""
    found: dict[str, dict[Key, Decimal]] = {}
    for row in kept:
        amounts = found.setdefault(row.source_id, {})
        for line in row.lines:
            key = (line.account_code, line.wallet_id, line.asset)
            amounts[key] = add_exactly([amounts.get(key, _ZERO), line.credit, line.debit.copy_negate()])
    return found


def _history(rules: Sequence[Rule], start: LotCheckpoint | None) -> History:
    if start is None:
        return History(rules)
    going = rules_from(rules, start.day.toordinal())
    return History(going, kept.pools_of(start, going[0].method), kept.held_of(start), kept.short_of(start))


# ---- what changed since ----------------------------------------------------------------------------------------------------------


async def _work(uow: UnitOfWork, organization: Organization, policy: LotPolicy) -> "_Work | None":
    """What is to be looked at; None: nothing. The pools are read before the entries: what is booked by the lots meanwhile shows in them."""
    org_id = organization.id
    state = await store.state(org_id)
    waiting = await ledger_store.uncosted(org_id)
    since = None
    if state is not None and _holds(state, organization, policy):
        since = min((day for _, day in waiting), default=state.month)
        if not waiting and not state.anew:
            if not await _month_is_over(org_id, state.month):
                return None
            state = await _begin_anew(uow, state)
    return _Work(state, since, [entry_id for entry_id, _ in waiting], await store.lot_pools(org_id))


async def _month_is_over(org_id: str, month: date | None) -> bool:
    """Whether there is a later one, whose beginning has no checkpoint yet; a day later, so that it has begun in every time zone."""
    latest = await store.latest_order(org_id)
    return latest > (before_day(last_of_month(month) + timedelta(days=1)) if month is not None else "")


async def _begin_anew(uow: UnitOfWork, state: LotState) -> LotState:
    """From now on nothing is booked by the lots, so that they stand still. Where that ends half way, it is taken up as it stands."""
    after: LotState = state.model_copy(update={"anew": True})
    if await uow.run(lambda session: store.put_state(session, state, after)):
        after.version += 1
    return after


@dataclass(frozen=True)
class _Work:
    state: LotState | None
    since: date | None  # the first day that is to be looked at again; None: from the beginning
    waiting: list[str]  # entries
    pools: dict[str, PoolRow]


async def _is_gone(org_id: str, entry_id: str) -> bool:
    entry = await ledger_store.entry(org_id, entry_id)
    return entry is None or entry.reversed_by is not None


async def _organization(org_id: str) -> Organization:
    organization = await organizations.get(org_id)
    if organization is None:
        raise NotFound
    return organization


# ---- posting ---------------------------------------------------------------------------------------------------------------------


async def _post(session: Session, org_id: str, corrections: Sequence[Correction], now: datetime) -> int:
    """Of entries that still stand: a reorganisation may have taken one back meanwhile."""
    drafts = []
    for correction in corrections:
        entry = await ledger_store.entry(org_id, correction.entry_id, session)
        if entry is not None and entry.reversed_by is None:
            number = len(await ledger_store.entries_of_source(org_id, SourceKind.LOTS, entry.id, session)) + 1
            drafts.append(_draft(correction, entry, number))
    await ledger.post_all(session, org_id, drafts, now)
    return len(drafts)


def _draft(correction: Correction, entry: JournalEntry, number: int) -> EntryDraft:
    assert len(correction.amounts) <= LINES_MAX, "an entry has fewer lines than that"
    lines = [_line(key, amount) for key, amount in sorted(correction.amounts.items(), key=lambda item: str(item[0]))]
    return EntryDraft(
        date=correction.day,
        description=f"Cost by lots: {entry.description}"[:200],
        source=Source(kind=SourceKind.LOTS, id=entry.id, purpose=f"cost:{number}"),
        lines=lines,
        reference=entry.id,
        transaction_id=correction.transaction_id,
        transaction_hash=correction.transaction_hash or None,
    )


def _line(key: Key, credit: Decimal) -> Line:
    account, wallet_id, asset = key
    return Line(
        account_code=account,
        debit=max(credit.copy_negate(), _ZERO),
        credit=max(credit, _ZERO),
        wallet_id=wallet_id,
        asset=asset,
        quantity=_ZERO if asset is not None else None,
    )


async def _take_back(session: Session, org_id: str, entry_id: str, now: datetime) -> None:
    await ledger.reverse(session, org_id, entry_id, now, "the entry that it corrects was reversed")


async def _keep(session: Session, organization: Organization, work: _Work, policy: LotPolicy, plan: Plan, now: datetime) -> bool:
    """False, and nothing done, where somebody else settled or booked meanwhile."""
    org_id, book = organization.id, plan.book
    after = LotState(
        id=org_id,
        created_at=now,
        org_id=org_id,
        rules_version=policy.rules_version,
        time_zone=organization.time_zone,
        rule_start=book.rule.start,
        month=plan.month,
        settled_at=now,
    )
    marks = {key: plan.marks.of(key) for key in book.pools}
    versions = {key: row.version for key, row in work.pools.items()}
    if not await kept.replace_pools(session, org_id, versions, book.pools, marks, now) or not await store.put_state(session, work.state, after):
        return False
    await store.put_checkpoints(session, org_id, work.since, plan.checkpoints)
    await ledger_store.mark_costed(session, org_id, work.waiting)
    faultpoint("settle_lots.before_commit")
    return True
