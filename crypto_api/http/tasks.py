"""/api/system/tasks/, /api/system/dead-letters/: work that takes long or happens by itself, and jobs that failed for good."""

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.desks import task_desk_of
from crypto_api.flows import operate_tasks
from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.system import DeadLetterQuery, DeadLetterRead, TaskQuery, TaskRead
from crypto_api.kit.errors import NotFound
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of
from crypto_api.tasks import store

router = Router(tags=["system"])

SORTS = {"created_at": "_id"}


def desk_of(request: HttpRequest) -> operate_tasks.TaskDesk:
    return task_desk_of(runtime_of(request.scope), principal_of(request), org_of(request))


@router.get("/system/tasks/", response=PageRead[TaskRead], summary="List tasks")
@requires(Permission.TASKS_READ)
async def list_tasks(request: HttpRequest, query: Query[TaskQuery]) -> HttpResponse:
    page = await store.page(org_of(request), page_request(query, SORTS, "-created_at"), status=query.status, kind=query.kind, q=query.q)
    return answer(page_read(page, TaskRead.of))


@router.get("/system/tasks/{task_id}/", response=TaskRead, summary="Get a task")
@requires(Permission.TASKS_READ)
async def get_task(request: HttpRequest, task_id: str) -> HttpResponse:
    task = await store.get(org_of(request), task_id)
    if task is None:
        raise NotFound
    return answer(TaskRead.of(task))


@router.post("/system/tasks/{task_id}/cancel/", response=TaskRead, summary="Cancel a task")
@requires(Permission.TASKS_WRITE)
@idempotent
async def cancel_task(request: HttpRequest, task_id: str) -> HttpResponse:
    """What waits is cancelled at once, what runs within seconds: until then `cancel_requested_at` is set. Nothing is undone; what is
    still due is found by the next run. 409 `task_not_cancellable` when it has ended, or is cancelled where it was ordered."""
    return answer(TaskRead.of(await operate_tasks.cancel_task(desk_of(request), task_id)))


@router.post("/system/tasks/{task_id}/retry/", response={202: TaskRead}, summary="Have a task done again")
@requires(Permission.TASKS_WRITE)
@idempotent
async def retry_task(request: HttpRequest, task_id: str) -> HttpResponse:
    """A task of its own, whose `retry_of` names this one. 409 `task_not_retriable` unless it is a job or a run of a schedule that failed or was
    cancelled; 409 `run_already_asked` while another run of the schedule waits."""
    return answer(TaskRead.of(await operate_tasks.retry_task(desk_of(request), task_id)), status=202)


@router.get("/system/dead-letters/", response=PageRead[DeadLetterRead], summary="List jobs that failed for good")
@requires(Permission.TASKS_READ)
async def list_dead_letters(request: HttpRequest, query: Query[DeadLetterQuery]) -> HttpResponse:
    page = await store.dead_letters(org_of(request), page_request(query, SORTS, "-created_at"), open_only=query.open)
    return answer(page_read(page, DeadLetterRead.of))


@router.get("/system/dead-letters/{dead_letter_id}/", response=DeadLetterRead, summary="Get a job that failed for good")
@requires(Permission.TASKS_READ)
async def get_dead_letter(request: HttpRequest, dead_letter_id: str) -> HttpResponse:
    row = await store.dead_letter(org_of(request), dead_letter_id)
    if row is None:
        raise NotFound
    return answer(DeadLetterRead.of(row), version=row.version)


@router.post("/system/dead-letters/{dead_letter_id}/replay/", response={202: TaskRead}, summary="Have a failed job done again")
@requires(Permission.TASKS_WRITE)
@idempotent
async def replay_dead_letter(request: HttpRequest, dead_letter_id: str) -> HttpResponse:
    """It is put on the queue again, as a task. 409 `dead_letter_done` when it was dealt with already."""
    return answer(TaskRead.of(await operate_tasks.replay_dead_letter(desk_of(request), dead_letter_id)), status=202)


@router.post("/system/dead-letters/{dead_letter_id}/discard/", response=DeadLetterRead, summary="Discard a failed job")
@requires(Permission.TASKS_WRITE)
@idempotent
async def discard_dead_letter(request: HttpRequest, dead_letter_id: str) -> HttpResponse:
    """Nobody does it again. 409 `dead_letter_done` when it was dealt with already."""
    row = await operate_tasks.discard_dead_letter(desk_of(request), dead_letter_id)
    return answer(DeadLetterRead.of(row), version=row.version)
