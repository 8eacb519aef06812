"""What the list of long reports shows of each."""

from dataclasses import dataclass

from crypto_api.dashboard.access import Visit
from crypto_api.dashboard.translation import gettext
from crypto_api.kit.paging import PageRequest
from crypto_api.long_reports import store
from crypto_api.long_reports.documents import LongReport
from crypto_api.long_reports.types import KEPT_MAX, UNFINISHED_MAX, LongReportKind, LongReportStatus
from crypto_api.organizations.types import Permission
from crypto_api.reports import people
from crypto_api.tasks import store as tasks
from crypto_api.tasks.documents import Task

_RESULTS = {LongReportKind.CRYPTO_ROLL_FORWARD: "/statements/{}/", LongReportKind.TAX_REPORT: "/tax/{}/"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A report in the list."""

    report: LongReport
    task: Task | None
    by: str
    is_own: bool

    @property
    def percent(self) -> int:
        return self.task.progress if self.task is not None else 0

    @property
    def said(self) -> str:
        """What it does, without its title before it."""
        told = self.task.summary if self.task is not None else ""
        return told.removeprefix(self.report.title).removeprefix(": ")

    @property
    def result(self) -> str:
        pattern = _RESULTS.get(self.report.kind)
        return pattern.format(self.report.result_id) if pattern and self.report.result_id else ""

    @property
    def may_retry(self) -> bool:
        return self.report.status in (LongReportStatus.FAILED, LongReportStatus.CANCELLED)


async def shown(visit: Visit, tax_report_id: str | None = None) -> dict[str, object]:
    """What waits, is made, and was made in the last days: newest first; all of it, or what is about a tax report."""
    page = await store.page(visit.org_id, PageRequest(limit=UNFINISHED_MAX + KEPT_MAX))
    found = [row for row in page.items if tax_report_id is None or row.wanted.tax_report_id == tax_report_id]
    told = {task.id: task for task in await tasks.by_ids(visit.org_id, [row.task_id for row in found])}
    named = await people.names_of({row.requested_by for row in found})
    may_write = visit.may(Permission.LEDGER_WRITE)
    rows = [
        Shown(
            row,
            told.get(row.task_id),
            named.get(row.requested_by, gettext("somebody whose account is gone")),
            may_write or row.requested_by == visit.principal.user_id,
        )
        for row in found
    ]
    return {"long_reports": rows}
