"""News: one process reads the configured feeds on a schedule; where none is configured there is nothing to do."""

from crypto_api.flows.fetch_news import fetch_news
from crypto_api.kit import log
from crypto_api.kit.scope import OrgScope
from crypto_api.runtime import Runtime
from crypto_api.tasks.types import ScheduleName, ScheduleRun
from workers.lane import Lane
from workers.leading import while_leading
from workers.schedules import Board

LEASE = "news"
_logger = log.get(__name__)


def lanes(runtime: Runtime, board: Board) -> list[Lane]:
    return [Lane("news", lambda: while_leading(runtime, LEASE, keep_reading(runtime, board)))] if runtime.news.addresses else []


async def keep_reading(runtime: Runtime, board: Board) -> None:
    async def read(_: OrgScope) -> ScheduleRun:
        added = await fetch_news(runtime.uow, runtime.clock, runtime.news)
        _logger.info("news_read", added=added)
        return ScheduleRun(added)

    await board.keep(ScheduleName.NEWS, read)
