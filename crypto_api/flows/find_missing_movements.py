"""Find what moved a wallet's balance and no stored movement tells of: a contract's call that touched nothing else of ours, a token that takes
a fee or changes balances without a word. Asked for where a checkpoint finds a difference.

    balances at blocks, halved down to the blocks that do not add up → read such a block again, with the traces of all of its transactions
      → store what was missing (one unit of work) │ what nothing explains becomes a row of its own: a change of the balance, by nobody known

Exactly once, however often it runs: what it stored counts the next time, its rows have ids made of block and wallet, and it changes nothing
unless the cursor still stands where the search began.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate

from crypto_api.chains import service as chains
from crypto_api.chains import store as chain_store
from crypto_api.chains.types import ChainAsset, ChainReader, Position, TokenFacts
from crypto_api.events import service as events
from crypto_api.flows.book_transaction import reverse_bookings
from crypto_api.flows.counted_wallets import counted_wallets
from crypto_api.flows.read_transactions import read_again, transactions_of, with_movements
from crypto_api.kit import log
from crypto_api.kit.clock import Clock
from crypto_api.kit.ethereum import ZERO_ADDRESS, BlockHeader, CallRefused, InternalTransfer, WireBlock, WireTransaction, checksummed
from crypto_api.kit.networks import NetworkConfig
from crypto_api.transactions import rules
from crypto_api.transactions import store as transactions
from crypto_api.transactions.agreement import weighed
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.events import TransactionRecorded
from crypto_api.transactions.types import Movement, Origin
from crypto_api.wallets.documents import Wallet
from crypto_api.wallets.watch_list import WatchList
from mongodb_config.unit_of_work import Session, UnitOfWork

BLOCKS_MAX = 25
"""One search stores what it finds in so many blocks; the next one goes on."""

logger = log.get(__name__)


@dataclass(frozen=True)
class Search:
    """What came of it. `unexplained` is the part of the difference (base units) that is still open; `reason` says why the search ended there."""

    rows: int = 0
    unexplained: int = 0
    reason: str | None = None


class _Moved(Exception):
    """The cursor, or the chain beneath it, is no longer what the search began with."""


@dataclass(frozen=True)
class _Quest:
    network: NetworkConfig
    chain: ChainReader
    wallet: Wallet
    asset: ChainAsset
    here: Position
    heights: Sequence[int]  # at which stored movements changed the balance
    sums: Sequence[int]  # and what they had changed it by in all, from that height on

    async def unexplained(self, height: int) -> int:
        """The balance at the end of that block, without what stored movements tell of."""
        header = await self.header(height)
        (balance,) = await self.chain.balances([(self.wallet.address, self.asset.contract)], header.hash)
        return balance - self.stored(height)

    def stored(self, height: int) -> int:
        at = bisect_right(self.heights, height)
        return self.sums[at - 1] if at else 0

    async def header(self, height: int) -> BlockHeader:
        header = await self.chain.header(height)
        ours = self.here.hash if height == self.here.height else await chain_store.canonical_hash(self.network.slug, height)
        if header is None or (ours is not None and header.hash != ours):
            raise _Moved
        return header


async def find_missing_movements(
    uow: UnitOfWork, clock: Clock, network: NetworkConfig, chain: ChainReader, wallet: Wallet, asset: ChainAsset, *, since: int, here: Position
) -> Search:
    """Looks at the blocks after `since`, at whose end books and chain agreed, up to the cursor's position `here`. Raises ChainUnavailable
    when no node answers. Rows that it stores are due for booking."""
    if since >= here.height:
        return Search()
    by_block: dict[int, int] = {}
    async for height, movements in transactions.moved_between(wallet.org_id, wallet.id, network.slug, since, here.height):
        by_block[height] = by_block.get(height, 0) + _told(movements, wallet, asset)
    heights = sorted(by_block)
    quest = _Quest(network, chain, wallet, asset, here, heights, list(accumulate(by_block[height] for height in heights)))
    try:
        return await _search(uow, clock, quest, since)
    except _Moved:
        return Search(reason="the chain moved on meanwhile")
    except CallRefused as error:
        return Search(reason=f"the node tells no balances of so old a block ({error.detail})")


async def _search(uow: UnitOfWork, clock: Clock, quest: _Quest, since: int) -> Search:
    base, last = await quest.unexplained(since), await quest.unexplained(quest.here.height)
    rows, blocks = 0, 0
    stretches = [(since, base, quest.here.height, last)] if base != last else []
    while stretches:
        low, before, high, after = stretches.pop()
        if high - low > 1:
            middle = (low + high) // 2
            between = await quest.unexplained(middle)
            stretches += [part for part in ((middle, between, high, after), (low, before, middle, between)) if part[1] != part[3]]
            continue
        if blocks == BLOCKS_MAX:
            return Search(rows, last - before, f"more than {BLOCKS_MAX} blocks do not add up: the next search goes on")
        blocks += 1
        rows += await _explain(uow, clock, quest, high, after - before)
    return Search(rows)


# ---- one block -------------------------------------------------------------------------------------------------------------------


async def _explain(uow: UnitOfWork, clock: Clock, quest: _Quest, height: int, missing: int) -> int:
    """Stores what makes the block add up. Returns how many rows it stored or completed."""
    now = clock.now()
    header, facts = await quest.header(height), await _facts(quest, now)
    stored = {
        row.id: row for row in await transactions.of_wallet_between(quest.wallet.org_id, quest.wallet.id, quest.network.slug, height - 1, height)
    }
    read = await _read_again(quest, header, stored, now)
    if facts is not None and not facts.by_balance and missing - _gain(quest, read, stored) != 0 and (quest.asset.name in _assets(stored, read)):
        # Its logs and its balances contradict one another. From now on the balances count.
        await chains.believe_by_balance(quest.network, facts, now)
        read = await _read_again(quest, header, stored, now)
    changed = [row for row in read if _differs(row, stored.get(row.id))]
    rest = missing - _gain(quest, read, stored)
    if rest:
        row_id = transactions.adjustment_id(quest.wallet.org_id, quest.network.chain_id, header.hash, quest.wallet.id, quest.asset.name)
        before = _told(stored[row_id].movements, quest.wallet, quest.asset) if row_id in stored else 0
        changed.append(_adjustment(quest, header, row_id, before + rest, facts, now))
        logger.info("a balance changed by nobody known", wallet=quest.wallet.id, asset=quest.asset.name, block=height)
    await uow.run(lambda session: _store(session, quest, changed, now))
    return len(changed)


async def _facts(quest: _Quest, now: datetime) -> TokenFacts | None:
    contract = quest.asset.contract
    return (await chains.token_facts(quest.network, [contract], quest.chain, now))[contract.lower()] if contract else None


async def _read_again(quest: _Quest, header: BlockHeader, stored: Mapping[str, Transaction], now: datetime) -> list[Transaction]:
    """The organisation's rows of the block, also of transactions that only their traces connect with the wallet."""
    counted = await counted_wallets(quest.wallet.org_id, quest.network.slug)
    watched = WatchList.of(quest.network.slug, counted.including([quest.wallet.id], header.number))
    (found,) = await quest.chain.read_blocks(header.number, header.number, watched) or [WireBlock(header, ())]
    if found.header.hash != header.hash:
        raise _Moved
    known = {tx.hash for tx in found.transactions}
    hidden = [] if quest.asset.contract else await _hidden(quest, header, known)
    block = WireBlock(header, tuple(sorted([*found.transactions, *hidden], key=lambda tx: tx.index)), found.logs)
    rows = await transactions_of(quest.network, quest.chain, watched, [block], now)
    return [read_again(row, stored.get(row.id)) for row in rows if row.org_id == quest.wallet.org_id]


async def _hidden(quest: _Quest, header: BlockHeader, known: set[str]) -> list[WireTransaction]:
    """Transactions of the block that nothing but a trace connects with the wallet."""
    if quest.network.traces == "none":
        return []
    others = [tx for tx in await quest.chain.transactions_in(header.hash) if tx.hash not in known]
    traces = await quest.chain.internal_transfers_in(header) or await quest.chain.internal_transfers([tx.hash for tx in others])
    return [tx for tx in others if _touches(traces.get(tx.hash) or (), quest.wallet.address.lower())]


def _touches(transfers: Sequence[InternalTransfer], address: str) -> bool:
    return any(address in (transfer.sender, transfer.recipient) for transfer in transfers)


def _told(movements: Sequence[Movement], wallet: Wallet, asset: ChainAsset) -> int:
    """What the movements that count say that the wallet's holding changed by, in base units."""
    counted = [row for row in movements if row.asset == asset.name and not row.spam and not row.collectible]
    return sum(int(row.raw_amount) for row in counted if row.to_address == wallet.address) - sum(
        int(row.raw_amount) for row in counted if row.from_address == wallet.address
    )


def _gain(quest: _Quest, read: Sequence[Transaction], stored: Mapping[str, Transaction]) -> int:
    """How much more the rows as read now tell of than those that are stored."""
    wallet, asset = quest.wallet, quest.asset
    return sum(_told(row.movements, wallet, asset) - (_told(stored[row.id].movements, wallet, asset) if row.id in stored else 0) for row in read)


def _assets(stored: Mapping[str, Transaction], read: Sequence[Transaction]) -> set[str]:
    return {asset for row in (*stored.values(), *read) for asset in row.assets}


def _differs(row: Transaction, stored: Transaction | None) -> bool:
    return stored is None or _facts_of(row) != _facts_of(stored)


def _facts_of(row: Transaction) -> list[tuple[str, str, str, str]]:
    return sorted((movement.key, movement.raw_amount, movement.from_address, movement.to_address) for movement in row.movements)


def _adjustment(quest: _Quest, header: BlockHeader, row_id: str, change: int, facts: TokenFacts | None, now: datetime) -> Transaction:
    """A row for a change that no transaction explains: it stands in the block, and its `hash` is the block's. One for each wallet and asset:
    what is found later in the same block is added to it."""
    wallet, network = quest.wallet, quest.network
    movement = rules.by_balance(network, wallet.address, wallet.id, change, facts, key=f"balance:{header.hash}")
    row = with_movements(
        Transaction(
            id=row_id,
            created_at=now,
            org_id=wallet.org_id,
            origin=Origin.BALANCE,
            network=network.slug,
            chain_id=network.chain_id,
            hash=header.hash,
            block_number=header.number,
            block_hash=header.hash,
            index=rules.AFTER_ALL_TRANSACTIONS,
            timestamp=datetime.fromtimestamp(header.timestamp, UTC),
            stored_at=now,
            succeeded=True,
            from_address=movement.from_address if change < 0 else checksummed(ZERO_ADDRESS),
            to_address=movement.to_address if change > 0 else None,
            movements=[],
            wallet_ids=[],
            assets=[],
        ),
        [movement],
    )
    return weighed(network, row)


async def _store(session: Session, quest: _Quest, rows: Sequence[Transaction], now: datetime) -> None:
    """New rows as the follower stores them; what a stored row lacked is put into it, and its booking taken back and due again."""
    if not await chain_store.hold_cursor(session, quest.network.slug, quest.here):
        raise _Moved
    stored = await transactions.stored_of_network(session, [row.id for row in rows])
    standing = {row_id: row for row_id, row in stored.items() if not row.orphaned}
    fresh = [row for row in rows if row.id not in stored]
    back = [(stored[row.id], row) for row in rows if row.id in stored and row.id not in standing]
    await transactions.put_in_block(session, fresh, back)
    for row in rows:
        if row.id in standing:
            await reverse_bookings(session, standing[row.id], now, "more of it was found")
            if not await transactions.complete(session, standing[row.id], row):
                raise _Moved
    await events.append_all(session, [(row.org_id, TransactionRecorded(**row.event_fields())) for row in rows], now)
