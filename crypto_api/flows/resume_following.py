"""Go on after a reorganisation that was too deep to be undone by itself, because a person who looked at the node said so.

Our blocks are undone one by one as ever, as deep as they are kept. Where not even the lowest of them is the chain's, following goes on from the
node's block below it: what was stored before stands unproven, and is named as a gap until `reindex` has read it again.
"""

from dataclasses import dataclass

from crypto_api.chains import machine
from crypto_api.chains import store as chain_store
from crypto_api.chains.documents import FollowState
from crypto_api.chains.machine import KeptBlock, TooDeep
from crypto_api.chains.types import BlockRange, ChainReader, Position
from crypto_api.flows.advance_chain import CursorMoved, MongoChainBook
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import Conflict
from crypto_api.kit.ethereum import BlockHeader, ChainUnavailable
from crypto_api.kit.networks import NetworkConfig
from mongodb_config.unit_of_work import Session, UnitOfWork


class NotStopped(Conflict):
    code = "not_stopped"

    def __init__(self, network: str) -> None:
        super().__init__(f"{network} is not stopped: there is nothing to decide.")


@dataclass(frozen=True)
class Resumed:
    height: int  # where following goes on, after this block
    undone: int
    gap: BlockRange | None  # what is stored of it does not stand on the chain that is followed now


async def foresee(network: NetworkConfig, chain: ChainReader) -> Resumed:
    """What `resume_following` would do; changes nothing. NotStopped, ChainUnavailable."""
    return (await _plan(network, chain))[0]


async def resume_following(uow: UnitOfWork, clock: Clock, network: NetworkConfig, chain: ChainReader) -> Resumed:
    """NotStopped, ChainUnavailable, or CursorMoved when the follower went on by itself meanwhile."""
    plan, doomed = await _plan(network, chain)
    book = MongoChainBook(uow, clock, network, chain)
    if plan.gap is None:
        await machine.rewind(book, chain, doomed[0].number, chain_store.BLOCKS_KEPT)
        return plan
    for block in doomed:
        await book.undo(block)
    lowest, header, gap = doomed[-1], await _header(chain, plan.height), plan.gap

    async def work(session: Session) -> None:
        expected, to = Position(lowest.number - 1, lowest.parent_hash), Position(header.number, header.hash)
        if not await chain_store.anchor(session, network.slug, expected=expected, to=to, gap=gap, now=clock.now()):
            raise CursorMoved
        await chain_store.record_blocks(session, network.slug, network.chain_id, [header], clock.now())

    await uow.run(work)
    return plan


async def _plan(network: NetworkConfig, chain: ChainReader) -> tuple[Resumed, list[KeptBlock]]:
    cursor = await chain_store.cursor(network.slug)
    if cursor is None or cursor.state is not FollowState.STOPPED:
        raise NotStopped(network.name)
    kept = await chain_store.canonical_blocks(network.slug, cursor.height - chain_store.BLOCKS_KEPT)
    doomed: list[KeptBlock] = []
    for row in kept:
        theirs = await chain.header(row.number)
        if theirs is not None and theirs.hash == row.hash:
            return Resumed(row.number, len(doomed), None), doomed
        doomed.append(KeptBlock(row.number, row.hash, row.parent_hash))
    if not doomed:
        raise TooDeep("no block is kept to go back to")
    height = doomed[-1].number - 1
    await _header(chain, height)
    return Resumed(height, len(doomed), BlockRange(first=min((cursor.first_height or 0) + 1, height), last=height)), doomed


async def _header(chain: ChainReader, height: int) -> BlockHeader:
    header = await chain.header(height)
    if header is None:
        raise ChainUnavailable(f"the node has no block {height} to go on from")
    return header
