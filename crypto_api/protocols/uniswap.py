"""Pools of Uniswap v2 and v3 and of what was built after their example, through whichever router.

A pool is verified where its address is the one that a known factory's CREATE2 gives to that pair of tokens (v2: keccak of the sorted pair; v3: of the
pair and the fee): nobody else can put a contract there. Any other contract may emit the same events; it is then said to be shaped like one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from eth_utils.crypto import keccak

from crypto_api.kit.ethereum import WireLog
from crypto_api.protocols.glance import Glance
from crypto_api.protocols.pools import Hop, created_with, tokens_of
from crypto_api.protocols.signatures import Event

V2_SWAP = Event("Swap(address indexed sender, uint256 amount0In, uint256 amount1In, uint256 amount0Out, uint256 amount1Out, address indexed to)")
V3_SWAP = Event(
    "Swap(address indexed sender, address indexed recipient, int256 amount0, int256 amount1, uint160 sqrtPriceX96, uint128 liquidity, int24 tick)"
)
PANCAKE_V3_SWAP = Event(
    "Swap(address indexed sender, address indexed recipient, int256 amount0, int256 amount1, uint160 sqrtPriceX96, uint128 liquidity, int24 tick, "
    "uint128 protocolFeesToken0, uint128 protocolFeesToken1)"
)
TOPICS = frozenset({V2_SWAP.topic, V3_SWAP.topic, PANCAKE_V3_SWAP.topic})

_V2_CODE = "0x96e8ac4277198ff8b6f785478aa9a39f403cb768dd02cbee326c3e7da348845f"
_V3_CODE = "0xe34f199b19b2b4f47f68442619d555527d244f78a3297ea89325f843f87b8b54"
_PANCAKE_V3_CODE = "0x6ce8eb472fa82df5469c6ab6d485f17c3ad13c8cd7af59b3d4a8026c5ce0f7e2"


@dataclass(frozen=True, slots=True)
class Factory:
    """Of pools: its address, and the keccak of the code that it puts on the chain. Fees in hundredths of a basis point; none: not in the salt."""

    protocol: str
    chain_ids: frozenset[int]
    address: str
    code_hash: str
    fees: tuple[int, ...] = ()


_V3_FEES = (100, 500, 3000, 10000)
_MAIN = frozenset({1, 10, 137, 42161})
FACTORIES = (
    Factory("Uniswap v2", frozenset({1}), "0x5c69bee701ef814a2b6a3edd4b1652cb9cc5aa6f", _V2_CODE),
    Factory("Uniswap v2", frozenset({8453}), "0x8909dc15e40173ff4699343b6eb8132c65e18ec6", _V2_CODE),
    Factory("Uniswap v2", frozenset({42161}), "0xf1d7cc64fb4452f05c498126312ebe29f30fbcf9", _V2_CODE),
    Factory("Uniswap v2", frozenset({10}), "0x0c3c1c532f1e39edf36be9fe0be1410313e074bf", _V2_CODE),
    Factory("Uniswap v2", frozenset({137}), "0x9e5a52f57b3038f1b8eee45f28b3c1967e22799c", _V2_CODE),
    Factory(
        "SushiSwap",
        frozenset({1}),
        "0xc0aee478e3658e2610c5f7a4a2e1777ce9e4f2ac",
        "0xe18a34eb0e04b04f7a0ac29a6e80748dca96319b42c54d679cb821dca90c6303",
    ),
    Factory(
        "SushiSwap",
        frozenset({10, 56, 100, 137, 42161}),
        "0xc35dadb65012ec5796536bd9864ed8773abc74c4",
        "0xe18a34eb0e04b04f7a0ac29a6e80748dca96319b42c54d679cb821dca90c6303",
    ),
    Factory("QuickSwap v2", frozenset({137}), "0x5757371414417b8c6caad45baef941abc7d3ab32", _V2_CODE),
    Factory(
        "PancakeSwap v2",
        frozenset({56}),
        "0xca143ce32fe78f1f7019d7d551a6402fc5350c73",
        "0x00fb7f630766e6a796048ea87d01acd3068e8ff67d078148a3fa3f4a84f69bd5",
    ),
    Factory("Uniswap v3", _MAIN, "0x1f98431c8ad98523631ae4a59f267346ea31f984", _V3_CODE, _V3_FEES),
    Factory("Uniswap v3", frozenset({8453}), "0x33128a8fc17869897dce68ed026d694621f6fdfd", _V3_CODE, _V3_FEES),
    Factory("Uniswap v3", frozenset({56}), "0xdb1d10011ad0ff90774d0c6bb92e5c5c8b4461f7", _V3_CODE, _V3_FEES),
    Factory(
        "PancakeSwap v3",
        frozenset({1, 56, 8453, 42161}),
        "0x41ff9aa7e16b8b1a8a8dc4f0efacd93d02d071c9",
        _PANCAKE_V3_CODE,
        (100, 500, 2500, 10000),
    ),
)


def hops(glance: Glance) -> Iterator[Hop]:
    last: dict[str, int] = {}
    rows = [row for topic in TOPICS for row in glance.by_topic.get(topic, ())]
    for row in sorted(rows, key=lambda row: row.log_index):
        if (hop := _hop(glance, row, last.get(row.address, -1))) is not None:
            last[row.address] = row.log_index
            yield hop


def _hop(glance: Glance, row: WireLog, since: int) -> Hop | None:
    generation, amounts, recipient = _amounts(row)
    if amounts is None:
        return None
    raw_in, raw_out = amounts
    token_in, token_out = tokens_of(glance, row.address, raw_in, raw_out, row.log_index, since)
    name = name_of(glance.chain_id, row.address, token_in, token_out) if token_in and token_out else None
    shape = f"shaped like Uniswap {generation}"
    return Hop(name or shape, name is not None, row.address, token_in, raw_in, token_out, raw_out, row.log_index, recipient)


def _amounts(row: WireLog) -> tuple[str, tuple[int, int] | None, str]:
    """(generation, (in, out), recipient). None where it is not one thing in and the other one out."""
    if row.topics[0] == V2_SWAP.topic:
        if (told := V2_SWAP.read(row)) is None:
            return "v2", None, ""
        _, in0, in1, out0, out1, recipient = told
        if in0 and out1 and not in1 and not out0:
            return "v2", (in0, out1), recipient
        return "v2", (in1, out0) if in1 and out0 and not in0 and not out1 else None, recipient
    if (told := V3_SWAP.read(row) or PANCAKE_V3_SWAP.read(row)) is None:
        return "v3", None, ""
    first, second = told[2:4]
    if first > 0 > second:
        return "v3", (first, -second), told[1]
    return "v3", (second, -first) if second > 0 > first else None, told[1]


@lru_cache(maxsize=16_384)
def name_of(chain_id: int, pool: str, token: str, other: str) -> str | None:
    """Whose pool of the two tokens stands at that address; None where it is nobody's that is known."""
    low, high = sorted((bytes.fromhex(token[2:]), bytes.fromhex(other[2:])))
    for factory in FACTORIES:
        if chain_id not in factory.chain_ids:
            continue
        salts = [keccak(_word(low) + _word(high) + fee.to_bytes(32)) for fee in factory.fees] or [keccak(low + high)]
        if any(created_with(factory.address, salt, factory.code_hash) == pool for salt in salts):
            return factory.protocol
    return None


def _word(address: bytes) -> bytes:
    return bytes(12) + address
