"""The lane of recurring payments: what has its day becomes a payment, each once, also after a while without a worker."""

import asyncio

from crypto_api.desks import payment_desk_of
from crypto_api.flows.keep_recurring import AT_ONCE, advance_recurring
from crypto_api.runtime import Runtime
from workers.lane import Lane

SWEEP_S = 5.0


async def _sweep(runtime: Runtime) -> None:
    desk = payment_desk_of(runtime)
    while True:
        if await advance_recurring(desk) < AT_ONCE:
            await asyncio.sleep(SWEEP_S)


def lanes(runtime: Runtime) -> list[Lane]:
    return [Lane("recurring_payments", lambda: _sweep(runtime))]
