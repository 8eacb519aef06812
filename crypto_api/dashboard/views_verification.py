"""The queue of those who wait until somebody who knows them says who they are."""

from django.http import Http404, HttpResponse
from django.shortcuts import redirect

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import Form, only_post
from crypto_api.dashboard.translation import gettext
from crypto_api.dashboard.views_team import employee_rows
from crypto_api.employees import store
from crypto_api.employees.types import EmployeeDecision
from crypto_api.flows.employee_scope import scope_of
from crypto_api.flows.verify_employee import verify_employee
from crypto_api.kit.errors import CoreError, NotFound
from crypto_api.organizations.types import Permission

SHOWN = 50
SOCKET = "/api/ws/admin/manager-verification/"
NOTE_MAX = 500
FLASHES = {
    "approve": "Approved. The person may act here from now on.",
    "reject": "Rejected. The person cannot act here.",
}


@page(Permission.EMPLOYEES_VERIFY)
async def queue_page(visit: Visit) -> HttpResponse:
    return await _queue(visit, flash=FLASHES.get(visit.request.GET.get("done", ""), ""))


async def _queue(visit: Visit, *, status: int = 200, **values: object) -> HttpResponse:
    shown = await _rows(visit) | {"live_url": SOCKET, "live_state": True}
    return visit.render("team/verification.html", shown | values, status=status)


@page(Permission.EMPLOYEES_VERIFY)
async def queue_fragment(visit: Visit) -> HttpResponse:
    return visit.render("team/queue.html", await _rows(visit))


async def _rows(visit: Visit) -> dict[str, object]:
    """Oldest first, of the own team for whoever decides for that alone."""
    scope = await scope_of(visit.principal)
    waiting = await store.pending(visit.org_id, scope.team, SHOWN + 1)
    return {"rows": await employee_rows(visit, waiting[:SHOWN]), "more": len(waiting) > SHOWN, "own_team_only": scope.team is not None}


@page(Permission.EMPLOYEES_VERIFY)
async def decide(visit: Visit, employee_id: str) -> HttpResponse:
    only_post(visit.request)
    form = Form(visit.request, "decision", "note")
    if form["decision"] not in list(EmployeeDecision):
        raise Http404
    note = form.line("note", most=NOTE_MAX, needed=False)
    if form.errors:
        return await _queue(visit, warning=gettext("The note %(problem)s. Nothing was decided.") % {"problem": form.errors["note"]}, status=422)
    decision = EmployeeDecision(form["decision"])
    try:
        await verify_employee(visit.runtime.uow, visit.runtime.clock, visit.principal, employee_id, decision, note)
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:  # decided by somebody else meanwhile, or not theirs to decide
        return await _queue(visit, warning=error.detail, status=error.status)
    return redirect(f"/team/verification/?done={decision}")
