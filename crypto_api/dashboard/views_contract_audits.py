"""Audits of contracts: list with figures, ordering one, an audit with its findings, and what a person says of a finding."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_noop as _

from crypto_api.contract_audits import rules, service, store
from crypto_api.contract_audits.documents import ContractAudit, ContractFinding
from crypto_api.contract_audits.types import AuditStatus, Change, Confidence, FoundBy, Place, Severity
from crypto_api.contracts import store as contracts
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.forms import Form, only_post
from crypto_api.dashboard.translation import gettext
from crypto_api.flows.audit_statistics import audit_statistics
from crypto_api.flows.order_audit import audit_registered, audit_upload
from crypto_api.flows.print_audit import print_audit
from crypto_api.identity import store as people
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound
from crypto_api.kit.paging import PageRequest
from crypto_api.organizations.types import Permission
from crypto_api.tasks import store as tasks
from crypto_api.tasks.documents import Task
from mongodb_config.pages import contains

TEXT_MAX = 100
REASON_MAX = 200
CONTRACTS_OFFERED = 100
SHOWN_MAX = 300  # findings on a page; the PDF and the API have all
FLASHES = {
    "ordered": _("The audit was ordered. How far it is appears here by itself."),
    "cancelled": _("The audit was cancelled."),
    "suppressed": _("The finding is suppressed. It does not count any more, here and in later audits, while what it is about stays the same."),
    "reopened": _("The finding is open again."),
}
STATES = {
    AuditStatus.QUEUED: ("pending", _("waits")),
    AuditStatus.RUNNING: ("pending", _("runs")),
    AuditStatus.READY: ("good", _("ready")),
    AuditStatus.FAILED: ("bad", _("failed")),
    AuditStatus.CANCELLED: ("quiet", _("cancelled")),
}
CONFIDENCES = {Confidence.HIGH: _("sure"), Confidence.MEDIUM: _("likely"), Confidence.LOW: _("possible")}
CHANGES = {Change.NEW: "new", Change.STILL_THERE: "", Change.FIRST: ""}


@dataclass(frozen=True, slots=True)
class Row:
    audit: ContractAudit
    task: Task | None
    network_name: str

    @property
    def tone(self) -> str:
        return STATES[self.audit.status][0]

    @property
    def state(self) -> str:
        if self.audit.status is AuditStatus.RUNNING and self.task is not None:
            return f"{self.task.progress} %"
        return gettext(STATES[self.audit.status][1])

    @property
    def counts(self) -> list[tuple[str, int]]:
        """Of what is open, without what there is none of."""
        return [(severity.value, count) for severity in Severity if (count := self.audit.open_counts.get(severity.value, 0))]

    @property
    def said(self) -> str:
        """What it does at the moment, without its name."""
        return self.task.summary.rpartition(": ")[2] if self.task is not None and self.audit.live else ""

    @property
    def risk(self) -> str:
        """A tone for the score: words and number stand beside it."""
        score = self.audit.score or 0
        return (
            "bad"
            if score >= rules.WEIGHTS[Severity.HIGH] * rules.FACTORS[Confidence.LOW]
            else "warn"
            if score >= rules.WEIGHTS[Severity.MEDIUM]
            else "good"
        )


@dataclass(frozen=True, slots=True)
class Shown:
    finding: ContractFinding
    suppressed_by: str

    @property
    def confidence(self) -> str:
        return gettext(CONFIDENCES[self.finding.confidence])

    @property
    def change(self) -> str:
        return CHANGES[self.finding.change]

    @property
    def found_by(self) -> str:
        return "Slither" if self.finding.origin is FoundBy.SLITHER else gettext("its code")

    @property
    def places(self) -> list[tuple[Place, list[tuple[int, str, bool]]]]:
        """(place, its lines with their numbers and whether they are the ones at fault)."""
        return [(place, _lines(place)) for place in self.finding.places]


def _lines(place: Place) -> list[tuple[int, str, bool]]:
    rows = enumerate(place.excerpt.split("\n"), place.excerpt_from)
    return [(number, text, place.first_line <= number <= place.last_line) for number, text in rows]


# ---- the list --------------------------------------------------------------------------------------------------------------------


@page(Permission.CONTRACTS_READ)
async def list_page(visit: Visit) -> HttpResponse:
    values = await _rows(visit)
    return visit.render("audits/list.html", values | {"flash": _flash(visit), "figures": await audit_statistics(visit.org_id)})


@page(Permission.CONTRACTS_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("audits/rows.html", await _rows(visit))


@page(Permission.CONTRACTS_READ)
async def figures_fragment(visit: Visit) -> HttpResponse:
    return visit.render("audits/figures.html", {"figures": await audit_statistics(visit.org_id)})


async def _rows(visit: Visit) -> dict[str, object]:
    q = visit.request.GET.get("q", "").strip()[:TEXT_MAX]
    where: dict[str, Any] = {"$or": [{"subject.name": contains(q)}, {"subject.address": contains(q)}]} if q else {}
    wanted = PageRequest(limit=rows_wanted(visit.request), cursor=visit.request.GET.get("cursor") or None)
    try:
        found = await store.page(visit.org_id, where, wanted)
    except InvalidInput as error:
        raise Http404 from error
    told = {task.id: task for task in await tasks.by_ids(visit.org_id, [row.task_id for row in found.items])}
    return {
        "rows": [_row(visit, row, told.get(row.task_id)) for row in found.items],
        "next_cursor": found.next_cursor,
        "first_page": wanted.cursor is None,
        "q": q,
        "query_string": urlencode({"q": q}) if q else "",
        "may_write": visit.may(Permission.CONTRACTS_WRITE),
    }


def _row(visit: Visit, audit: ContractAudit, task: Task | None) -> Row:
    network = visit.runtime.networks.get(audit.subject.network or "")
    return Row(audit, task, network.name if network else audit.subject.network or "")


# ---- ordering --------------------------------------------------------------------------------------------------------------------


@page(Permission.CONTRACTS_WRITE)
async def order_page(visit: Visit) -> HttpResponse:
    form = Form(visit.request, "contract_id")
    if visit.request.method != "POST":
        return await _order_form(visit, form)
    file, runtime = visit.request.FILES.get("file"), visit.runtime
    try:
        if isinstance(file, UploadedFile):
            args = (runtime.uow, runtime.clock, runtime.compiler, runtime.libraries, visit.org_id, visit.principal.user_id)
            audit, _ = await audit_upload(*args, file.name or "", file.read(), field="file")
        elif form["contract_id"]:
            contract = await contracts.get(visit.org_id, form["contract_id"])
            if contract is None:
                raise Http404
            audit, _ = await audit_registered(runtime.uow, runtime.clock, contract, visit.principal.user_id)
        else:
            form.wrong("file", gettext("must be chosen, or a contract"))
            return await _order_form(visit, form, status=422)
    except InvalidInput as error:
        return await _order_form(visit, form, problem=form.refused(error, ("file", "contract_id")), status=422)
    except CoreError as error:
        return await _order_form(visit, form, problem=gettext(error.detail), status=error.status)
    return redirect(f"/audits/{audit.id}/?done=ordered")


async def _order_form(visit: Visit, form: Form, *, problem: str = "", status: int = 200) -> HttpResponse:
    offered = await contracts.page(visit.org_id, {}, PageRequest(limit=CONTRACTS_OFFERED, cursor=None, sort="name_folded", descending=False))
    values = {
        "given": form.given,
        "errors": form.errors,
        "problem": problem,
        "contracts": offered.items,
        "versions": visit.runtime.compiler.versions(),
        "nothing_done": gettext("Please look at the marked field. Nothing was stored."),
    }
    return visit.render("audits/order.html", values, status=status)


# ---- one audit -------------------------------------------------------------------------------------------------------------------


@page(Permission.CONTRACTS_READ)
async def detail_page(visit: Visit, audit_id: str) -> HttpResponse:
    return visit.render("audits/detail.html", await _detail(visit, audit_id) | {"flash": _flash(visit)})


@page(Permission.CONTRACTS_READ)
async def detail_fragment(visit: Visit, audit_id: str) -> HttpResponse:
    return visit.render("audits/body.html", await _detail(visit, audit_id))


async def _detail(visit: Visit, audit_id: str) -> dict[str, object]:
    audit = await _audit(visit, audit_id)
    severity = visit.request.GET.get("severity", "")
    everything = await store.findings(visit.org_id, audit_id)
    found = [row for row in everything if severity in ("", row.severity.value, "suppressed" if row.suppressed else "")]
    names = await _names({row.suppressed_by for row in found if row.suppressed_by} | {audit.requested_by})
    before = await store.get(visit.org_id, audit.compared_with) if audit.compared_with else None
    return {
        "row": _row(visit, audit, await tasks.get(visit.org_id, audit.task_id)),
        "findings": [Shown(row, names.get(row.suppressed_by or "", "")) for row in found[:SHOWN_MAX]],
        "hidden": max(len(found) - SHOWN_MAX, 0),
        "total": len(everything),
        "severity": severity,
        "filters": _filters(everything),
        "requested_by": names.get(audit.requested_by, ""),
        "points": sum((term.points for term in audit.terms), Decimal(0)),
        "before": before,
        "query_string": urlencode({"severity": severity}) if severity else "",
        "may_write": visit.may(Permission.CONTRACTS_WRITE),
    }


def _filters(found: list[ContractFinding]) -> list[tuple[str, str, int]]:
    """(value, words, how many) of each that there is."""
    counts = [(severity.value, gettext(severity.value.capitalize()), sum(row.severity is severity for row in found)) for severity in Severity]
    kept = [("suppressed", gettext("Suppressed"), sum(row.suppressed for row in found))]
    return [(value, words, count) for value, words, count in [("", gettext("All"), len(found)), *counts, *kept] if count]


@page(Permission.CONTRACTS_READ)
async def pdf(visit: Visit, audit_id: str) -> HttpResponse:
    try:
        made = await print_audit(visit.runtime.uow, visit.runtime.clock, visit.org_id, audit_id)
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:
        return visit.render("audits/detail.html", await _detail(visit, audit_id) | {"warning": gettext(error.detail)}, status=error.status)
    response = HttpResponse(made.content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{made.name}"'
    return response


# ---- what a person does with it --------------------------------------------------------------------------------------------------


@page(Permission.CONTRACTS_WRITE)
async def cancel(visit: Visit, audit_id: str) -> HttpResponse:
    return await _done(visit, audit_id, lambda: service.cancel(visit.runtime.uow, visit.org_id, audit_id, visit.runtime.clock.now()), "cancelled")


@page(Permission.CONTRACTS_WRITE)
async def retry(visit: Visit, audit_id: str) -> HttpResponse:
    only_post(visit.request)
    runtime = visit.runtime
    try:
        audit, _ = await service.retry(runtime.uow, visit.org_id, visit.principal.user_id, audit_id, runtime.clock.now())
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:
        return visit.render("audits/detail.html", await _detail(visit, audit_id) | {"warning": gettext(error.detail)}, status=error.status)
    return redirect(f"/audits/{audit.id}/?done=ordered")


@page(Permission.CONTRACTS_WRITE)
async def suppress(visit: Visit, audit_id: str, finding_id: str) -> HttpResponse:
    form = Form(visit.request, "reason")
    only_post(visit.request)
    reason = form.line("reason", most=REASON_MAX)
    if form.errors:
        warning = gettext("The reason %(problem)s. The finding is open as before.") % {"problem": form.errors["reason"]}
        return visit.render("audits/detail.html", await _detail(visit, audit_id) | {"warning": warning}, status=422)
    runtime = visit.runtime
    args = (runtime.uow, visit.org_id, visit.principal.user_id, audit_id, finding_id, reason, runtime.clock.now())
    return await _done(visit, audit_id, lambda: service.suppress(*args), "suppressed")


@page(Permission.CONTRACTS_WRITE)
async def reopen(visit: Visit, audit_id: str, finding_id: str) -> HttpResponse:
    runtime = visit.runtime
    return await _done(visit, audit_id, lambda: service.reopen(runtime.uow, visit.org_id, audit_id, finding_id, runtime.clock.now()), "reopened")


async def _done(visit: Visit, audit_id: str, work: Callable[[], Awaitable[object]], word: str) -> HttpResponse:
    only_post(visit.request)
    try:
        await work()
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:
        return visit.render("audits/detail.html", await _detail(visit, audit_id) | {"warning": gettext(error.detail)}, status=error.status)
    return redirect(f"/audits/{audit_id}/?{urlencode({'done': word})}")


async def _names(user_ids: set[str]) -> dict[str, str]:
    users = await people.users(sorted(user_ids))
    return {user.id: f"{user.first_name} {user.last_name}".strip() or user.username for user in users}


async def _audit(visit: Visit, audit_id: str) -> ContractAudit:
    found = await store.get(visit.org_id, audit_id)
    if found is None:
        raise Http404
    return found


def _flash(visit: Visit) -> str:
    return gettext(FLASHES.get(visit.request.GET.get("done", ""), ""))
