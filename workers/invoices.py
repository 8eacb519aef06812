"""The lane of invoices: what falls due is overdue from the next day on, by the clock of its organisation."""

import asyncio

from crypto_api.flows.mark_overdue import BATCH, mark_overdue
from crypto_api.runtime import Runtime
from workers.lane import Lane

SWEEP_S = 60.0


async def _sweep(runtime: Runtime) -> None:
    while True:
        if await mark_overdue(runtime.uow, runtime.clock) < BATCH:
            await asyncio.sleep(SWEEP_S)


def lanes(runtime: Runtime) -> list[Lane]:
    return [Lane("overdue_invoices", lambda: _sweep(runtime))]
