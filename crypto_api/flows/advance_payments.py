"""The sweep of payments: what is due, a sender at a time.

One sender's payments go one after another, under a lease with a fence; many senders go beside one another. Everything that is due stands in the
database, so a sweep that is lost, or a worker that dies, costs seconds and nothing else.
"""

from collections.abc import Sequence
from typing import Any

from crypto_api.kit import log
from crypto_api.kit.clock import Clock
from crypto_api.payments import store
from crypto_api.payments.machine import step
from crypto_api.payments.ports import World
from crypto_api.payments.types import PaymentState, Ref

STEPS_MAX = 12  # of the same payments in a row: from approved to broadcast it takes four
AT_ONCE_MAX = 500
TOGETHER_MAX = 100
"""How many payments of a sender go through a step together: one unit of work holds that many changes, and a person who changes one of them lets it
run again."""
_logger = log.get(__name__)

_ORDER = {PaymentState.SIGNED: 1, PaymentState.APPROVED: 2, PaymentState.MINED: 3, PaymentState.BROADCAST: 3}
"""What holds up others first: an unsigned slot, then what is signed and not sent, then new ones, then what is looked at."""


async def advance_sender(world: World, network: str, address: str, *, limit: int = AT_ONCE_MAX) -> list[Ref]:
    """Moves the due payments of a sender on, as far as they go; those that were looked at."""
    rows = sorted(await store.due_of_network(network, address, world.clock.now(), limit), key=_place)
    refs = [(row["org_id"], row["_id"]) for row in rows]
    for start in range(0, len(refs), TOGETHER_MAX):
        await advance_together(world, refs[start : start + TOGETHER_MAX])
    return refs


async def advance_together(world: World, refs: Sequence[Ref]) -> None:
    """Payments of one sender, as far as they go."""
    for _ in range(STEPS_MAX):
        refs = await step(world, refs)
        if not refs:
            return
    _logger.warning("payments_take_long", payments=[payment_id for _, payment_id in refs][:5], steps=STEPS_MAX)


async def senders_due(network: str, clock: Clock) -> list[str]:
    return await store.senders_due_of_network(network, clock.now())


def _place(row: dict[str, Any]) -> tuple[int, int, Any]:
    state, nonce = PaymentState(row["state"]), row["nonce"]
    if state is PaymentState.APPROVED and nonce is not None:
        return 0, nonce, row["created_at"]
    return _ORDER.get(state, 4), nonce if nonce is not None else 0, row["approved_at"] or row["created_at"]
