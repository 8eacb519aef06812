"""/api/platform/automation/, tasks, dead-letters: what the installation as a whole does by itself, for its operator."""

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.desks import forget_caches, task_desk_of
from crypto_api.flows import operate_tasks
from crypto_api.http.answers import answer
from crypto_api.http.auth import principal_of
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.system import (
    AutomationRead,
    AutomationSwitch,
    CacheClearingRead,
    DeadLetterQuery,
    DeadLetterRead,
    ScheduleRunCreate,
    TaskQuery,
    TaskRead,
)
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of
from crypto_api.tasks import store
from crypto_api.tasks.types import INSTALLATION

router = Router(tags=["platform"])

SORTS = {"created_at": "_id"}


def _desk(request: HttpRequest) -> operate_tasks.TaskDesk:
    return task_desk_of(runtime_of(request.scope), principal_of(request), INSTALLATION)


async def _status() -> HttpResponse:
    return answer(AutomationRead.of(await operate_tasks.automation_state(INSTALLATION), installation=True))


@router.get("/platform/automation/status/", response=AutomationRead, summary="What the installation does by itself, and how it goes")
@requires(Permission.PLATFORM_READ)
async def get_platform_automation(request: HttpRequest) -> HttpResponse:
    return await _status()


@router.post("/platform/automation/start/", response=AutomationRead, summary="Start a schedule for the whole installation, or all")
@requires(Permission.PLATFORM_WRITE)
@idempotent
async def start_platform_automation(request: HttpRequest, body: AutomationSwitch) -> HttpResponse:
    """An organisation that has stopped it for itself has it stopped still."""
    await operate_tasks.start(_desk(request), body.schedule)
    return await _status()


@router.post("/platform/automation/stop/", response=AutomationRead, summary="Stop a schedule for the whole installation, or all")
@requires(Permission.PLATFORM_WRITE)
@idempotent
async def stop_platform_automation(request: HttpRequest, body: AutomationSwitch) -> HttpResponse:
    """409 `schedule_essential` for what people's orders wait for."""
    await operate_tasks.stop(_desk(request), body.schedule)
    return await _status()


@router.post("/platform/run-tasks/", response={202: TaskRead}, summary="Run a schedule now, for everybody")
@requires(Permission.PLATFORM_WRITE)
@idempotent
async def run_platform_tasks(request: HttpRequest, body: ScheduleRunCreate) -> HttpResponse:
    """409 `run_already_asked` while one that was asked for has not ended."""
    return answer(TaskRead.of(await operate_tasks.run_schedule(_desk(request), body.task)), status=202)


@router.post("/platform/clear-cache/", response=CacheClearingRead, summary="Forget what is kept in memory, everywhere")
@requires(Permission.PLATFORM_WRITE)
@idempotent
async def clear_platform_cache(request: HttpRequest) -> HttpResponse:
    await operate_tasks.clear_caches(_desk(request))
    return answer(CacheClearingRead(cleared=forget_caches(runtime_of(request.scope))))


@router.get("/platform/tasks/", response=PageRead[TaskRead], summary="Tasks of the installation itself")
@requires(Permission.PLATFORM_READ)
async def list_platform_tasks(request: HttpRequest, query: Query[TaskQuery]) -> HttpResponse:
    """Those of organisations are theirs alone."""
    page = await store.page(INSTALLATION, page_request(query, SORTS, "-created_at"), status=query.status, kind=query.kind, q=query.q)
    return answer(page_read(page, TaskRead.of))


@router.get("/platform/dead-letters/", response=PageRead[DeadLetterRead], summary="Jobs of the installation that failed for good")
@requires(Permission.PLATFORM_READ)
async def list_platform_dead_letters(request: HttpRequest, query: Query[DeadLetterQuery]) -> HttpResponse:
    page = await store.dead_letters(INSTALLATION, page_request(query, SORTS, "-created_at"), open_only=query.open)
    return answer(page_read(page, DeadLetterRead.of))


@router.post("/platform/dead-letters/{dead_letter_id}/replay/", response={202: TaskRead}, summary="Have a failed job of the installation done again")
@requires(Permission.PLATFORM_WRITE)
@idempotent
async def replay_platform_dead_letter(request: HttpRequest, dead_letter_id: str) -> HttpResponse:
    """409 `dead_letter_done` when it was dealt with already."""
    return answer(TaskRead.of(await operate_tasks.replay_dead_letter(_desk(request), dead_letter_id)), status=202)


@router.post("/platform/dead-letters/{dead_letter_id}/discard/", response=DeadLetterRead, summary="Discard a failed job of the installation")
@requires(Permission.PLATFORM_WRITE)
@idempotent
async def discard_platform_dead_letter(request: HttpRequest, dead_letter_id: str) -> HttpResponse:
    """409 `dead_letter_done` when it was dealt with already."""
    row = await operate_tasks.discard_dead_letter(_desk(request), dead_letter_id)
    return answer(DeadLetterRead.of(row), version=row.version)
