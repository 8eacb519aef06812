"""Many payments of one wallet that one order asks for, in one pass: the wallet, its payees and what they are warned of are read once for all of them.
Each stands for itself: what is wrong with one refuses that one."""

from collections.abc import Sequence
from dataclasses import dataclass

from crypto_api.flows import prepare_batch as batches
from crypto_api.flows import prepare_payment as singles
from crypto_api.flows.look_at_payees import Named, SeenPayee, look_at_payees
from crypto_api.flows.prepare_batch import NewAllowance, NewBatch
from crypto_api.flows.prepare_payment import NewPayment, Payer
from crypto_api.flows.prepare_wanted import Guard, PaymentDesk, Refused, Wanted, prepare_all
from crypto_api.kit.errors import Conflict, CoreError, InvalidInput
from crypto_api.organizations.types import Principal
from crypto_api.payments import store
from crypto_api.payments.documents import Payment
from crypto_api.payments.types import Delegation, Origin


@dataclass(frozen=True)
class Order:
    origin: Origin
    new: NewPayment | NewBatch | NewAllowance


async def prepare_many(
    desk: PaymentDesk, principal: Principal, org_id: str, orders: Sequence[Order], *, confirmed: bool = False, guard: Guard | None = None
) -> list[Payment | Refused]:
    """As `prepare_payment`, `prepare_batch` and `prepare_allowance` do with each: the payment of each in that order, or why there is none. The same
    origin has the same payment. ChainUnavailable, and what refuses all of them alike: InvalidInput about the wallet, Unavailable."""
    known = await store.by_origins(org_id, [order.origin for order in orders])
    fresh = [order for order in orders if order.origin not in known]
    found: dict[Origin, Payment | Refused] = dict(known)
    if fresh:
        wanted = await _wanted_of(desk, org_id, fresh)
        found |= {order.origin: one for order, one in zip(fresh, wanted, strict=True) if isinstance(one, Refused)}
        asked = [(order.origin, one) for order, one in zip(fresh, wanted, strict=True) if isinstance(one, Wanted)]
        if asked:
            made = await prepare_all(desk, principal, org_id, asked, confirmed=confirmed, guard=guard)
            found |= dict(zip((origin for origin, _ in asked), made, strict=True))
    return [found[order.origin] for order in orders]


async def _wanted_of(desk: PaymentDesk, org_id: str, orders: Sequence[Order]) -> list[Wanted | Refused]:
    (wallet_id,) = {order.new.wallet_id for order in orders}
    payer = await singles.payer_of(desk, org_id, wallet_id, None)
    names = [_named(order) for order in orders]
    seen = await look_at_payees(desk.nodes[payer.network.slug], org_id, payer.network, [one for of_order in names for one in of_order])
    left, own = iter(seen), await batches.own_addresses(org_id)
    missing, delegation = await _contract(desk, org_id, payer, orders)
    found: list[Wanted | Refused] = []
    for order, of_order in zip(orders, names, strict=True):
        payees = [next(left) for _ in of_order]
        try:
            if missing is not None and not isinstance(order.new, NewPayment):
                raise missing
            found.append(_wanted(order, payer, payees, own, delegation))
        except CoreError as error:
            found.append(error)
    return found


async def _contract(desk: PaymentDesk, org_id: str, payer: Payer, orders: Sequence[Order]) -> tuple[Refused | None, Delegation | None]:
    """Why nobody can be paid together by this wallet; and how they are, where they are not paid through the contract."""
    if all(isinstance(order.new, NewPayment) for order in orders):
        return None, None
    try:
        delegation = await batches.delegation_of(desk, org_id, payer)
        if delegation is None:
            await batches.require_contract(desk, payer.network)
    except Conflict as error:
        return error, None
    return None, delegation


def _named(order: Order) -> list[Named]:
    match order.new:
        case NewPayment():
            return [singles.named(order.new)]
        case NewBatch():
            return batches.named(order.new)
    return []


def _wanted(order: Order, payer: Payer, payees: Sequence[SeenPayee | InvalidInput], own: set[str], delegation: Delegation | None) -> Wanted:
    match order.new:
        case NewPayment():
            return singles.wanted_payment(order.new, payer, payees[0])
        case NewBatch():
            return batches.wanted_batch(order.new, payer, payees, own, delegation)
    return batches.wanted_allowance(order.new, payer)
