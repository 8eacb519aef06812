"""/api/system/tasks/: work that takes long or happens by itself."""

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.system import TaskQuery, TaskRead
from crypto_api.kit.errors import NotFound
from crypto_api.organizations.types import Permission
from crypto_api.tasks import store

router = Router(tags=["system"])


@router.get("/system/tasks/", response=PageRead[TaskRead], summary="List tasks")
@requires(Permission.TASKS_READ)
async def list_tasks(request: HttpRequest, query: Query[TaskQuery]) -> HttpResponse:
    page = await store.page(org_of(request), page_request(query, {"created_at": "_id"}, "-created_at"), status=query.status, kind=query.kind)
    return answer(page_read(page, TaskRead.of))


@router.get("/system/tasks/{task_id}/", response=TaskRead, summary="Get a task")
@requires(Permission.TASKS_READ)
async def get_task(request: HttpRequest, task_id: str) -> HttpResponse:
    task = await store.get(org_of(request), task_id)
    if task is None:
        raise NotFound
    return answer(TaskRead.of(task))
