"""Whether each part that a process needs answers: for the health answer, and for those who run the installation."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from crypto_api.chains import store as chains
from crypto_api.chains.documents import FollowState
from crypto_api.events import store as events
from crypto_api.runtime import Runtime

TIMEOUT_S = 1.5
LAG_BLOCKS_MAX = 10
RELAY_AGE_S_MAX = 10
Check = Callable[[], Awaitable[str | None]]
"""None when all is well, else what is not."""


@dataclass(frozen=True)
class Part:
    ready: bool
    detail: str
    ms: int  # how long it took to answer


async def parts_of(runtime: Runtime) -> dict[str, Part]:
    """By name, all asked at the same time."""
    checks: dict[str, Check] = {
        "mongodb": partial(_mongodb, runtime),
        "valkey": partial(_valkey, runtime),
        "relay": partial(_relay, runtime),
        "signer": partial(_signer, runtime),
    }
    if runtime.llm is not None:
        checks["model"] = runtime.llm.fault
    for slug in runtime.networks:
        checks |= {f"node:{slug}": partial(_node, runtime, slug), f"follower:{slug}": partial(_follower, slug)}
    return dict(zip(checks, await asyncio.gather(*map(_checked, checks.values())), strict=True))


async def _checked(check: Check) -> Part:
    started = time.perf_counter()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            wrong = await check()
    except TimeoutError:
        wrong = f"no answer within {TIMEOUT_S} s"
    except Exception as error:  # whatever a part that is down raises: the answer names it and goes on
        wrong = type(error).__name__
    return Part(ready=wrong is None, detail=wrong or "answers", ms=int((time.perf_counter() - started) * 1000))


async def _mongodb(runtime: Runtime) -> str | None:
    await runtime.mongo.admin.command("ping")
    return None


async def _valkey(runtime: Runtime) -> str | None:
    return "no answer" if await runtime.queue.depth() is None else None


async def _signer(runtime: Runtime) -> str | None:
    """Nothing but payments and new keys waits for it."""
    await runtime.signer.health()
    return None


async def _node(runtime: Runtime, slug: str) -> str | None:
    await runtime.rpc[slug].block_number()
    return None


async def _follower(slug: str) -> str | None:
    cursor = await chains.cursor(slug)
    if cursor is None:
        return "has not begun"
    if cursor.state in (FollowState.UNREACHABLE, FollowState.STOPPED):
        return f"{cursor.state}: {cursor.reason or 'no reason given'}"
    lag = cursor.head - cursor.height
    return f"{lag} blocks behind" if lag > LAG_BLOCKS_MAX else None


async def _relay(runtime: Runtime) -> str | None:
    oldest = await events.oldest_pending()
    if oldest is None:
        return None
    age_s = (runtime.clock.now() - oldest).total_seconds()
    return f"an event has waited {age_s:.0f} s for its number" if age_s > RELAY_AGE_S_MAX else None
