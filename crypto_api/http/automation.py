"""/api/system/automation/, run-tasks, clear-cache: what comes round by itself for an organisation."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from crypto_api.desks import forget_caches
from crypto_api.flows import operate_tasks
from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of
from crypto_api.http.idempotency import idempotent
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.system import AutomationRead, AutomationSwitch, CacheClearingRead, ScheduleRunCreate, TaskRead
from crypto_api.http.tasks import desk_of
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of

router = Router(tags=["system"])


@router.get("/system/automation/status/", response=AutomationRead, summary="What comes round by itself, and how it goes")
@requires(Permission.TASKS_READ)
async def get_automation_status(request: HttpRequest) -> HttpResponse:
    """Each schedule with its last and next run and its failures."""
    return answer(AutomationRead.of(await operate_tasks.automation_state(org_of(request))))


@router.post("/system/automation/start/", response=AutomationRead, summary="Start a schedule, or all of them")
@requires(Permission.TASKS_WRITE)
@idempotent
async def start_automation(request: HttpRequest, body: AutomationSwitch) -> HttpResponse:
    """For this organisation. What fell due meanwhile is done with the next run. A schedule that the installation has stopped stays so."""
    await operate_tasks.start(desk_of(request), body.schedule)
    return answer(AutomationRead.of(await operate_tasks.automation_state(org_of(request))))


@router.post("/system/automation/stop/", response=AutomationRead, summary="Stop a schedule, or all of them")
@requires(Permission.TASKS_WRITE)
@idempotent
async def stop_automation(request: HttpRequest, body: AutomationSwitch) -> HttpResponse:
    """For this organisation, others go on. Within a second no run begins any more; one that goes on is finished."""
    await operate_tasks.stop(desk_of(request), body.schedule)
    return answer(AutomationRead.of(await operate_tasks.automation_state(org_of(request))))


@router.post("/system/run-tasks/", response={202: TaskRead}, summary="Run a schedule now")
@requires(Permission.TASKS_WRITE)
@idempotent
async def run_tasks(request: HttpRequest, body: ScheduleRunCreate) -> HttpResponse:
    """Once, for this organisation alone, also of a schedule that is stopped. 409 `run_already_asked` while one that was asked for has not ended."""
    return answer(TaskRead.of(await operate_tasks.run_schedule(desk_of(request), body.task)), status=202)


@router.post("/system/clear-cache/", response=CacheClearingRead, summary="Forget what is kept in memory")
@requires(Permission.TASKS_WRITE)
@idempotent
async def clear_cache(request: HttpRequest) -> HttpResponse:
    """This process at once, every worker within seconds. Nothing of record is lost: what was kept only saved asking again."""
    await operate_tasks.clear_caches(desk_of(request))
    return answer(CacheClearingRead(cleared=forget_caches(runtime_of(request.scope))))
