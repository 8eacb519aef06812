"""Stretches of blocks: how one is read, how many blocks it has, and how the next one is read ahead while this one is stored. Reading waits for
providers, storing for the database, and neither has to wait for the other.

What is read ahead is a guess: that the cursor will stand at its beginning, and that the same addresses will be watched. It is used where both came
true and read anew where they did not, so that it decides nothing; one stretch at a time bounds what it takes. All of it is pure over a port that
starts work beside: a task in production, the schedule's hand in the simulator.
"""

from collections.abc import Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from crypto_api.chains import rules
from crypto_api.chains.types import Position
from crypto_api.kit.ethereum import BlockHeader, ChainUnavailable, WireBlock

BLOCKS_AT_FIRST, BLOCKS_LEAST, BLOCKS_MOST = 50, 5, 256
LONG_S, SHORT_S = 4.0, 1.5
MANY_ROWS, FEW_ROWS = 1_000, 400

Rows = TypeVar("Rows", bound=Sequence[Any])
Told = TypeVar("Told", bound=Sequence[Any], covariant=True)
Result = TypeVar("Result", covariant=True)


class NotLinked(Exception):
    """The provider's blocks do not stand on ours: the chain was reorganised."""


class StretchReader(Protocol[Told]):
    async def read(self, first: int, last: int) -> Sequence[WireBlock]:
        """Blocks first..last as far as the provider has them without a gap, reduced to what is watched."""

    async def rows_of(self, blocks: Sequence[WireBlock]) -> Told:
        """What in them concerns anybody. Reads the chain, changes nothing."""

    def watching(self) -> int:
        """Another number as soon as other addresses are watched: what was read before may lack what concerns them."""


@dataclass(frozen=True, slots=True)
class Stretch(Generic[Rows]):
    """Blocks that form a chain on top of `after`, one at least, and what in them concerns anybody."""

    after: Position
    headers: Sequence[BlockHeader]
    rows: Rows

    @property
    def end(self) -> Position:
        return Position(self.headers[-1].number, self.headers[-1].hash)


async def read_stretch(book: StretchReader[Rows], after: Position, last: int) -> Stretch[Rows] | None:
    """None where the provider does not have the next block yet. Raises NotLinked, ChainUnavailable."""
    blocks = await book.read(after.height + 1, last)
    count = rules.linked(after.hash, [block.header for block in blocks])
    if blocks and count == 0:
        raise NotLinked
    blocks = blocks[:count]  # a break further on shows again at the next stretch, from its own parent
    if not blocks:
        return None
    return Stretch(after, [block.header for block in blocks], await book.rows_of(blocks))


@dataclass
class Pace:
    """How many blocks a stretch has: more while that goes quickly, fewer where it takes long or holds much, so that progress shows, a crash loses
    little and a unit of work stays small."""

    blocks: int = BLOCKS_AT_FIRST

    def took(self, rows: int, took_s: float) -> None:
        if took_s > LONG_S or rows > MANY_ROWS:
            self.blocks = max(self.blocks // 2, BLOCKS_LEAST)
        elif took_s < SHORT_S and rows < FEW_ROWS:
            self.blocks = min(self.blocks * 2, BLOCKS_MOST)


class Reading(Protocol[Result]):
    """Work that goes on beside; an `asyncio.Task` is one."""

    def __await__(self) -> Generator[Any, None, Result]: ...

    def cancel(self) -> object: ...


Beside = Callable[[Coroutine[Any, Any, Stretch[Rows] | None]], Reading[Stretch[Rows] | None]]


class ReadAhead(Generic[Rows]):
    """Of one follower. Without a way to start work beside, each stretch is read when its turn comes."""

    def __init__(self, beside: Beside[Rows] | None = None, pace: Pace | None = None) -> None:
        self.pace = pace or Pace()
        self._beside = beside
        self._reading: Reading[Stretch[Rows] | None] | None = None
        self._guess: tuple[Position, int] | None = None

    async def next(self, book: StretchReader[Rows], here: Position, head: int) -> Stretch[Rows] | None:
        """The stretch after `here`; otherwise as `read_stretch`."""
        reading, guess = self._reading, self._guess
        if reading is not None and guess == (here, book.watching()):
            self._reading = self._guess = None
            found = await reading
            if found is not None and guess == (here, book.watching()):
                return found
        self.drop()
        return await read_stretch(book, here, self._last(here, head))

    def begin(self, book: StretchReader[Rows], after: Position, head: int) -> None:
        """Starts to read what follows `after`, if there is anything."""
        if self._beside is not None and head > after.height:
            self.drop()
            self._guess = (after, book.watching())
            self._reading = self._beside(_tried(book, after, self._last(after, head)))

    def drop(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        self._reading = self._guess = None

    def _last(self, after: Position, head: int) -> int:
        return min(head, after.height + self.pace.blocks)


async def _tried(book: StretchReader[Rows], after: Position, last: int) -> Stretch[Rows] | None:
    """None where it could not be read: whoever needs it reads it anew, and finds out why."""
    try:
        return await read_stretch(book, after, last)
    except (NotLinked, ChainUnavailable):
        return None
