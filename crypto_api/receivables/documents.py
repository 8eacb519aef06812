from datetime import datetime
from decimal import Decimal

from pymongo import ASCENDING, DESCENDING, IndexModel

from crypto_api.kit.amounts import StoredDecimal, add_exactly
from crypto_api.receivables.types import GAP_LIMIT, LOCK_MINUTES, Offer, RateLock, ReceiptFlag, ReceiptState, Use, UseKind
from mongodb_config.base_document import TenantDocument
from mongodb_config.kept_row import KeptRow


class ReceivingSettings(KeptRow):
    """Where clients pay to, and for how long a rate stands; `_id` is that of the organisation."""

    extended_key: str = ""  # public: xpub… of an account; empty: no invoice has an address of its own
    gap_limit: int = GAP_LIMIT
    lock_minutes: int = LOCK_MINUTES

    class Settings:
        name = "receiving_settings"


class ReceivingKey(TenantDocument):
    """How far an extended key is used up; `_id` is `<org>|<fingerprint>`. It outlives the setting, so that an address is never given out twice."""

    extended_key: str
    next_index: int = 0
    last_paid: int = -1  # the highest index that anything came to

    class Settings:
        name = "receiving_keys"


class PaymentRequest(TenantDocument):
    """That an invoice is to be paid in an asset, at an address. One for each invoice; its page is found by a token that only its link holds."""

    invoice_id: str
    number: str
    client_id: str
    currency: str
    currency_decimals: int
    network: str
    chain_id: int
    asset: str  # the one that is asked for now: the seller's first, until the payer chooses another of those offered
    contract: str | None
    decimals: int
    offers: list[Offer] = []  # all of that network, the seller's order; empty: that one alone
    wallet_id: str
    address: str  # EIP-55
    own: bool  # nobody else is asked to pay there
    key_id: str | None = None  # of the ReceivingKey it is derived from
    index: int | None = None
    path: str = ""
    token_hash: str  # SHA-256
    token_sealed: str  # for the link; opened with the installation's secret
    locks: list[RateLock] = []
    told: list[str] = []  # hashes that a payer's wallet said it sent: where to look, never a fact
    updated_at: datetime
    version: int = 1

    class Settings:
        name = "payment_requests"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("invoice_id", ASCENDING)], unique=True, name="org_invoice"),
            IndexModel([("org_id", ASCENDING), ("wallet_id", ASCENDING)], name="org_wallet"),
            IndexModel([("token_hash", ASCENDING)], name="token"),
        ]

    @property
    def offered(self) -> list[Offer]:
        return self.offers or [Offer(asset=self.asset, contract=self.contract, decimals=self.decimals)]

    @property
    def alternatives(self) -> list[str]:
        """What its payer may choose instead."""
        return [offer.asset for offer in self.offered if offer.asset != self.asset]

    @property
    def lock(self) -> RateLock | None:
        """The last one given in the asset that is asked for now."""
        return next((lock for lock in reversed(self.locks) if lock.asset in ("", self.asset)), None)

    def locks_in(self, asset: str) -> list[RateLock]:
        """Those in one asset, oldest first. What was asked for once stands until it has run out, whatever is chosen afterwards."""
        return [lock for lock in self.locks if (lock.asset or self.asset) == asset]


class Receipt(TenantDocument):
    """One asset that came to a wallet in one transaction; `_id` is `<transaction>~<movement>`, of the block it came in first."""

    transaction_id: str
    movement_key: str
    hash: str
    network: str
    wallet_id: str
    asset: str
    symbol: str
    decimals: int
    raw_amount: str
    quantity: StoredDecimal
    value: StoredDecimal | None = None  # functional, at its block; None: unpriced
    payer: str  # EIP-55
    block_number: int
    block_hash: str
    at: datetime  # of the block
    request_id: str | None = None  # whose own address it came to
    invoice_id: str | None = None  # of that request, or of the one that it was found to answer
    client_id: str | None = None
    state: ReceiptState = ReceiptState.WAITING
    flags: list[ReceiptFlag] = []
    uses: list[Use] = []
    by_hand: bool = False  # a person undid or began its matching: it is not matched by itself any more
    look_at: datetime
    updated_at: datetime
    version: int = 1

    class Settings:
        name = "receipts"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("at", DESCENDING), ("_id", DESCENDING)], name="org_latest"),
            IndexModel([("org_id", ASCENDING), ("state", ASCENDING), ("at", DESCENDING), ("_id", DESCENDING)], name="org_state"),
            IndexModel([("org_id", ASCENDING), ("transaction_id", ASCENDING)], name="org_transaction"),
            IndexModel([("org_id", ASCENDING), ("invoice_id", ASCENDING)], name="org_invoice"),
            IndexModel([("org_id", ASCENDING), ("payer", ASCENDING)], name="org_payer"),
            IndexModel([("look_at", ASCENDING), ("_id", ASCENDING)], partialFilterExpression={"state": "waiting"}, name="due"),
            IndexModel([("look_at", ASCENDING), ("_id", ASCENDING)], partialFilterExpression={"uses.settled": False}, name="refunding"),
        ]

    @property
    def left(self) -> Decimal:
        """What of it belongs to nothing yet."""
        return add_exactly([self.quantity, *(-use.quantity for use in self.uses)])

    @property
    def uncovered(self) -> list[Use]:
        """What went back, or is on its way, of what left the chain; without what was written off."""
        return [use for use in self.uses if use.kind is UseKind.REFUND and use.written_off is None] if self.state is ReceiptState.GONE else []

    @property
    def value_left(self) -> Decimal:
        return add_exactly([self.value or Decimal(0), *(-use.value for use in self.uses)])
