"""The lane of payrolls that were ordered to be paid: their payments are prepared one after another, and followed until nothing can undo them."""

import asyncio

from crypto_api.adapters.payment_chain import PaymentNode
from crypto_api.flows.advance_payroll import AT_ONCE, advance_payroll
from crypto_api.flows.prepare_payment import PaymentDesk
from crypto_api.flows.price_at import Prices
from crypto_api.runtime import Runtime
from workers.lane import Lane

SWEEP_S = 1.0


def desk_of(runtime: Runtime) -> PaymentDesk:
    nodes = {slug: PaymentNode(rpc, runtime.networks[slug].l1_fee_oracle) for slug, rpc in runtime.rpc.items()}
    return PaymentDesk(runtime.uow, runtime.clock, runtime.networks, nodes, Prices(runtime.networks, runtime.prices), runtime.queue)


async def _sweep(runtime: Runtime) -> None:
    desk = desk_of(runtime)
    while True:
        if await advance_payroll(desk) < AT_ONCE:
            await asyncio.sleep(SWEEP_S)


def lanes(runtime: Runtime) -> list[Lane]:
    return [Lane("payroll", lambda: _sweep(runtime))]
