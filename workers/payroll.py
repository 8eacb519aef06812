"""The lane of payrolls that were ordered to be paid: their payments are prepared one after another, and followed until nothing can undo them."""

import asyncio

from crypto_api.desks import payment_desk_of
from crypto_api.flows.advance_payroll import AT_ONCE, advance_payroll
from crypto_api.runtime import Runtime
from workers.lane import Lane

SWEEP_S = 1.0


async def _sweep(runtime: Runtime) -> None:
    desk = payment_desk_of(runtime)
    while True:
        if await advance_payroll(desk) < AT_ONCE:
            await asyncio.sleep(SWEEP_S)


def lanes(runtime: Runtime) -> list[Lane]:
    return [Lane("payroll", lambda: _sweep(runtime))]
