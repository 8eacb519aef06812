"""One step of following a chain, over ports: no database, no clock, no decoding, so that the same code runs in a simulator.

    head → read and link a stretch (`stretches.py`; while it is taken, the next one is read) → take its rows with the cursor, one unit of work
    or, where it does not stand on ours: find the common ancestor → undo one block at a time, highest first, each with the cursor

What decides is the cursor in the database, by compare-and-set: whoever is late, doubled or dead changes nothing. A null block is a retry, never a
skip; a provider that lags is not a reorganisation; one deeper than the limit stops the follower, and nothing is undone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from crypto_api.chains.stretches import NotLinked, ReadAhead, Rows, StretchReader
from crypto_api.chains.types import Position
from crypto_api.kit.ethereum import BlockHeader
from crypto_api.kit.faultpoint import faultpoint

__all__ = ["CursorMoved", "FollowBook", "HeadReader", "KeptBlock", "NotLinked", "Step", "TooDeep", "advance", "rewind"]


class CursorMoved(Exception):
    """Another follower was here meanwhile: read the cursor again."""


class TooDeep(Exception):
    """The reorganisation reaches deeper than is undone by itself. Following waits for a person."""


@dataclass(frozen=True)
class Step:
    """What one step did. `head` is the highest block the provider told of."""

    height: int
    head: int
    blocks: int
    transactions: int

    @property
    def caught_up(self) -> bool:
        return self.height >= self.head


@dataclass(frozen=True, slots=True)
class KeptBlock:
    """One of ours."""

    number: int
    hash: str
    parent_hash: str


class HeadReader(Protocol):
    """A provider, as far as a step needs it. ChainUnavailable is never "nothing"."""

    async def block_number(self) -> int: ...

    async def header(self, number: int) -> BlockHeader | None: ...


class FollowBook(StretchReader[Rows], Protocol[Rows]):
    """Where a network's blocks are kept. Each method that changes something is one unit of work with the cursor, and raises CursorMoved when that no
    longer stands where it stood."""

    async def canonical_hash(self, number: int) -> str | None: ...

    async def canonical_blocks(self, from_height: int) -> Sequence[KeptBlock]:
        """Ours, highest first, as far down as they are kept without a gap."""

    async def take(self, here: Position, headers: Sequence[BlockHeader], rows: Rows, head: int) -> None: ...

    async def undo(self, block: KeptBlock) -> None: ...

    async def stop(self, reason: str) -> None: ...


async def advance(book: FollowBook[Rows], chain: HeadReader, here: Position, ahead: ReadAhead[Rows] | None = None) -> Step:
    """Takes the next stretch. Raises NotLinked on a reorganisation, ChainUnavailable, CursorMoved; nothing is changed then."""
    ahead = ahead or ReadAhead()
    try:
        return await _advance(book, chain, here, ahead)
    except BaseException:
        ahead.drop()
        raise


async def _advance(book: FollowBook[Rows], chain: HeadReader, here: Position, ahead: ReadAhead[Rows]) -> Step:
    head = await chain.block_number()
    if head <= here.height:
        await _still_stands(book, chain, here, head)
        return Step(here.height, head, 0, 0)
    stretch = await ahead.next(book, here, head)
    faultpoint("advance_chain.read")
    if stretch is None:
        return Step(here.height, head, 0, 0)
    ahead.begin(book, stretch.end, head)
    await book.take(here, stretch.headers, stretch.rows, head)
    faultpoint("advance_chain.committed")
    return Step(stretch.end.height, head, len(stretch.headers), len(stretch.rows))


async def _still_stands(book: FollowBook[Rows], chain: HeadReader, here: Position, head: int) -> None:
    """With nothing new, our last block must still be the chain's. A provider that merely lags is asked about the highest block that both know."""
    number = min(head, here.height)
    ours = here.hash if number == here.height else await book.canonical_hash(number)
    theirs = await chain.header(number)
    if ours is not None and theirs is not None and theirs.hash != ours:
        raise NotLinked


async def rewind(book: FollowBook[Rows], chain: HeadReader, height: int, depth_max: int) -> Sequence[KeptBlock]:
    """Leaves the cursor at the common ancestor; tells what was undone, highest first. TooDeep undoes nothing, and says why on the network."""
    doomed = await _doomed(book, chain, height, depth_max)
    for block in doomed:
        await book.undo(block)
        faultpoint("rewind_chain.undone")
    return doomed


async def _doomed(book: FollowBook[Rows], chain: HeadReader, height: int, depth_max: int) -> list[KeptBlock]:
    """Our blocks that the chain no longer has, highest first."""
    doomed: list[KeptBlock] = []
    for block in await book.canonical_blocks(height - depth_max):
        theirs = await chain.header(block.number)
        if theirs is not None and theirs.hash == block.hash:
            return doomed
        doomed.append(block)
    reason = f"The chain was reorganised deeper than {depth_max} blocks below {height}, or the node lost its history."
    await book.stop(reason)
    raise TooDeep(reason)
