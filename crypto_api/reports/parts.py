"""Whether each part that a process needs answers: for the health answer, and for those who run the installation."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC
from functools import partial
from typing import Any

from crypto_api.chains import store as chains
from crypto_api.chains.documents import FollowState
from crypto_api.events import store as events
from crypto_api.runtime import Runtime
from mongodb_config.server_time import server_time

TIMEOUT_S = 1.5
LAG_BLOCKS_MAX = 10
RELAY_AGE_S_MAX = 10
SKEW_S_MAX = 2.0  # leases last six seconds; codes of authenticators bear thirty
FREE_BYTES_MIN = 500_000_000
FREE_SHARE_MIN = 0.05  # of the disk of the database, where its server tells
RELAY_LEASE, JOBS_LEASE = "relay", "inbox"
"""Which always has a holder while a `worker events` or a `worker jobs` lives (workers/events.py, workers/inbox.py)."""
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
        "jobs": partial(_jobs, runtime),
        "signer": partial(_signer, runtime),
        "clock": partial(_clock, runtime),
        "disk": partial(_disk, runtime),
    }
    if runtime.llm is not None:
        checks["model"] = runtime.llm.fault
    for slug in runtime.networks:
        checks |= {f"node:{slug}": partial(_node, runtime, slug), f"follower:{slug}": partial(_follower, runtime, slug)}
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


async def _follower(runtime: Runtime, slug: str) -> str | None:
    cursor = await chains.cursor(slug)
    if cursor is None:
        return "has not begun"
    if cursor.state in (FollowState.UNREACHABLE, FollowState.STOPPED):
        return f"{cursor.state}: {cursor.reason or 'no reason given'}"
    if not await runtime.leases.held(f"follow:{slug}"):  # how far it is says nothing then: the head that it knows stands still as well
        return "nobody follows it: no worker chains is at work"
    lag = cursor.head - cursor.height
    return f"{lag} blocks behind" if lag > LAG_BLOCKS_MAX else None


async def _relay(runtime: Runtime) -> str | None:
    oldest = await events.oldest_pending()
    age_s = (runtime.clock.now() - oldest).total_seconds() if oldest is not None else 0.0
    if age_s > RELAY_AGE_S_MAX:
        return f"an event has waited {age_s:.0f} s for its number"
    return None if await runtime.leases.held(RELAY_LEASE) else "nobody numbers events: no worker events is at work"


async def _jobs(runtime: Runtime) -> str | None:
    return None if await runtime.leases.held(JOBS_LEASE) else "no worker jobs is at work: payments stand still"


async def _clock(runtime: Runtime) -> str | None:
    """Of this machine. Where it differs the process goes by that of the database (`mongodb_config.server_time`); what is beside it does not."""
    asked = runtime.clock.now()
    told = (await runtime.mongo.admin.command("hello")).get("localTime")
    if told is None:
        return None
    between = asked + (runtime.clock.now() - asked) / 2
    told = told.replace(tzinfo=UTC)  # answers of commands come in UTC, and without saying so
    skew_s = (between - told).total_seconds() + server_time.machine_ahead_s()
    return None if abs(skew_s) <= SKEW_S_MAX else f"{abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} that of the database"


async def _disk(runtime: Runtime) -> str | None:
    """Where this process writes its log, and where the database is, if its server tells."""
    there = next(path for path in (runtime.config.log_dir.absolute(), *runtime.config.log_dir.absolute().parents) if path.exists())
    found = os.statvfs(there)  # a system call
    if (free := found.f_bavail * found.f_frsize) < FREE_BYTES_MIN:
        return f"{free / 1e6:.0f} MB are left for logs"
    told: dict[str, Any] = await runtime.database.command("dbStats")
    used, size = told.get("fsUsedSize"), told.get("fsTotalSize")
    if used is None or not size or (size - used) / size >= FREE_SHARE_MIN:
        return None
    return f"{(size - used) / 1e9:.1f} GB are left to the database"
