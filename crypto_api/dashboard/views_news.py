"""News of the feeds that the operator named: strangers' words, as plain text."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.http import Http404, HttpResponse

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.translation import gettext
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.paging import PageRequest
from crypto_api.news import store
from crypto_api.news.documents import NewsFeed
from crypto_api.news.rules import feed_id
from crypto_api.organizations.types import Permission


@dataclass(frozen=True, slots=True)
class Shown:
    """A configured feed, by its host alone."""

    key: str
    name: str
    state: NewsFeed | None  # None: not asked yet

    @property
    def fails(self) -> bool:
        return self.state is not None and self.state.failures > 0


@page(Permission.DASHBOARD_READ)
async def news_page(visit: Visit) -> HttpResponse:
    feeds = await _feeds(visit)
    return visit.render("news/list.html", await _news(visit) | {"feeds": feeds, "failing": sum(feed.fails for feed in feeds)})


@page(Permission.DASHBOARD_READ)
async def feeds_fragment(visit: Visit) -> HttpResponse:
    return visit.render("news/feeds.html", {"feeds": await _feeds(visit)})


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


async def _feeds(visit: Visit) -> list[Shown]:
    """Those that fail first. Several of one host are told apart by their order in the setting."""
    addresses = visit.runtime.news.addresses
    hosts = [urlsplit(address).hostname or "" for address in addresses]
    states = await store.feeds([feed_id(address) for address in addresses])
    shown = []
    for at, (address, host) in enumerate(zip(addresses, hosts, strict=True)):
        name = host if hosts.count(host) == 1 else gettext("%(host)s, feed %(number)s") % {"host": host, "number": hosts[: at + 1].count(host)}
        shown.append(Shown(feed_id(address), name, states.get(feed_id(address))))
    return sorted(shown, key=lambda one: not one.fails)
