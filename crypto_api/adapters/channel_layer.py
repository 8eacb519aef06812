"""The doorbell between processes: "organisation X reached number N", over Valkey's publish/subscribe.

What is published is a hint and nothing else. Frames are paged from MongoDB, heads are polled besides, so a message that is lost, or a
Valkey that is down or flushed, costs at most a poll interval. Therefore nothing here raises into a caller.

redis-py's own publish/subscribe is used rather than a Channels layer: a layer carries messages to single consumers through queues of
its own that drop when full, while here one process needs one subscription, a bounded wait on a dead server, and to know when the
subscription is back. The consumers themselves are served by Channels.
"""

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType

from redis.asyncio import Redis
from redis.exceptions import RedisError

from crypto_api.kit import log

TOPIC = "coffer:heads"
_TIMEOUT_S = 2.0
_ANNOUNCED_S = 5.0
_PAUSE_S_MAX = 4.0
_logger = log.get(__name__)


class Frames:
    def __init__(self, redis_url: str) -> None:
        self._redis: Redis = Redis.from_url(
            redis_url, decode_responses=True, socket_connect_timeout=_TIMEOUT_S, socket_timeout=_TIMEOUT_S, health_check_interval=10
        )
        self._silent = False

    async def __aenter__(self) -> "Frames":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._redis.aclose()

    async def announce(self, org_id: str, head: int) -> None:
        """Tells every process that the log of `org_id` reached `head`. Warns once when Valkey is away; consoles poll meanwhile. Whatever becomes of
        the connection, it takes no longer than `_ANNOUNCED_S`: whoever announces has numbers to give."""
        try:
            async with asyncio.timeout(_ANNOUNCED_S):
                await self._redis.publish(TOPIC, f"{org_id} {head}")
        except (RedisError, OSError) as error:
            if not self._silent:
                _logger.warning("doorbell_unavailable", error=str(error))
            self._silent = True
            return
        if self._silent:
            _logger.info("doorbell_available")
        self._silent = False

    async def subscribe(self) -> AsyncIterator[tuple[str, int]]:
        """What is announced from now on, without end: a lost connection is made again with growing pauses."""
        pause_s = 0.1
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as subscription:
                    await subscription.subscribe(TOPIC)
                    while True:
                        # A bounded wait lets redis-py check the health of a quiet connection.
                        message = await subscription.get_message(timeout=_TIMEOUT_S)
                        pause_s = 0.1
                        if message is not None and (rung := _parse(message["data"])) is not None:
                            yield rung
            except (RedisError, OSError) as error:
                _logger.warning("doorbell_lost", error=str(error), retry_in_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _PAUSE_S_MAX)


def _parse(data: str) -> tuple[str, int] | None:
    """None for what we did not write: anyone with access to Valkey can publish there."""
    org_id, _, head = data.partition(" ")
    return (org_id, int(head)) if org_id and head.isascii() and head.isdigit() else None
