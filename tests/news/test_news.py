"""Feeds from a real server, honest and hostile: what is kept is plain text and https links, and nothing brings the others down."""

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from aiohttp import web

from crypto_api.adapters.news_feeds import BYTES_MAX, NewsFeeds
from crypto_api.flows.fetch_news import fetch_news
from crypto_api.kit.clock import FixedClock
from crypto_api.kit.outside import FeedFailed
from crypto_api.news import store
from crypto_api.news.documents import NewsFeed, NewsItem
from crypto_api.news.rules import feed_id, plain, read_feed
from crypto_api.runtime import Runtime

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
RSS = """<rss version="2.0"><channel><title>c</title>
<item><title>Ether &amp; &lt;b&gt;gas&lt;/b&gt;</title><link>https://news.example/1</link><pubDate>Fri, 20 Nov 2026 08:00:00 +0100</pubDate>
<description>&lt;p&gt;One&lt;script&gt;steal()&lt;/script&gt; two&lt;img src=x onerror=alert(1)&gt;&lt;/p&gt;</description></item>
<item><title>Turned \u202eback\u202c</title><link>javascript:alert(1)</link><description>x</description></item>
<item><title>Of tomorrow</title><link>http://plain.example/</link><pubDate>Fri, 20 Nov 2099 08:00:00 GMT</pubDate></item>
<item><title>&lt;script&gt;alert(1)&lt;/script&gt;</title><link>https://news.example/none</link></item></channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>a</title><entry><title type="html">Atom &lt;i&gt;says&lt;/i&gt;</title>
<link rel="self" href="https://news.example/self"/><link href="https://news.example/a"/><updated>2026-11-19T12:00:00Z</updated>
<content type="html">Text</content></entry></feed>"""
BOMB = '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><rss><channel><item><title>&b;</title></item></channel></rss>'
OUTSIDE = '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss><channel><item><title>&x;</title></item></channel></rss>'


@pytest.fixture
async def server() -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.StreamResponse:
        match request.match_info["name"]:
            case "rss":
                return web.Response(text=RSS)
            case "atom":
                return web.Response(text=ATOM)
            case "bomb":
                return web.Response(text=BOMB)
            case "outside":
                return web.Response(text=OUTSIDE)
            case "redirect":
                raise web.HTTPFound("/rss")
            case "text":
                return web.Response(text="down for today")
            case "missing":
                raise web.HTTPNotFound
            case "large":
                return web.Response(body=b"x" * (BYTES_MAX + 1))
            case "again":  # another feed with an article of the first, by another title
                return web.Response(text=RSS.split("<item>")[0] + "<item><title>B</title><link>https://news.example/1</link></item></channel></rss>")
            case "packed":
                return web.Response(body=gzip.compress(b" " * 50_000_000), headers={"Content-Encoding": "gzip"})
            case "slow":
                await asyncio.sleep(30)
            case "drips":
                response = web.StreamResponse()
                await response.prepare(request)
                with contextlib.suppress(ConnectionError):  # whoever asked went away
                    for _ in range(300):
                        await response.write(b" ")
                        await asyncio.sleep(0.1)
                return response
        return web.Response(text="<html>hello</html>")

    app = web.Application()
    app.router.add_get("/{name}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield "http://127.0.0.1:%d" % site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]  # noqa: UP031
    finally:
        await runner.cleanup()


async def test_what_feeds_tell_is_kept_once_as_plain_text(runtime: Runtime, server: str) -> None:
    names = ("bomb", "redirect", "rss", "outside", "large", "packed", "html", "atom", "again")
    async with NewsFeeds([f"{server}/{name}" for name in names], private_hosts=["127.0.0.1"]) as feeds:
        assert await fetch_news(runtime.uow, FixedClock(NOW), feeds) == 4
        assert await fetch_news(runtime.uow, FixedClock(NOW.replace(hour=10)), feeds) == 0, "again, nothing new"
        for name in ("bomb", "outside", "packed"):
            with pytest.raises(FeedFailed):
                read_feed(await feeds.read(f"{server}/{name}"), "h")
        for name in ("redirect", "large"):
            with pytest.raises(FeedFailed):
                await feeds.read(f"{server}/{name}")
    slow = [f"{server}/{name}" for name in ("slow", "drips")]
    async with NewsFeeds(slow, private_hosts=["127.0.0.1"], timeout_s=1) as feeds:
        assert await fetch_news(runtime.uow, FixedClock(NOW), feeds) == 0
        for address in slow:
            with pytest.raises(FeedFailed):
                await feeds.read(address)
    found = [(row.title, row.summary, row.link, row.published_at) for row in await NewsItem.find_all().sort("+title").to_list()]
    assert found == [
        ("Atom says", "Text", "https://news.example/a", datetime(2026, 11, 19, 12, tzinfo=UTC)),
        ("Ether & gas", "One two", "https://news.example/1", datetime(2026, 11, 20, 7, tzinfo=UTC)),
        ("Of tomorrow", "", "", NOW),
        ("Turned back", "x", "", NOW),
    ]


async def test_how_each_feed_went_is_told_in_plain_words(runtime: Runtime, server: str) -> None:
    said = {
        "rss?key=s3cret": "",
        "bomb": "127.0.0.1 told a feed with declarations (DTD, entities), which are refused",
        "html": "127.0.0.1 told something else than RSS or Atom",
        "text": "127.0.0.1 told no well-formed feed",
        "redirect": "127.0.0.1 answers 302, Found; it is asked nowhere else",
        "missing": "127.0.0.1 answers 404, Not Found",
        "large": "127.0.0.1 answers more than 2000000 bytes",
        "packed": "127.0.0.1 answers packed, which was not asked for",
    }
    names = {feed_id(f"{server}/{name}"): name for name in said}
    async with NewsFeeds([f"{server}/{name}" for name in said], private_hosts=["127.0.0.1"]) as feeds:
        await fetch_news(runtime.uow, FixedClock(NOW), feeds)
        await fetch_news(runtime.uow, FixedClock(NOW.replace(hour=10)), feeds)
    found = {names[row.id]: row for row in await NewsFeed.find_all().to_list()}
    assert {name: row.reason for name, row in found.items()} == said
    good = found.pop("rss?key=s3cret")
    assert (good.read_at, good.told, good.failed_at, good.failures) == (NOW.replace(hour=10), 3, None, 0), "an item without a title is none"
    assert {(row.read_at, row.told, row.failed_at, row.failures) for row in found.values()} == {(None, 0, NOW.replace(hour=10), 2)}
    async with NewsFeeds([f"{server}/missing"], private_hosts=["127.0.0.1"]) as feeds:
        feeds.read = lambda _: _given(RSS)  # type: ignore[method-assign, assignment]
        await fetch_news(runtime.uow, FixedClock(NOW.replace(hour=11)), feeds)
    (left,) = await NewsFeed.find_all().to_list()
    assert (left.read_at, left.failures, left.reason) == (NOW.replace(hour=11), 0, said["missing"]), "what is configured no longer is forgotten"
    async with NewsFeeds(["http://127.0.0.1:9/s3cret"], private_hosts=["127.0.0.1"]) as feeds:
        await fetch_news(runtime.uow, FixedClock(NOW), feeds)
    (closed,) = await NewsFeed.find_all().to_list()
    assert closed.reason == "127.0.0.1 is not reachable" and "s3cret" not in str(closed.model_dump()), "no class of ours, no address"


async def _given(text: str) -> bytes:
    return text.encode()


async def test_our_own_networks_are_not_asked(server: str) -> None:
    for address in (f"{server}/rss", "https://127.0.0.1/rss", "https://10.0.0.1/rss", "http://news.example/rss"):
        async with NewsFeeds([address], timeout_s=2) as feeds:
            with pytest.raises(FeedFailed):
                await feeds.read(address)


async def test_the_latest_are_kept(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "KEPT", 2)
    rows = [
        NewsItem(id=str(day), created_at=NOW, source="s", title=f"t{day}", summary="", link="", published_at=NOW.replace(day=day))
        for day in (1, 2, 3)
    ]
    await runtime.uow.run(lambda session: store.keep(session, rows))
    assert [row.title for row in await NewsItem.find_all().sort("+title").to_list()] == ["t2", "t3"]


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"<rss>", b"<a/>", b"<rss>" * 3000, b"\x00" * 100, b"{}"])
def test_what_is_no_feed_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(FeedFailed):
        read_feed(body, "h")


def test_markup_that_is_escaped_within_itself_is_gone() -> None:
    for text in ("&amp;lt;script&amp;gt;x&amp;lt;/script&amp;gt;A", "<<b>script>A</b>", "A<img src=x onerror=", "<style>q</style>A"):
        assert "<" not in plain(text, 50) and ">" not in plain(text, 50) and "A" in plain(text, 50)
    assert plain("a\u202eb\x00c\nd", 50) == "abc d"
