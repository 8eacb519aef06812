"""/api/ai/crypto-news/: what the configured feeds told."""

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.http.answers import answer
from crypto_api.http.paging import PageQuery, page_request
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.news import NewsItemRead, NewsRead
from crypto_api.news import store
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of

router = Router(tags=["news"])
SORTS = {"published_at": "published_at"}


@router.get("/ai/crypto-news/", response=NewsRead, summary="News of the configured feeds")
@requires(Permission.DASHBOARD_READ)
async def list_crypto_news(request: HttpRequest, query: Query[PageQuery]) -> HttpResponse:
    """Latest first. Plain text and https links; where no feed is configured the list is empty and says so."""
    page = await store.page(page_request(query, SORTS, "-published_at"))
    items = [NewsItemRead.of(row) for row in page.items]
    configured = bool(runtime_of(request.scope).news.addresses)
    return answer(NewsRead(items=items, next_cursor=page.next_cursor, total=page.total, configured=configured))
