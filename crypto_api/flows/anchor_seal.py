"""The head of the chain of seals, anchored on a blockchain: somebody sends a transaction with it in its input, by whatever means; here that is looked
up, and recorded.

    network, hash of the transaction ─▶ our nodes: its input, its receipt ─▶ which seal's hash the input holds
                                        our follower: its block is canonical and final ─▶ the anchor, its event, its record

No key is needed: who sent it does not matter, only what it holds and since when.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from pymongo.errors import DuplicateKeyError

from crypto_api.audit import service as audit
from crypto_api.events import service as events
from crypto_api.flows.followed_chain import Node, followed_receipts
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import FieldError, InvalidInput
from crypto_api.kit.ethereum import BlockHeader, InconsistentAnswer
from crypto_api.kit.ids import new_id
from crypto_api.kit.networks import NetworkConfig
from crypto_api.kit.seals import Head
from crypto_api.kit.sending import NodeReceipt, NodeTransaction
from crypto_api.ledger import anchor_store, rules
from crypto_api.ledger.documents import SealAnchor
from crypto_api.ledger.errors import AnchorNotFinal, AnchorNotMined
from crypto_api.ledger.events import SealWasAnchored
from mongodb_config.unit_of_work import Session, UnitOfWork

INPUT_BYTES_MAX = 4096
_HASH = re.compile(r"0x[0-9a-fA-F]{64}", re.ASCII)


class Headers(Protocol):
    async def header(self, number: int) -> BlockHeader | None: ...


@dataclass(frozen=True)
class AnchorPorts:
    """By network."""

    networks: Mapping[str, NetworkConfig]
    nodes: Mapping[str, Node]
    chains: Mapping[str, Headers]


async def anchor_seal(
    uow: UnitOfWork, clock: Clock, ports: AnchorPorts, org_id: str, user_id: str, network: str, transaction_hash: str
) -> tuple[SealAnchor, bool]:
    """The anchor, and whether it is new: a transaction is recorded once. InvalidInput naming the field, AnchorNotMined, AnchorNotFinal;
    ChainUnavailable when nobody can say."""
    config, hash_ = _checked(ports.networks, network, transaction_hash), transaction_hash.lower()
    if (known := await anchor_store.of_transaction(org_id, config.chain_id, hash_)) is not None:
        return known, False
    told, receipt = await _mined(ports.nodes[network], hash_)
    head = await _sealed_in(org_id, told.data)
    if not receipt.succeeded:
        raise InvalidInput.of("transaction_hash", "was reverted: it did nothing", "transaction_reverted")
    header = await _final(config, ports, receipt)
    now = clock.now()
    row = SealAnchor(
        id=new_id("anc"),
        created_at=now,
        org_id=org_id,
        seq=head.seq,
        seal_hash=head.hash,
        network=network,
        chain_id=config.chain_id,
        transaction_hash=hash_,
        block_number=header.number,
        block_hash=header.hash,
        block_at=datetime.fromtimestamp(header.timestamp, UTC),
        recorded_by=user_id,
    )
    try:
        await uow.run(lambda session: _record(session, row))
    except DuplicateKeyError:
        first = await anchor_store.of_transaction(org_id, config.chain_id, hash_)
        assert first is not None, "somebody recorded it at the same moment"
        return first, False
    return row, True


def _checked(networks: Mapping[str, NetworkConfig], network: str, transaction_hash: str) -> NetworkConfig:
    errors = []
    if network not in networks:
        errors.append(FieldError("network", "is not a network of this installation", "unknown_network"))
    if not _HASH.fullmatch(transaction_hash):
        errors.append(FieldError("transaction_hash", "must be 0x and 64 hexadecimal digits", "invalid_hash"))
    if errors:
        raise InvalidInput(*errors)
    return networks[network]


async def _mined(node: Node, hash_: str) -> tuple[NodeTransaction, NodeReceipt]:
    told = await node.transaction(hash_)
    receipt = (await node.receipts([hash_])).get(hash_) if told is not None and told.block_number is not None else None
    if told is None or receipt is None:
        raise AnchorNotMined
    if (told.hash.lower(), told.block_number) != (hash_, receipt.block_number):
        raise InconsistentAnswer(f"the transaction {hash_} and its receipt do not fit together")
    return told, receipt


async def _sealed_in(org_id: str, data: str) -> Head:
    """Where the input holds several, the last: it proves the others too. What is another organisation's is no seal here."""
    raw = bytes.fromhex(data.removeprefix("0x"))
    if len(raw) > INPUT_BYTES_MAX:
        raise InvalidInput.of("transaction_hash", f"has an input of more than {INPUT_BYTES_MAX:,} bytes", "input_too_long")
    head = await anchor_store.latest_of_hashes(org_id, rules.digests_in(raw))
    if head is None:
        raise InvalidInput.of("transaction_hash", "does not hold the hash of a seal of these books in its input", "no_seal")
    return head


async def _final(config: NetworkConfig, ports: AnchorPorts, receipt: NodeReceipt) -> BlockHeader:
    """The header of its block. AnchorNotFinal where our own follower does not hold that block as canonical and final, by the rule of the network."""
    followed = (await followed_receipts(config.slug, ports.nodes[config.slug], [receipt])).get(receipt.hash)
    if followed is None or not followed.final or followed.depth < config.confirmations:
        raise AnchorNotFinal
    header = await ports.chains[config.slug].header(receipt.block_number)
    if header is None or header.hash != receipt.block_hash:
        raise InconsistentAnswer(f"the node names another block {receipt.block_number} than the receipt")
    return header


async def _record(session: Session, row: SealAnchor) -> None:
    await anchor_store.insert(session, row)
    told = {name: getattr(row, name) for name in ("seq", "seal_hash", "network", "transaction_hash", "block_number")}
    await events.append(session, row.org_id, SealWasAnchored(anchor_id=row.id, **told), row.created_at)
    summary = f"Seal {row.seq} of the journal was found in transaction {row.transaction_hash} on {row.network}."
    after = told | {"block_hash": row.block_hash}
    await audit.record(session, row.org_id, "ledger_seal.anchored", summary, row.created_at, subject=("seal_anchor", row.id), after=after)


def anchor_words(row: SealAnchor) -> str:
    """As papers say it."""
    at = f"{row.block_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return f"Seal {row.seq} stands in transaction {row.transaction_hash} on {row.network} (chain {row.chain_id}), block {row.block_number} of {at}."
