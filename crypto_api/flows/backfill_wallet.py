"""Read the history of a wallet before its books were opened, a stretch of blocks at a time.

    resolve the first block → read, link, decode → store with the position (one unit of work), the opening less by what was found → … → close

The books equal the chain after every step: what a stretch brings in, the opening entry loses, in the same unit of work. It moves to the block
before the first. At the end, where the node keeps old states, it becomes exactly what the chain held there, and what moved unseen is
looked for. A crash at any step leaves the position where it was, and rows have natural keys.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from crypto_api.backfills import store
from crypto_api.backfills.documents import Backfill
from crypto_api.backfills.types import BackfillState
from crypto_api.chains import rules as chain_rules
from crypto_api.chains import service as chains
from crypto_api.chains import store as chain_store
from crypto_api.chains.types import ChainAsset, Position
from crypto_api.events import service as events
from crypto_api.flows.book_transaction import reverse_bookings
from crypto_api.flows.counted_wallets import CountedWallets, counted_wallets
from crypto_api.flows.find_missing_movements import find_missing_movements
from crypto_api.flows.first_block import HistoryReader, HistoryUnavailable, first_block
from crypto_api.flows.read_transactions import read_again, transactions_of
from crypto_api.flows.remake_opening import Opened, opened_quantities, remake_opening
from crypto_api.kit.amounts import add_exactly, to_units
from crypto_api.kit.clock import Clock, day_of
from crypto_api.kit.ethereum import BlockHeader, CallRefused, InconsistentAnswer, WireBlock
from crypto_api.kit.faultpoint import faultpoint
from crypto_api.kit.networks import NetworkConfig
from crypto_api.organizations import store as organizations
from crypto_api.prices import service as prices
from crypto_api.prices.types import Moment, PriceSources
from crypto_api.tasks import service as tasks
from crypto_api.tasks.errors import TaskNotRunning
from crypto_api.transactions import store as transaction_store
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.events import TransactionRecorded
from crypto_api.transactions.types import Direction, Movement
from crypto_api.wallets import store as wallet_store
from crypto_api.wallets.documents import Opening, Wallet
from crypto_api.wallets.watch_list import WatchList
from mongodb_config.unit_of_work import Session, UnitOfWork

BLOCKS_AT_ONCE = 50


class _Overtaken(Exception):
    """Somebody else went on with it, or the wallet was opened anew: look again."""


@dataclass(frozen=True)
class Desk:
    """What a backfill works with."""

    uow: UnitOfWork
    clock: Clock
    network: NetworkConfig
    chain: HistoryReader
    feeds: PriceSources


async def step_backfill(desk: Desk, row: Backfill) -> bool:
    """One step; False when there is nothing to do for now, or any more. ChainUnavailable when no node answers: nothing is changed then."""
    wallet = await wallet_store.get(row.org_id, row.wallet_id)
    try:
        if wallet is None or not wallet.monitoring_enabled:
            await _end(desk, row, "The wallet is not watched any more.", failed=True)
            return True
        if wallet.opening is not Opening.DONE:
            return False  # its books are opened first
        if row.state is BackfillState.QUEUED:
            await _begin(desk, row, wallet)
        elif row.opened_at_hash != wallet.opened_at_hash:
            await _again(desk, row, wallet)
        elif row.state is BackfillState.RUNNING:
            return await _stretch(desk, row, wallet)
        else:
            await _close(desk, row, wallet)
    except HistoryUnavailable as error:
        await _end(desk, row, f"Choose a block to begin at: {error}.", failed=True)
    except _Overtaken:
        return False
    return True


# ---- beginning -------------------------------------------------------------------------------------------------------------------


async def _begin(desk: Desk, row: Backfill, wallet: Wallet) -> None:
    assert wallet.opened_at_height is not None
    first = row.from_block
    if first is None:
        first = await first_block(desk.network, desk.chain, wallet.address, wallet.opened_at_height)
    if first is None or first > wallet.opened_at_height:
        await _end(desk, row, "There is nothing before its books were opened.")
        return
    first = max(first, 1)
    base = await _header(desk, first - 1)
    changes = {
        "state": BackfillState.RUNNING,
        "first_block": first,
        "base_hash": base.hash,
        "base_at": datetime.fromtimestamp(base.timestamp, UTC),
        "position": first - 1,
        "position_hash": base.hash,
        "to_block": wallet.opened_at_height,
        "opened_at_hash": wallet.opened_at_hash,
    }

    async def work(session: Session) -> None:
        await tasks.begin(session, row.org_id, row.task_id, desk.clock.now())
        await _move(session, row, changes)

    await desk.uow.run(work)


async def _again(desk: Desk, row: Backfill, wallet: Wallet) -> None:
    """The wallet was opened anew, since its block left the chain or watching paused: what was read of blocks that may have left it is read again."""
    assert row.first_block is not None and row.position is not None and wallet.opened_at_height is not None
    back = max(row.first_block - 1, min(row.position, wallet.opened_at_height) - desk.network.reorg_depth_max)
    header = await _header(desk, back)
    changes: dict[str, Any] = {
        "state": BackfillState.RUNNING,
        "position": back,
        "position_hash": header.hash,
        "to_block": max(wallet.opened_at_height, back),
        "opened_at_hash": wallet.opened_at_hash,
    }
    if back == row.first_block - 1:
        changes |= {"base_hash": header.hash, "base_at": datetime.fromtimestamp(header.timestamp, UTC)}
    await desk.uow.run(lambda session: _move(session, row, changes))


async def _header(desk: Desk, height: int) -> BlockHeader:
    header = await desk.chain.header(height)
    if header is None:
        raise InconsistentAnswer(f"the node has no block {height}")
    return header


# ---- a stretch of blocks -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Found:
    """What a stretch holds that is not stored as it is, and by how much the wallet's holdings grow by it."""

    fresh: list[Transaction]
    changed: list[Transaction]
    gained: Mapping[str, Decimal]

    @property
    def rows(self) -> list[Transaction]:
        return [*self.fresh, *self.changed]


async def _stretch(desk: Desk, row: Backfill, wallet: Wallet) -> bool:
    assert row.position is not None and row.to_block is not None and row.position_hash is not None
    if row.position >= row.to_block:
        await desk.uow.run(lambda session: _move(session, row, {"state": BackfillState.CLOSING}))
        return True
    counted = await counted_wallets(row.org_id, row.network)
    border = min((height for height in counted.borders() if height > row.position + 1), default=row.to_block + 1)
    last = min(row.position + BLOCKS_AT_ONCE, row.to_block, border - 1)
    watched = _watched(desk.network, counted, row.position + 1, wallet)
    blocks = await desk.chain.read_blocks(row.position + 1, last, watched)
    count = chain_rules.linked(row.position_hash, [block.header for block in blocks])
    if count == 0:
        if not blocks:
            return False  # the node does not have it yet
        await _again(desk, row, wallet)  # the chain changed beneath what was read
        return True
    blocks = blocks[:count]
    end = blocks[-1].header
    if end.number == row.to_block and end.hash != row.opened_at_hash:
        return False  # the block of the opening has left the chain: the follower opens the wallet anew
    found = await _found(desk, row, wallet, counted, blocks, watched)
    rates = await _rates(desk, row, found.gained)
    faultpoint("backfill_wallet.read")
    await desk.uow.run(lambda session: _store(session, desk, row, wallet, found, rates, end))
    faultpoint("backfill_wallet.committed")
    return True


def _watched(network: NetworkConfig, counted: CountedWallets, height: int, wallet: Wallet, also: Sequence[str] = ()) -> WatchList:
    return WatchList.of(network.slug, counted.including([wallet.id, *also], height))


async def _found(desk: Desk, row: Backfill, wallet: Wallet, counted: CountedWallets, blocks: Sequence[WireBlock], watched: WatchList) -> _Found:
    first, last = blocks[0].header.number, blocks[-1].header.number
    decoded = [each for each in await transactions_of(desk.network, desk.chain, watched, blocks, desk.clock.now()) if wallet.id in each.wallet_ids]
    stored = {each.id: each for each in await transaction_store.of_org_between(row.org_id, row.network, first - 1, last)}
    fresh, changed, gained = [], [], defaultdict(list)
    for each in decoded:
        before = stored.get(each.id)
        if before is not None and not set(before.wallet_ids) <= set(each.wallet_ids) | {wallet_id for _, wallet_id in watched.wallets()}:
            each = await _again_with(desk, counted, wallet, before, blocks)
        each = read_again(each, before)
        if before is None or before.orphaned:
            fresh.append(each)
        elif facts_of(each.movements) != facts_of(before.movements):
            changed.append(each)
        else:
            continue
        for asset, amount in told(each.movements, wallet).items():
            gained[asset].append(amount)
        for asset, amount in told(before.movements, wallet).items() if before is not None and not before.orphaned else ():
            gained[asset].append(amount.copy_negate())
    return _Found(fresh, changed, {asset: total for asset, amounts in gained.items() if (total := add_exactly(amounts)) != 0})


async def _again_with(desk: Desk, counted: CountedWallets, wallet: Wallet, before: Transaction, blocks: Sequence[WireBlock]) -> Transaction:
    """The row as it is seen by the wallets that it concerned already, and this one."""
    (block,) = [each for each in blocks if each.header.hash == before.block_hash] or [blocks[0]]
    watched = _watched(desk.network, counted, block.header.number, wallet, before.wallet_ids)
    (read,) = await desk.chain.read_blocks(block.header.number, block.header.number, watched)
    if read.header.hash != block.header.hash:
        raise InconsistentAnswer(f"another block {block.header.number} than a moment ago")
    rows = [each for each in await transactions_of(desk.network, desk.chain, watched, [read], desk.clock.now()) if each.id == before.id]
    if not rows:
        raise InconsistentAnswer(f"{before.hash} is not in its block any more")
    return rows[0]


def told(movements: Sequence[Movement], wallet: Wallet) -> dict[str, Decimal]:
    """What the movements that count say that the wallet's holdings changed by, in whole units. One to its address that was stored before it was
    the organisation's says nothing of it."""
    sums: dict[str, list[Decimal]] = defaultdict(list)
    for movement in movements:
        if movement.spam or movement.collectible or movement.amount is None:
            continue
        receiver = movement.wallet_id if movement.direction is Direction.IN else movement.counter_wallet_id
        if receiver == wallet.id:
            sums[movement.asset].append(movement.amount)
        if movement.wallet_id == wallet.id and movement.direction is not Direction.IN:
            sums[movement.asset].append(movement.amount.copy_negate())
    return {asset: add_exactly(amounts) for asset, amounts in sums.items()}


def facts_of(movements: Sequence[Movement]) -> list[tuple[str, ...]]:
    """What the chain says of them, to compare; prices and suspicions are ours."""
    return sorted((row.key, row.raw_amount, row.from_address, row.to_address, row.wallet_id, row.counter_wallet_id or "") for row in movements)


async def _store(session: Session, desk: Desk, row: Backfill, wallet: Wallet, found: _Found, rates: Mapping[str, Decimal], end: BlockHeader) -> None:
    now = desk.clock.now()
    assert row.first_block is not None and row.to_block is not None
    await _move(session, row, {"position": end.number, "position_hash": end.hash, "rows": row.rows + len(found.rows)})
    if found.rows:
        await _keep(session, wallet, found, now)
        if found.gained:
            less = {asset: amount.copy_negate() for asset, amount in found.gained.items()}
            await _remake(session, desk, row, wallet, less, rates, now)
    percent = (end.number - row.first_block + 1) * 100 // (row.to_block - row.first_block + 1)
    done = f"{end.number - row.first_block + 1} of {row.to_block - row.first_block + 1} blocks, {row.rows + len(found.rows)} transactions"
    try:
        await tasks.progress(session, row.org_id, row.task_id, min(percent, 99), now, summary=f"{wallet.name}: {done}")
    except TaskNotRunning as error:
        raise _Overtaken from error
    faultpoint("backfill_wallet.before_commit")


async def _keep(session: Session, wallet: Wallet, found: _Found, now: datetime) -> None:
    """New rows as the follower stores them; what a stored row lacked is put into it, and its booking taken back and due again."""
    if not await wallet_store.hold_opening(session, wallet):
        raise _Overtaken
    stored = await transaction_store.stored_of_network(session, [each.id for each in found.rows])
    new = [each for each in found.fresh if each.id not in stored]
    back = [(stored[each.id], each) for each in found.fresh if each.id in stored]
    if any(not before.orphaned for before, _ in back):
        raise _Overtaken
    await transaction_store.put_in_block(session, new, back)
    for each in found.changed:
        before = stored.get(each.id)
        if before is None or before.orphaned:
            raise _Overtaken
        await reverse_bookings(session, before, now, "more of it was found")
        if not await transaction_store.complete(session, before, each):
            raise _Overtaken
    await events.append_all(session, [(each.org_id, TransactionRecorded(**each.event_fields())) for each in found.rows], now)


async def _remake(
    session: Session, desk: Desk, row: Backfill, wallet: Wallet, change: Mapping[str, Decimal], rates: Mapping[str, Decimal], now: datetime
) -> None:
    assert row.first_block is not None and row.base_at is not None
    organization = await organizations.get(row.org_id, session)
    assert organization is not None
    day = day_of(row.base_at, organization.time_zone)
    await remake_opening(session, wallet, change, Opened(day, row.first_block - 1, rates), now)


async def _rates(desk: Desk, row: Backfill, assets: Mapping[str, Any]) -> dict[str, Decimal]:
    """What the opening is valued at: prices at the block before the first. None of an asset that nobody can tell."""
    assert row.first_block is not None and row.base_hash is not None and row.base_at is not None
    organization = await organizations.get(row.org_id)
    assert organization is not None
    moment, rates = Moment(desk.network, row.first_block - 1, row.base_hash, row.base_at), {}
    for asset in sorted(assets):
        try:
            quote = await prices.rate_at(row.org_id, asset, organization.functional_currency, moment, desk.feeds, desk.clock.now())
        except CallRefused:  # the node keeps no state so old: a price for a person to enter
            continue
        if quote is not None:
            rates[asset] = quote.rate
    return rates


# ---- the end -----------------------------------------------------------------------------------------------------------------------


async def _close(desk: Desk, row: Backfill, wallet: Wallet) -> None:
    """The opening becomes what the chain held before the first block, where the node can tell it: what moved unseen since is found first."""
    assert row.first_block is not None and row.base_hash is not None
    held = await opened_quantities(row.org_id, wallet.id)
    assets = await chains.assets_with(desk.network, set(held))
    try:
        raws = await desk.chain.balances([(wallet.address, asset.contract) for asset in assets], row.base_hash)
    except CallRefused:
        await _end(desk, row, "It was read to its end. The node keeps no balances so old: the opening is what is left.")
        return
    reasons = [reason for asset in assets if (reason := await _search(desk, row, wallet, asset)) is not None]
    earlier = await transaction_store.of_wallet_between(row.org_id, wallet.id, row.network, -1, row.first_block - 1)
    before = [told(each.movements, wallet) for each in earlier]
    change: dict[str, Decimal] = {}
    for asset, raw in zip(assets, raws, strict=True) if not reasons else ():
        stands = add_exactly([held.get(asset.name, Decimal(0)), *(each.get(asset.name, Decimal(0)) for each in before)])
        difference = add_exactly([to_units(raw, asset.decimals), stands.copy_negate()])
        if difference != 0:
            change[asset.name] = difference
    rates = await _rates(desk, row, change)
    await desk.uow.run(lambda session: _finish(session, desk, row, wallet, change, rates, reasons))


async def _search(desk: Desk, row: Backfill, wallet: Wallet, asset: ChainAsset) -> str | None:
    """What moved unseen is stored, to be booked. Why it did not come to its end, if it did not."""
    assert row.first_block is not None
    while True:
        cursor = await chain_store.cursor(row.network)
        assert cursor is not None
        here = Position(cursor.height, cursor.hash)
        search = await find_missing_movements(desk.uow, desk.clock, desk.network, desk.chain, wallet, asset, since=row.first_block - 1, here=here)
        if search.reason is None or search.rows == 0:
            return search.reason


async def _finish(
    session: Session,
    desk: Desk,
    row: Backfill,
    wallet: Wallet,
    change: Mapping[str, Decimal],
    rates: Mapping[str, Decimal],
    reasons: Sequence[str],
) -> None:
    now = desk.clock.now()
    if change:
        if not await wallet_store.hold_opening(session, wallet):
            raise _Overtaken
        await _remake(session, desk, row, wallet, change, rates, now)
    note = f" What moved unseen could not be looked for to the end: {reasons[0]}." if reasons else ""
    await _ended(session, row, now, f"{wallet.name}: its history since block {row.first_block}, {row.rows} transactions.{note}", failed=False)


async def _end(desk: Desk, row: Backfill, reason: str, *, failed: bool = False) -> None:
    await desk.uow.run(lambda session: _ended(session, row, desk.clock.now(), reason, failed=failed))


async def _ended(session: Session, row: Backfill, now: datetime, reason: str, *, failed: bool) -> None:
    state = BackfillState.FAILED if failed else BackfillState.DONE
    await tasks.begin(session, row.org_id, row.task_id, now)
    await _move(session, row, {"state": state, "live": False, "reason": reason})
    try:
        await tasks.finish(session, row.org_id, row.task_id, now, summary=reason, error=reason if failed else None)
    except TaskNotRunning:  # an operator ended it
        return


async def _move(session: Session, row: Backfill, changes: dict[str, Any]) -> None:
    if await store.change(session, row, changes) is None:
        raise _Overtaken
