"""What is true now in an organisation and should not be, as the inbox tells it."""

from collections.abc import Mapping, Sequence

from crypto_api.chains import store as chain_store
from crypto_api.chains.documents import ChainCursor, FollowState
from crypto_api.checkpoints import store as checkpoints
from crypto_api.checkpoints.documents import Checkpoint
from crypto_api.classification.types import DecisionSource
from crypto_api.inbox.types import Finding, ItemKind
from crypto_api.kit.amounts import add_exactly, text, to_units
from crypto_api.kit.networks import NetworkConfig
from crypto_api.ledger import store as ledger_store
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import AccountCode, SourceKind
from crypto_api.payments import store as payments
from crypto_api.payments.documents import Payment
from crypto_api.payments.types import ENDED
from crypto_api.receivables import store as receivables
from crypto_api.receivables.documents import Receipt
from crypto_api.receivables.types import REFUND_ORIGIN, ReceiptFlag, Use
from crypto_api.transactions import store as transactions
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Suspended
from crypto_api.wallets import store as wallet_store
from crypto_api.wallets.documents import Opening, Wallet

CLOSED_BECAUSE: Mapping[ItemKind, str] = {
    ItemKind.RECONCILIATION_DIFFERENCE: "The books hold what the chain does, or the wallet is not watched any more.",
    ItemKind.MISSING_PRICE: "It has its price, or it does not stand in the books any more.",
    ItemKind.MISSING_COST: "Its cost is known, or it does not stand in the books any more.",
    ItemKind.UNCLASSIFIED: "It is known what it was, or it does not stand in the books any more.",
    ItemKind.AMBIGUOUS: "It is known what it was, or it does not stand in the books any more.",
    ItemKind.FOLLOWER_STOPPED: "The network is followed again.",
    ItemKind.PAYMENT_NEEDS_HUMAN: "The payment goes on, or has ended.",
    ItemKind.CREDIT_NOT_AGREED: "The providers agree on it, or its block has left the chain.",
    ItemKind.OPENING_NOT_AGREED: "Its books are opened, or it is not watched any more.",
    ItemKind.RECEIPT_OPEN: "All of it belongs to something, or it left the chain.",
    ItemKind.REFUND_UNCOVERED: "What was given back is on the chain again, or it was written off.",
    ItemKind.REFUND_GONE: "The refund is final on the chain again.",
}


_RECEIPTS_MAX = 500
_OPEN_BECAUSE = {
    ReceiptFlag.OVERPAID: "more came than was due",
    ReceiptFlag.PAID_TWICE: "the invoice was paid already",
    ReceiptFlag.WRONG_ASSET: "another asset was asked for",
    ReceiptFlag.AFTER_CANCELLATION: "the invoice was cancelled",
    ReceiptFlag.TOO_SMALL: "it is less than the smallest unit of the invoice's currency",
}


async def findings(org_id: str, networks: Mapping[str, NetworkConfig]) -> list[Finding]:
    wallets = {wallet.id: wallet for wallet in await wallet_store.active(org_id)}
    return [
        *[
            difference_found(row, wallets[row.wallet_id])
            for row in await checkpoints.differing(org_id)
            if row.wallet_id in wallets and is_compared(wallets[row.wallet_id])
        ],
        *await _unvalued(org_id, wallets),
        *[_suspended(row) for row in await transactions.in_suspense(org_id)],
        *await _stopped(wallets, networks),
        *[_payment(row) for row in await payments.stopped(org_id)],
        *[_not_agreed(row) for row in await transactions.waiting(org_id)],
        *[_not_opened(row) for row in await wallet_store.waiting_to_open(org_id)],
        *[_receipt_open(row) for row in await receivables.open_receipts(org_id, _RECEIPTS_MAX) if row.invoice_id is not None],
        *[_refund_uncovered(row, uses) for row in await receivables.refunded_and_gone(org_id, _RECEIPTS_MAX) if (uses := row.uncovered)],
        *await _refunds_gone(org_id),
    ]


def is_compared(wallet: Wallet) -> bool:
    """Whether its books are to hold what the chain does."""
    return wallet.active and wallet.monitoring_enabled and wallet.opening is Opening.DONE


def difference_key(wallet_id: str, asset: str) -> str:
    return f"difference:{wallet_id}:{asset}"


def difference_found(row: Checkpoint, wallet: Wallet) -> Finding:
    on_chain = text(to_units(int(row.chain_raw), row.decimals))
    amount = f"{text(row.difference.copy_abs())} {_short(row.asset)}"
    since = f"They agreed at block {row.agreed_at_block}." if row.agreed_at_block is not None else "They were never seen to agree."
    return Finding(
        kind=ItemKind.RECONCILIATION_DIFFERENCE,
        key=difference_key(row.wallet_id, row.asset),
        subject=("wallet", row.wallet_id),
        title=f"{wallet.name}: {amount} {'more on the chain than' if row.difference > 0 else 'less on the chain than'} in the books",
        cause=(
            f"At block {row.block_number} the chain has {on_chain}, the books {text(row.ledger_quantity)}. {since} What moves by an internal call, "
            f"or a token whose balances change by themselves, leaves no event and shows like this."
        ),
        fingerprint=text(row.difference),
        facts={
            "wallet_id": row.wallet_id,
            "network": row.network,
            "asset": row.asset,
            "block_number": str(row.block_number),
            "chain": on_chain,
            "books": text(row.ledger_quantity),
            "difference": text(row.difference),
            "agreed_at_block": "" if row.agreed_at_block is None else str(row.agreed_at_block),
        },
    )


# ---- prices and costs ------------------------------------------------------------------------------------------------------------


async def _unvalued(org_id: str, wallets: Mapping[str, Wallet]) -> list[Finding]:
    found: dict[str, Finding] = {}
    for entry in await ledger_store.unpriced(org_id):
        row = await transactions.get(org_id, entry.transaction_id) if entry.transaction_id else None
        finding = _of_transaction(entry, row) if row is not None else _of_opening(entry, wallets)
        if finding is not None:
            found[finding.key] = finding
    return list(found.values())


def _of_transaction(entry: JournalEntry, row: Transaction) -> Finding:
    """Without a price where a movement that counts has none; else it is the cost that nobody knows."""
    without = sorted({movement.asset for movement in row.movements if not movement.spam and movement.amount and movement.value is None})
    facts = {"transaction_id": row.id, "hash": row.hash, "network": row.network, "entry_id": entry.id, "assets": " ".join(without)}
    if without:
        names = ", ".join(map(_short, without))
        return Finding(
            kind=ItemKind.MISSING_PRICE,
            key=f"value:{row.id}",
            subject=("transaction", row.id),
            title=f"No price for {names} on {row.timestamp.date().isoformat()}",
            cause=f"{entry.description} stands in the books without a value: no source told what {names} was worth at block {row.block_number}.",
            fingerprint=names,
            facts=facts,
        )
    return Finding(
        kind=ItemKind.MISSING_COST,
        key=f"value:{row.id}",
        subject=("transaction", row.id),
        title=f"Cost not known: {entry.description}",
        cause="What left had no known cost: it came in without a price, or its coming in is not in the books.",
        fingerprint="cost",
        facts=facts,
    )


def _of_opening(entry: JournalEntry, wallets: Mapping[str, Wallet]) -> Finding | None:
    """None where it is nobody's wallet any more: nothing is left to do about it."""
    wallet_id = entry.source_id.partition("@")[0]
    if entry.source_kind is not SourceKind.OPENING or wallet_id not in wallets:
        return None
    held = [line for line in entry.lines if line.account_code == AccountCode.CRYPTO and line.asset]
    without = sorted({line.asset for line in held if line.asset and not line.debit and not line.credit})
    names = ", ".join(map(_short, without))
    return Finding(
        kind=ItemKind.MISSING_PRICE if without else ItemKind.MISSING_COST,
        key=f"value:{entry.source_id}",
        subject=("wallet", wallet_id),
        title=f"No price for {names} in the opening of {wallets[wallet_id].name}" if without else f"Cost not known: {entry.description}",
        cause=f"{entry.description} stands in the books without a value for {names or 'all of it'}: no source told one at {entry.reference}.",
        fingerprint=names or "cost",
        facts={"wallet_id": wallet_id, "network": wallets[wallet_id].network, "entry_id": entry.id, "assets": " ".join(without)},
    )


# ---- meaning, and following ------------------------------------------------------------------------------------------------------


def _suspended(row: Suspended) -> Finding:
    ambiguous = row.model is not None or row.both_ways or row.suggestion is not None
    return Finding(
        kind=ItemKind.AMBIGUOUS if ambiguous else ItemKind.UNCLASSIFIED,
        key=f"meaning:{row.id}",
        subject=("transaction", row.id),
        title=f"{'More than one thing it may be' if ambiguous else 'Not known what it was'}: {row.hash[:10]}… of {row.timestamp.date().isoformat()}",
        cause=f"{row.explanation or 'No rule knows this transaction.'}{_suggested(row)}",
        fingerprint=f"{row.model}",
        facts={"transaction_id": row.id, "hash": row.hash, "network": row.network},
    )


def _suggested(row: Suspended) -> str:
    """What memory thought of it; what a model did is part of the explanation."""
    if row.suggestion is None or row.suggestion["source"] != DecisionSource.MEMORY:
        return ""
    label = row.suggestion["category"].replace("_", " ")
    return f" It may be {label} ({row.suggestion['confidence']:.0%}): {row.suggestion['explanation']}"


async def _stopped(wallets: Mapping[str, Wallet], networks: Mapping[str, NetworkConfig]) -> list[Finding]:
    used = {wallet.network for wallet in wallets.values()}
    stopped = [cursor for cursor in await chain_store.cursors() if cursor.state is FollowState.STOPPED and cursor.id in used & networks.keys()]
    return [_stopped_at(cursor, networks[cursor.id]) for cursor in stopped]


def _stopped_at(cursor: ChainCursor, network: NetworkConfig) -> Finding:
    return Finding(
        kind=ItemKind.FOLLOWER_STOPPED,
        key=f"stopped:{cursor.id}",
        subject=("network", cursor.id),
        title=f"{network.name} is not followed any more",
        cause=(
            f"{cursor.reason or ''} Nothing after block {cursor.height} is in the books. Whoever runs the installation looks at the node, and goes "
            f"on with manage.py resume_following."
        ).strip(),
        fingerprint=str(cursor.height),
        facts={"network": cursor.id, "block_number": str(cursor.height)},
    )


def _payment(row: Payment) -> Finding:
    return Finding(
        kind=ItemKind.PAYMENT_NEEDS_HUMAN,
        key=f"payment:{row.id}",
        subject=("payment", row.id),
        title=f"A payment of {text(row.amount)} {_short(row.asset)} does not go on by itself",
        cause=row.reason or "Every deadline has passed.",
        fingerprint=f"{row.state} {row.reason}",
        facts={"payment_id": row.id, "network": row.network, "asset": row.asset},
    )


def _not_agreed(row: Transaction) -> Finding:
    return Finding(
        kind=ItemKind.CREDIT_NOT_AGREED,
        key=f"agreement:{row.id}",
        subject=("transaction", row.id),
        title=f"A large credit is not booked: {row.hash[:10]}… of {row.timestamp.date().isoformat()}",
        cause=f"{row.waits or ''} What came after it on this network is not booked either.".strip(),
        fingerprint=row.block_hash,
        facts={"transaction_id": row.id, "hash": row.hash, "network": row.network, "block_number": str(row.block_number)},
    )


def _not_opened(wallet: Wallet) -> Finding:
    return Finding(
        kind=ItemKind.OPENING_NOT_AGREED,
        key=f"opening:{wallet.id}",
        subject=("wallet", wallet.id),
        title=f"{wallet.name} is not in the books yet",
        cause=f"{wallet.opening_waits or ''} What moves until then comes in with it.".strip(),
        fingerprint=str(wallet.openings),
        facts={"wallet_id": wallet.id, "network": wallet.network},
    )


def _receipt_open(row: Receipt) -> Finding:
    """Of those that came for an invoice: of any other its transaction says that nobody knows what it is."""
    why = " and ".join(_OPEN_BECAUSE[flag] for flag in row.flags if flag in _OPEN_BECAUSE) or "its matching was undone"
    return Finding(
        kind=ItemKind.RECEIPT_OPEN,
        key=f"receipt:{row.id}",
        subject=("receipt", row.id),
        title=f"A client paid {text(row.quantity)} {_short(row.asset)}, and {text(row.left)} of it belong to nothing",
        cause=f"It is open because {why}. Apply it to an invoice, keep it for the client, or send it back.",
        fingerprint=text(row.left),
        facts={"receipt_id": row.id, "network": row.network, "asset": row.asset, "block_number": str(row.block_number)},
    )


def _refund_uncovered(row: Receipt, uses: Sequence[Use]) -> Finding:
    lost, worth = text(add_exactly([use.quantity for use in uses])), add_exactly([use.value for use in uses if use.settled])
    way = f"{text(worth)} stand on the debit side of 2150 until then." if worth else "The refund is on its way: cancel it if it is not too late."
    return Finding(
        kind=ItemKind.REFUND_UNCOVERED,
        key=f"refund:{row.id}",
        subject=("receipt", row.id),
        title=f"{lost} {_short(row.asset)} went back to a client whose payment left the chain",
        cause=(
            f"A reorganisation took away the payment of block {row.block_number} that was given back. Mostly the same one comes back by itself. "
            f"{way} If it does not come, ask the client to send it again, or book it as what it is: a loss."
        ),
        fingerprint=f"{lost} {text(worth)}",
        facts={
            "receipt_id": row.id,
            "network": row.network,
            "asset": row.asset,
            "block_number": str(row.block_number),
            "difference": text(worth),
        },
    )


async def _refunds_gone(org_id: str) -> list[Finding]:
    """Refunds that were settled, of which the payment does not stand on the chain for good any more."""
    open_again = {row.origin.component: row for row in await payments.unconfirmed_of_origin(org_id, REFUND_ORIGIN)}
    rows = await receivables.by_ids(org_id, sorted({row.origin.id for row in open_again.values()})) if open_again else []
    return [_refund_gone(row, use, open_again[use.id]) for row in rows for use in row.uses if use.settled and use.id in open_again]


def _refund_gone(row: Receipt, use: Use, payment: Payment) -> Finding:
    amount = f"{text(use.quantity)} {_short(row.asset)}"
    way = (
        f"It has come to nothing ({payment.state}): the client has not got it. Pay it again by hand, and reverse the refund's entry in the journal."
        if payment.state in ENDED
        else "Its bytes are sent again by themselves, and mostly it stands in another block a moment later."
    )
    return Finding(
        kind=ItemKind.REFUND_GONE,
        key=f"refund-gone:{use.id}",
        subject=("payment", payment.id),
        title=f"The refund of {amount} left the chain after it was settled",
        cause=f"A reorganisation took its block away. The books still have it as settled: 2150 is debited, 2100 waits for the transaction. {way}",
        fingerprint=f"{payment.state}",
        facts={"receipt_id": row.id, "network": row.network, "asset": row.asset, "difference": text(use.value)},
    )


def _short(asset: str) -> str:
    """The symbol of a listed asset; of any other the contract, since its symbol is a stranger's text."""
    return asset.rpartition(":")[2] if ":" in asset else asset
