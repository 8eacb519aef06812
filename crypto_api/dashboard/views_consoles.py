"""The consoles of admins and managers: the log of tasks, how things stand, who is on. Each follows its own socket."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.forms import only_post
from crypto_api.desks import task_desk_of
from crypto_api.flows import console_state, operate_tasks
from crypto_api.flows.end_member_sessions import end_member_sessions
from crypto_api.flows.lift_lock_out import lift_lock_out
from crypto_api.flows.operate_tasks import TaskDesk
from crypto_api.identity.errors import TooManyLifts
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound
from crypto_api.kit.paging import PageRequest
from crypto_api.organizations.types import Permission
from crypto_api.reports.presence import presence
from crypto_api.tasks import service, store
from crypto_api.tasks.documents import Task
from crypto_api.tasks.types import TaskStatus

TEXT_MAX = 100
TASK_SOCKET, STATS_SOCKET, USERS_SOCKET = (f"/api/ws/admin/{name}/" for name in ("task-logs", "dashboard-stats", "user-management"))
FLASHES = {
    "cancelled": "Cancelled. What runs is cut off within seconds; what is still due is found by the next run.",
    "retried": "A worker takes it up within seconds.",
    "lifted": "They may try again at once.",
    "ended": "Every session of theirs in this organisation is ended.",
}


@dataclass(frozen=True, slots=True)
class TaskFilter:
    q: str = ""
    status: str = ""
    kind: str = ""

    @classmethod
    def of(cls, request: HttpRequest) -> "TaskFilter":
        status = request.GET.get("status", "")
        q, kind = (request.GET.get(name, "").strip()[:TEXT_MAX] for name in ("q", "kind"))
        return cls(q, status if status in list(TaskStatus) else "", kind)

    @property
    def narrows(self) -> bool:
        return bool(self.q or self.status or self.kind)

    def query_string(self) -> str:
        return urlencode({name: getattr(self, name) for name in ("q", "status", "kind") if getattr(self, name)})


@dataclass(frozen=True, slots=True)
class TaskRow:
    task: Task
    cancellable: bool
    retriable: bool
    took_ms: int | None


# ---- the log of tasks -------------------------------------------------------------------------------------------------------------


@page(Permission.CONSOLES_READ)
async def tasks_page(visit: Visit) -> HttpResponse:
    return await _tasks(visit, "consoles/tasks.html")


@page(Permission.CONSOLES_READ)
async def tasks_fragment(visit: Visit) -> HttpResponse:
    return await _tasks(visit, "consoles/task_rows.html")


async def _tasks(visit: Visit, template: str, *, warning: str = "", status: int = 200) -> HttpResponse:
    wanted, request = TaskFilter.of(visit.request), PageRequest(limit=rows_wanted(visit.request), cursor=visit.request.GET.get("cursor") or None)
    try:
        found = await store.page(
            visit.org_id, request, status=TaskStatus(wanted.status) if wanted.status else None, kind=wanted.kind or None, q=wanted.q or None
        )
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    values = {
        "rows": [_shown(row) for row in found.items],
        "next_cursor": found.next_cursor,
        "filter": wanted,
        "first_page": request.cursor is None,
        "follows": visit.request.GET.get("follow") != "no",
        "kinds": await store.kinds(visit.org_id),
        "statuses": list(TaskStatus),
        "may_write": visit.may(Permission.TASKS_WRITE),
        "flash": "" if warning else FLASHES.get(visit.request.GET.get("done", ""), ""),
        "warning": warning,
        "live_url": TASK_SOCKET,
    }
    return visit.render(template, values, status=status)


def _shown(task: Task) -> TaskRow:
    took = task.finished_at - task.started_at if task.finished_at is not None and task.started_at is not None else None
    return TaskRow(task, service.is_cancellable(task), service.is_retriable(task), round(took.total_seconds() * 1000) if took is not None else None)


@page(Permission.TASKS_WRITE)
async def cancel_task(visit: Visit, task_id: str) -> HttpResponse:
    return await _act(visit, lambda desk: operate_tasks.cancel_task(desk, task_id), "cancelled")


@page(Permission.TASKS_WRITE)
async def retry_task(visit: Visit, task_id: str) -> HttpResponse:
    return await _act(visit, lambda desk: operate_tasks.retry_task(desk, task_id), "retried")


async def _act(visit: Visit, act: Callable[[TaskDesk], Awaitable[object]], done: str) -> HttpResponse:
    only_post(visit.request)
    try:
        await act(task_desk_of(visit.runtime, visit.principal, visit.org_id))
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:
        return await _tasks(visit, "consoles/tasks.html", warning=error.detail, status=error.status)
    return redirect(f"/tasks/?done={done}")


# ---- how things stand -------------------------------------------------------------------------------------------------------------


@page(Permission.CONSOLES_READ)
async def statistics_page(visit: Visit) -> HttpResponse:
    return visit.render("consoles/statistics.html", await _statistics(visit) | {"live_url": STATS_SOCKET, "live_state": True})


@page(Permission.CONSOLES_READ)
async def statistics_fragment(visit: Visit) -> HttpResponse:
    return visit.render("consoles/statistics_body.html", await _statistics(visit))


async def _statistics(visit: Visit) -> dict[str, object]:
    now, hub = visit.runtime.clock.now(), visit.request.scope["state"].get("hub")
    state = await console_state.dashboard_stats(visit.org_id, visit.runtime.queue.depth, hub.online(visit.org_id) if hub else 0, now)
    return {"state": state, "asked_at": now}


# ---- who is on --------------------------------------------------------------------------------------------------------------------


@page(Permission.CONSOLES_READ)
async def users_page(visit: Visit) -> HttpResponse:
    return await _users_page(visit)


async def _users_page(visit: Visit, *, warning: str = "", status: int = 200) -> HttpResponse:
    said = {"flash": "" if warning else FLASHES.get(visit.request.GET.get("done", ""), ""), "warning": warning}
    return visit.render("consoles/users.html", await _users(visit) | {"live_url": USERS_SOCKET, "live_state": True} | said, status=status)


@page(Permission.CONSOLES_READ)
async def users_fragment(visit: Visit) -> HttpResponse:
    return visit.render("consoles/user_rows.html", await _users(visit))


async def _users(visit: Visit) -> dict[str, object]:
    """The people for whoever may read the members, else the numbers alone."""
    rows = await presence(visit.org_id, visit.runtime.clock.now())
    return {
        "people": rows[: console_state.PEOPLE_SHOWN] if visit.may(Permission.MEMBERS_READ) else [],
        "may_read": visit.may(Permission.MEMBERS_READ),
        "may_write": visit.may(Permission.MEMBERS_WRITE),
        "members": len(rows),
        "online": sum(row.sessions > 0 for row in rows),
        "sessions": sum(row.sessions for row in rows),
        "locked": sum(row.locked_until is not None for row in rows),
        "own_id": visit.user.id,
    }


@page(Permission.MEMBERS_WRITE)
async def end_sessions(visit: Visit, user_id: str) -> HttpResponse:
    only_post(visit.request)
    try:
        await end_member_sessions(visit.runtime.uow, visit.runtime.clock, visit.principal, visit.org_id, user_id)
    except NotFound as error:
        raise Http404 from error
    return redirect("/users-online/?done=ended")


@page(Permission.MEMBERS_WRITE)
async def lift(visit: Visit, user_id: str) -> HttpResponse:
    """Of somebody's lock-out."""
    only_post(visit.request)
    try:
        await lift_lock_out(visit.runtime.uow, visit.runtime.clock, visit.principal, visit.org_id, user_id)
    except NotFound as error:
        raise Http404 from error
    except TooManyLifts as error:
        return await _users_page(visit, warning=error.detail, status=error.status)
    return redirect("/users-online/?done=lifted")
