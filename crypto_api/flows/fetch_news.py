"""Read every configured feed once, and keep what is new. A feed that fails is told in the log and left for the next time."""

import hashlib
from urllib.parse import urlsplit

from crypto_api.kit import log
from crypto_api.kit.clock import Clock
from crypto_api.kit.outside import FeedFailed
from crypto_api.news import store
from crypto_api.news.documents import NewsItem
from crypto_api.news.rules import read_feed
from crypto_api.news.types import Feeds, Told
from mongodb_config.unit_of_work import UnitOfWork

_logger = log.get(__name__)


async def fetch_news(uow: UnitOfWork, clock: Clock, feeds: Feeds) -> int:
    """How many items are new."""
    added = 0
    for address in feeds.addresses:
        host, now = urlsplit(address).hostname or "", clock.now()
        try:
            told = read_feed(await feeds.read(address), host)
        except FeedFailed as error:
            _logger.warning("feed_failed", host=host, reason=str(error))
            continue
        rows = [
            NewsItem(
                id=_id(address, one),
                created_at=now,
                source=host,
                title=one.title,
                summary=one.summary,
                link=one.link,
                published_at=min(one.published_at or now, now),
            )
            for one in told
        ]
        unique = list({row.id: row for row in reversed(rows)}.values())
        added += await uow.run(lambda session, unique=unique: store.keep(session, unique))  # type: ignore[misc]
    return added


def _id(address: str, told: Told) -> str:
    """Of the article, so that two feeds that tell of it tell of it once; of the feed and the title where it leads nowhere."""
    return hashlib.sha256((told.link or f"{address}\n{told.title}").encode()).hexdigest()[:40]
