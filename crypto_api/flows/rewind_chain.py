"""Undo blocks that are no longer part of the chain, back to the last one that is (`chains/machine.py`, `rewind`).

First the common ancestor is looked for, without changing anything: deeper than the limit, following stops and says so, rather than
guess. Then one block at a time, highest first, each in one unit of work with the cursor (`advance_chain.MongoChainBook.undo`). A crash in between
leaves a shorter, consistent chain.
"""

from dataclasses import dataclass
from datetime import datetime

from crypto_api.chains import machine
from crypto_api.chains import store as chain_store
from crypto_api.chains.events import ChainReorganized
from crypto_api.chains.machine import TooDeep
from crypto_api.chains.types import ChainReader
from crypto_api.events import service as events
from crypto_api.flows.advance_chain import MongoChainBook
from crypto_api.kit.clock import Clock
from crypto_api.kit.networks import NetworkConfig
from crypto_api.payments import store as payments
from mongodb_config.unit_of_work import Session, UnitOfWork

__all__ = ["Rewound", "TooDeep", "rewind_chain"]


@dataclass(frozen=True)
class Rewound:
    ancestor_height: int
    depth: int
    moved: frozenset[tuple[str, str]] = frozenset()  # (organisation, wallet) of what was undone


async def rewind_chain(uow: UnitOfWork, clock: Clock, network: NetworkConfig, chain: ChainReader, org_ids: set[str]) -> Rewound:
    """Leaves the cursor at the common ancestor. Raises TooDeep (nothing undone, the state says why), ChainUnavailable, CursorMoved."""
    cursor = await chain_store.cursor(network.slug)
    assert cursor is not None, "a network is rewound only while it is followed"
    book = MongoChainBook(uow, clock, network, chain)
    undone = await machine.rewind(book, chain, cursor.height, network.reorg_depth_max)
    ancestor = cursor.height - len(undone)
    if undone:
        await uow.run(lambda session: _tell(session, network, org_ids, ancestor, len(undone), clock.now()))
        await uow.run(lambda session: payments.make_undone_due_of_network(session, network.slug, ancestor, clock.now()))
    return Rewound(ancestor, len(undone), frozenset(book.moved))


async def _tell(session: Session, network: NetworkConfig, org_ids: set[str], ancestor: int, depth: int, now: datetime) -> None:
    for org_id in sorted(org_ids):
        await events.append(session, org_id, ChainReorganized(network=network.slug, ancestor_height=ancestor, depth=depth), now)
