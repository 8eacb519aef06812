"""Read every configured feed once, and keep what is new. A feed that fails is told on the page of the news and in the log, and left for the
next time."""

import hashlib
from datetime import datetime
from urllib.parse import urlsplit

from crypto_api.kit import log
from crypto_api.kit.clock import Clock
from crypto_api.kit.outside import FeedFailed
from crypto_api.news import store
from crypto_api.news.documents import NewsItem
from crypto_api.news.rules import feed_id, in_plain_words, read_feed
from crypto_api.news.types import Feeds, Told
from mongodb_config.unit_of_work import Session, UnitOfWork

_logger = log.get(__name__)


async def fetch_news(uow: UnitOfWork, clock: Clock, feeds: Feeds) -> int:
    """How many items are new."""
    added = 0
    for address in feeds.addresses:
        added += await _fetch(uow, clock, feeds, address)
    known = [feed_id(address) for address in feeds.addresses]
    await uow.run(lambda session: store.forget_feeds(session, but=known))
    return added


async def _fetch(uow: UnitOfWork, clock: Clock, feeds: Feeds, address: str) -> int:
    name, host, now = feed_id(address), urlsplit(address).hostname or "", clock.now()
    try:
        told = read_feed(await feeds.read(address), host)
    except FeedFailed as error:
        _logger.warning("feed_failed", host=host, reason=str(error))
        reason = in_plain_words(error)
        await uow.run(lambda session: store.note_failed(session, name, host, now, reason))
        return 0
    rows = list({row.id: row for row in reversed([_item(address, host, one, now) for one in told])}.values())

    async def work(session: Session) -> int:
        await store.note_read(session, name, host, now, len(told))
        return await store.keep(session, rows)

    return await uow.run(work)


def _item(address: str, host: str, told: Told, now: datetime) -> NewsItem:
    return NewsItem(
        id=_id(address, told),
        created_at=now,
        source=host,
        title=told.title,
        summary=told.summary,
        link=told.link,
        published_at=min(told.published_at or now, now),
    )


def _id(address: str, told: Told) -> str:
    """Of the article, so that two feeds that tell of it tell of it once; of the feed and the title where it leads nowhere."""
    return hashlib.sha256((told.link or f"{address}\n{told.title}").encode()).hexdigest()[:40]
