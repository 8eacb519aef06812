from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel

from crypto_api.protocols.types import Action
from crypto_api.transactions.types import Agreement, Booking, Brought, Finality, Inclusion, Movement, Origin, Status, status_of
from mongodb_config.base_document import TenantDocument

OF_LISTS = (
    IndexModel([("org_id", ASCENDING), ("wallet_ids", ASCENDING), ("timestamp", DESCENDING), ("_id", DESCENDING)], name="org_wallet_latest"),
    IndexModel([("org_id", ASCENDING), ("category", ASCENDING), ("timestamp", DESCENDING), ("_id", DESCENDING)], name="org_category_latest"),
)
"""In the whole order of a page, the id too: without it every transaction of a wallet is sorted for its first fifty."""


class Transaction(TenantDocument):
    """A transaction as it concerns one organisation. `_id` is `<org>:eip155:<chain id>:<hash>`, so that seeing it twice is harmless; a
    reorganisation moves it to another block and keeps the old one in `past_inclusions`."""

    origin: Origin = Origin.TRANSACTION
    network: str
    chain_id: int
    hash: str  # of the block, where its origin is a balance
    block_number: int
    block_hash: str
    index: int  # within the block
    timestamp: datetime  # of the block
    stored_at: datetime
    succeeded: bool
    finality: Finality = Finality.PENDING
    past_inclusions: list[Inclusion] = []
    from_address: str
    nonce: int | None = None  # of its sender; None where it is no transaction of a chain, or one that was stored before this was kept
    to_address: str | None
    method: str = "0x"  # first four bytes of the input
    gas_fee_raw: str | None = None  # wei, where a wallet of the organisation paid it
    movements: list[Movement]
    movements_left_out: int = 0  # spam beyond what a row keeps
    actions: list[Action] = []  # what protocols tell of it; none, too, where it was stored before they were read
    actions_left_out: int = 0
    input: str | None = None  # of the call, 0x…; None where it is too long to keep, or was stored before it was kept
    wallet_ids: list[str]
    assets: list[str]

    agreement: Agreement = Agreement.NOT_NEEDED
    waits: str | None = None  # why it is neither booked nor confirmed, in words

    booking: Booking = Booking.DUE
    booked_at: datetime | None = None
    entry_ids: list[str] = []
    unpriced: bool = False

    category: str = "unclassified"
    subcategory: str = ""
    counterparty: str = ""
    confidence: float = 0.0
    category_source: str = "none"
    explanation: str = ""
    evidence: list[str] = []
    model: str | None = None
    payment_id: str | None = None  # of the payment of ours that made it
    purpose: str = ""  # of the business
    tax_category: str = ""
    account: str = ""  # code of the account that says why, instead of the category's own
    provenance: dict[str, Any] | None = None  # the rule, the precedents or the model that the decision can be traced to
    suggestion: dict[str, Any] | None = None  # of what nobody decided: what memory or a model thought of it, and how sure it was
    note: str = ""
    content_hash: str | None = None  # of what a person said, where they brought it
    brought: Brought | None = None
    version: int = 1

    @property
    def status(self) -> Status:
        return status_of(self.finality, succeeded=self.succeeded)

    @property
    def orphaned(self) -> bool:
        return self.finality is Finality.ORPHANED

    def event_fields(self) -> dict[str, Any]:
        """What every event about it says."""
        return {
            "transaction_id": self.id,
            "hash": self.hash,
            "network": self.network,
            "block_number": self.block_number,
            "block_at": self.timestamp,
            "status": self.status.value,
            "category": self.category,
        }

    class Settings:
        name = "transactions"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("timestamp", DESCENDING), ("_id", DESCENDING)], name="org_latest"),
            *OF_LISTS,
            IndexModel([("org_id", ASCENDING), ("hash", ASCENDING)], name="org_hash"),
            IndexModel([("org_id", ASCENDING), ("finality", ASCENDING)], partialFilterExpression={"finality": "pending"}, name="org_pending"),
            IndexModel(
                [("org_id", ASCENDING), ("payment_id", ASCENDING)], partialFilterExpression={"payment_id": {"$type": "string"}}, name="org_payment"
            ),
            IndexModel([("network", ASCENDING), ("block_number", ASCENDING), ("index", ASCENDING)], name="network_block"),
            IndexModel([("network", ASCENDING), ("booking", ASCENDING), ("block_number", ASCENDING), ("index", ASCENDING)], name="network_booking"),
            IndexModel([("network", ASCENDING), ("finality", ASCENDING), ("block_number", ASCENDING)], name="network_finality"),
            IndexModel(
                [("org_id", ASCENDING), ("network", ASCENDING), ("block_number", ASCENDING)],
                partialFilterExpression={"agreement": "wanted"},
                name="org_waiting",
            ),
            IndexModel(
                [("network", ASCENDING), ("block_number", ASCENDING), ("_id", ASCENDING)],
                partialFilterExpression={"agreement": "wanted"},
                name="network_waiting",
            ),
            IndexModel(
                [("network", ASCENDING), ("block_number", DESCENDING)],
                partialFilterExpression={"category": "unclassified", "category_source": "none", "model": None},
                name="network_undecided",
            ),
        ]
