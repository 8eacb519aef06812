"""/api/system/health/: whether this process lives, and whether each part that it needs answers."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from crypto_api.http.answers import answer
from crypto_api.http.permissions import open_to_all
from crypto_api.http.schemas.system import HealthRead, PartRead
from crypto_api.reports import parts as parts_report
from crypto_api.runtime import Runtime, runtime_of

router = Router(tags=["system"])


@router.get("/system/health/", auth=None, response={200: HealthRead, 503: HealthRead}, summary="Whether everything answers")
@open_to_all
async def get_health(request: HttpRequest) -> HttpResponse:
    """200 while the database is ready; parts that are not are named in `degraded`. 503 otherwise."""
    parts = await parts_of(runtime_of(request.scope))
    degraded = [name for name, part in parts.items() if not part.ready]
    alive = parts["mongodb"].ready
    status = "ok" if not degraded else "degraded" if alive else "unavailable"
    response = answer(HealthRead(status=status, degraded=degraded, parts=parts), status=200 if alive else 503)
    response["Cache-Control"] = "no-store"
    if not alive:
        response["Retry-After"] = "5"
    return response


async def parts_of(runtime: Runtime) -> dict[str, PartRead]:
    return {name: PartRead(**vars(part)) for name, part in (await parts_report.parts_of(runtime)).items()}
