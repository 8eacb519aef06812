"""A chain as payments see it: a pool that forgets, blocks that are taken back, providers that lag, and our follower behind them all."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from eth_utils.crypto import keccak

from crypto_api.kit.ethereum import ChainUnavailable
from crypto_api.kit.sending import FeeMarket, Handed, Quotes, Simulated
from crypto_api.payments.types import Call, Expected, Probe, Receipt, SeenTransaction
from tests.simulation.interleaving import Point

GWEI = 10**9
RICH = 10**30


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction as its bytes say it. `raw` is JSON in hexadecimal: what matters is that it is bytes that somebody signed."""

    raw: str
    hash: str
    sender: str
    nonce: int
    call: Call
    max_fee: int
    tip: int


def signed(sender: str, nonce: int, call: Call, max_fee: int, tip: int, salt: str = "") -> Sent:
    body = {"sender": sender, "nonce": nonce, "to": call.to, "value": call.value_raw, "data": call.data, "max_fee": max_fee, "tip": tip, "salt": salt}
    return read("0x" + json.dumps(body, sort_keys=True).encode().hex())


def read(raw: str) -> Sent:
    body = json.loads(bytes.fromhex(raw[2:]))
    call = Call(to=body["to"], value_raw=body["value"], data=body["data"])
    hash_ = "0x" + keccak(bytes.fromhex(raw[2:])).hex()
    return Sent(raw, hash_, body["sender"], body["nonce"], call, body["max_fee"], body["tip"])


@dataclass(slots=True)
class Block:
    number: int
    hash: str
    sent: tuple[Sent, ...]
    reverted: frozenset[str]
    nonces: dict[str, int]  # of each sender, after it


@dataclass
class Chain:
    random: Random
    start_nonces: dict[str, int]
    blocks: list[Block] = field(default_factory=list)
    pool: dict[str, Sent] = field(default_factory=dict)
    followed: list[str] = field(default_factory=list)  # hashes of the blocks that our follower holds as canonical
    base_fee: int = 10 * GWEI
    made: int = 0
    places: dict[str, tuple[Block, Sent]] = field(default_factory=dict)  # of everything that is mined
    cannot: frozenset[str] = frozenset()  # addresses that refuse what comes, once it is mined

    # ---- what happens to it --------------------------------------------------------------------------------------------------

    def __post_init__(self) -> None:
        self._append(())

    def _append(self, sent: Sequence[Sent]) -> None:
        nonces = dict(self.blocks[-1].nonces) if self.blocks else dict(self.start_nonces)
        for row in sent:
            assert nonces[row.sender] == row.nonce
            nonces[row.sender] += 1
        self.made += 1
        reverted = frozenset(row.hash for row in sent if row.call.to in self.cannot)
        block = Block(len(self.blocks), f"block{self.made}", tuple(sent), reverted, nonces)
        self.blocks.append(block)
        self.places |= {row.hash: (block, row) for row in sent}

    def mine(self, share: float = 0.9) -> None:
        """A block with some of what waits. Of several with one nonce any may win: no pool is like another."""
        chosen: list[Sent] = []
        nonces = dict(self.blocks[-1].nonces)
        waiting = list(self.pool.values())
        self.random.shuffle(waiting)
        progress = True
        while progress:
            progress = False
            for row in waiting:
                if row.nonce == nonces[row.sender] and row.max_fee > self.base_fee and self.random.random() < share:
                    chosen.append(row)
                    nonces[row.sender] += 1
                    progress = True
        self._append(chosen)
        self.pool = {key: row for key, row in self.pool.items() if row.nonce >= nonces[row.sender]}

    def reorganise(self, depth: int) -> None:
        """Another branch, one block longer, takes over. Half of what stood in the old one waits again, the rest is forgotten."""
        depth = min(depth, len(self.blocks) - 1)
        gone = self.blocks[len(self.blocks) - depth :]
        del self.blocks[len(self.blocks) - depth :]
        for row in (row for block in gone for row in block.sent):
            del self.places[row.hash]
            if self.random.random() < 0.5:
                self.pool[row.hash] = row
        for _ in range(depth + 1):
            self.mine(self.random.choice((0.0, 0.3, 0.9)))

    def forget_pool(self, share: float) -> None:
        self.pool = {key: row for key, row in self.pool.items() if self.random.random() > share}

    def follow(self, most: int) -> None:
        """Our follower goes on: it takes back what no longer stands, then takes up to `most` blocks."""
        shared = min(len(self.followed), len(self.blocks))
        while shared > 0 and self.followed[shared - 1] != self.blocks[shared - 1].hash:
            shared -= 1
        del self.followed[shared:]
        self.followed += [block.hash for block in self.blocks[shared : shared + most]]

    # ---- what it holds -------------------------------------------------------------------------------------------------------

    def receipt(self, hash_: str) -> tuple[Block, Sent] | None:
        return self.places.get(hash_)

    def mined(self) -> list[tuple[Block, Sent]]:
        return list(self.places.values())


@dataclass
class Provider:
    """`PaymentChain`: the chain through a node that is sometimes away, behind, or loses its answer after it did what was asked."""

    chain: Chain
    random: Random
    faults: float = 0.0
    stored: set[str] = field(default_factory=set)  # raw bytes that the book holds
    faulty: list[str] = field(default_factory=list)  # what must never have been asked of it

    async def _asked(self, name: str) -> None:
        await Point(f"chain.{name}")
        if self.random.random() < self.faults:
            raise ChainUnavailable("the node does not answer")

    async def _answers(self, name: str) -> None:
        await Point(f"chain.{name}.reply")
        if self.random.random() < self.faults / 2:
            raise ChainUnavailable("the answer was lost")

    def _head(self) -> Block:
        """Of a node that may lag."""
        back = self.random.randint(0, 3) if self.random.random() < self.faults else 0
        return self.chain.blocks[max(0, len(self.chain.blocks) - 1 - back)]

    async def nonce_at_head(self, address: str) -> int:
        await self._asked("nonce")
        found = self._head().nonces[address]
        await self._answers("nonce")
        return found

    async def receipts(self, expected: Sequence[Expected]) -> dict[str, Receipt]:
        """Sometimes a node lies about how one ended: our own reading of the block then says so."""
        await self._asked("receipts")
        found: dict[str, Receipt] = {}
        for each in expected:
            told = self.chain.receipt(each.hash)
            if told is not None and self._followed(told[0]) and self.random.random() >= self.faults / 2:
                block, row = told
                depth = len(self.chain.followed) - 1 - block.number
                lies = self.random.random() < self.faults
                succeeded = (row.hash not in block.reverted) is not lies
                disputed = "a node and our own reading of the block do not agree" if lies else ""
                found[each.hash] = Receipt(each.hash, block.number, block.hash, succeeded, 21_000, self.chain.base_fee, 0, depth, disputed=disputed)
        await self._answers("receipts")
        return found

    def _followed(self, block: Block) -> bool:
        return block.number < len(self.chain.followed) and self.chain.followed[block.number] == block.hash

    async def send_raw(self, raws: Sequence[str]) -> list[Handed]:
        """The connection may break after any of them."""
        await self._asked("send")
        handed: list[Handed] = []
        for raw in raws:
            if raw not in self.stored:
                self.faulty.append("bytes were sent that are not stored")
            lost = self.random.random() < self.faults / 4
            note = self._take(read(raw))
            if lost:
                return [*handed, *[Handed(False, "the answer was lost")] * (len(raws) - len(handed))]
            handed.append(Handed(True, note or ""))
        await self._answers("send")
        return handed

    def _take(self, row: Sent) -> str | None:
        if self.chain.receipt(row.hash) is not None or row.hash in self.chain.pool:
            return "already known"
        if row.nonce < self.chain.blocks[-1].nonces[row.sender]:
            return "nonce too low"
        if self.random.random() < self.faults / 3:
            return "insufficient funds for gas * price + value"  # it lies: whatever it says, it decides nothing
        self.chain.pool[row.hash] = row
        return None

    async def known(self, hashes: Sequence[str]) -> set[str]:
        await self._asked("known")
        found = {hash_ for hash_ in hashes if hash_ in self.chain.pool or self.chain.receipt(hash_) is not None}
        await self._answers("known")
        return {hash_ for hash_ in sorted(found) if self.random.random() >= self.faults / 2}

    async def quotes(self, address: str, calls: Sequence[Probe]) -> Quotes:
        await self._asked("quotes")
        each = Simulated(21_000, None)
        quotes = Quotes(self._head().nonces[address], FeeMarket(self.chain.base_fee, GWEI), RICH, {}, (each,) * len(calls))
        await self._answers("quotes")
        return quotes

    async def codes(self, addresses: Sequence[str]) -> list[bytes]:
        await self._asked("codes")
        return [b""] * len(addresses)

    async def market(self) -> FeeMarket:
        await self._asked("market")
        return FeeMarket(self.chain.base_fee * (1_000_000 if self.random.random() < self.faults / 10 else 1), GWEI)

    async def transaction(self, hash_: str) -> SeenTransaction | None:
        await self._asked("transaction")
        told = self.chain.receipt(hash_)
        row = told[1] if told else self.chain.pool.get(hash_)
        return SeenTransaction(row.hash, row.sender, row.nonce, row.call, told[0].number if told else None) if row else None

    async def mined_with_nonce(self, address: str, nonce: int) -> SeenTransaction | None:
        await self._asked("mined_with_nonce")
        for block, row in self.chain.mined():
            if (row.sender, row.nonce) == (address, nonce):
                return SeenTransaction(row.hash, row.sender, row.nonce, row.call, block.number)
        return None
