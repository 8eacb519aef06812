"""One transaction by its hash, as the chain tells it, with what it is to the organisation."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from crypto_api.chains import store as chains
from crypto_api.flows.followed_chain import Node, followed_receipts
from crypto_api.kit.errors import NotFound
from crypto_api.kit.ethereum import ChainUnavailable
from crypto_api.kit.networks import NetworkConfig
from crypto_api.kit.sending import NodeReceipt, NodeTransaction
from crypto_api.payments import store as payments
from crypto_api.payments.documents import Payment
from crypto_api.transactions import store as transactions
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Status


@dataclass(frozen=True)
class ChainTransaction:
    network: NetworkConfig
    hash: str
    status: Status
    confirmations: int  # blocks from the one it stands in to the last one processed here, that one included; 0 while it waits
    told: NodeTransaction | None  # None: the node does not know it (any more)
    receipt: NodeReceipt | None
    payment: Payment | None
    row: Transaction | None


async def read_chain_transaction(
    networks: Mapping[str, NetworkConfig], nodes: Mapping[str, Node], org_id: str, hash_: str, network: str | None = None
) -> ChainTransaction:
    """NotFound when no node knows it and it is nothing of the organisation's; ChainUnavailable when that cannot be said because a node is away."""
    asked = {slug: row for slug, row in networks.items() if network in (None, slug)}
    found = await asyncio.gather(*(_on(row, nodes[slug], org_id, hash_) for slug, row in asked.items()), return_exceptions=True)
    for result in found:
        if isinstance(result, ChainTransaction):
            return result
    for result in found:
        if isinstance(result, BaseException):
            raise result
    raise NotFound


async def _on(network: NetworkConfig, node: Node, org_id: str, hash_: str) -> ChainTransaction | None:
    payment = await payments.by_hash(org_id, network.chain_id, hash_)
    row = await transactions.get(org_id, transactions.transaction_id(org_id, network.chain_id, hash_))
    try:
        told = await node.transaction(hash_)
        receipt = (await node.receipts([hash_])).get(hash_) if told is not None else None
        canonical = (await followed_receipts(network.slug, node, [receipt])).get(hash_) if receipt is not None else None
    except ChainUnavailable:
        if row is None and payment is None:
            raise
        told, receipt, canonical = None, None, None
    if told is None and payment is None and row is None:
        return None
    if canonical is not None:
        final = canonical.final and canonical.depth >= network.confirmations
        status = Status.FAILED if not canonical.succeeded else Status.CONFIRMED if final else Status.PENDING
        return ChainTransaction(network, hash_, status, canonical.depth + 1, told, receipt, payment, row)
    status = row.status if row is not None else Status.PENDING
    return ChainTransaction(network, hash_, status, await _stored_depth(network, row), told, receipt, payment, row)


async def _stored_depth(network: NetworkConfig, row: Transaction | None) -> int:
    cursor = await chains.cursor(network.slug)
    if row is None or cursor is None or row.status is Status.ORPHANED:
        return 0
    return max(0, cursor.height - row.block_number + 1)
