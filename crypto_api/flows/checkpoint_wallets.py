"""Compare what wallets hold on the chain with what the books say, at one block, and keep what came of it.

    at rest? → balances at the cursor's block hash ┐ outside of any unit of work
                                                   └ in it: the cursor still stands there, nothing waits to be booked → books → checkpoint → inbox

The books are those after that very block: the cursor is held by compare-and-set, so nothing is stored in between, and what is stored is booked.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from crypto_api.chains import service as chain_service
from crypto_api.chains import store as chain_store
from crypto_api.chains.types import ChainAsset, ChainReader, Position
from crypto_api.checkpoints import store
from crypto_api.checkpoints.documents import Checkpoint
from crypto_api.checkpoints.types import Point
from crypto_api.flows.inbox_findings import CLOSED_BECAUSE, difference_found, difference_key, is_compared
from crypto_api.inbox import service as inbox
from crypto_api.inbox.types import ItemKind
from crypto_api.kit.amounts import add_exactly, is_exact, to_units
from crypto_api.kit.clock import Clock
from crypto_api.kit.networks import NetworkConfig
from crypto_api.ledger import store as ledger_store
from crypto_api.ledger.types import AccountCode, Holding, Place
from crypto_api.transactions import store as transactions
from crypto_api.wallets import store as wallet_store
from crypto_api.wallets.documents import Wallet
from mongodb_config.unit_of_work import Session, UnitOfWork

_WAITING: list[Checkpoint] = []
"""Of an organisation of which something waits until providers agree. It is compared once that is booked, and the others need not wait for it."""


@dataclass(frozen=True)
class Reading:
    """What a wallet holds of an asset on the chain, in base units."""

    wallet: Wallet
    asset: ChainAsset
    raw: int

    @property
    def place(self) -> Place:
        return Place(AccountCode.CRYPTO, self.wallet.id, self.asset.name)


async def checkpoint_wallets(
    uow: UnitOfWork, clock: Clock, network: NetworkConfig, chain: ChainReader, wallets: Sequence[Wallet]
) -> list[Checkpoint] | None:
    """Of wallets of that network, whoever's they are. None when the network is not at rest: blocks come in, or something waits to be booked.
    ChainUnavailable when no node tells the balances."""
    cursor = await chain_store.cursor(network.slug)
    compared = [wallet for wallet in wallets if is_compared(wallet)]
    if cursor is None or not compared:
        return None if cursor is None else []
    here, now = Position(cursor.height, cursor.hash), clock.now()
    readings = await read_balances(network, chain, compared, here)
    found: list[Checkpoint] = []
    for org_id, rows in readings.items():
        kept = await uow.run(lambda session, org_id=org_id, rows=rows: _keep(session, org_id, network, here, rows, now))  # type: ignore[misc]
        if kept is _WAITING:
            continue
        if kept is None:
            return None
        found += kept
    return found


async def read_balances(network: NetworkConfig, chain: ChainReader, wallets: Sequence[Wallet], here: Position) -> dict[str, list[Reading]]:
    """By organisation: every listed asset and whatever else the books hold, all at one block."""
    pairs: list[tuple[Wallet, ChainAsset]] = []
    for org_id in sorted({wallet.org_id for wallet in wallets}):
        held = await ledger_store.holdings(org_id)
        for wallet in wallets:
            if wallet.org_id == org_id:
                names = {asset for wallet_id, asset in held if wallet_id == wallet.id}
                pairs += [(wallet, asset) for asset in await chain_service.assets_with(network, names)]
    raws = await chain.balances([(wallet.address, asset.contract) for wallet, asset in pairs], here.hash)
    readings: dict[str, list[Reading]] = defaultdict(list)
    for (wallet, asset), raw in zip(pairs, raws, strict=True):
        if is_exact(to_units(raw, asset.decimals)):  # 34 digits do not hold it: kept out of the books
            readings[wallet.org_id].append(Reading(wallet, asset, raw))
    return readings


async def hold_at_rest(session: Session, org_id: str, network: NetworkConfig, here: Position) -> bool:
    """Whether the books of the organisation are those after that block; if so, they stay it until this unit of work ends."""
    return await chain_store.hold_cursor(session, network.slug, here) and not await transactions.any_due(session, org_id, network.slug)


async def keep_checkpoints(
    session: Session, org_id: str, here: Position, readings: Sequence[Reading], held: Mapping[Place, Holding], now: datetime
) -> list[Checkpoint]:
    """Stores what was compared; a difference stands in the inbox, and one that is gone does not."""
    kept = []
    for reading in readings:
        quantity = held.get(reading.place, Holding()).quantity
        kept.append(await _put(session, org_id, here, reading, quantity, now))
    return kept


async def _keep(
    session: Session, org_id: str, network: NetworkConfig, here: Position, readings: Sequence[Reading], now: datetime
) -> list[Checkpoint] | None:
    if await transactions.any_waiting(session, org_id, network.slug):
        return _WAITING
    if not await hold_at_rest(session, org_id, network, here):
        return None
    standing = {wallet.id: wallet for wallet in await wallet_store.active(org_id, session)}
    still = [row for row in readings if row.wallet.id in standing and is_compared(standing[row.wallet.id])]  # opened, paused or deleted since
    held = await ledger_store.holdings_in(org_id, {row.place for row in still}, session)
    return await keep_checkpoints(session, org_id, here, still, held, now)


async def _put(session: Session, org_id: str, here: Position, reading: Reading, quantity: Decimal, now: datetime) -> Checkpoint:
    wallet, asset = reading.wallet, reading.asset
    row_id = store.checkpoint_id(org_id, wallet.id, asset.name)
    before = await store.get(org_id, row_id, session)
    difference = add_exactly([to_units(reading.raw, asset.decimals), quantity.copy_negate()])
    row = Checkpoint(
        id=row_id,
        created_at=now,
        org_id=org_id,
        wallet_id=wallet.id,
        network=wallet.network,
        asset=asset.name,
        contract=asset.contract,
        decimals=asset.decimals,
        block_number=here.height,
        block_hash=here.hash,
        chain_raw=str(reading.raw),
        ledger_quantity=quantity,
        difference=difference,
        agreed_at_block=here.height if difference == 0 else before.agreed_at_block if before else None,
        at=now,
    )
    same = before is not None and (before.chain_raw, before.ledger_quantity) == (row.chain_raw, row.ledger_quantity)
    point = Point(block_number=here.height, chain_raw=row.chain_raw, ledger_quantity=quantity, difference=difference, at=now)
    await store.put(session, row, None if same else point)
    if not row.agrees:
        await inbox.note(session, org_id, difference_found(row, wallet), now)
    elif before is None or not before.agrees:
        reason = CLOSED_BECAUSE[ItemKind.RECONCILIATION_DIFFERENCE]
        await inbox.settle(session, org_id, difference_key(wallet.id, asset.name), now, reason)
    return row
