"""Follow a network one step: from the last block processed to the next ones. The step itself is `chains/machine.py`; here is what it reads and where
it keeps it.

The cursor is compare-and-set on (height, hash) in the unit of work that stores the blocks' transactions, so a crash at any step neither
skips a block nor takes one twice, and a second follower, or one that slept past its lease, changes nothing: not even where the cursor stands as it
did and only a wallet was opened there meanwhile, which it does not look for. The cursor counts those. A block that does not
link is a reorganisation: `rewind_chain` undoes ours back to the common ancestor, and the next step goes on from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from crypto_api.chains import machine, rules
from crypto_api.chains import store as chain_store
from crypto_api.chains.documents import ChainCursor, FollowState
from crypto_api.chains.machine import CursorMoved, KeptBlock, NotLinked, Step, TooDeep
from crypto_api.chains.stretches import ReadAhead
from crypto_api.chains.types import ChainReader, Position
from crypto_api.events import service as events
from crypto_api.flows.book_transaction import reverse_bookings
from crypto_api.flows.open_wallets import reverse_opening
from crypto_api.flows.read_transactions import transactions_of
from crypto_api.kit.clock import Clock
from crypto_api.kit.ethereum import BlockHeader, InconsistentAnswer, WireBlock
from crypto_api.kit.faultpoint import faultpoint
from crypto_api.kit.networks import NetworkConfig
from crypto_api.transactions import store as transaction_store
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.events import TransactionOrphaned, TransactionRecorded
from crypto_api.transactions.types import Finality
from crypto_api.wallets import store as wallet_store
from crypto_api.wallets.watch_list import WatchList
from mongodb_config.unit_of_work import Session, UnitOfWork

Ahead = ReadAhead[list[Transaction]]

__all__ = ["Ahead", "CursorMoved", "MongoChainBook", "NotLinked", "Step", "TooDeep", "advance_chain", "start_following"]


async def start_following(network: NetworkConfig, chain: ChainReader, clock: Clock) -> ChainCursor:
    """The network's cursor; made at the configured height, or at the head, where there is none yet."""
    if (cursor := await chain_store.cursor(network.slug)) is not None:
        return cursor
    height = network.start_height if network.start_height is not None else await chain.block_number()
    headers = await chain.headers(max(height - network.reorg_depth_max, 0), height)
    if not headers or headers[-1].number != height:
        raise InconsistentAnswer(f"the node has no block {height} to start from")
    await chain_store.start(network.slug, network.chain_id, headers, clock.now())
    cursor = await chain_store.cursor(network.slug)
    assert cursor is not None
    return cursor


async def advance_chain(
    uow: UnitOfWork,
    clock: Clock,
    network: NetworkConfig,
    chain: ChainReader,
    watched: WatchList,
    cursor: ChainCursor,
    ahead: Ahead | None = None,
) -> Step:
    """`machine.advance` from the cursor. `ahead` is kept from step to step: with it, the next stretch is read while this one is stored."""
    begun = clock.now()
    book = MongoChainBook(uow, clock, network, chain, watched, cursor.told_final)
    step = await machine.advance(book, chain, Position(cursor.height, cursor.hash), ahead)
    if ahead is not None and step.blocks and not step.caught_up:
        ahead.pace.took(step.transactions, (clock.now() - begun).total_seconds())
    return step


@dataclass
class MongoChainBook:
    """`machine.FollowBook` in the database."""

    uow: UnitOfWork
    clock: Clock
    network: NetworkConfig
    chain: ChainReader
    watched: WatchList | None = None  # None: it only undoes
    told_final: int | None = None  # the highest block that the network itself ever called final
    moved: set[tuple[str, str]] = field(default_factory=set)  # (organisation, wallet) of what was undone

    async def read(self, first: int, last: int) -> Sequence[WireBlock]:
        assert self.watched is not None
        return await self.chain.read_blocks(first, last, self.watched.addresses)

    async def rows_of(self, blocks: Sequence[WireBlock]) -> list[Transaction]:
        assert self.watched is not None
        return await transactions_of(self.network, self.chain, self.watched, blocks, self.clock.now())

    def watching(self) -> int:
        assert self.watched is not None
        return self.watched.version

    async def canonical_hash(self, number: int) -> str | None:
        return await chain_store.canonical_hash(self.network.slug, number)

    async def canonical_blocks(self, from_height: int) -> list[KeptBlock]:
        rows = await chain_store.canonical_blocks(self.network.slug, from_height)
        return [KeptBlock(row.number, row.hash, row.parent_hash) for row in rows]

    async def take(self, here: Position, headers: Sequence[BlockHeader], rows: list[Transaction], head: int) -> None:
        network, now = self.network, self.clock.now()
        to = Position(headers[-1].number, headers[-1].hash)
        depth = max(2 * network.reorg_depth_max, network.confirmations + 1)
        kept = rules.kept(headers, head, chain_store.BLOCKS_KEPT, depth, self.told_final)
        for row in rows:
            row.created_at = row.stored_at = now  # it may have been read a while ago

        async def work(session: Session) -> None:
            openings = None if self.watched is None else self.watched.openings
            if not await chain_store.move_cursor(session, network.slug, expected=here, to=to, head=max(head, to.height), now=now, openings=openings):
                raise CursorMoved
            await chain_store.record_blocks(session, network.slug, network.chain_id, kept, now)
            stored = await transaction_store.stored_of_network(session, [row.id for row in rows])
            fresh = [row for row in rows if row.id not in stored]
            back = [(stored[row.id], row) for row in rows if row.id in stored]
            await transaction_store.put_in_block(session, fresh, back)
            await events.append_all(session, [(row.org_id, TransactionRecorded(**row.event_fields())) for row in rows], now)
            faultpoint("advance_chain.before_commit")

        await self.uow.run(work)

    async def undo(self, block: KeptBlock) -> None:
        now = self.clock.now()
        self.moved |= await self.uow.run(lambda session: _undo(session, self.network, block, now))

    async def stop(self, reason: str) -> None:
        await chain_store.set_state(self.network.slug, FollowState.STOPPED, reason)


async def _undo(session: Session, network: NetworkConfig, block: KeptBlock, now: datetime) -> set[tuple[str, str]]:
    """Its transactions are orphaned, what was booked for them is reversed, wallets that were opened at it are opened anew."""
    moved: set[tuple[str, str]] = set()
    here, below = Position(block.number, block.hash), Position(block.number - 1, block.parent_hash)
    if not await chain_store.move_cursor(session, network.slug, expected=here, to=below, head=block.number, now=now):
        raise CursorMoved
    await chain_store.orphan_block(session, network.chain_id, block.hash)
    for row in reversed(await transaction_store.in_block(session, network.slug, block.number, block.hash)):
        await reverse_bookings(session, row, now)
        await transaction_store.orphan(session, row, now)
        row.finality = Finality.ORPHANED
        await events.append(session, row.org_id, TransactionOrphaned(**row.event_fields()), now)
        moved.update((row.org_id, wallet_id) for wallet_id in row.wallet_ids)
    for wallet in await wallet_store.opened_at_on_network(session, network.slug, block.hash):
        await reverse_opening(session, wallet, now)
        await wallet_store.mark_due_again(session, wallet, now)
    return moved
