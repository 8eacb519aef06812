"""One step of payments, over ports: no database, no node, no clock of its own, so that the same code runs in a simulator.

    intent → slot + fees (a planned attempt) → sign → store the signed bytes → broadcast those bytes → verdict from a canonical receipt

Every effect is one call of a port, and what came before is stored by then. So a process may die anywhere: whoever takes the payments up next finds
what was decided and does the same thing again, never another one. What a node says to a broadcast decides nothing; time decides nothing but
when a person is asked.

A step takes any number of one sender's payments: each is decided for itself, and what many need is read, signed, stored and sent together. What
happens until the signature stands in `unsigned.py`, what follows it in `sent.py`.
"""

from collections.abc import Awaitable, Callable, Sequence

from crypto_api.kit.ethereum import ChainUnavailable
from crypto_api.payments import rules, sent, unsigned
from crypto_api.payments.documents import Payment
from crypto_api.payments.ports import World
from crypto_api.payments.types import ENDED, Hold, PaymentState, Ref
from crypto_api.payments.visit import Visit

_UNSIGNED = (PaymentState.PENDING_APPROVAL, PaymentState.APPROVED)


async def step(world: World, refs: Sequence[Ref]) -> list[Ref]:
    """Does the next thing of each of these payments of one sender. Those for which there may be more to do at once; the others wait (their `due_at`
    says until when) or have ended."""
    payments = [payment for payment in await world.book.load(refs) if not (payment.state in ENDED and payment.due_at is None)]
    if not payments:
        return []
    assert len({(payment.chain_id, payment.from_address) for payment in payments}) == 1, "one sender's"
    visit = Visit(world, world.clock.now())
    for payment in payments:
        if payment.state is PaymentState.DRAFT:
            visit.wait(payment, [], "It is a draft: it has not been put up for approval.", rules.DEADLINES[PaymentState.DRAFT])
    await _looked_at(visit, unsigned.look, [payment for payment in payments if payment.state in _UNSIGNED])
    await _looked_at(visit, sent.look, [payment for payment in payments if payment.state not in (*_UNSIGNED, PaymentState.DRAFT)])
    return [ref for ref in refs if ref[1] in visit.again]


async def _looked_at(visit: Visit, look: Callable[[Visit, Sequence[Payment]], Awaitable[None]], payments: Sequence[Payment]) -> None:
    if payments:
        try:
            await look(visit, payments)
        except ChainUnavailable as error:
            visit.forget()
            visit.wait_for(payments, Hold.CHAIN_UNAVAILABLE, error.detail)
    await visit.flush()
