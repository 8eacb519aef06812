"""A network as the machine of payments sees it: the node says what it has, our own follower says which of it is canonical, and how deep."""

from collections.abc import Sequence
from typing import Protocol

from crypto_api.chains import store as chains
from crypto_api.kit.ethereum import ZERO_ADDRESS
from crypto_api.kit.sending import FeeMarket, NodeReceipt, NodeTransaction, Quote
from crypto_api.payments.types import Call, Receipt, SeenTransaction


class Node(Protocol):
    """Every method raises ChainUnavailable when it cannot answer."""

    async def nonce_at_head(self, address: str) -> int: ...

    async def market(self) -> FeeMarket: ...

    async def quote(self, address: str, to: str, value: int, data: str, token: str | None) -> Quote: ...

    async def has_code(self, address: str) -> bool: ...

    async def arrives(self, address: str, token: str, data: str, payee: str) -> int | None: ...

    async def send_raw(self, raw: str) -> str | None: ...

    async def receipts(self, hashes: Sequence[str]) -> dict[str, NodeReceipt]: ...

    async def transaction(self, hash_: str) -> NodeTransaction | None: ...

    async def mined_with_nonce(self, address: str, nonce: int) -> NodeTransaction | None: ...


class FollowedChain:
    """`payments.types.PaymentChain`."""

    def __init__(self, network: str, node: Node) -> None:
        self._network, self._node = network, node

    async def nonce_at_head(self, address: str) -> int:
        return await self._node.nonce_at_head(address)

    async def market(self) -> FeeMarket:
        return await self._node.market()

    async def quote(self, address: str, call: Call, token: str | None) -> Quote:
        return await self._node.quote(address, call.to, int(call.value_raw), call.data, token)

    async def send_raw(self, raw: str) -> str | None:
        return await self._node.send_raw(raw)

    async def knows(self, hash_: str) -> bool:
        return await self._node.transaction(hash_) is not None

    async def receipts(self, hashes: Sequence[str]) -> dict[str, Receipt]:
        """A receipt whose block the follower has not processed, or has undone, is none."""
        told = await self._node.receipts(hashes)
        cursor = await chains.cursor(self._network) if told else None
        if cursor is None:
            return {}
        found: dict[str, Receipt] = {}
        for hash_, row in told.items():
            if row.block_number <= cursor.height and await chains.canonical_hash(self._network, row.block_number) == row.block_hash:
                found[hash_] = Receipt(
                    hash_,
                    row.block_number,
                    row.block_hash,
                    row.succeeded,
                    row.gas_used,
                    row.effective_gas_price,
                    row.l1_fee,
                    depth=cursor.height - row.block_number,
                    final=row.block_number <= cursor.confirmed,
                )
        return found

    async def transaction(self, hash_: str) -> SeenTransaction | None:
        return _seen(await self._node.transaction(hash_))

    async def mined_with_nonce(self, address: str, nonce: int) -> SeenTransaction | None:
        return _seen(await self._node.mined_with_nonce(address, nonce))


def _seen(row: NodeTransaction | None) -> SeenTransaction | None:
    if row is None:
        return None
    call = Call(to=row.to or ZERO_ADDRESS, value_raw=str(row.value), data=row.data)
    return SeenTransaction(row.hash, row.sender, row.nonce, call, row.block_number)
