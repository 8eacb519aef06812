from datetime import datetime

from pymongo import ASCENDING, DESCENDING, IndexModel

from crypto_api.kit.amounts import StoredDecimal
from crypto_api.payments.types import (
    Approval,
    Attempt,
    Authorization,
    BatchPayee,
    Call,
    Delegation,
    Fees,
    Hold,
    Origin,
    PaymentKind,
    PaymentState,
    Way,
)
from mongodb_config.base_document import SharedDocument, TenantDocument


class Payment(TenantDocument):
    """The intent to pay, and how far it has come."""

    origin: Origin
    kind: PaymentKind
    way: Way
    network: str
    chain_id: int
    wallet_id: str
    from_address: str  # EIP-55
    payee_address: str  # EIP-55: who is paid, or the contract that is called
    payee_id: str | None = None  # entry of the address book
    payee_name: str = ""
    payees: list[BatchPayee] = []  # of a batch, in the order of its list; `payee_address` is the batch contract then
    asset: str  # symbol of a listed asset
    token_contract: str | None = None  # None: the coin
    decimals: int
    raw_amount: str  # base units
    amount: StoredDecimal
    call: Call
    delegation: Delegation | None = None  # of a batch that the account pays as its own code (EIP-7702), or what takes that back
    description: str = ""
    description_folded: str = ""  # to find by
    value: StoredDecimal | None = None  # in the functional currency when it was prepared; None: unpriced, which is above every limit
    value_currency: str
    settles: StoredDecimal | None = None  # of a liability, in the functional currency: what it is booked at; None: at its price
    prepared_by: str
    payload_hash: str | None = None  # EIP-712 digest of what is approved, once it has left DRAFT
    policy_version: int = 0  # the policy under which it was last judged

    state: PaymentState = PaymentState.DRAFT
    holds: list[Hold] = []
    reason: str = ""  # in a sentence, for each state and hold
    warnings: list[str] = []  # look-alike, first payment to this address, …: shown to whoever approves
    approvals: list[Approval] = []
    approved_at: datetime | None = None
    not_before: datetime | None = None  # cooling-off or delay
    due_at: datetime | None  # when the sweeper looks at it next; None: it has ended
    deadline_at: datetime | None = None  # after it a person is asked
    cancel_requested_by: str | None = None
    speed_up_requested_by: str | None = None  # cleared when the faster attempt is planned
    suspected_at: datetime | None = None  # since when its nonce seems used by a transaction that is not ours
    disputed_at: datetime | None = None  # since when a node tells of its transaction otherwise than our own reading of the block
    tries: int = 0  # looks in this state that changed nothing

    nonce: int | None = None
    reserved_wei: str = "0"  # what it may still take from the wallet, of the coin, while it is on its way
    l1_fee_wei: str = "0"  # of those: what a rollup may take beside the gas
    attempt_number: int = 0  # of the last attempt in its slot
    hash: str | None = None  # of the attempt that was mined, else of the last one sent
    block_number: int | None = None
    block_hash: str | None = None
    gas_fee_raw: str | None = None  # wei
    ended_at: datetime | None = None
    updated_at: datetime
    version: int = 1  # grows with every change: the ETag, and what compare-and-set compares

    @property
    def paid_addresses(self) -> tuple[str, ...]:
        """Who gets something by it, or what is called: those that the address book has to know."""
        match self.kind:
            case PaymentKind.BATCH:
                return tuple(row.address for row in self.payees)
            case PaymentKind.ALLOWANCE | PaymentKind.DELEGATION:
                return ()  # our own contract, by its code; the wallet itself
        return (self.payee_address,)

    @property
    def coin_moved(self) -> int:
        """Wei that leave the wallet beside the gas. An account that pays as its own code sends nothing along: it pays while it runs."""
        if self.kind is PaymentKind.BATCH and self.delegation is not None:
            return int(self.raw_amount) if self.token_contract is None else 0
        return int(self.call.value_raw)

    @property
    def authorizes(self) -> bool:
        """Whether every transaction in its slot carries an authorization (EIP-7702), and so uses the next nonce as well."""
        return self.delegation is not None and self.delegation.authorizes

    class Settings:
        name = "payments"
        indexes = [
            IndexModel(
                [("org_id", ASCENDING), ("origin.kind", ASCENDING), ("origin.id", ASCENDING), ("origin.component", ASCENDING)],
                unique=True,
                name="org_origin",
            ),
            IndexModel([("org_id", ASCENDING), ("_id", DESCENDING)], name="org_newest"),
            IndexModel([("org_id", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)], name="org_latest"),
            IndexModel([("org_id", ASCENDING), ("state", ASCENDING), ("_id", DESCENDING)], name="org_state_latest"),
            IndexModel([("org_id", ASCENDING), ("hash", ASCENDING)], name="org_hash"),
            IndexModel([("org_id", ASCENDING), ("description_folded", ASCENDING), ("_id", ASCENDING)], name="org_description"),
            IndexModel([("org_id", ASCENDING), ("holds", ASCENDING)], partialFilterExpression={"ended_at": None}, name="org_held"),
            IndexModel([("network", ASCENDING), ("from_address", ASCENDING), ("state", ASCENDING)], name="sender_state"),
            IndexModel([("network", ASCENDING), ("due_at", ASCENDING)], partialFilterExpression={"due_at": {"$type": "date"}}, name="network_due"),
            IndexModel(
                [("network", ASCENDING), ("from_address", ASCENDING), ("due_at", ASCENDING)],
                partialFilterExpression={"due_at": {"$type": "date"}},
                name="sender_due",
            ),
        ]


class NonceSlot(SharedDocument):
    """Shared: a nonce belongs to the address on its chain, whoever holds a key to it. `_id` is `eip155:<chain id>:<address>:<nonce>`."""

    chain_id: int
    address: str  # EIP-55
    nonce: int
    owner_org_id: str
    payment_id: str
    uses: int = 1  # nonces: an authorization of the sender's own (EIP-7702) takes the next one as well
    live: bool = True  # False: settled by a receipt in a final block

    class Settings:
        name = "nonce_slots"
        indexes = [
            IndexModel([("chain_id", ASCENDING), ("address", ASCENDING), ("nonce", DESCENDING)], unique=True, name="sender_nonce"),
            IndexModel([("payment_id", ASCENDING)], unique=True, partialFilterExpression={"live": True}, name="live_payment"),
        ]


class SenderLane(SharedDocument):
    """Shared: as slots are. `_id` is `eip155:<chain id>:<address>`. One at a time hands out its nonces; a fencing number tells an old hand."""

    chain_id: int
    address: str
    fence: int = 0
    known_nonce: int | None = None  # below it everything that is mined was ours, or there before, or was looked at by a person
    handed: int = 0  # grows with every write under the lane, so that two at once conflict
    unsigned_from: int | None = None  # the lowest nonce that was given out and not signed: all behind it are unsigned as well
    frozen_reason: str | None = None  # a nonce was used by a transaction that is not ours: a person looks first

    class Settings:
        name = "sender_lanes"


class PaymentAttempt(TenantDocument):
    """One transaction in a payment's slot. It is planned, then signed, then sent; the signed bytes are stored before they are sent for the first
    time, and only those bytes are ever sent. `_id` is `<payment id>:<number>`."""

    payment_id: str
    number: int  # 0 for the first
    purpose: Attempt
    chain_id: int
    from_address: str
    nonce: int
    call: Call
    fees: Fees
    authorization: Authorization | None = None  # of a transaction of type 4 (EIP-7702): exactly one, by the sender itself
    raw: str | None = None  # 0x…, once signed
    hash: str | None = None
    signed_at: datetime | None = None
    first_sent_at: datetime | None = None
    last_sent_at: datetime | None = None
    sends: int = 0

    @property
    def transaction_type(self) -> int:
        """EIP-2718."""
        return 4 if self.authorization is not None else self.fees.transaction_type

    class Settings:
        name = "payment_attempts"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("payment_id", ASCENDING), ("number", ASCENDING)], unique=True, name="org_payment_number"),
            IndexModel([("chain_id", ASCENDING), ("hash", ASCENDING)], partialFilterExpression={"hash": {"$type": "string"}}, name="chain_hash"),
        ]
