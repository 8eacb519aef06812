"""From blocks to rows: what in them concerns an organisation, as its transactions will be stored. Reads the chain, changes nothing.

receipts → facts of the tokens → traces, where code ran → balances, for tokens that are believed by balance │ and for the coin, untraced
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from crypto_api.chains import service as chains
from crypto_api.chains.types import ChainReader, TokenFacts
from crypto_api.classification import store as counterparties
from crypto_api.kit import log
from crypto_api.kit.ethereum import (
    PLAIN_TRANSFER_GAS,
    BlockHeader,
    CallRefused,
    InconsistentAnswer,
    InternalTransfer,
    WireBlock,
    WireLog,
    WireReceipt,
    WireTransaction,
    address_of_topic,
    checksummed,
    parties_of,
)
from crypto_api.kit.networks import NetworkConfig
from crypto_api.protocols.glance import Glance
from crypto_api.protocols.reading import actions_of
from crypto_api.transactions import rules
from crypto_api.transactions import store as transaction_store
from crypto_api.transactions.agreement import weighed
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.rules import Correction, Seen, Sight
from crypto_api.transactions.types import Direction, Movement, MovementKind
from crypto_api.wallets.watch_list import WatchList

logger = log.get(__name__)

INPUT_KEPT_MAX = 2 + 2 * 8_192
"""Hexadecimal digits of a call's input that a row keeps, to show its arguments once the ABI of its contract is known."""

Internal = Mapping[str, tuple[InternalTransfer, ...] | None]


@dataclass
class _Reading:
    """What has been read for a stretch of blocks, and for whom."""

    network: NetworkConfig
    chain: ChainReader
    watched: WatchList
    now: datetime
    receipts: Mapping[str, WireReceipt]
    tokens: Mapping[str, TokenFacts]
    internal: Internal
    known: dict[str, frozenset[str]] = field(default_factory=dict)

    async def sight(self, org_id: str, own: Mapping[str, str]) -> Sight:
        if org_id not in self.known:
            named = await counterparties.known(org_id)
            self.known[org_id] = self.watched.addresses_of(org_id) | {address.lower() for address in named}
        return Sight(own, self.network, self.tokens, self.known[org_id])


async def transactions_of(
    network: NetworkConfig, chain: ChainReader, watched: WatchList, blocks: Sequence[WireBlock], now: datetime
) -> list[Transaction]:
    """A row for each organisation that a transaction touches."""
    traced: dict[str, tuple[InternalTransfer, ...]] = {}
    if network.traces == "blocks":
        blocks, traced = await _traced(chain, watched, blocks)
    receipts = await _receipts(chain, watched, blocks)
    contracts = {row.address for block in blocks for row in block.logs}
    tokens = await chains.token_facts(network, contracts, chain, now) if contracts else {}
    reading = _Reading(network, chain, watched, now, receipts, tokens, await _internal(network, chain, receipts, blocks, traced))
    rows: list[Transaction] = []
    for block in blocks:
        rows.extend(weighed(network, row) for row in await _rows(reading, block))
    return rows


async def _rows(reading: _Reading, block: WireBlock) -> list[Transaction]:
    corrections = await _corrections(reading, block)
    logs: dict[str, list[WireLog]] = {}
    for row in block.logs:
        logs.setdefault(row.transaction_hash, []).append(row)
    found: list[Transaction] = []
    for tx in block.transactions:
        seen = Seen(tx, logs.get(tx.hash, []), reading.receipts.get(tx.hash), reading.internal.get(tx.hash), corrections)
        for org_id, own in reading.watched.organizations(_addresses(seen)).items():
            sight = await reading.sight(org_id, own)
            if (row_ := transaction_row(org_id, sight, block.header, seen, reading.now)) is not None:
                found.append(row_)
    untraced = {tx.hash for tx in block.transactions if tx.hash in reading.internal and reading.internal[tx.hash] is None}
    return await _by_balance(reading, block.header, found, untraced) if untraced else found


async def _receipts(chain: ChainReader, watched: WatchList, blocks: Sequence[WireBlock]) -> dict[str, WireReceipt]:
    """Of the transactions that a watched wallet sent or was called by; for others a log already says that they succeeded."""
    block_of = {tx.hash: block.header.hash for block in blocks for tx in block.transactions if tx.sender in watched or tx.receiver in watched}
    receipts = await chain.read_receipts(block_of) if block_of else {}
    if any(receipts[hash_].block_hash != block_hash for hash_, block_hash in block_of.items()):
        raise InconsistentAnswer("a receipt belongs to another block than its transaction")
    return receipts


async def _internal(
    network: NetworkConfig,
    chain: ChainReader,
    receipts: Mapping[str, WireReceipt],
    blocks: Sequence[WireBlock],
    traced: Mapping[str, tuple[InternalTransfer, ...]],
) -> Internal:
    """Of the transactions in which a contract may have moved the coin: not of plain transfers, nor of calls to a token that is listed."""
    tokens = {token.address.lower() for token in network.tokens}
    of_code = [tx for block in blocks for tx in block.transactions if tx.recipient not in tokens and _ran_code(tx, receipts.get(tx.hash))]
    hashes = [tx.hash for tx in of_code if tx.hash not in traced]
    asked = await chain.internal_transfers(hashes) if hashes and network.traces != "none" else dict.fromkeys(hashes)
    return {**asked, **traced}


async def _traced(
    chain: ChainReader, watched: WatchList, blocks: Sequence[WireBlock]
) -> tuple[list[WireBlock], dict[str, tuple[InternalTransfer, ...]]]:
    """The blocks with the transactions that only a call connects with a wallet; and what every transaction that touches one moved by calls."""
    found: list[WireBlock] = []
    traced: dict[str, tuple[InternalTransfer, ...]] = {}
    for block, traces in zip(blocks, await asyncio.gather(*(chain.internal_transfers_in(block.header) for block in blocks)), strict=True):
        shown = {tx.hash for tx in block.transactions}
        touching = {hash_: rows for hash_, rows in (traces or {}).items() if hash_ in shown or _touches(rows, watched)}
        traced |= touching
        if hidden := touching.keys() - shown:
            others = [tx for tx in await chain.transactions_in(block.header.hash) if tx.hash in hidden]
            block = replace(block, transactions=tuple(sorted([*block.transactions, *others], key=lambda tx: tx.index)))
        found.append(block)
    return found, traced


def _touches(transfers: Iterable[InternalTransfer], watched: WatchList) -> bool:
    return any(row.sender in watched or row.recipient in watched for row in transfers)


def _ran_code(tx: WireTransaction, receipt: WireReceipt | None) -> bool:
    if receipt is None:
        return True  # it left a log
    return receipt.succeeded and (tx.calls_code or receipt.gas_used > PLAIN_TRANSFER_GAS)


def _addresses(seen: Seen) -> set[str]:
    found = {seen.tx.sender, seen.tx.receiver}
    for row in seen.logs:
        found.update(address_of_topic(topic) for topic in parties_of(row.topics))
    for transfer in seen.internal or ():
        found.update((transfer.sender, transfer.recipient))
    return found


# ---- rows ------------------------------------------------------------------------------------------------------------------------


def transaction_row(org_id: str, sight: Sight, header: BlockHeader, seen: Seen, now: datetime) -> Transaction | None:
    """None when nothing of the organisation's moved: somebody else's failed call, an event that is no transfer."""
    movements, left_out = rules.without_flood(rules.movements_of(sight, seen))
    if not movements:
        return None
    tx = seen.tx
    actions, more = actions_of(_glance(sight, seen, movements)) if seen.receipt is None or seen.receipt.succeeded else ([], 0)
    return with_movements(
        Transaction(
            id=transaction_store.transaction_id(org_id, sight.network.chain_id, tx.hash),
            created_at=now,
            org_id=org_id,
            network=sight.network.slug,
            chain_id=sight.network.chain_id,
            hash=tx.hash,
            block_number=header.number,
            block_hash=header.hash,
            index=tx.index,
            timestamp=datetime.fromtimestamp(header.timestamp, UTC),
            stored_at=now,
            succeeded=seen.receipt is None or seen.receipt.succeeded,
            from_address=checksummed(tx.sender),
            nonce=tx.nonce,
            to_address=checksummed(tx.recipient) if tx.recipient else None,
            method=tx.input[:10] or "0x",
            gas_fee_raw=next((movement.raw_amount for movement in movements if movement.kind is MovementKind.GAS), None),
            movements=[],
            movements_left_out=left_out,
            actions=actions,
            actions_left_out=more,
            input=tx.input if len(tx.input) <= INPUT_KEPT_MAX else None,
            wallet_ids=[],
            assets=[],
        ),
        movements,
    )


def _glance(sight: Sight, seen: Seen, movements: Iterable[Movement]) -> Glance:
    """All logs where the receipt was read, else those that touch us."""
    tx, wrapped = seen.tx, sight.network.wrapped_native
    return Glance(
        chain_id=sight.network.chain_id,
        sender=tx.sender,
        recipient=tx.recipient,
        value=tx.value,
        input=tx.input,
        logs=seen.receipt.logs if seen.receipt is not None else seen.logs,
        wrapped=wrapped.address.lower() if wrapped else None,
        own=frozenset(sight.own),
        net=rules.net_of(movements),
    )


def with_movements(row: Transaction, movements: Iterable[Movement]) -> Transaction:
    """The row with these movements, and with what it is found by derived from them."""
    listed = list(movements)
    wallets = {wallet for movement in listed for wallet in (movement.wallet_id, movement.counter_wallet_id) if wallet}
    found_by = {"wallet_ids": sorted(wallets), "assets": sorted({movement.asset for movement in listed})}
    changed: Transaction = row.model_copy(update={"movements": listed} | found_by)
    return changed


def read_again(row: Transaction, before: Transaction | None) -> Transaction:
    """The row as it was read now, with what calls were found to have moved when it stood in that block before: an empty trace overwrites nothing."""
    if before is None or before.orphaned or before.block_hash != row.block_hash:
        return row
    return with_movements(row, rules.with_what_was_found(before.movements, row.movements))


# ---- believed by balance ---------------------------------------------------------------------------------------------------------


async def _corrections(reading: _Reading, block: WireBlock) -> dict[int, Correction]:
    """What tokens that are believed by balance really did to watched addresses in the block."""
    logs = [row for row in block.logs if reading.tokens[row.address].by_balance]
    touched = {(row.address, address) for row in logs for topic in parties_of(row.topics) if (address := address_of_topic(topic)) in reading.watched}
    if not touched:
        return {}
    holdings = [(address, contract) for contract, address in sorted(touched)]
    changes = await _changes(reading.chain, holdings, block.header)
    return {} if changes is None else rules.corrections_of(logs, dict(zip(sorted(touched), changes, strict=True)))


async def _changes(chain: ChainReader, holdings: Sequence[tuple[str, str | None]], header: BlockHeader) -> list[int] | None:
    """What each changed by in the block. None where no node has kept so old a state: a checkpoint will find what is missing."""
    try:
        after, before = await chain.balances(holdings, header.hash), await chain.balances(holdings, header.parent_hash)
    except CallRefused as error:
        logger.info("not compared with balances", block=header.number, reason=error.detail)
        return None
    return [last - first for last, first in zip(after, before, strict=True)]


async def _by_balance(reading: _Reading, header: BlockHeader, rows: list[Transaction], untraced: set[str]) -> list[Transaction]:
    """Where nobody can trace: what the coin of a wallet changed by beyond what its movements say came by a call. It is put down to the one
    transaction of the block that ran code and touched the wallet; where there are several, a checkpoint sets it apart."""
    doubtful: dict[str, set[str]] = {}
    for row in rows:
        for address in _own_addresses(row) if row.hash in untraced else ():
            doubtful.setdefault(address, set()).add(row.hash)
    single = sorted(address for address, hashes in doubtful.items() if len(hashes) == 1)
    changes = await _changes(reading.chain, [(address, None) for address in single], header) if single else None
    for address, change in zip(single, changes or (), strict=changes is not None):
        rows = [_completed(reading.network, row, rows, address, change) if row.hash in doubtful[address] else row for row in rows]
    return rows


def _own_addresses(row: Transaction) -> set[str]:
    found = set()
    for movement in row.movements:
        if movement.direction is not Direction.IN:
            found.add(movement.from_address)
        if movement.direction is not Direction.OUT:
            found.add(movement.to_address)
    return found


def _completed(network: NetworkConfig, row: Transaction, rows: Sequence[Transaction], address: str, change: int) -> Transaction:
    """With the movement by call that makes the organisation's movements of the block add up to the change of the balance."""
    told = [movement for other in rows if other.org_id == row.org_id for movement in other.movements]
    missing = change - rules.coin_change(told, address)
    if missing == 0 or address not in _own_addresses(row):
        return row
    wallet_id = next(_wallet_of(movement, address) for movement in row.movements if address in (movement.from_address, movement.to_address))
    return with_movements(row, [*row.movements, rules.by_balance(network, address, wallet_id, missing)])


def _wallet_of(movement: Movement, address: str) -> str:
    if movement.direction is Direction.INTERNAL and movement.to_address == address:
        return movement.counter_wallet_id or movement.wallet_id
    return movement.wallet_id
