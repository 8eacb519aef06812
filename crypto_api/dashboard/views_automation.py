"""What comes round by itself, and jobs that failed for good: of an organisation, and, for its operator, of the installation."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from django.http import Http404, HttpResponse
from django.shortcuts import redirect

from crypto_api.dashboard.access import Visit, Visitor, page, platform_page
from crypto_api.dashboard.forms import only_post
from crypto_api.desks import forget_caches, task_desk_of
from crypto_api.flows import operate_tasks
from crypto_api.flows.operate_tasks import ScheduleState, TaskDesk
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound
from crypto_api.kit.paging import PageRequest
from crypto_api.organizations.types import Permission
from crypto_api.tasks import store
from crypto_api.tasks.types import INSTALLATION, ScheduleName

ROWS = 50
FLASHES = {
    "stopped": "Stopped. What runs at this moment is finished.",
    "started": "Started. What fell due meanwhile is done with the next run.",
    "asked": "A worker takes it up within seconds. The task log shows how it goes.",
    "cleared": "The caches are cleared. Nothing of record was touched.",
    "replayed": "It is on the queue again. The task log shows how it goes.",
    "discarded": "Discarded. Nobody does it again.",
}


@dataclass(frozen=True)
class Place:
    """Whose schedules a page shows, and where its forms go: the names of its addresses begin with `names`."""

    org_id: str
    names: str
    may_write: bool
    may_see_why: bool  # what failed for all may name another organisation's things
    home: str


def _of(visit: Visit) -> Place:
    return Place(visit.org_id, "", visit.may(Permission.TASKS_WRITE), False, "/automation/")


def _platform(visitor: Visitor) -> Place:
    return Place(INSTALLATION, "platform-", visitor.may(Permission.PLATFORM_WRITE), True, "/platform/automation/")


# ---- an organisation's ------------------------------------------------------------------------------------------------------------


@page(Permission.TASKS_READ)
async def automation_page(visit: Visit) -> HttpResponse:
    return await _schedules(visit, _of(visit), "automation/page.html")


@page(Permission.TASKS_READ)
async def automation_fragment(visit: Visit) -> HttpResponse:
    return await _schedules(visit, _of(visit), "automation/schedules.html")


@page(Permission.TASKS_WRITE)
async def switch(visit: Visit) -> HttpResponse:
    return await _switch(visit, _of(visit))


@page(Permission.TASKS_WRITE)
async def run_now(visit: Visit) -> HttpResponse:
    return await _run_now(visit, _of(visit))


@page(Permission.TASKS_WRITE)
async def clear_cache(visit: Visit) -> HttpResponse:
    return await _clear(visit, _of(visit))


@page(Permission.TASKS_READ)
async def dead_letters_page(visit: Visit) -> HttpResponse:
    return await _letters(visit, _of(visit), "automation/dead_letters.html")


@page(Permission.TASKS_READ)
async def dead_letters_fragment(visit: Visit) -> HttpResponse:
    return await _letters(visit, _of(visit), "automation/dead_letter_rows.html")


@page(Permission.TASKS_WRITE)
async def replay_letter(visit: Visit, dead_letter_id: str) -> HttpResponse:
    return await _deal_with(visit, _of(visit), lambda desk: operate_tasks.replay_dead_letter(desk, dead_letter_id), "replayed")


@page(Permission.TASKS_WRITE)
async def discard_letter(visit: Visit, dead_letter_id: str) -> HttpResponse:
    return await _deal_with(visit, _of(visit), lambda desk: operate_tasks.discard_dead_letter(desk, dead_letter_id), "discarded")


# ---- the installation's -----------------------------------------------------------------------------------------------------------


@platform_page(Permission.PLATFORM_READ)
async def platform_automation_page(visitor: Visitor) -> HttpResponse:
    return await _schedules(visitor, _platform(visitor), "automation/page.html")


@platform_page(Permission.PLATFORM_READ)
async def platform_automation_fragment(visitor: Visitor) -> HttpResponse:
    return await _schedules(visitor, _platform(visitor), "automation/schedules.html")


@platform_page(Permission.PLATFORM_WRITE)
async def platform_switch(visitor: Visitor) -> HttpResponse:
    return await _switch(visitor, _platform(visitor))


@platform_page(Permission.PLATFORM_WRITE)
async def platform_run_now(visitor: Visitor) -> HttpResponse:
    return await _run_now(visitor, _platform(visitor))


@platform_page(Permission.PLATFORM_WRITE)
async def platform_clear_cache(visitor: Visitor) -> HttpResponse:
    return await _clear(visitor, _platform(visitor))


@platform_page(Permission.PLATFORM_READ)
async def platform_dead_letters_page(visitor: Visitor) -> HttpResponse:
    return await _letters(visitor, _platform(visitor), "automation/dead_letters.html")


@platform_page(Permission.PLATFORM_READ)
async def platform_dead_letters_fragment(visitor: Visitor) -> HttpResponse:
    return await _letters(visitor, _platform(visitor), "automation/dead_letter_rows.html")


@platform_page(Permission.PLATFORM_WRITE)
async def platform_replay_letter(visitor: Visitor, dead_letter_id: str) -> HttpResponse:
    return await _deal_with(visitor, _platform(visitor), lambda desk: operate_tasks.replay_dead_letter(desk, dead_letter_id), "replayed")


@platform_page(Permission.PLATFORM_WRITE)
async def platform_discard_letter(visitor: Visitor, dead_letter_id: str) -> HttpResponse:
    return await _deal_with(visitor, _platform(visitor), lambda desk: operate_tasks.discard_dead_letter(desk, dead_letter_id), "discarded")


# ---- alike for both ---------------------------------------------------------------------------------------------------------------


def _desk(visitor: Visitor, place: Place) -> TaskDesk:
    return task_desk_of(visitor.runtime, visitor.principal, place.org_id)


def _around(visitor: Visitor, place: Place, warning: str) -> dict[str, object]:
    urls = {name: place.names + name for name in ("automation", "dead-letters", "dead-letter-replay", "dead-letter-discard")}
    urls |= {name: place.names + name for name in ("automation-switch", "automation-run", "automation-clear-cache")}
    return {
        "place": place,
        "urls": {name.replace("-", "_"): url for name, url in urls.items()},
        "fragments": {"schedules": f"{place.names}automation-fragment", "letters": f"{place.names}dead-letters-fragment"},
        "flash": "" if warning else FLASHES.get(visitor.request.GET.get("done", ""), ""),
        "warning": warning,
    }


async def _schedules(visitor: Visitor, place: Place, template: str, *, warning: str = "", status: int = 200) -> HttpResponse:
    rows = await operate_tasks.automation_state(place.org_id)
    values = {
        "rows": rows,
        "open_letters": await store.open_dead_letters(place.org_id),
        "some_run": any(row.stopped_at is None and not row.schedule.essential for row in rows),
        "some_stopped": any(_is_stopped_here(place, row) for row in rows),
    }
    return visitor.render(template, _around(visitor, place, warning) | values, status=status)


def _is_stopped_here(place: Place, row: ScheduleState) -> bool:
    mine = row.shared if place.org_id == INSTALLATION else row.own
    return mine is not None and mine.stopped_at is not None


async def _switch(visitor: Visitor, place: Place) -> HttpResponse:
    only_post(visitor.request)
    name, stop = _named(visitor.request.POST.get("schedule", "")), visitor.request.POST.get("stop") == "true"
    change = operate_tasks.stop if stop else operate_tasks.start
    return await _act(visitor, place, lambda desk: change(desk, name), f"{place.home}?done={'stopped' if stop else 'started'}")


async def _run_now(visitor: Visitor, place: Place) -> HttpResponse:
    only_post(visitor.request)
    name = _named(visitor.request.POST.get("schedule", ""))
    if name is None:
        raise Http404
    return await _act(visitor, place, lambda desk: operate_tasks.run_schedule(desk, name), f"{place.home}?done=asked")


async def _clear(visitor: Visitor, place: Place) -> HttpResponse:
    only_post(visitor.request)
    await operate_tasks.clear_caches(_desk(visitor, place))
    forget_caches(visitor.runtime)
    return redirect(f"{place.home}?done=cleared")


def _named(given: str) -> ScheduleName | None:
    """None for all of them."""
    try:
        return ScheduleName(given) if given else None
    except ValueError as error:
        raise Http404 from error


async def _act(visitor: Visitor, place: Place, act: Callable[[TaskDesk], Awaitable[object]], then: str) -> HttpResponse:
    try:
        await act(_desk(visitor, place))
    except InvalidInput as error:  # a schedule that is not the organisation's
        raise Http404 from error
    except CoreError as error:
        return await _schedules(visitor, place, "automation/page.html", warning=error.detail, status=error.status)
    return redirect(then)


async def _letters(visitor: Visitor, place: Place, template: str, *, warning: str = "", status: int = 200) -> HttpResponse:
    everything = visitor.request.GET.get("show") == "all"
    request = PageRequest(limit=ROWS, cursor=visitor.request.GET.get("cursor") or None)
    try:
        found = await store.dead_letters(place.org_id, request, open_only=None if everything else True)
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    values = {"letters": found.items, "next_cursor": found.next_cursor, "everything": everything}
    return visitor.render(template, _around(visitor, place, warning) | values, status=status)


async def _deal_with(visitor: Visitor, place: Place, act: Callable[[TaskDesk], Awaitable[object]], done: str) -> HttpResponse:
    only_post(visitor.request)
    try:
        await act(_desk(visitor, place))
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:
        return await _letters(visitor, place, "automation/dead_letters.html", warning=error.detail, status=error.status)
    return redirect(f"{place.home.replace('automation', 'dead-letters')}?done={done}")
