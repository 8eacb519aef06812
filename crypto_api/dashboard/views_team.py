"""Who works for the organisation: as a list and as a tree, one of them, and adding more."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.http import Http404, HttpResponse
from django.shortcuts import redirect

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.forms import Form, only_post, version_of
from crypto_api.dashboard.list_filter import ListFilter
from crypto_api.dashboard.role_words import role_name
from crypto_api.dashboard.views_members import role_choices
from crypto_api.employees import rules, store
from crypto_api.employees.documents import Employee
from crypto_api.employees.types import EmployeeStatus, NewEmployee, Scope
from crypto_api.flows.add_employee import add_by_username, add_employee
from crypto_api.flows.edit_employee import add_record, change_record
from crypto_api.flows.employee_access import roles_of
from crypto_api.flows.employee_scope import conditions, scope_of, visible_employee
from crypto_api.flows.remove_employee import remove_employee
from crypto_api.flows.verify_employee import set_employee_status
from crypto_api.identity.rules import fold
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound, PermissionDenied, PreconditionFailed
from crypto_api.kit.paging import PageRequest
from crypto_api.organizations import store as organizations
from crypto_api.organizations.types import Permission, Role
from crypto_api.reports import people

NAME_MAX = 80
JOB_MAX = 120
PEOPLE_SHOWN_MAX = 2_000
"""In the tree and among the managers to choose from."""
RECORD_FIELDS = ("first_name", "last_name", "job_title", "department", "manager_id", "start_date")
FLASHES = {
    "added": "The person was added and waits for verification.",
    "invited": "An invitation is on its way. Once the person agrees, they wait for verification.",
    "saved": "Saved.",
    "suspended": "Suspended: they cannot act here until somebody lifts it.",
    "active": "They may act here again.",
    "pending": "They wait for verification anew.",
    "removed": "The person was removed. Their history stays.",
}
CHANGED = "Somebody else has changed this meanwhile. What stands there now was loaded below; look at it and save again."


@dataclass(frozen=True, slots=True)
class Filter(ListFilter):
    CHOICES = {"status": list(EmployeeStatus)}

    status: str = ""
    q: str = ""


@dataclass(frozen=True, slots=True)
class EmployeeRow:
    id: str
    name: str
    first_name: str
    email: str
    job: str
    manager: str
    role: str
    status: str
    has_account: bool
    since: datetime
    you: bool
    note: str = ""  # typed, but not accepted


@dataclass(slots=True)
class Node:
    """Somebody in the tree, with those whom they lead."""

    row: EmployeeRow
    reports: list["Node"] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many they lead, as far down as it goes."""
        return sum(1 + node.size for node in self.reports)


@page(Permission.EMPLOYEES_READ)
async def list_page(visit: Visit) -> HttpResponse:
    tree = visit.request.GET.get("view") == "tree"
    scope = await scope_of(visit.principal)
    may_verify = visit.may(Permission.EMPLOYEES_VERIFY)
    values = {
        "tree": tree,
        "status_choices": [status.value for status in EmployeeStatus],
        "own_team_only": scope.team is not None,
        "may_verify": may_verify,
        "pending_count": len(await store.pending(visit.org_id, scope.team, PEOPLE_SHOWN_MAX)) if may_verify else 0,
        "flash": FLASHES.get(visit.request.GET.get("done", ""), ""),
    }
    return visit.render("team/list.html", values | (await _tree(visit) if tree else await _rows(visit)))


@page(Permission.EMPLOYEES_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("team/rows.html", await _rows(visit))


@page(Permission.EMPLOYEES_READ)
async def tree_fragment(visit: Visit) -> HttpResponse:
    return visit.render("team/tree.html", await _tree(visit))


async def _rows(visit: Visit) -> dict[str, object]:
    wanted = Filter.of(visit.request)
    asked = PageRequest(limit=rows_wanted(visit.request), cursor=visit.request.GET.get("cursor") or None, sort="name_folded", descending=False)
    where = await conditions(visit.principal, status=EmployeeStatus(wanted.status) if wanted.status else None, q=wanted.q or None)
    try:
        found = await store.page(visit.org_id, where, asked)
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    return {
        "filter": wanted,
        "rows": await employee_rows(visit, found.items),
        "next_cursor": found.next_cursor,
        "first_page": asked.cursor is None,
        "may_write": visit.may(Permission.EMPLOYEES_WRITE),
    }


async def employee_rows(visit: Visit, employees: Sequence[Employee]) -> list[EmployeeRow]:
    above = await store.by_ids(visit.org_id, {row.manager_id for row in employees if row.manager_id})
    managers = {row.id: _named(row) for row in above}
    held = await roles_of(visit.org_id, employees)
    own = {role.id: role.name for role in await organizations.custom_roles(visit.org_id)}
    return [
        EmployeeRow(
            id=row.id,
            name=_named(row),
            first_name=row.first_name or _named(row),
            email="" if row.email.startswith("@") else row.email,
            job=", ".join(part for part in (row.job_title, row.department) if part),
            manager=managers.get(row.manager_id or "", ""),
            role=role_name(held.get(row.id), own),
            status=row.status.value,
            has_account=row.user_id is not None,
            since=row.updated_at,
            you=row.user_id == visit.principal.user_id,
        )
        for row in employees
    ]


async def _tree(visit: Visit) -> dict[str, object]:
    """Those present whom this person may see. Whose manager they do not see stands at the top."""
    asked = PageRequest(limit=PEOPLE_SHOWN_MAX, sort="name_folded", descending=False)
    found = await store.page(visit.org_id, await conditions(visit.principal), asked)
    nodes = {row.id: Node(row) for row in await employee_rows(visit, found.items)}
    top: list[Node] = []
    for employee in found.items:
        above = nodes.get(employee.manager_id or "")
        (top if above is None else above.reports).append(nodes[employee.id])
    return {"nodes": top, "filter": Filter(), "may_write": visit.may(Permission.EMPLOYEES_WRITE)}


def _named(employee: Employee) -> str:
    return f"{employee.first_name} {employee.last_name}".strip() or employee.email


# ---- adding ----------------------------------------------------------------------------------------------------------------------


@page(Permission.EMPLOYEES_WRITE)
async def add_page(visit: Visit) -> HttpResponse:
    """Somebody new: with a role they are invited to have access as well, without one they are a record only."""
    if visit.request.method != "POST":
        return await _form(visit, "team/add.html", {"manager_id": visit.request.GET.get("manager", ""), "access": "on", "role": Role.USER.value})
    form = Form(visit.request, "email", "access", "role", *RECORD_FIELDS)
    new = _new(form, form.email("email"))
    if form["access"] and not form["role"]:
        form.wrong("role", "must be chosen")
    if form.errors:
        return await _form(visit, "team/add.html", form.given, form.errors)
    runtime = visit.runtime
    try:
        if form["access"]:
            await add_employee(runtime.uow, runtime.clock, runtime.queue, visit.principal, new, form["role"])
        else:
            await add_record(runtime.uow, runtime.clock, visit.org_id, new)
    except InvalidInput as error:
        rest = form.refused(error, form.given)
        return await _form(visit, "team/add.html", form.given, form.errors, problem=rest, status=422)
    except CoreError as error:
        return await _form(visit, "team/add.html", form.given, problem=error.detail, status=error.status)
    return redirect(f"/team/?done={'invited' if form['access'] else 'added'}")


@page(Permission.EMPLOYEES_WRITE)
async def add_existing_page(visit: Visit) -> HttpResponse:
    """Somebody who has an account on this installation, by their consent."""
    if visit.request.method != "POST":
        return await _form(visit, "team/add_existing.html", {"role": Role.USER.value})
    names = ("who", "role", "job_title", "department", "manager_id", "start_date")
    form = Form(visit.request, *names)
    who, by_email = form.line("who"), "@" in form["who"]
    new = _placed(form, NewEmployee(email=fold(who) if by_email else ""))
    if not form["role"]:
        form.wrong("role", "must be chosen")
    if form.errors:
        return await _form(visit, "team/add_existing.html", form.given, form.errors)
    runtime = visit.runtime
    try:
        if by_email:
            await add_employee(runtime.uow, runtime.clock, runtime.queue, visit.principal, new, form["role"])
        else:
            await add_by_username(runtime.uow, runtime.clock, runtime.queue, visit.principal, who, new, form["role"])
    except InvalidInput as error:
        for row in error.errors:
            form.wrong("who" if row.field in ("email", "username") else row.field, row.message)
        return await _form(visit, "team/add_existing.html", form.given, form.errors)
    except CoreError as error:
        return await _form(visit, "team/add_existing.html", form.given, problem=error.detail, status=error.status)
    return redirect("/team/?done=invited")


def _new(form: Form, email: str) -> NewEmployee:
    first, last = form.line("first_name", most=NAME_MAX), form.line("last_name", most=NAME_MAX)
    return _placed(form, NewEmployee(email=fold(email), first_name=first, last_name=last))


def _placed(form: Form, person: NewEmployee) -> NewEmployee:
    """With their place in the organisation, as it was typed."""
    title, department = (form.line(name, most=JOB_MAX, needed=False) for name in ("job_title", "department"))
    return replace(person, job_title=title, department=department, manager_id=form["manager_id"] or None, start_date=form.day("start_date"))


async def _form(
    visit: Visit, template: str, given: dict[str, str], errors: dict[str, str] | None = None, *, problem: str = "", status: int | None = None
) -> HttpResponse:
    values = {
        "given": given,
        "errors": errors,
        "problem": problem,
        "manager_choices": await _manager_choices(visit),
        "roles": await role_choices(visit),
    }
    return visit.render(template, values, status=status or (422 if errors else 200))


async def _manager_choices(visit: Visit, *, of: str = "") -> list[tuple[str, str]]:
    """Everybody present who can be the manager of employee `of`: not themselves, and nobody of their own team."""
    found = await store.page(visit.org_id, {"present": True}, PageRequest(limit=PEOPLE_SHOWN_MAX, sort="name_folded", descending=False))
    below = set(rules.depths_below(await store.managers(visit.org_id), of)) | {of} if of else set()
    return [(row.id, _named(row)) for row in found.items if row.id not in below]


# ---- one of them -----------------------------------------------------------------------------------------------------------------


@page(Permission.EMPLOYEES_READ)
async def employee_page(visit: Visit, employee_id: str) -> HttpResponse:
    employee = await _visible(visit, employee_id)
    if visit.request.method != "POST":
        return await _employee(visit, employee, flash=FLASHES.get(visit.request.GET.get("done", ""), ""))
    if not visit.may(Permission.EMPLOYEES_WRITE):
        return visit.render("403.html", {"permission": Permission.EMPLOYEES_WRITE.value}, status=403)
    form = Form(visit.request, *RECORD_FIELDS)
    new = _new(form, employee.email)
    fields = {name: getattr(new, name) for name in RECORD_FIELDS}
    if form.errors:
        return await _employee(visit, employee, given=form.given, errors=form.errors, status=422)
    try:
        await change_record(visit.runtime.uow, visit.runtime.clock, visit.org_id, employee_id, fields, version_of(visit.request))
    except InvalidInput as error:
        rest = form.refused(error, form.given)
        return await _employee(visit, employee, given=form.given, errors=form.errors, problem=rest, status=422)
    except PreconditionFailed as error:
        return await _employee(visit, await _visible(visit, employee_id), problem=CHANGED, status=error.status)
    except CoreError as error:
        return await _employee(visit, employee, given=form.given, problem=error.detail, status=error.status)
    return redirect(f"/team/{employee_id}/?done=saved")


@page(Permission.EMPLOYEES_WRITE)
async def set_status(visit: Visit, employee_id: str) -> HttpResponse:
    wanted = visit.request.POST.get("status", "")
    if wanted not in ("active", "suspended", "pending"):
        raise Http404
    runtime, status = visit.runtime, EmployeeStatus(wanted)
    return await _act(
        visit,
        employee_id,
        f"/team/{employee_id}/?done={wanted}",
        lambda: set_employee_status(runtime.uow, runtime.clock, visit.principal, employee_id, status, version_of(visit.request)),
    )


@page(Permission.EMPLOYEES_VERIFY)
async def remove(visit: Visit, employee_id: str) -> HttpResponse:
    runtime = visit.runtime
    return await _act(
        visit, employee_id, "/team/?done=removed", lambda: remove_employee(runtime.uow, runtime.clock, visit.principal, employee_id, None)
    )


async def _act(visit: Visit, employee_id: str, then: str, act: Callable[[], Awaitable[Employee]]) -> HttpResponse:
    only_post(visit.request)
    try:
        await act()
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:
        return await _employee(visit, await _visible(visit, employee_id), problem=error.detail, status=error.status)
    return redirect(then)


async def _visible(visit: Visit, employee_id: str) -> Employee:
    """Somebody outside the own team is absent here, as somebody of another organisation is."""
    try:
        return await visible_employee(visit.principal, employee_id)
    except (NotFound, PermissionDenied) as error:
        raise Http404 from error


async def _employee(visit: Visit, employee: Employee, *, status: int = 200, **values: object) -> HttpResponse:
    scope: Scope = await scope_of(visit.principal)
    (row,) = await employee_rows(visit, [employee])
    verifiers = await people.names_of({employee.verified_by} if employee.verified_by else set())
    decides = scope.governs(employee.id) and not row.you and employee.present
    writes, verifies = visit.may(Permission.EMPLOYEES_WRITE), visit.may(Permission.EMPLOYEES_VERIFY)
    around = {
        "employee": employee,
        "row": row,
        "given": {name: getattr(employee, name) or "" for name in RECORD_FIELDS},
        "version": employee.version,
        "verified_by": verifiers.get(employee.verified_by or "", ""),
        "reports": await employee_rows(visit, await store.reports_of(visit.org_id, employee.id)),
        "may_edit": writes and employee.present,
        "may_suspend": writes and decides,
        "may_remove": verifies and decides,
        "may_see_pay": visit.may(Permission.PAYROLL_READ) and employee.present,
        "may_verify": verifies and decides and employee.status is EmployeeStatus.PENDING,
        "manager_choices": await _manager_choices(visit, of=employee.id) if writes else [],
    }
    return visit.render("team/employee.html", around | values, status=status)
