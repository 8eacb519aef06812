"""What the organisation's rules would make of what is booked already: looked at without writing anything, and made so when somebody asks.

Only what rules, memory, a model or nobody decided is looked at: what is certain and what a person said stay. Transactions of closed periods are
counted and left as they are. Rows are read from the latest back, so many at a time.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime

from pymongo.errors import PyMongoError

from crypto_api.audit import service as audit
from crypto_api.classification import matching
from crypto_api.classification import store as classification
from crypto_api.classification.events import ClassificationRulesApplied
from crypto_api.classification.types import Category, CounterpartyKind, Decision, DecisionSource, Facts, NewRule, Rule
from crypto_api.events import service as events
from crypto_api.flows.classify_transaction import Overtaken, reclassify
from crypto_api.flows.decide_transaction import decide_by_knowledge, decided_before, facts_of, plain_facts, rules_of
from crypto_api.flows.note_receipts import is_matched
from crypto_api.kit import log
from crypto_api.kit.clock import Clock, day_of
from crypto_api.kit.errors import NotFound
from crypto_api.kit.networks import NetworkConfig
from crypto_api.ledger import period_store as periods
from crypto_api.ledger.errors import PeriodClosed
from crypto_api.ledger.service import check_open
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import Organization
from crypto_api.receivables.errors import Matched
from crypto_api.tasks import service as tasks
from crypto_api.tasks import store as task_rows
from crypto_api.tasks.documents import Task
from crypto_api.tasks.errors import TaskNotRunning
from crypto_api.transactions import store as transactions
from crypto_api.transactions.documents import Transaction
from mongodb_config.unit_of_work import Session, UnitOfWork

Networks = Mapping[str, NetworkConfig]
TASK_KIND = "apply_classification_rules"
LOOKED_AT_MAX = 20_000
CHANGES_SHOWN = 200
_DRAFT = "draft"
_COUNTS = ("looked_at", "matched", "changed", "in_closed_periods", "matched_invoices")
_logger = log.get(__name__)
_OF_MACHINES = frozenset({DecisionSource.RULE, DecisionSource.MEMORY, DecisionSource.MODEL, DecisionSource.NONE})


@dataclass(frozen=True)
class Span:
    """Days in the organisation's zone, both inclusive."""

    first: date | None = None
    last: date | None = None


@dataclass(frozen=True)
class Trial:
    """A rule as it might be: a new one (`rule_id` None: last in the order), or one that says something else."""

    new: NewRule
    rule_id: str | None = None


@dataclass(frozen=True)
class Change:
    """What one transaction is, and what it would be."""

    transaction: Transaction
    after: Decision

    @property
    def before(self) -> Decision:
        return decided_before(self.transaction)


@dataclass
class Preview:
    """`matched`: how many the rule on trial decides, whether that changes something or not; without one, how many any rule does."""

    looked_at: int = 0
    matched: int = 0
    changed: int = 0
    in_closed_periods: int = 0  # they would be others and stay
    matched_invoices: int = 0  # they pay invoices, and stay too
    complete: bool = True  # False: there is more history than was looked at
    by_category: Counter[tuple[str, str]] = field(default_factory=Counter)  # (before, after)
    changes: list[Change] = field(default_factory=list)  # the latest


async def preview_rules(networks: Networks, org_id: str, trial: Trial | None, span: Span, *, shown: int = CHANGES_SHOWN) -> Preview:
    """Writes nothing. NotFound where the rule on trial does not exist (any more)."""
    organization = await _organization(org_id)
    rules = await rules_of(org_id)
    if trial is not None:
        rules = await _with_trial(org_id, rules, trial)
    found = Preview()
    async for change in _changes(networks, organization, rules, trial, span, found):
        found.changed += 1
        found.by_category[change.transaction.category, change.after.category.value] += 1
        if len(found.changes) < shown:
            found.changes.append(change)
    return found


async def _with_trial(org_id: str, rules: tuple[Rule, ...], trial: Trial) -> tuple[Rule, ...]:
    """The enabled ones with the one on trial in its place."""
    tried = Rule(id=trial.rule_id or _DRAFT, version=0, name=trial.new.name, conditions=trial.new.conditions, outcome=trial.new.outcome)
    if trial.rule_id is None:
        return (*rules, tried) if trial.new.enabled else rules
    places = {row.id: row.position for row in await classification.rules(org_id)}
    if trial.rule_id not in places:
        raise NotFound
    others = [rule for rule in rules if rule.id != trial.rule_id]
    return tuple(sorted([*others, tried] if trial.new.enabled else others, key=lambda rule: places[rule.id]))


async def ask_to_apply(uow: UnitOfWork, clock: Clock, org_id: str, span: Span) -> Task:
    """The task that `apply_next` works off: it holds all that is needed for it, and no message can be lost."""
    asked = {name: day.isoformat() for name, day in vars(span).items() if day is not None}

    async def work(session: Session) -> Task:
        return await tasks.queue(session, org_id, TASK_KIND, clock.now(), summary="Rules are applied to what is booked", asked=asked)

    return await uow.run(work)


async def apply_next(uow: UnitOfWork, clock: Clock, networks: Networks) -> bool:
    """Of what was asked for, the oldest, to its end. One that runs is what a process left that was stopped: it goes on. False when there is none.
    Under a lease: two at a time would do the same work for nothing."""
    due = await task_rows.due_of_kind(TASK_KIND, 1)
    if not due:
        return False
    task = due[0]
    await uow.run(lambda session: tasks.begin(session, task.org_id, task.id, clock.now()))  # False: it goes on
    span = Span(**{name: date.fromisoformat(day) for name, day in (task.asked or {}).items()})
    try:
        done = await apply_rules(uow, clock, networks, task.org_id, span)
    except (PyMongoError, OSError):  # a part that is away: whoever takes it up next goes on
        raise
    except Exception as error:
        _logger.exception("rules_not_applied", task=task.id)
        await _end(uow, clock, task, "Rules were not applied to the end", error=f"{type(error).__name__}: {error}")
        return True
    told = f"Rules were applied: {done.changed} of {done.looked_at} changed, {done.in_closed_periods} in closed periods stay"
    await _end(uow, clock, task, told, result={name: getattr(done, name) for name in _COUNTS})
    return True


async def _end(uow: UnitOfWork, clock: Clock, task: Task, summary: str, *, result: dict[str, int] | None = None, error: str | None = None) -> None:
    async def work(session: Session) -> None:
        await tasks.finish(session, task.org_id, task.id, clock.now(), summary=summary, result=result, error=error)

    with suppress(TaskNotRunning):  # somebody else ended it: their word stands
        await uow.run(work)


async def apply_rules(uow: UnitOfWork, clock: Clock, networks: Networks, org_id: str, span: Span) -> Preview:
    """Each transaction in a unit of work of its own, so that one killed in between leaves each either as it was or as the rules have it; done again,
    it goes on. Entries are reversed and posted anew; closed periods stay."""
    organization, found = await _organization(org_id), Preview()
    async for change in _changes(networks, organization, await rules_of(org_id), None, span, found):
        try:
            await uow.run(lambda session, change=change: _make_so(session, change, organization, clock.now()))  # type: ignore[misc]
        except Overtaken:
            continue  # somebody changed it meanwhile: their word stands
        except Matched:
            found.matched_invoices += 1
            continue
        except PeriodClosed:
            found.in_closed_periods += 1
            continue
        found.changed += 1
        found.by_category[change.transaction.category, change.after.category.value] += 1
    await uow.run(lambda session: _tell(session, org_id, found, clock.now()))
    return found


async def _make_so(session: Session, change: Change, organization: Organization, now: datetime) -> None:
    row = change.transaction
    entrance = await periods.enter(session, row.org_id)  # it may have been closed since
    check_open(day_of(row.timestamp, organization.time_zone), entrance.closed_through)
    if change.after.category not in (Category.INVOICE_PAYMENT, Category(row.category)) and await is_matched(session, row):
        raise Matched
    await reclassify(session, row, change.after, organization.time_zone, now)


async def _tell(session: Session, org_id: str, found: Preview, now: datetime) -> None:
    await events.append(session, org_id, ClassificationRulesApplied(changed=found.changed), now)
    counts = {"looked_at": found.looked_at, "changed": found.changed, "in_closed_periods": found.in_closed_periods}
    summary = f"The classification rules were applied to what is booked: {found.changed} changed."
    await audit.record(session, org_id, "classification_rules.applied", summary, now, subject=("classification_rules", ""), after=counts)


# ---- what would be another -------------------------------------------------------------------------------------------------------


async def _changes(
    networks: Networks, organization: Organization, rules: Sequence[Rule], trial: Trial | None, span: Span, found: Preview
) -> AsyncIterator[Change]:
    """Counts in `found` what is looked at, and what stays although the rules say something else."""
    org_id, zone = organization.id, organization.time_zone
    known, closed_through = await classification.known(org_id), await periods.closed_through(org_id)
    on_trial = None if trial is None else trial.rule_id or _DRAFT
    async for row in transactions.decided_by_machines(org_id, sorted(_OF_MACHINES)):
        day = day_of(row.timestamp, zone)
        if (span.last is not None and day > span.last) or row.network not in networks:
            continue
        if span.first is not None and day < span.first:
            return
        if found.looked_at == LOOKED_AT_MAX:
            found.complete = False
            return
        found.looked_at += 1
        decision = await _anew(networks[row.network], row, organization, tuple(rules), known)
        if decision is None:
            continue
        ruled_by = decision.provenance.rule_id
        found.matched += ruled_by is not None and on_trial in (None, ruled_by)
        if not _differs(row, decision):
            continue
        if closed_through is not None and day <= closed_through:
            found.in_closed_periods += 1
            continue
        yield Change(row, decision)


async def _anew(
    network: NetworkConfig, row: Transaction, organization: Organization, rules: tuple[Rule, ...], known: dict[str, tuple[str, CounterpartyKind]]
) -> Decision | None:
    """What it would be; None where no rule has or had anything to do with it: memory and model are not asked anew about all of history."""
    facts: Facts = plain_facts(row, network, organization.time_zone, known)
    had = (row.provenance or {}).get("rule_id")
    if had is None and matching.first_match(facts, rules) is None:
        return None
    facts = await facts_of(row, network, organization.time_zone)
    return await decide_by_knowledge(facts, row, rules, float(organization.classification_threshold))


def _differs(row: Transaction, decision: Decision) -> bool:
    return _said(decided_before(row)) != _said(decision)


def _said(decision: Decision) -> tuple[str, ...]:
    return (decision.category, decision.subcategory, decision.counterparty, decision.purpose, decision.tax, decision.account)


async def _organization(org_id: str) -> Organization:
    found = await organizations.get(org_id)
    assert found is not None, "whoever asks acts in it"
    return found
