"""Follow a network one step: from the last block processed to the next ones.

    read → link → store with the cursor (one unit of work); then `book_transaction` for each, and `confirm_transactions`

The cursor is compare-and-set on (height, hash) in the unit of work that stores the blocks' transactions, so a crash at any step neither
skips a block nor takes one twice, and a second follower, or one that slept past its lease, changes nothing. A block that does not
link is a reorganisation: `rewind_chain` undoes ours back to the common ancestor, and the next step goes on from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from crypto_api.chains import rules as chain_rules
from crypto_api.chains import store as chain_store
from crypto_api.chains.documents import ChainCursor
from crypto_api.chains.types import ChainReader, Position
from crypto_api.events import service as events
from crypto_api.flows.read_transactions import transactions_of
from crypto_api.kit.clock import Clock
from crypto_api.kit.ethereum import BlockHeader, InconsistentAnswer
from crypto_api.kit.faultpoint import faultpoint
from crypto_api.kit.networks import NetworkConfig
from crypto_api.transactions import store as transaction_store
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.events import TransactionRecorded
from crypto_api.wallets.watch_list import WatchList
from mongodb_config.unit_of_work import Session, UnitOfWork

BLOCKS_AT_ONCE = 50


class NotLinked(Exception):
    """The provider's blocks do not stand on ours: the chain was reorganised."""


class CursorMoved(Exception):
    """Another follower was here meanwhile: read the cursor again."""


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


async def advance_chain(uow: UnitOfWork, clock: Clock, network: NetworkConfig, chain: ChainReader, watched: WatchList, cursor: ChainCursor) -> Step:
    """Processes up to BLOCKS_AT_ONCE blocks. Raises NotLinked on a reorganisation, ChainUnavailable when the provider cannot answer,
    CursorMoved when somebody else moved the cursor; nothing is changed then."""
    here = Position(cursor.height, cursor.hash)
    head = await chain.block_number()
    if head <= here.height:
        await _still_stands(chain, network.slug, here, head)
        return Step(here.height, head, 0, 0)
    blocks = await chain.read_blocks(here.height + 1, min(head, here.height + BLOCKS_AT_ONCE), watched)
    faultpoint("advance_chain.read")
    headers = [block.header for block in blocks]
    count = chain_rules.linked(here.hash, headers)
    if blocks and count == 0:
        raise NotLinked
    blocks = blocks[:count]  # a break further on shows again at the next step, from its own parent
    if not blocks:
        return Step(here.height, head, 0, 0)
    rows = await transactions_of(network, chain, watched, blocks, clock.now())
    await _store(uow, network, here, headers[:count], rows, head, clock.now())
    faultpoint("advance_chain.committed")
    return Step(headers[count - 1].number, head, count, len(rows))


async def _still_stands(chain: ChainReader, network: str, here: Position, head: int) -> None:
    """With nothing new, our last block must still be the chain's. A provider that merely lags is not a reorganisation: it is asked about
    the highest block that both know."""
    number = min(head, here.height)
    ours = here.hash if number == here.height else await chain_store.canonical_hash(network, number)
    theirs = await chain.header(number)
    if ours is not None and theirs is not None and theirs.hash != ours:
        raise NotLinked


async def _store(
    uow: UnitOfWork, network: NetworkConfig, here: Position, headers: Sequence[BlockHeader], rows: Sequence[Transaction], head: int, now: datetime
) -> None:
    to = Position(headers[-1].number, headers[-1].hash)

    async def work(session: Session) -> None:
        if not await chain_store.move_cursor(session, network.slug, expected=here, to=to, head=max(head, to.height), now=now):
            raise CursorMoved
        await chain_store.record_blocks(session, network.slug, network.chain_id, headers, now)
        stored = await transaction_store.stored_of_network(session, [row.id for row in rows])
        fresh = [row for row in rows if row.id not in stored]
        back = [(stored[row.id], row) for row in rows if row.id in stored]
        await transaction_store.put_in_block(session, fresh, back)
        await events.append_all(session, [(row.org_id, TransactionRecorded(**row.event_fields())) for row in rows], now)
        faultpoint("advance_chain.before_commit")

    await uow.run(work)
