"""A difference between chain and books is looked into: what moved without being told of is found and stored, to be booked like anything else.

The item of the inbox says what was tried and what came of it; it closes when the wallet is compared again and agrees.
"""

from crypto_api.chains.types import ChainAsset, ChainReader, Position
from crypto_api.checkpoints.documents import Checkpoint
from crypto_api.flows.find_missing_movements import Search, find_missing_movements
from crypto_api.flows.inbox_findings import difference_key, is_compared
from crypto_api.inbox import service as inbox
from crypto_api.inbox import store as inbox_store
from crypto_api.inbox.types import Remedy
from crypto_api.kit.clock import Clock
from crypto_api.kit.networks import NetworkConfig
from crypto_api.wallets import store as wallet_store
from mongodb_config.unit_of_work import Session, UnitOfWork


async def explain_difference(uow: UnitOfWork, clock: Clock, network: NetworkConfig, chain: ChainReader, row: Checkpoint) -> Search:
    """From the last block at which they agreed. Rows that it stores are due for booking. ChainUnavailable when no node answers."""
    wallet = await wallet_store.get(row.org_id, row.wallet_id)
    if wallet is None or not is_compared(wallet) or wallet.opened_at_height is None:
        return Search(reason="the wallet is not watched any more")
    since = wallet.opened_at_height if row.agreed_at_block is None else row.agreed_at_block
    asset, here = ChainAsset(row.asset, row.contract, row.decimals), Position(row.block_number, row.block_hash)
    return await find_missing_movements(uow, clock, network, chain, wallet, asset, since=since, here=here)


async def explain_by_itself(uow: UnitOfWork, clock: Clock, network: NetworkConfig, chain: ChainReader, row: Checkpoint) -> Search:
    """The same, unasked: the item tells it where it is not what the last such look said."""
    search = await explain_difference(uow, clock, network, chain, row)

    async def work(session: Session) -> None:
        item = await inbox_store.live_with_key(row.org_id, difference_key(row.wallet_id, row.asset), session)
        outcome = told(search)
        if item is None or any(attempt.by is None and attempt.outcome == outcome for attempt in item.attempts[-1:]):
            return
        await inbox.tried(session, row.org_id, item.id, clock.now(), Remedy.SEARCH_INTERNAL_TRANSFERS.value, outcome, None)

    await uow.run(work)
    return search


def told(search: Search) -> str:
    """What came of it, in a sentence."""
    found = "Nothing was found" if search.rows == 0 else f"{search.rows} of what moved was found, and is being booked"
    if search.reason:
        return f"{found}: {search.reason}."
    return f"{found}." if search.rows else f"{found}: every block adds up, so the difference is in the books themselves."
