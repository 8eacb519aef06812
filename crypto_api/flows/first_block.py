"""The first block in which an address did anything, by halving. It needs a node that keeps old states."""

from typing import Any, Protocol

from crypto_api.chains import service as chains
from crypto_api.chains.types import ChainReader
from crypto_api.kit.ethereum import CallRefused, ChainUnavailable
from crypto_api.kit.networks import NetworkConfig


class HistoryUnavailable(Exception):
    """The node does not keep states so old."""


class HistoryReader(ChainReader, Protocol):
    async def call_any(self, method: str, params: list[Any]) -> Any: ...


async def first_block(network: NetworkConfig, chain: HistoryReader, address: str, up_to: int) -> int | None:
    """At least 1: nothing moves in the genesis block. None when the address shows no sign of anything up to that block. What was once there stays
    a sign: a nonce never shrinks, and the coin leaves an account of a person only by one. A token that came and went by somebody else's
    allowance, before anything else happened, leaves none; then it begins later. HistoryUnavailable, ChainUnavailable."""
    if not await _shows(network, chain, address, up_to):
        return None
    low, high = 0, up_to  # at `high` there is a sign
    if await _shows(network, chain, address, low):
        return 1
    while high - low > 1:
        middle = (low + high) // 2
        if await _shows(network, chain, address, middle):
            high = middle
        else:
            low = middle
    return high


async def _shows(network: NetworkConfig, chain: HistoryReader, address: str, height: int) -> bool:
    header = await chain.header(height)
    if header is None:
        raise ChainUnavailable(f"the node has no block {height}")
    try:
        nonce = await chain.call_any("eth_getTransactionCount", [address, {"blockHash": header.hash}])
        if int(nonce, 16):
            return True
        assets = chains.listed_assets(network)
        return any(await chain.balances([(address, asset.contract) for asset in assets], header.hash))
    except CallRefused as error:
        raise HistoryUnavailable(f"the node tells nothing of so old a block as {height} ({error.detail})") from error
