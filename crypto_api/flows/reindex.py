"""Read blocks again and compare them with what is stored of them. What is missing is added, what differs is put right and booked anew with a
reversal, what stands in a block that the chain does not have is orphaned. Nothing is ever deleted.

Only what the cursor has passed is read, and only for wallets that counted at that block. Rows that only traces or balances told of are left as
they are: a block alone does not show them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from crypto_api.chains import rules as chain_rules
from crypto_api.chains import store as chain_store
from crypto_api.chains.types import BlockRange, ChainReader, Position
from crypto_api.events import service as events
from crypto_api.flows.backfill_wallet import facts_of
from crypto_api.flows.book_transaction import reverse_bookings
from crypto_api.flows.counted_wallets import CountedWallets, counted_on_network
from crypto_api.flows.read_transactions import read_again, transactions_of
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.ethereum import InconsistentAnswer, WireBlock
from crypto_api.kit.networks import NetworkConfig
from crypto_api.transactions import store
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.events import TransactionOrphaned, TransactionRecorded
from crypto_api.transactions.types import Finality
from crypto_api.wallets.watch_list import WatchList
from mongodb_config.unit_of_work import Session, UnitOfWork

BLOCKS_AT_ONCE = 50
TRIES = 20


class Fault(StrEnum):
    MISSING = "missing"  # the chain has it, we do not
    DIFFERS = "differs"  # its movements are others than the chain's
    GONE = "gone"  # it stands in a block that the chain does not have


@dataclass(frozen=True)
class Found:
    fault: Fault
    row: Transaction  # as it should be; for GONE as it is

    def __str__(self) -> str:
        return f"{self.fault.value}: {self.row.hash} in block {self.row.block_number} of {self.row.org_id}"


@dataclass
class Reindexed:
    blocks: int = 0
    rows: int = 0
    found: list[Found] = field(default_factory=list)


class _Moved(Exception):
    """The cursor moved in between: look again."""


async def reindex(
    uow: UnitOfWork,
    clock: Clock,
    network: NetworkConfig,
    chain: ChainReader,
    first: int | None,
    last: int | None,
    *,
    dry_run: bool,
    tell: Callable[[str], None],
) -> Reindexed:
    """Blocks `first` to `last`; what was followed or backfilled when left out. What it repairs is due for booking. InvalidInput for a range that the
    cursor has not passed; ChainUnavailable."""
    counted = await counted_on_network(network.slug)
    cursor = await chain_store.cursor(network.slug)
    begun = [start for _, start, _ in counted.history]
    if cursor is None:
        raise InvalidInput.of("network", "is not followed yet", "not_followed")
    start = first if first is not None else min([(cursor.first_height if cursor.first_height is not None else cursor.height - 1) + 1, *begun])
    end = last if last is not None else cursor.height
    if not 1 <= start <= end <= cursor.height:
        raise InvalidInput.of("from", f"must be a range within 1 to {cursor.height}, the last block processed", "out_of_range")
    done, position = Reindexed(), start
    while position <= end:
        border = min((height for height in counted.borders() if height > position), default=end + 1)
        upper = min(position + BLOCKS_AT_ONCE - 1, end, border - 1)
        for attempt in range(TRIES):
            try:
                await _stretch(uow, clock, network, chain, counted, position, upper, done, dry_run=dry_run, tell=tell)
                break
            except _Moved:
                if attempt == TRIES - 1:
                    raise InconsistentAnswer("new blocks came in all the time") from None
        position = upper + 1
    if not dry_run:
        await _close_gaps(uow, network, BlockRange(first=start, last=end))
    return done


async def _stretch(
    uow: UnitOfWork,
    clock: Clock,
    network: NetworkConfig,
    chain: ChainReader,
    counted: CountedWallets,
    first: int,
    last: int,
    done: Reindexed,
    *,
    dry_run: bool,
    tell: Callable[[str], None],
) -> None:
    cursor = await chain_store.cursor(network.slug)
    assert cursor is not None
    blocks = await _read(network, chain, WatchList.of(network.slug, counted.at(first)), first, last)
    stored = {row.id: row for row in await store.between_of_network(network.slug, first - 1, last)}
    rows = await _rows(network, chain, counted, blocks, stored, clock.now())
    found = [*_gone(stored, blocks), *_compare(rows, stored)]  # one may be gone from here and stand there
    for each in found:
        tell(str(each))
    if found and not dry_run:
        here = Position(cursor.height, cursor.hash)
        await uow.run(lambda session: _repair(session, network, here, found, stored, clock.now()))
    done.blocks += len(blocks)
    done.rows += len(rows)
    done.found += found


async def _read(network: NetworkConfig, chain: ChainReader, watched: WatchList, first: int, last: int) -> list[WireBlock]:
    blocks = await chain.read_blocks(first, last, watched)
    if len(blocks) != last - first + 1 or chain_rules.linked(blocks[0].header.parent_hash, [block.header for block in blocks]) != len(blocks):
        raise InconsistentAnswer(f"the node does not tell blocks {first} to {last} as one chain")
    for block in blocks:
        ours = await chain_store.canonical_hash(network.slug, block.header.number)
        if ours is not None and ours != block.header.hash:
            raise InconsistentAnswer(f"block {block.header.number} was reorganised: the follower undoes it first")
    return blocks


async def _rows(
    network: NetworkConfig,
    chain: ChainReader,
    counted: CountedWallets,
    blocks: Sequence[WireBlock],
    stored: Mapping[str, Transaction],
    now: datetime,
) -> list[Transaction]:
    """As the chain has them, seen by the wallets that count, and for a stored row by those that it names as well."""
    height = blocks[0].header.number
    own = {wallet.id for wallet in counted.at(height)}
    rows = {row.id: row for row in await transactions_of(network, chain, WatchList.of(network.slug, counted.at(height)), blocks, now)}
    for row in [row for row in stored.values() if not row.orphaned and not set(row.wallet_ids) <= own]:
        wider = WatchList.of(network.slug, counted.including(row.wallet_ids, row.block_number))
        read = await chain.read_blocks(row.block_number, row.block_number, wider)
        rows |= {each.id: each for each in await transactions_of(network, chain, wider, read, now) if each.id == row.id}
    return [read_again(row, stored.get(row.id)) for row in rows.values()]


def _compare(rows: Sequence[Transaction], stored: Mapping[str, Transaction]) -> list[Found]:
    found = []
    for row in rows:
        before = stored.get(row.id)
        if before is None or before.orphaned or before.block_hash != row.block_hash:
            found.append(Found(Fault.MISSING, row))
        elif facts_of(before.movements) != facts_of(row.movements):
            found.append(Found(Fault.DIFFERS, row))
    return found


def _gone(stored: Mapping[str, Transaction], blocks: Sequence[WireBlock]) -> list[Found]:
    hashes = {block.header.hash for block in blocks}
    return [Found(Fault.GONE, row) for row in stored.values() if not row.orphaned and row.block_hash not in hashes]


async def _repair(
    session: Session, network: NetworkConfig, here: Position, found: Sequence[Found], seen: Mapping[str, Transaction], now: datetime
) -> None:
    if not await chain_store.hold_cursor(session, network.slug, here):
        raise _Moved
    for each in found:
        row = each.row
        before = (await store.stored_of_network(session, [row.id])).get(row.id)
        if each.fault is Fault.MISSING:
            if before is not None and not before.orphaned:
                raise _Moved
            await store.put_in_block(session, [] if before else [row], [(before, row)] if before else [])
            await events.append(session, row.org_id, TransactionRecorded(**row.event_fields()), now)
            continue
        if before is None or before.version != seen[row.id].version:
            raise _Moved
        await reverse_bookings(session, before, now, "read again from the chain")
        if each.fault is Fault.GONE:
            await store.orphan(session, before, now)
            before.finality = Finality.ORPHANED
            await events.append(session, row.org_id, TransactionOrphaned(**before.event_fields()), now)
        elif not await store.complete(session, before, row):
            raise _Moved


async def _close_gaps(uow: UnitOfWork, network: NetworkConfig, read: BlockRange) -> None:
    """What was taken over unseen and has now been read is a gap no longer."""
    cursor = await chain_store.cursor(network.slug)
    if cursor is None or not cursor.gaps:
        return
    rest = [part for gap in cursor.gaps for part in _less(gap, read)]
    before = cursor.gaps
    await uow.run(lambda session: chain_store.set_gaps(session, network.slug, before, rest))


def _less(gap: BlockRange, read: BlockRange) -> list[BlockRange]:
    if read.last < gap.first or read.first > gap.last:
        return [gap]
    parts = [(gap.first, read.first - 1), (read.last + 1, gap.last)]
    return [BlockRange(first=first, last=last) for first, last in parts if first <= last]
