"""Audits that were ordered run beside everything else, one at a time in a process: each has a compiler and an analyser of its own beside it."""

import asyncio

from crypto_api.desks import audit_desk_of
from crypto_api.flows.audit_contract import run_next
from crypto_api.runtime import Runtime
from workers.lane import Lane

IDLE_S = 1.0


def lanes(runtime: Runtime) -> list[Lane]:
    return [Lane("contract_audits", lambda: keep_running(runtime))]


async def keep_running(runtime: Runtime) -> None:
    desk = audit_desk_of(runtime)
    while True:
        if not await run_next(desk):
            await asyncio.sleep(IDLE_S)
