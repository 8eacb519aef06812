"""Undo blocks that are no longer part of the chain, back to the last one that is.

First the common ancestor is looked for, without changing anything: deeper than the limit, following stops and says so, rather than
guess. Then one block at a time, highest first, each in one unit of work with the cursor: its transactions are orphaned, what was booked
for them is reversed, wallets that were opened at it are opened anew. A crash in between leaves a shorter, consistent chain.
"""

from dataclasses import dataclass
from datetime import datetime

from crypto_api.chains import store as chain_store
from crypto_api.chains.documents import ChainBlock, FollowState
from crypto_api.chains.events import ChainReorganized
from crypto_api.chains.types import ChainReader, Position
from crypto_api.events import service as events
from crypto_api.flows.advance_chain import CursorMoved
from crypto_api.flows.book_transaction import reverse_bookings
from crypto_api.flows.open_wallets import reverse_opening
from crypto_api.kit.clock import Clock
from crypto_api.kit.faultpoint import faultpoint
from crypto_api.kit.networks import NetworkConfig
from crypto_api.transactions import store as transaction_store
from crypto_api.transactions.events import TransactionOrphaned
from crypto_api.transactions.types import Finality
from crypto_api.wallets import store as wallet_store
from mongodb_config.unit_of_work import Session, UnitOfWork


class TooDeep(Exception):
    """The reorganisation reaches deeper than is undone by itself. Following waits for a person."""


@dataclass(frozen=True)
class Rewound:
    ancestor_height: int
    depth: int
    moved: frozenset[tuple[str, str]] = frozenset()  # (organisation, wallet) of what was undone


async def rewind_chain(uow: UnitOfWork, clock: Clock, network: NetworkConfig, chain: ChainReader, org_ids: set[str]) -> Rewound:
    """Leaves the cursor at the common ancestor. Raises TooDeep (nothing undone, the state says why), ChainUnavailable, CursorMoved."""
    cursor = await chain_store.cursor(network.slug)
    assert cursor is not None, "a network is rewound only while it is followed"
    doomed = await _doomed(network, chain, cursor.height)
    moved: set[tuple[str, str]] = set()
    for block in doomed:
        moved |= await uow.run(lambda session, block=block: _undo(session, network, block, clock.now()))  # type: ignore[misc]
        faultpoint("rewind_chain.undone")
    ancestor = (doomed[-1].number if doomed else cursor.height + 1) - 1
    if doomed:
        await uow.run(lambda session: _tell(session, network, org_ids, ancestor, len(doomed), clock.now()))
    return Rewound(ancestor, len(doomed), frozenset(moved))


async def _doomed(network: NetworkConfig, chain: ChainReader, height: int) -> list[ChainBlock]:
    """Our blocks that the chain no longer has, highest first."""
    ours = await chain_store.canonical_blocks(network.slug, height - network.reorg_depth_max)
    doomed: list[ChainBlock] = []
    for block in ours:
        theirs = await chain.header(block.number)
        if theirs is not None and theirs.hash == block.hash:
            return doomed
        doomed.append(block)
    reason = f"The chain was reorganised deeper than {network.reorg_depth_max} blocks below {height}, or the node lost its history."
    await chain_store.set_state(network.slug, FollowState.STOPPED, reason)
    raise TooDeep(reason)


async def _undo(session: Session, network: NetworkConfig, block: ChainBlock, now: datetime) -> set[tuple[str, str]]:
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


async def _tell(session: Session, network: NetworkConfig, org_ids: set[str], ancestor: int, depth: int, now: datetime) -> None:
    for org_id in sorted(org_ids):
        await events.append(session, org_id, ChainReorganized(network=network.slug, ancestor_height=ancestor, depth=depth), now)
