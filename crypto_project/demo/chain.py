"""A hand on a development chain: sends from local keys, mines when told to, and reorganises."""

import asyncio
import time
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_typing import HexStr
from web3 import AsyncHTTPProvider, AsyncWeb3
from web3.exceptions import Web3RPCError
from web3.types import RPCEndpoint

TRANSFER_GAS = 21_000
CALL_GAS = 120_000
MAX_FEE_WEI = 40 * 10**9
PRIORITY_FEE_WEI = 10**9
REMEMBERED_TRANSACTIONS = 2_000
REORG_DEPTH_MAX = 64


class ChainError(RuntimeError):
    pass


@dataclass(frozen=True, slots=True)
class SentTransaction:
    hash: str
    raw: str
    sender: str
    nonce: int


@dataclass(frozen=True, slots=True)
class MinedBlock:
    """`mined_at` is the Unix time just before the node was told to make the block."""

    number: int
    hash: str
    mined_at: float
    transactions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reorganisation:
    depth: int
    first_block: int
    kept: tuple[str, ...]
    dropped: tuple[str, ...]
    resent: tuple[str, ...]
    blocks: tuple[MinedBlock, ...]


@dataclass(frozen=True, slots=True)
class _Included:
    offset: int
    hash: str
    raw: str
    sender: str
    nonce: int


class ChainActor:
    """Nonces are counted here and nothing waits for a receipt, so that many transactions fit into one block.

    One actor per set of keys. Mining by the node itself is switched off by `take_over_mining`.
    """

    def __init__(self, rpc_url: str, chain_id: int) -> None:
        self.w3: AsyncWeb3[Any] = AsyncWeb3(AsyncHTTPProvider(rpc_url))
        self.chain_id = chain_id
        self._nonces: dict[str, int] = {}
        self._sent: OrderedDict[str, SentTransaction] = OrderedDict()
        self._lock = asyncio.Lock()

    async def close(self) -> None:
        await self.w3.provider.disconnect()

    async def rpc(self, method: str, *params: Any) -> Any:
        answer = await self.w3.provider.make_request(RPCEndpoint(method), list(params))
        if error := answer.get("error"):
            raise ChainError(f"{method}: {error}")
        return answer.get("result")

    async def alone(self, method: str, *params: Any) -> Any:
        """While none of us mines: anvil takes its state apart for a reorganisation, and a block that is mined meanwhile stands on the half of it,
        without contracts and with balances of no block."""
        async with self._lock:
            return await self.rpc(method, *params)

    async def set_balance(self, address: str, wei: int) -> None:
        await self.rpc("anvil_setBalance", address, hex(wei))

    async def send(self, sender: LocalAccount, to: str | None, *, value: int = 0, data: bytes = b"", gas: int | None = None) -> SentTransaction:
        """Signs and sends without waiting; the gas is never estimated, so that what will revert is sent too."""
        async with self._lock:
            nonce = await self._next_nonce(sender.address)
            transaction: dict[str, Any] = {
                "chainId": self.chain_id,
                "nonce": nonce,
                "value": value,
                "data": data,
                "gas": gas or (CALL_GAS if data else TRANSFER_GAS),
                "maxFeePerGas": MAX_FEE_WEI,
                "maxPriorityFeePerGas": PRIORITY_FEE_WEI,
            }
            if to is not None:
                transaction["to"] = to
            signed = sender.sign_transaction(transaction)
            sent = SentTransaction(signed.hash.to_0x_hex(), signed.raw_transaction.to_0x_hex(), sender.address, nonce)
            await self._submit(sent)
            self._nonces[sender.address] = nonce + 1
            self._remember(sent)
            return sent

    async def wait(self, sent: SentTransaction, timeout_s: float = 20.0) -> Mapping[str, Any]:
        return dict(await self.w3.eth.wait_for_transaction_receipt(HexStr(sent.hash), timeout=timeout_s, poll_latency=0.05))

    def forget_nonces(self) -> None:
        """Asks the node again: after a fault it may have lost what it had."""
        self._nonces.clear()

    async def take_over_mining(self) -> None:
        await self.rpc("evm_setIntervalMining", 0)
        await self.rpc("evm_setAutomine", False)

    async def give_back_mining(self) -> None:
        """After a last block for what waits: automatic mining would leave it until the next transaction."""
        await self.mine()
        await self.rpc("evm_setAutomine", True)

    async def mine(self) -> MinedBlock:
        async with self._lock:
            return await self._mine()

    async def mine_many(self, count: int) -> None:
        """Quickly and empty, but for the first, which takes what is waiting."""
        async with self._lock:
            await self.rpc("anvil_mine", hex(count))

    async def reorg(self, depth: int, random: Random, *, drop_share: float = 0.25) -> Reorganisation:
        """Replaces the last `depth` blocks and mines one more, as a longer branch that wins.

        Of our own senders, about `drop_share` lose what they had there; for half of these the
        transactions come back into the next block, the others may spend the nonce on something else.
        Transactions of strangers are always kept.
        """
        if not 1 <= depth <= REORG_DEPTH_MAX:
            raise ValueError(f"depth is 1 to {REORG_DEPTH_MAX}, not {depth}")
        async with self._lock:
            if int((await self.rpc("txpool_status"))["pending"], 16):
                await self._mine()
            head = await self.w3.eth.block_number
            first = head - depth + 1
            included = await self._included(range(first, head + 1))
            losing, returning = self._choose_losers(included, random, drop_share)
            replacement = _replacement(included, losing, depth, random)
            mined_at = time.time()
            await self.rpc("anvil_reorg", depth, replacement)
            kept = {item.hash for item in await self._included(range(first, head + 1))}
            dropped = [item for item in included if item.hash not in kept]
            resent = await self._give_back(dropped, returning)
            blocks = [await self._block(number, mined_at) for number in range(first, head + 1)]
            await self._set_clock()
            blocks.append(await self._mine())
        return Reorganisation(depth, first, tuple(sorted(kept)), tuple(item.hash for item in dropped), resent, tuple(blocks))

    async def _next_nonce(self, address: str) -> int:
        if address not in self._nonces:
            count = await self.rpc("eth_getTransactionCount", address, "pending")
            self._nonces[address] = int(count, 16)
        return self._nonces[address]

    async def _submit(self, sent: SentTransaction) -> None:
        try:
            await self.w3.eth.send_raw_transaction(HexStr(sent.raw))
        except Web3RPCError as error:
            # The provider repeats a send whose answer was lost; then the node already has these bytes.
            if await self.rpc("eth_getTransactionByHash", sent.hash) is None:
                self._nonces.pop(sent.sender, None)
                raise ChainError(f"The node refused a transaction of {sent.sender}: {error}") from error

    def _remember(self, sent: SentTransaction) -> None:
        self._sent[sent.hash] = sent
        while len(self._sent) > REMEMBERED_TRANSACTIONS:
            self._sent.popitem(last=False)

    async def _set_clock(self) -> None:
        """A reorganisation sets the node's clock back by the time that the replaced blocks took."""
        latest = await self.rpc("eth_getBlockByNumber", "latest", False)
        await self.rpc("evm_setNextBlockTimestamp", max(int(time.time()), int(latest["timestamp"], 16) + 1))

    async def _mine(self) -> MinedBlock:
        mined_at = time.time()
        await self.rpc("evm_mine")
        return await self._block("latest", mined_at)

    async def _block(self, number: int | str, mined_at: float) -> MinedBlock:
        tag = hex(number) if isinstance(number, int) else number
        block = await self.rpc("eth_getBlockByNumber", tag, False)
        return MinedBlock(int(block["number"], 16), block["hash"], mined_at, tuple(block["transactions"]))

    async def _included(self, numbers: range) -> list[_Included]:
        included: list[_Included] = []
        for offset, number in enumerate(numbers):
            block = await self.rpc("eth_getBlockByNumber", hex(number), True)
            for transaction in block["transactions"]:
                raw = await self.rpc("eth_getRawTransactionByHash", transaction["hash"])
                nonce = int(transaction["nonce"], 16)
                included.append(_Included(offset, transaction["hash"], raw, transaction["from"].lower(), nonce))
        return included

    def _choose_losers(self, included: Iterable[_Included], random: Random, share: float) -> tuple[dict[str, int], set[str]]:
        """Sender → first nonce that is dropped: with a nonce, everything after it falls too."""
        nonces: defaultdict[str, list[int]] = defaultdict(list)
        for item in included:
            if item.hash in self._sent:
                nonces[item.sender].append(item.nonce)
        losing = {sender: random.choice(nonces[sender]) for sender in sorted(nonces) if random.random() < share}
        returning = {sender for sender in sorted(losing) if random.random() < 0.5}
        return losing, returning

    async def _give_back(self, dropped: Iterable[_Included], returning: set[str]) -> tuple[str, ...]:
        resent: list[str] = []
        for item in dropped:
            sent = self._sent.get(item.hash)
            if sent is None:
                continue
            if item.sender not in returning:
                self._nonces.pop(sent.sender, None)
            elif await self._comes_back(sent):
                resent.append(item.hash)
        return tuple(resent)

    async def _comes_back(self, sent: SentTransaction) -> bool:
        try:
            await self._submit(sent)
        except ChainError:  # what paid for it was dropped as well
            return False
        return True


def _replacement(included: Iterable[_Included], losing: Mapping[str, int], depth: int, random: Random) -> list[list[Any]]:
    """What the new branch holds, as the node wants it: pairs of raw transaction and block offset."""
    late: dict[str, int] = {}
    pairs: list[list[Any]] = []
    for item in included:
        if item.nonce >= losing.get(item.sender, item.nonce + 1):
            continue
        # One shift per sender keeps the order of its nonces.
        shift = late.setdefault(item.sender, random.choice((0, 0, 1)))
        pairs.append([item.raw, min(item.offset + shift, depth - 1)])
    return sorted(pairs, key=lambda pair: pair[1])
