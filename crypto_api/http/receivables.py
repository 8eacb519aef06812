"""/api/invoices/aging/: what clients owe, by how long it has been due."""

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.flows.age_receivables import age_receivables
from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.receivables import AgingQuery, AgingRead
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of

router = Router(tags=["receivables"])


@router.get("/invoices/aging/", response=AgingRead, summary="Aged receivables")
@requires(Permission.INVOICES_READ)
async def get_aged_receivables(request: HttpRequest, query: Query[AgingQuery]) -> HttpResponse:
    """As of the end of a day, in the functional currency. `total` and `other` are the balance of the receivable account: `other` is what is
    booked there and belongs to no invoice."""
    runtime = runtime_of(request.scope)
    return answer(AgingRead.of(await age_receivables(runtime.uow, runtime.clock, org_of(request), query.at)))
