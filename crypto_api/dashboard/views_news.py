"""News of the feeds that the operator named: strangers' words, as plain text."""

from urllib.parse import urlsplit

from django.http import Http404, HttpResponse

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.paging import PageRequest
from crypto_api.news import store
from crypto_api.organizations.types import Permission


@page(Permission.DASHBOARD_READ)
async def news_page(visit: Visit) -> HttpResponse:
    return visit.render("news/list.html", await _news(visit))


@page(Permission.DASHBOARD_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("news/rows.html", await _news(visit))


async def _news(visit: Visit) -> dict[str, object]:
    request = PageRequest(limit=rows_wanted(visit.request), cursor=visit.request.GET.get("cursor") or None, sort="published_at")
    try:
        found = await store.page(request)
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    hosts = sorted({urlsplit(address).hostname or "" for address in visit.runtime.news.addresses})
    return {"rows": found.items, "next_cursor": found.next_cursor, "first_page": request.cursor is None, "hosts": hosts}
