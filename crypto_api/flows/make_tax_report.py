"""Tax reports: asked for, computed from the books as they stand, kept with every row.

    asked ─▶ few entries: computed at once │ many: a task, and a worker computes it
    computed ─▶ rows in parts ─▶ ready, and the fact

A report is what the books said when it was made: it stays as it is, and the next one says what they say then.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import BaseModel

from crypto_api.audit import service as audit
from crypto_api.events import service as events
from crypto_api.flows.order_long_report import put
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import InvalidInput, NotFound, PreconditionFailed
from crypto_api.kit.ids import new_id
from crypto_api.ledger import day_store
from crypto_api.ledger import store as ledger
from crypto_api.ledger.day_store import Entries
from crypto_api.ledger.types import AccountCode, AccountType
from crypto_api.long_reports.types import LongReportKind, Wanted
from crypto_api.lots import service as policies
from crypto_api.lots.documents import LotPolicy
from crypto_api.lots.types import Rule
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import Organization
from crypto_api.reports.lot_events import read_lot_events
from crypto_api.tasks.documents import Task
from crypto_api.tax import rules, store
from crypto_api.tax.documents import TaxReport
from crypto_api.tax.errors import TooManyReports
from crypto_api.tax.events import TaxReportDeleted, TaxReportReady, TaxReportRequested
from crypto_api.tax.types import UNFINISHED, Asked, Computed, TaxReportStatus
from mongodb_config.base_document import encoded
from mongodb_config.unit_of_work import Session, UnitOfWork

AT_ONCE_MAX = 3_000  # entries that move assets: more than that is computed by a worker
WAITING_MAX = 20
_PARTS_AT_ONCE = 20
Told = Callable[[int, str], Awaitable[None]]


async def _nobody(percent: int, words: str) -> None: ...


@dataclass(frozen=True)
class Requested:
    """With a task it is not computed yet."""

    report: TaxReport
    task: Task | None


async def request_tax_report(uow: UnitOfWork, clock: Clock, org_id: str, asked: Asked, user_id: str) -> Requested:
    """InvalidInput, TooManyReports."""
    if asked.start > asked.end:
        raise InvalidInput.of("end_date", "is before start_date", "wrong_order")
    organization, now = await _organization(org_id), clock.now()
    at_once = not await _is_long(org_id)
    report = _report(organization, await policies.current(org_id, now), asked, user_id, now)

    async def work(session: Session) -> Task | None:
        if await store.unfinished_count(session, org_id) >= WAITING_MAX:
            raise TooManyReports(WAITING_MAX)
        summary = f"Tax report {report.start_date} to {report.end_date}, {report.method.value.upper()}"
        task = None
        if not at_once:
            wanted = Wanted(kind=LongReportKind.TAX_REPORT, tax_report_id=report.id)
            _, task = await put(session, org_id, user_id, wanted, summary, now)
        report.task_id = task.id if task is not None else None
        await store.insert(session, report)
        await events.append(session, org_id, TaxReportRequested(report_id=report.id, status=report.status.value), now)
        after = {name: getattr(report, name) for name in ("period", "start_date", "end_date", "method", "scope", "as_in_force")}
        await audit.record(session, org_id, "tax_report.requested", f"{summary} was asked for.", now, subject=("tax_report", report.id), after=after)
        return task

    task = await uow.run(work)
    if task is not None:
        return Requested(report, task)
    await make_tax_report(uow, clock, org_id, report.id)
    made = await store.get(org_id, report.id)
    assert made is not None, "nobody else knows it yet"
    return Requested(made, None)


async def _is_long(org_id: str) -> bool:
    """Whether more entries move assets than are worked through while somebody waits. Counting ends there."""
    left = AT_ONCE_MAX
    for code in (AccountCode.CRYPTO, AccountCode.CUSTODY):
        left -= await day_store.count(org_id, Entries(code), up_to=left)
        if left < 0:
            return True
    return False


async def make_tax_report(uow: UnitOfWork, clock: Clock, org_id: str, report_id: str, told: Told = _nobody) -> None:
    """Anew where a worker that died had begun; one at a time is what the caller sees to. `told` hears how far it is. NotFound where it was
    deleted, or nobody waits for it."""
    report = await store.get(org_id, report_id)
    if report is None or not await uow.run(lambda session: _begin(session, report, clock.now())):
        raise NotFound
    try:
        await told(5, "reading what moved")
        computed, now = await compute(report, clock.now()), clock.now()
        await told(60, f"{len(computed.disposals):,} parts of disposals computed")
        await _put_rows(uow, report, computed, now)
        changes = {"status": TaxReportStatus.READY, "generated_at": now, "totals": encoded(computed.totals)}
        await uow.run(lambda session: _finish(session, report, changes, now))
    except Exception:
        changes = {"status": TaxReportStatus.FAILED, "error": "It could not be computed. What went wrong stands in the log of the worker."}
        await uow.run(lambda session: _finish(session, report, changes, clock.now()))
        raise


async def compute(report: TaxReport, now: datetime) -> Computed:
    """From the books as they are now. NotFound where the organisation is gone."""
    history = await read_lot_events(report.org_id, report.time_zone)
    income = {row.code for row in await ledger.accounts(report.org_id) if row.account_type is AccountType.INCOME} - {AccountCode.GAINS}
    in_force = [Rule(0, report.method, report.scope, report.months)]
    if report.as_in_force:
        in_force = policies.rules_of(await policies.current(report.org_id, now))
    return await asyncio.to_thread(rules.compute, history, in_force, report.start_date, report.end_date, income)


async def delete_tax_report(uow: UnitOfWork, clock: Clock, org_id: str, report_id: str, versions: frozenset[int] | None) -> None:
    """NotFound, or PreconditionFailed when it stands at none of `versions`. The books are not touched."""
    report = await store.get(org_id, report_id)
    if report is None:
        raise NotFound
    if versions is not None and report.version not in versions:
        raise PreconditionFailed
    now = clock.now()

    async def work(session: Session) -> None:
        if not await store.delete(session, report):
            raise PreconditionFailed
        await events.append(session, org_id, TaxReportDeleted(report_id=report.id, status=report.status.value), now)
        before = {name: getattr(report, name) for name in ("start_date", "end_date", "method", "scope")}
        await audit.record(session, org_id, "tax_report.deleted", "A tax report was deleted.", now, subject=("tax_report", report.id), before=before)

    await uow.run(work)


async def period_asked(org_id: str, asked: Asked) -> Asked:
    """With the bounds of the period in which `asked.start` lies."""
    organization = await _organization(org_id)
    start, end = rules.bounds(asked.period, asked.start, organization.fiscal_year_start)
    return replace(asked, start=start, end=end)


async def _organization(org_id: str) -> Organization:
    organization = await organizations.get(org_id)
    if organization is None:
        raise NotFound
    return organization


def _report(organization: Organization, policy: LotPolicy, asked: Asked, user_id: str, now: datetime) -> TaxReport:
    """With method and scope left out by the organisation's rules, each from its day on; what is told of it then is what holds at its end."""
    rule = policies.rule_on(policy, asked.end)
    return TaxReport(
        id=new_id("txr"),
        created_at=now,
        org_id=organization.id,
        period=asked.period,
        start_date=asked.start,
        end_date=asked.end,
        method=asked.method or rule.method,
        scope=asked.scope or rule.scope,
        as_in_force=asked.method is None and asked.scope is None,
        months=rule.months,
        currency=organization.functional_currency,
        time_zone=organization.time_zone,
        requested_by=user_id,
    )


async def _begin(session: Session, report: TaxReport, now: datetime) -> bool:
    changes = {"status": TaxReportStatus.RUNNING, "started_at": now}
    return any([await store.advance(session, report.org_id, report.id, status, changes) for status in UNFINISHED if status is report.status])


async def _put_rows(uow: UnitOfWork, report: TaxReport, computed: Computed, now: datetime) -> None:
    kinds: dict[str, Sequence[BaseModel]] = {"disposals": computed.disposals, "missing": computed.missing, "income": computed.income}
    parts = [
        store.part_of(report, kind, number, rows[at : at + store.ROWS_IN_A_PART], now)
        for kind, rows in kinds.items()
        for number, at in enumerate(range(0, len(rows), store.ROWS_IN_A_PART))
    ]
    await uow.run(lambda session: store.delete_parts(session, report.org_id, report.id))  # what a worker left that died
    for at in range(0, len(parts), _PARTS_AT_ONCE):
        some = parts[at : at + _PARTS_AT_ONCE]
        await uow.run(lambda session, some=some: store.insert_parts(session, some))  # type: ignore[misc]


async def _finish(session: Session, report: TaxReport, changes: dict[str, object], now: datetime) -> None:
    """Deleted meanwhile: its rows go as well."""
    status = TaxReportStatus(str(changes["status"]))
    if not await store.advance(session, report.org_id, report.id, TaxReportStatus.RUNNING, changes):
        await store.delete_parts(session, report.org_id, report.id)
        return
    await events.append(session, report.org_id, TaxReportReady(report_id=report.id, status=status.value), now)
