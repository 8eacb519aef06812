"""The books follow the lots: what a disposal cost by the organisation's method is compared with what was booked, and the difference is posted.

    what was posted since ─▶ the first day that it concerns ─▶ open lots at a checkpoint before it ─▶ every event from there
                                     cost by lots, less what entry and earlier corrections hold ─▶ a correcting entry

A booking takes the average of its wallet, which is all that its unit of work can know; older rows, reorganisations, late prices and another
method change what is right. Nothing is rewritten: a correction is an entry of its own, of the entry that it corrects, and is taken back with it. It
may run at any time and as often as one likes: what agrees is left alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from crypto_api.kit.amounts import add_exactly, to_units
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import NotFound
from crypto_api.ledger import service as ledger
from crypto_api.ledger import store as ledger_store
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.rules import LINES_MAX, less
from crypto_api.ledger.types import AccountCode, EntryDraft, Line, Source, SourceKind
from crypto_api.lots import service as policies
from crypto_api.lots import store
from crypto_api.lots.documents import LotCheckpoint, LotPolicy, LotState
from crypto_api.lots.rules import History, rules_from
from crypto_api.lots.types import VALUE_PLACES, Disposed, Event, Kind, LotEvents, LotScope, Moved, Rule, Told
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import Organization
from crypto_api.reports.lot_events import read_lot_events
from mongodb_config.unit_of_work import Session, UnitOfWork

OVERLAP = timedelta(minutes=2)  # a unit of work that began before the last look may have committed after it
_CORRECTIONS_AT_ONCE = 50
_ZERO = Decimal(0)

Key = tuple[str, str | None, str | None]
"""Account, wallet, asset."""


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

    corrections: list[Correction] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)  # corrections of entries that no longer stand
    checkpoints: list[LotCheckpoint] = field(default_factory=list)


async def settle_lots(uow: UnitOfWork, clock: Clock, org_id: str) -> int:
    """How many corrections were posted."""
    organization, policy = await _organization(org_id), await policies.current(org_id, clock.now())
    before = await store.state(org_id)
    since, after = await _dirty(org_id, before, policy, clock.now())
    if after is None:
        return 0
    plan = await plan_corrections(organization, policies.rules_of(policy), policy.version, since, clock.now())
    posted = 0
    for at in range(0, len(plan.corrections), _CORRECTIONS_AT_ONCE):
        some = plan.corrections[at : at + _CORRECTIONS_AT_ONCE]
        posted += await uow.run(lambda session, some=some: _post(session, org_id, some, clock.now()))  # type: ignore[misc]
    for entry_id in plan.orphans:
        await uow.run(lambda session, entry_id=entry_id: _take_back(session, org_id, entry_id, clock.now()))  # type: ignore[misc]
    await uow.run(lambda session: _keep(session, before, after, since, plan.checkpoints))
    return posted


async def is_settled(org_id: str, policy: LotPolicy, session: Session | None = None) -> bool:
    """Whether everything that was posted was compared, by the rules in force."""
    _, after = await _dirty(org_id, await store.state(org_id, session), policy, policy.updated_at, session)
    return after is None


async def plan_corrections(
    organization: Organization, rules: Sequence[Rule], rules_version: int, since: date | None, now: datetime, history: LotEvents | None = None
) -> Plan:
    """What would be posted by these rules; nothing is. `since`: the first day of which anything changed, None: all of them. `history`: from the
    beginning, where it was read already."""
    org_id = organization.id
    start = await store.checkpoint_before(org_id, since, rules_version) if since is not None else None
    if history is None:
        history = await read_lot_events(org_id, organization.time_zone, since=start.day if start is not None else None)
    kept = await ledger_store.standing_of_kind(org_id, SourceKind.LOTS)
    plan = Plan()
    ledgers = _compared(history, _history(rules, start), rules_version, plan, org_id, now, start.day if start is not None else None)
    adjusted = _adjusted(kept)
    for entry_id, found in ledgers.items():
        amounts = found.amounts()
        for key, amount in adjusted.get(entry_id, {}).items():
            amounts[key] = less(amounts.get(key, _ZERO), amount)
        if wrong := {key: amount for key, amount in amounts.items() if amount}:
            told = found.told
            plan.corrections.append(Correction(entry_id, told.day, told.transaction_id, told.transaction_hash, told.asset, wrong))
    standing = {told.entry_id for told in history.told.values()}
    first = start.day if start is not None else date.min
    plan.orphans = [row.id for row in kept if row.source_id not in standing and row.date >= first and await _is_gone(org_id, row.source_id)]
    return plan


# ---- comparing -------------------------------------------------------------------------------------------------------------------


class _Difference:
    """Of one entry: what its lots say, less what it booked."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self._parts: dict[Key, list[Decimal]] = {}

    def add(self, key: Key, credit: Decimal) -> None:
        self._parts.setdefault(key, []).append(credit)

    def amounts(self) -> dict[Key, Decimal]:
        return {key: add_exactly(parts) for key, parts in self._parts.items()}


def _compared(
    history: LotEvents, book: History, rules_version: int, plan: Plan, org_id: str, now: datetime, first: date | None
) -> dict[str, _Difference]:
    """By entry. A checkpoint at the beginning of each month goes into the plan."""
    found: dict[str, _Difference] = {}
    month = first.replace(day=1) if first is not None else None
    for event in history.events:
        here = date.fromordinal(event.day).replace(day=1)
        if month is not None and here > month:
            book.begin(here.toordinal())
            if (row := policies.checkpoint_of(org_id, here, book.pools, book.held, book.short, rules_version, now)) is not None:
                plan.checkpoints.append(row)
        month = max(month or here, here)
        outcome, told = book.apply(event), history.told[event.ref]
        if isinstance(outcome, Disposed):
            _disposal(found.setdefault(told.entry_id, _Difference(told)), event, told, outcome, book.scope)
        elif isinstance(outcome, Moved) and (event.kind is Kind.MOVE) and not _same_pool(event, book.scope):
            _transfer(found.setdefault(told.entry_id, _Difference(told)), told, outcome, book.scope)
    return found


def _disposal(difference: _Difference, event: Event, told: Told, outcome: Disposed, scope: LotScope) -> None:
    cost = _money(sum(portion.cost or 0 for portion in outcome.portions))
    if event.value is None:  # it leaves at cost: nothing is realised until somebody says what it was worth
        change = less(cost, told.booked_cost)
        difference.add(_place(told, scope), change)
        difference.add((told.contra or AccountCode.SUSPENSE, None, told.asset), change.copy_negate())
        return
    gain = _money(sum(portion.gain or 0 for portion in outcome.portions))
    unknown = sum(portion.proceeds or 0 for portion in outcome.portions if portion.cost is None) + (outcome.missing_proceeds or 0)
    difference.add(_place(told, scope), less(cost, told.booked_cost))
    difference.add((AccountCode.GAINS, None, None), less(max(gain, _ZERO), max(told.realised, _ZERO)))
    difference.add((AccountCode.LOSSES, None, None), less(min(gain, _ZERO), min(told.realised, _ZERO)))
    difference.add((AccountCode.SUSPENSE, None, told.asset), _money(unknown))


def _transfer(difference: _Difference, told: Told, outcome: Moved, scope: LotScope) -> None:
    change = less(_money(outcome.cost), told.booked_cost)
    target = (told.target_account_code, told.target_wallet_id, told.target_asset)
    difference.add(_place(told, scope), change)
    difference.add(target if scope is LotScope.WALLET else (AccountCode.CRYPTO, None, told.target_asset), change.copy_negate())


def _place(told: Told, scope: LotScope) -> Key:
    """Where a cost that was found later stands: in its wallet, or, where all lots are together, in none: a wallet keeps its own average then."""
    if scope is LotScope.WALLET:
        return (told.account_code, told.wallet_id, told.asset)
    return (AccountCode.CRYPTO, None, told.asset)


def _same_pool(event: Event, scope: LotScope) -> bool:
    return scope is LotScope.UNIVERSAL and event.place.rpartition("|")[2] == event.target.rpartition("|")[2]


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
    return History(going, policies.pools_of(start, going[0].method), policies.held_of(start), policies.short_of(start))


def _money(units: int) -> Decimal:
    return to_units(units, VALUE_PLACES)


# ---- what changed since ----------------------------------------------------------------------------------------------------------


async def _dirty(
    org_id: str, before: LotState | None, policy: LotPolicy, now: datetime, session: Session | None = None
) -> tuple[date | None, LotState | None]:
    """The first day that is to be looked at again (None: from the beginning), and the state afterwards (None: nothing to compare)."""
    known = before if before is not None and before.rules_version == policy.version else None
    fresh = await ledger_store.moving_assets_since(org_id, known.posted_through - OVERLAP if known is not None else None, session)
    seen = set(known.seen) if known is not None else set()
    new = [day for entry_id, _, day in fresh if entry_id not in seen]
    if not new:
        return None, None
    _, through, _ = fresh[-1]
    recent = [entry_id for entry_id, posted_at, _ in fresh if posted_at > through - OVERLAP]
    after = LotState(id=org_id, created_at=now, org_id=org_id, posted_through=through, seen=recent, rules_version=policy.version, settled_at=now)
    return (min(new) if known is not None else None), after


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


async def _keep(session: Session, before: LotState | None, after: LotState, since: date | None, checkpoints: list[LotCheckpoint]) -> None:
    """Somebody else who settled meanwhile saw the same or more: then theirs stands."""
    if await store.put_state(session, before, after):
        await store.put_checkpoints(session, after.org_id, since, checkpoints)
