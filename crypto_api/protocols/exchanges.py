"""Pools of other kinds (Balancer, Curve, Solidly, Uniswap v4), what is traded for somebody by a solver (CoW), and routers that are known by address.

A router that is known, and one coin out and another in, is a swap whatever pools it used: who called it exchanged what our own movements say.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from crypto_api.kit.ethereum import WireLog, checksummed
from crypto_api.protocols.glance import Coin, Glance
from crypto_api.protocols.pools import Hop, tokens_of
from crypto_api.protocols.signatures import Event
from crypto_api.protocols.types import Action, ActionKind, Portion

_BALANCER = Event("Swap(bytes32 indexed poolId, address indexed tokenIn, address indexed tokenOut, uint256 amountIn, uint256 amountOut)")
_CURVE = Event("TokenExchange(address indexed buyer, int128 sold_id, uint256 tokens_sold, int128 bought_id, uint256 tokens_bought)")
_CURVE_V2 = Event("TokenExchange(address indexed buyer, uint256 sold_id, uint256 tokens_sold, uint256 bought_id, uint256 tokens_bought)")
_SOLIDLY = Event("Swap(address indexed sender, address indexed to, uint256 amount0In, uint256 amount1In, uint256 amount0Out, uint256 amount1Out)")
_V4 = Event(
    "Swap(bytes32 indexed id, address indexed sender, int128 amount0, int128 amount1, uint160 sqrtPriceX96, uint128 liquidity, int24 tick, "
    "uint24 fee)"
)
HOP_TOPICS = frozenset({event.topic for event in (_BALANCER, _CURVE, _CURVE_V2, _SOLIDLY, _V4)})
_COW = Event(
    "Trade(address indexed owner, address sellToken, address buyToken, uint256 sellAmount, uint256 buyAmount, uint256 feeAmount, bytes orderUid)"
)
COW_TOPICS = frozenset({_COW.topic})

BALANCER_VAULT = "0xba12222222228d8ba445958a75a0704d566bf2c8"
_BALANCER_NETWORKS = frozenset({1, 10, 100, 137, 8453, 42161})
POOL_MANAGERS: Mapping[int, str] = {
    1: "0x000000000004444c5dc75cb358380d2e3de08a90",
    10: "0x9a13f98cb987694c9f086b1f5eb990eea8264ec3",
    56: "0x28e2ea090877bf75740558f6bfb36a5ffee9e9df",
    137: "0x67366782805870060151383f4bbff9dab53e5cd6",
    8453: "0x498581ff718922c3f8e6a244956af099b2652b2b",
    42161: "0x360e68faccca8ca495c1b759fd9eee466db9fb32",
}
COW_SETTLEMENT = "0x9008d19f58aabd9ed0d60971565aa8510560ab41"
_COW_NETWORKS = frozenset({1, 56, 100, 137, 8453, 42161})
_COW_COIN = "0x" + "ee" * 20

_EVERYWHERE = frozenset({1, 10, 56, 100, 137, 8453, 42161})
ROUTERS: Mapping[str, tuple[str, frozenset[int]]] = {
    "0x7a250d5630b4cf539739df2c5dacb4c659f2488d": ("Uniswap v2 router", frozenset({1})),
    "0xe592427a0aece92de3edee1f18e0157c05861564": ("Uniswap v3 router", frozenset({1, 10, 137, 42161})),
    "0x68b3465833fb72a70ecdf485e0e4c7bd8665fc45": ("Uniswap router", frozenset({1, 10, 137, 42161})),
    "0x2626664c2603336e57b271c5c0b26f421741e481": ("Uniswap router", frozenset({8453})),
    "0x3fc91a3afd70395cd496c647d5a6cc9d4b2b7fad": ("Uniswap universal router", frozenset({1, 10, 137, 8453, 42161})),
    "0x5dc88340e1c5c6366864ee415d6034cadd1a9897": ("Uniswap universal router", frozenset({56})),
    "0x66a9893cc07d91d95644aedd05d03f95e1dba8af": ("Uniswap universal router", frozenset({1})),
    "0x851116d9223fabed8e56c0e6b8ad0c31d98b3507": ("Uniswap universal router", frozenset({10})),
    "0x1906c1d672b88cd1b9ac7593301ca990f94eae07": ("Uniswap universal router", frozenset({56})),
    "0xa51afafe0263b40edaef0df8781ea9aa03e381a3": ("Uniswap universal router", frozenset({42161})),
    "0xd9e1ce17f2641f24ae83637ab66a2cca9c378b9f": ("SushiSwap router", frozenset({1})),
    "0xa5e0829caced8ffdd4de3c43696c57f7d7a678ff": ("QuickSwap router", frozenset({137})),
    "0x1111111254fb6c44bac0bed2854e76f90643097d": ("1inch", _EVERYWHERE),
    "0x1111111254eeb25477b68fb85ed929f73a960582": ("1inch", _EVERYWHERE),
    "0x111111125421ca6dc452d289314280a0f8842a65": ("1inch", _EVERYWHERE),
    "0xdef1c0ded9bec7f1a1670819833240f027b25eff": ("0x", frozenset({1, 56, 137, 8453, 42161})),
    "0xdef1abe32c034e558cdd535791643c58a13acc10": ("0x", frozenset({10})),
    "0xdef171fe48cf0115b1d80b88dc8eab59176fee57": ("ParaSwap", frozenset({1, 10, 56, 137, 8453, 42161})),
    "0x6a000f20005980200259b80c5102003040001068": ("ParaSwap", _EVERYWHERE),
    "0x6131b5fae19ea4f9d964eac0408e4408b66337b5": ("KyberSwap", frozenset({1, 10, 56, 137, 8453, 42161})),
}


_AGGREGATORS = frozenset({"1inch", "0x", "ParaSwap", "KyberSwap"})
"""They exchange and do nothing else. A router of pools also puts into them and takes out of them: there a pool has to tell of a swap."""


def hops(glance: Glance) -> Iterator[Hop]:
    last: dict[str, int] = {}
    rows = [row for topic in HOP_TOPICS for row in glance.by_topic.get(topic, ())]
    for row in sorted(rows, key=lambda row: row.log_index):
        if (hop := _hop(glance, row, last.get(row.address, -1))) is not None:
            last[row.address] = row.log_index
            yield hop


def _hop(glance: Glance, row: WireLog, since: int) -> Hop | None:
    if (told := _BALANCER.read(row)) is not None:
        vault = row.address == BALANCER_VAULT and glance.chain_id in _BALANCER_NETWORKS
        return Hop(
            "Balancer" if vault else "shaped like Balancer", vault, row.address, told[1], told[3], told[2], told[4], row.log_index, glance.sender
        )
    if (told := _CURVE.read(row) or _CURVE_V2.read(row)) is not None:
        return _by_transfers(glance, row, since, "shaped like Curve", False, told[2], told[4], told[0])
    if (told := _SOLIDLY.read(row)) is not None:
        _, to, in0, in1, out0, out1 = told
        if bool(in0) == bool(in1) or bool(out0) == bool(out1) or bool(in0) == bool(out0):
            return None
        return _by_transfers(glance, row, since, "shaped like Solidly", False, in0 + in1, out0 + out1, to)
    if (told := _V4.read(row)) is not None:
        _, sender, first, second = told[:4]  # from who swaps: below zero goes into the pool
        if not (first < 0 < second or second < 0 < first):
            return None
        known = POOL_MANAGERS.get(glance.chain_id) == row.address
        name = "Uniswap v4" if known else "shaped like Uniswap v4"
        return _by_transfers(glance, row, -1, name, known, -min(first, second), max(first, second), sender, until=1 << 60)
    return None


def _by_transfers(
    glance: Glance, row: WireLog, since: int, name: str, verified: bool, raw_in: int, raw_out: int, to: str, until: int | None = None
) -> Hop:
    token_in, token_out = tokens_of(glance, row.address, raw_in, raw_out, until or _end(glance, row), since)
    return Hop(name, verified, row.address, token_in, raw_in, token_out, raw_out, row.log_index, to)


def _end(glance: Glance, row: WireLog) -> int:
    """Some pay out after their event: up to the next one of the same pool."""
    later = [other.log_index for other in glance.by_topic[row.topics[0]] if other.address == row.address and other.log_index > row.log_index]
    return min(later, default=1 << 60)


# ---- for somebody ----------------------------------------------------------------------------------------------------------------


def orders(glance: Glance) -> list[Action] | None:
    """Of those that a transaction is about: a batch settles the orders of many. None where nothing is settled; where none of it is ours, the pools
    that the solver used are not our doing either. An order in the coin stands in the name of the contract that took it (EthFlow): whose it was is
    not told."""
    rows = [row for row in glance.by_topic.get(_COW.topic, ()) if row.address == COW_SETTLEMENT and glance.chain_id in _COW_NETWORKS]
    told = [(row, values) for row in rows if (values := _COW.read(row)) is not None]
    return [_order(row, values) for row, values in told if values[0] in glance.about] if told else None


def _order(row: WireLog, values: tuple[Any, ...]) -> Action:
    owner, sold, bought, raw_sold, raw_bought = values[:5]
    return Action(
        kind=ActionKind.SWAP,
        protocol="CoW",
        verified=True,
        contract=checksummed(row.address),
        account=checksummed(owner),
        gives=(Portion(contract=checksummed(sold), raw_amount=str(raw_sold)),),
        takes=(Portion(contract=None if bought == _COW_COIN else checksummed(bought), raw_amount=str(raw_bought)),),
        evidence=(row.log_index,),
    )


def by_router(glance: Glance, hops_: Sequence[Hop]) -> Action | None:
    """What whoever called a known router gave and got."""
    name, chains = ROUTERS.get(glance.recipient or "", ("", frozenset[int]()))
    if glance.chain_id not in chains or glance.sender not in glance.own or (not hops_ and name not in _AGGREGATORS):
        return None
    net: dict[Coin, int] = {}
    for coin, raw in glance.net.items():
        net[glance.coin(coin)] = net.get(glance.coin(coin), 0) + raw
    gone = [(coin, -raw) for coin, raw in net.items() if raw < 0]
    come = [(coin, raw) for coin, raw in net.items() if raw > 0]
    if len(gone) != 1 or len(come) != 1:
        return None
    through = ", ".join(dict.fromkeys(hop.protocol for hop in hops_))
    return Action(
        kind=ActionKind.SWAP,
        protocol=name,
        verified=True,
        contract=checksummed(glance.recipient or ""),
        account=checksummed(glance.sender),
        gives=(_portion(*gone[0]),),
        takes=(_portion(*come[0]),),
        evidence=tuple(hop.index for hop in hops_),
        note=f"Through {len(hops_)} pool{'' if len(hops_) == 1 else 's'}: {through}." if hops_ else "",
    )


def _portion(coin: Coin, raw: int) -> Portion:
    return Portion(contract=checksummed(coin) if coin else None, raw_amount=str(raw))
