"""Reports that were ordered are made beside everything else, two at a time in a process: in memory are a few pages of each."""

import asyncio

from crypto_api.flows.long_report_makers import Desk
from crypto_api.flows.make_long_report import make_next
from crypto_api.flows.order_long_report import sweep_expired
from crypto_api.prices.types import Pricing
from crypto_api.runtime import Runtime
from workers.lane import Lane

IDLE_S = 1.0
SWEEP_S = 300.0
AT_ONCE = 2


def lanes(runtime: Runtime) -> list[Lane]:
    makers = [Lane(f"long_reports:{number}", lambda: keep_making(runtime)) for number in range(1, AT_ONCE + 1)]
    return [*makers, Lane("long_reports:expiry", lambda: _keep_sweeping(runtime))]


async def keep_making(runtime: Runtime) -> None:
    desk = Desk(runtime.uow, runtime.clock, Pricing.of(runtime.networks.values(), runtime.prices.settings))
    while True:
        if not await make_next(desk):
            await asyncio.sleep(IDLE_S)


async def _keep_sweeping(runtime: Runtime) -> None:
    while True:
        await sweep_expired(runtime.uow, runtime.clock)
        await asyncio.sleep(SWEEP_S)
