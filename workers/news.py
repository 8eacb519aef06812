"""News: one process reads the configured feeds on a schedule; where none is configured there is nothing to do."""

import asyncio

from crypto_api.flows.fetch_news import fetch_news
from crypto_api.kit import log
from crypto_api.runtime import Runtime
from workers.lane import Lane
from workers.leading import while_leading

LEASE = "news"
EVERY_S = 900.0
_logger = log.get(__name__)


def lanes(runtime: Runtime) -> list[Lane]:
    return [Lane("news", lambda: while_leading(runtime, LEASE, keep_reading(runtime)))] if runtime.news.addresses else []


async def keep_reading(runtime: Runtime) -> None:
    while True:
        added = await fetch_news(runtime.uow, runtime.clock, runtime.news)
        _logger.info("news_read", added=added)
        await asyncio.sleep(EVERY_S)
