"""How often one address of the network, or one person, may do something: counted in Valkey by `limits`. Of an address each time is kept, since
they are few and each counts; of a person, who does thousands, two counts that slide into one another.

A Valkey that is away counts nothing and refuses nobody. What keeps guessing slow is in the database besides.
"""

import math
import time
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address
from typing import Any

from limits import RateLimitItem, parse
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter, RateLimiter, SlidingWindowCounterRateLimiter
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

from crypto_api.kit import log
from crypto_api.kit.errors import TooManyRequests

_TIMEOUT_S = 1.0
_AWAY_S = 5.0  # a Valkey that did not answer is left alone for so long
_PREFIX = "coffer:limit"
_logger = log.get(__name__)


class Limiter:
    def __init__(self, redis_url: str, rates: Mapping[str, str]) -> None:
        """`rates`: what is limited, to how much: `100 per 15 minutes`."""
        self._pool: ConnectionPool = ConnectionPool.from_url(redis_url, socket_connect_timeout=_TIMEOUT_S, socket_timeout=_TIMEOUT_S)
        options: dict[str, Any] = {"connection_pool": self._pool}
        storage = RedisStorage(f"async+{redis_url}", implementation="redispy", key_prefix=_PREFIX, **options)
        self._window = MovingWindowRateLimiter(storage)
        self._sliding = SlidingWindowCounterRateLimiter(storage)
        self._rates: dict[str, RateLimitItem] = {what: parse(rate) for what, rate in rates.items()}
        self._away_until = 0.0

    async def __aenter__(self) -> "Limiter":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.disconnect()

    async def admit(self, what: str, source: str | None) -> None:
        """TooManyRequests when this source has used up what it may; counts nothing."""
        await self._ask(what, source, counting=False, refusing=True)

    async def count(self, what: str, source: str | None) -> None:
        """Counts one, and refuses nothing."""
        await self._ask(what, source, counting=True, refusing=False)

    async def take(self, what: str, source: str | None) -> None:
        """Counts one. TooManyRequests when it is one too many."""
        await self._ask(what, source, counting=True, refusing=True)

    async def spend(self, what: str, user_id: str) -> None:
        """Counts one of this person. TooManyRequests when it is one too many, which then counts no more than before."""
        wait_s = await self._wait_s(self._sliding, what, user_id, counting=True)
        if wait_s:
            raise TooManyRequests("Too many requests of yours. Wait a moment.", retry_after_s=wait_s)

    async def _ask(self, what: str, source: str | None, *, counting: bool, refusing: bool) -> None:
        wait_s = await self._wait_s(self._window, what, _network(source), counting=counting) if source is not None else 0
        if wait_s and refusing:
            raise TooManyRequests("Too many requests from your address. Wait a moment.", retry_after_s=wait_s)

    async def _wait_s(self, window: RateLimiter, what: str, who: str, *, counting: bool) -> int:
        """How many seconds until there is room again; 0 when there is."""
        if time.monotonic() < self._away_until:
            return 0
        rate, key = self._rates[what], (what, who)
        try:
            if await (window.hit if counting else window.test)(rate, *key):
                return 0
            reset_at = (await window.get_window_stats(rate, *key)).reset_time
        except (RedisError, OSError, TimeoutError) as error:
            self._away_until = time.monotonic() + _AWAY_S
            _logger.warning("limits_not_counted", what=what, error=str(error))
            return 0
        return max(1, math.ceil(reset_at - time.time()))


def _network(source: str) -> str:
    """Whoever has an IPv6 address has 2^64 of them: they count as one."""
    try:
        address = ip_address(source)
    except ValueError:
        return source
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return f"{address.exploded[:19]}::/64"
    return str(address)
