"""Seeded schedules of followers: two at once, killed between any two port calls, behind providers that lag, go backwards, break off and reorganise
up to the limit. Each reads ahead beside what it stores, while accounts begin to be watched. What is kept must always be a prefix of one branch, and
in the end exactly the chain, as far as it concerns who was watched.
"""

from collections.abc import Coroutine, Generator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from crypto_api.chains import machine
from crypto_api.chains.machine import CursorMoved, KeptBlock, NotLinked, TooDeep
from crypto_api.chains.stretches import Pace, ReadAhead, Stretch
from crypto_api.chains.types import Position
from crypto_api.kit.ethereum import BlockHeader, ChainUnavailable, InconsistentAnswer, WireBlock
from tests.simulation.interleaving import Point, Running
from tests.simulation.payments import Violation

DEPTH_MAX = 64
WORKERS = 2
ACCOUNTS = ("one", "two", "three")
Moved = tuple[str, str, int]  # (transaction, account, what it moved)
Rows = list[tuple[str, Moved]]  # (block, what moved in it)


@dataclass(frozen=True, slots=True)
class Block:
    header: BlockHeader
    moved: tuple[Moved, ...]


@dataclass
class Chain:
    random: Random
    blocks: list[Block] = field(default_factory=list)
    made: int = 0

    def __post_init__(self) -> None:
        for _ in range(DEPTH_MAX + 2):
            self.mine()

    def mine(self, moved: Sequence[Moved] = ()) -> None:
        self.made += 1
        parent = self.blocks[-1].header.hash if self.blocks else "none"
        count = self.random.choice((0, 0, 1, 3))
        fresh = [(f"tx{self.made}.{n}", self.random.choice(ACCOUNTS), self.random.randint(-50, 100)) for n in range(count)]
        number = len(self.blocks)
        self.blocks.append(Block(BlockHeader(number, f"h{self.made}", parent, number), (*moved, *fresh)))

    def reorganise(self, depth: int) -> None:
        """Some of what stood in the old branch comes again in the new one, in another block."""
        gone = [row for block in self.blocks[-depth:] for row in block.moved if self.random.random() < 0.6]
        del self.blocks[-depth:]
        for _ in range(depth + self.random.choice((0, 1, 2))):
            again = [gone.pop() for _ in range(self.random.randint(0, 2)) if gone]
            self.mine(again)


@dataclass
class Provider:
    """`HeadReader`, and what the book reads blocks by."""

    chain: Chain
    random: Random
    faults: float

    def _seen(self) -> list[Block]:
        """By a node that may be behind."""
        back = self.random.randint(1, 5) if self.random.random() < self.faults else 0
        return self.chain.blocks[: len(self.chain.blocks) - back]

    async def _asked(self, name: str) -> None:
        await Point(name)
        if self.random.random() < self.faults:
            raise ChainUnavailable("the node does not answer")

    async def block_number(self) -> int:
        await self._asked("block_number")
        return len(self._seen()) - 1

    async def header(self, number: int) -> BlockHeader | None:
        await self._asked("header")
        seen = self._seen()
        return seen[number].header if 0 <= number < len(seen) else None

    async def read(self, first: int, last: int) -> list[WireBlock]:
        """Each block may be asked of the node at another moment: the chain may be reorganised in between."""
        await self._asked("read")
        found: list[WireBlock] = []
        for number in range(first, last + 1):
            if self.random.random() < 0.1:
                await Point("read.more")
            seen = self._seen()
            if number >= len(seen):
                break
            found.append(WireBlock(seen[number].header, ()))
        return found


@dataclass
class Tables:
    """What survives."""

    cursor: Position
    blocks: dict[str, KeptBlock]
    canonical: dict[int, str]
    rows: dict[str, str] = field(default_factory=dict)  # transaction → hash of the block that it stands in; orphaned: ""
    entries: list[tuple[str, str, int]] = field(default_factory=list)  # (transaction, block, amount), reversals too
    opened: dict[str, Position] = field(default_factory=dict)  # what is watched, and after which block it counts
    openings: int = 0  # as the cursor counts them
    stopped: str = ""


@dataclass
class Watched:
    """As one process knows it."""

    accounts: frozenset[str] = frozenset()
    version: int = 0
    openings: int = 0

    def refresh(self, tables: Tables) -> None:
        self.openings = tables.openings
        if self.accounts != tables.opened.keys():
            self.accounts, self.version = frozenset(tables.opened), self.version + 1

    def opened(self, account: str) -> None:
        """By this process itself; it learns nothing of what others opened."""
        self.accounts, self.version, self.openings = self.accounts | {account}, self.version + 1, self.openings + 1


@dataclass
class Book:
    """`machine.FollowBook` in memory."""

    tables: Tables
    provider: Provider
    watched: Watched

    def watching(self) -> int:
        return self.watched.version

    async def read(self, first: int, last: int) -> Sequence[WireBlock]:
        return await self.provider.read(first, last)

    async def rows_of(self, blocks: Sequence[WireBlock]) -> Rows:
        """What was read of a block that is gone meanwhile cannot be told any more."""
        accounts = self.watched.accounts
        await Point("rows_of")
        held = {block.header.hash: block for block in self.provider.chain.blocks}
        if any(block.header.hash not in held for block in blocks):
            raise InconsistentAnswer("the block is gone")
        return [(block.header.hash, row) for block in blocks for row in held[block.header.hash].moved if row[1] in accounts]

    async def canonical_hash(self, number: int) -> str | None:
        await Point("canonical_hash")
        return self.tables.canonical.get(number)

    async def canonical_blocks(self, from_height: int) -> list[KeptBlock]:
        await Point("canonical_blocks")
        numbers = sorted((number for number in self.tables.canonical if number >= from_height), reverse=True)
        return [self.tables.blocks[self.tables.canonical[number]] for number in numbers]

    async def take(self, here: Position, headers: Sequence[BlockHeader], rows: Rows, head: int) -> None:
        await Point("take")
        tables = self.tables
        if tables.cursor != here or tables.openings != self.watched.openings:
            raise CursorMoved
        for header in headers:
            tables.blocks[header.hash] = KeptBlock(header.number, header.hash, header.parent_hash)
            tables.canonical[header.number] = header.hash
        for block, (tx, _, amount) in rows:
            assert not tables.rows.get(tx), f"{tx} stands in two blocks"
            tables.rows[tx] = block
            tables.entries.append((tx, block, amount))
        tables.cursor = Position(headers[-1].number, headers[-1].hash)
        await Point("take.reply")

    async def undo(self, block: KeptBlock) -> None:
        await Point("undo")
        tables = self.tables
        if tables.cursor != Position(block.number, block.hash):
            raise CursorMoved
        del tables.canonical[block.number]
        for tx, place in tables.rows.items():
            if place == block.hash:
                tables.rows[tx] = ""
                tables.entries += [(tx, block.hash, -amount) for name, where, amount in tables.entries if (name, where) == (tx, block.hash)][-1:]
        for account in [name for name, at in tables.opened.items() if at == tables.cursor]:
            del tables.opened[account]  # it is opened anew
        tables.cursor = Position(block.number - 1, block.parent_hash)
        await Point("undo.reply")

    async def stop(self, reason: str) -> None:
        await Point("stop")
        self.tables.stopped = reason


class Beside(Running):
    """What a process does beside its step; whoever waits for it lets others go first."""

    ended = False

    def go_on(self) -> bool:
        self.ended = not super().go_on()
        return not self.ended

    def cancel(self) -> None:
        self.ended = True
        self.die()

    def __await__(self) -> Generator[Point, None, Any]:
        while not self.ended:
            yield Point("ahead")
        return self.result


class Follower:
    """A process: what it knows and what it has read ahead is gone with it."""

    def __init__(self, blocks: int) -> None:
        self.watched = Watched()
        self.ahead: ReadAhead[Rows] = ReadAhead(self._beside, Pace(blocks))
        self.step: Running | None = None
        self.beside: list[Beside] = []

    def _beside(self, work: Coroutine[Any, Any, Stretch[Rows] | None]) -> Beside:
        self.beside.append(Beside(work))
        return self.beside[-1]

    def work(self) -> list[Running]:
        self.beside = [each for each in self.beside if not each.ended]
        return [*self.beside, *([self.step] if self.step is not None else [])]

    def go_on(self, work: Running) -> bool:
        going = work.go_on()
        if not going and work is self.step:
            self.step = None
        return going

    def die(self) -> None:
        for work in self.work():
            work.die()


@dataclass
class Schedule:
    seed: int
    faults: float = 0.1
    actions: int = 300
    too_deep: bool = False  # one reorganisation is deeper than the limit
    trace: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.chain = Chain(self.random)
        self.provider = Provider(self.chain, self.random, self.faults)
        last = self.chain.blocks[-1].header
        kept = {row.header.hash: KeptBlock(row.header.number, row.header.hash, row.header.parent_hash) for row in self.chain.blocks}
        self.tables = Tables(Position(last.number, last.hash), kept, {row.number: row.hash for row in kept.values()})
        self.begin = last.number
        self.tables.opened[ACCOUNTS[0]] = self.tables.cursor
        self.followers = [self._born() for _ in range(WORKERS)]

    def _born(self) -> Follower:
        return Follower(self.random.choice((1, 3, 10)))

    def run(self) -> None:
        try:
            acts = (self._go_on, self._start, self._die, self._mine, self._reorganise)
            for _ in range(self.actions):
                self.random.choices(acts, (70, 20, 3, 8, 2))[0]()
                self._check()
            if self.too_deep:
                self._reorganise_too_deep()
            self._heal()
            self._check_end()
        except Exception as error:
            raise Violation(f"seed {self.seed}: {type(error).__name__}: {error}") from error

    async def _step(self, follower: Follower) -> None:
        """What a follower does each time: from the cursor on, or back to the common ancestor."""
        book = Book(self.tables, self.provider, follower.watched)
        await Point("cursor")
        here = self.tables.cursor
        follower.watched.refresh(self.tables)
        if self.random.random() < 0.2:
            await self._open(follower, here)
        try:
            await machine.advance(book, self.provider, here, follower.ahead)
        except NotLinked:
            await machine.rewind(book, self.provider, here.height, DEPTH_MAX)

    async def _open(self, follower: Follower, here: Position) -> None:
        """An account begins to count, between two blocks. Another follower may be in the middle of its step: it was paused, and its lease ran out."""
        closed = [name for name in ACCOUNTS if name not in self.tables.opened]
        await Point("open")
        if closed and self.tables.cursor == here and closed[0] not in self.tables.opened:
            self.tables.opened[closed[0]] = here
            self.tables.openings += 1
            await Point("open.reply")
            follower.watched.opened(closed[0])
            self.trace.append(f"open {closed[0]} at {here.height}")

    async def _quietly(self, follower: Follower) -> None:
        try:
            await self._step(follower)
        except (ChainUnavailable, CursorMoved, TooDeep) as error:
            self.trace.append(type(error).__name__)

    def _start(self) -> None:
        idle = [follower for follower in self.followers if follower.step is None]
        if idle and not self.tables.stopped:
            follower = self.random.choice(idle)
            follower.step = Running(self._quietly(follower))
            self.trace.append(f"start at {self.tables.cursor.height}")

    def _go_on(self) -> None:
        if going := [(follower, work) for follower in self.followers for work in follower.work()]:
            follower, work = self.random.choice(going)
            self.trace.append(work.at if follower.go_on(work) else "end")
            assert len(follower.work()) <= 2, "it reads ahead more than one stretch"

    def _die(self) -> None:
        place = self.random.randrange(WORKERS)
        if self.followers[place].work():
            self.followers[place].die()
            self.followers[place] = self._born()
            self.trace.append("die")

    def _mine(self) -> None:
        self.chain.mine()
        self.trace.append(f"mine {len(self.chain.blocks)}")

    def _reorganise(self) -> None:
        """At most as deep, seen from what we hold, as is undone by itself."""
        lowest = max(self.begin, *self.tables.canonical) - DEPTH_MAX + 1
        room = len(self.chain.blocks) - 1 - lowest
        if room > 0:
            depth = self.random.randint(1, min(room, self.random.choice((1, 3, DEPTH_MAX))))
            self.chain.reorganise(depth)
            self.trace.append(f"reorganise {depth}")

    def _reorganise_too_deep(self) -> None:
        self._heal()
        self.chain.reorganise(DEPTH_MAX + 1)

    def _heal(self) -> None:
        self.provider.faults = 0.0
        for follower in self.followers:
            follower.die()
        self.followers = [self._born()]
        (follower,) = self.followers
        for _ in range(200):
            if self.tables.stopped or self.tables.cursor.hash == self.chain.blocks[-1].header.hash:
                return
            follower.step = Running(self._quietly(follower))
            while work := follower.work():
                follower.go_on(self.random.choice(work))
            self._check()
        raise AssertionError(f"it does not come to the end of the chain: {self.tables.cursor} of {len(self.chain.blocks) - 1}")

    def _check(self) -> None:
        """What is kept is one branch without a hole, and the books hold exactly what stands in it."""
        tables = self.tables
        assert max(tables.canonical) == tables.cursor.height, "the cursor is not the last block"
        assert tables.canonical[tables.cursor.height] == tables.cursor.hash, "the cursor is another block"
        top = tables.blocks[tables.cursor.hash]
        assert top.number == 0 or tables.canonical[top.number - 1] == top.parent_hash, "the last block does not stand on the one before"
        held = set(tables.canonical.values())
        sums: dict[str, int] = {}
        for tx, _, amount in tables.entries:
            sums[tx] = sums.get(tx, 0) + amount
        for tx, block in tables.rows.items():
            assert not block or block in held, f"{tx} stands in a block that was undone"
            assert block or sums[tx] == 0, f"{tx} was undone and is still in the books"

    def _check_end(self) -> None:
        tables = self.tables
        if self.too_deep:
            assert tables.stopped, "it went on over a reorganisation that is too deep"
            return
        assert not tables.stopped, tables.stopped
        chain = {block.header.number: block.header.hash for block in self.chain.blocks}
        assert tables.canonical == chain, "what is kept is not the chain"
        since_opened = {account: at.height for account, at in tables.opened.items()}
        moved = {
            tx: amount
            for block in self.chain.blocks
            for tx, account, amount in block.moved
            if block.header.number > max(self.begin, since_opened.get(account, len(self.chain.blocks)))
        }
        ours = {tx for tx, block in tables.rows.items() if block}
        since = {tx for tx in ours if tables.blocks[tables.rows[tx]].number > self.begin}
        assert since == set(moved), "rows are missing, or are too many"
        total = sum(amount for tx, _, amount in tables.entries if tx in since)
        assert total == sum(moved.values()), "the books are not what the chain holds"
