"""A lane is work that goes on as long as the process does. Lanes run beside one another on one loop, and none brings another down."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from crypto_api.kit import log
from crypto_api.kit.measuring import LANES_STOPPED

PAUSE_S_MIN, PAUSE_S_MAX = 0.25, 4.0
HEALTHY_AFTER_S = 30.0
EXPECTED = (PyMongoError, RedisError, OSError, TimeoutError)
"""A part that is away for a while: a warning and another try. Everything else is a defect, and loud."""
_logger = log.get(__name__)


@dataclass(frozen=True)
class Lane:
    name: str
    run: Callable[[], Awaitable[None]]


def _cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def supervise(lane: Lane) -> None:
    """Runs the lane until cancelled, starting it again with growing pauses whenever it stops."""
    pause_s = PAUSE_S_MIN
    with log.bound(lane=lane.name):
        while True:
            started = time.monotonic()
            try:
                await lane.run()
                _logger.info("lane_ended")
            except asyncio.CancelledError:
                if _cancelled():
                    raise
                LANES_STOPPED.labels(lane.name, "CancelledError").inc()
                _logger.exception("lane_failed", retry_in_s=pause_s)  # something inside was cancelled, not we
            except EXPECTED as error:
                LANES_STOPPED.labels(lane.name, type(error).__name__).inc()
                _logger.warning("lane_interrupted", error=str(error), kind=type(error).__name__, retry_in_s=pause_s)
            except Exception as error:
                LANES_STOPPED.labels(lane.name, type(error).__name__).inc()
                _logger.exception("lane_failed", retry_in_s=pause_s)
            if time.monotonic() - started > HEALTHY_AFTER_S:
                pause_s = PAUSE_S_MIN
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, PAUSE_S_MAX)
