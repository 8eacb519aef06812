"""From blocks to rows: what in them concerns an organisation, as its transactions will be stored. Reads the chain, changes nothing."""

from collections.abc import Sequence
from datetime import UTC, datetime

from crypto_api.chains import service as chains
from crypto_api.chains.types import ChainReader
from crypto_api.classification import store as counterparties
from crypto_api.kit.ethereum import BlockHeader, InconsistentAnswer, WireBlock, WireLog, WireReceipt, WireTransaction, address_of_topic, checksummed
from crypto_api.kit.networks import NetworkConfig
from crypto_api.transactions import rules as transaction_rules
from crypto_api.transactions import store as transaction_store
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.rules import Sight
from crypto_api.transactions.types import MovementKind
from crypto_api.wallets.watch_list import WatchList


async def transactions_of(
    network: NetworkConfig, chain: ChainReader, watched: WatchList, blocks: Sequence[WireBlock], now: datetime
) -> list[Transaction]:
    """A row for each organisation that a transaction touches."""
    receipts = await _receipts(chain, watched, blocks)
    contracts = {row.address for block in blocks for row in block.logs}
    tokens = await chains.token_facts(network, contracts, chain, now) if contracts else {}
    known: dict[str, frozenset[str]] = {}
    rows: list[Transaction] = []
    for block in blocks:
        logs_by_hash: dict[str, list[WireLog]] = {}
        for log in block.logs:
            logs_by_hash.setdefault(log.transaction_hash, []).append(log)
        for tx in block.transactions:
            logs = logs_by_hash.get(tx.hash, [])
            for org_id, own in watched.organizations(_addresses(tx, logs)).items():
                if org_id not in known:
                    known[org_id] = await _known_addresses(org_id, watched)
                sight = Sight(own, network, tokens, known[org_id])
                row = _row(org_id, sight, block.header, tx, logs, receipts.get(tx.hash), now)
                if row is not None:
                    rows.append(row)
    return rows


async def _receipts(chain: ChainReader, watched: WatchList, blocks: Sequence[WireBlock]) -> dict[str, WireReceipt]:
    """Of the transactions that a watched wallet sent or was called by; for others a log already says that they succeeded."""
    block_of = {tx.hash: block.header.hash for block in blocks for tx in block.transactions if tx.sender in watched or tx.recipient in watched}
    receipts = await chain.read_receipts(block_of) if block_of else {}
    if any(receipts[hash_].block_hash != block_hash for hash_, block_hash in block_of.items()):
        raise InconsistentAnswer("a receipt belongs to another block than its transaction")
    return receipts


async def _known_addresses(org_id: str, watched: WatchList) -> frozenset[str]:
    known = await counterparties.known(org_id)
    return watched.addresses_of(org_id) | {address.lower() for address in known}


def _addresses(tx: WireTransaction, logs: Sequence[WireLog]) -> set[str]:
    found = {tx.sender, tx.recipient or ""}
    for log in logs:
        found.update(address_of_topic(topic) for topic in log.topics[1:3])
    return found


def _row(
    org_id: str, sight: Sight, header: BlockHeader, tx: WireTransaction, logs: Sequence[WireLog], receipt: WireReceipt | None, now: datetime
) -> Transaction | None:
    """None when nothing of the organisation's moved: somebody else's failed call, a token transfer that is not an ERC-20's."""
    movements = transaction_rules.movements_of(sight, tx, logs, receipt)
    if not movements:
        return None
    gas = next((movement.raw_amount for movement in movements if movement.kind is MovementKind.GAS), None)
    return Transaction(
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
        succeeded=receipt is None or receipt.succeeded,
        from_address=checksummed(tx.sender),
        to_address=checksummed(tx.recipient) if tx.recipient else None,
        method=tx.input[:10],
        gas_fee_raw=gas,
        movements=movements,
        wallet_ids=sorted({wallet for movement in movements for wallet in (movement.wallet_id, movement.counter_wallet_id) if wallet}),
        assets=sorted({movement.asset for movement in movements}),
    )
