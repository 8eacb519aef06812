from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints

from crypto_api.flows.prepare_payment import NewPayment
from crypto_api.flows.read_payments import PaymentView
from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import Date, Prose, ReadSchema, RequestSchema, Time, Word
from crypto_api.http.schemas.journal_entries import TransactionHash
from crypto_api.kit.amounts import Money, SignedMoney, to_units
from crypto_api.kit.ethereum import NATIVE_DECIMALS
from crypto_api.payments.documents import PaymentAttempt
from crypto_api.payments.typed_data import as_json
from crypto_api.payments.types import Approval, Attempt, Decision, Hold, PaymentKind, PaymentState, Way
from crypto_api.transactions.store import transaction_id

Digest = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{64}$")]
Signature = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{130}$")]
AssetSymbol = Annotated[Word, StringConstraints(max_length=64)]


class PaymentCreate(RequestSchema):
    wallet_id: Word = Field(examples=["wal_01k9x5r3v8"], description="The wallet that pays.")
    to: Word | None = Field(default=None, examples=["0x70997970C51812dc3A010C7d01b50e0d17dc79C8"], description="An address; or give `payee_id`.")
    payee_id: Word | None = Field(default=None, description="An entry of the address book, instead of `to`.")
    amount: Money = Field(examples=["0.25"], description="In whole units of the asset.")
    asset: AssetSymbol | None = Field(default=None, examples=["ETH"], description="The network's coin when left out, or a listed ERC-20.")
    network: Word | None = Field(default=None, examples=["ethereum"], description="That of the wallet when left out.")
    description: Prose = Field(default="", examples=["Invoice 2026-117"])
    draft: bool = Field(default=False, description="It waits until it is submitted; nobody is asked to approve it before.")

    def new(self) -> NewPayment:
        return NewPayment(self.wallet_id, self.amount, self.to, self.payee_id, self.asset, self.network, self.description)


class SendEth(RequestSchema):
    wallet_id: Word = Field(examples=["wal_01k9x5r3v8"])
    to: Word = Field(examples=["0x70997970C51812dc3A010C7d01b50e0d17dc79C8"])
    amount: Money = Field(examples=["0.25"], description="In whole units of the asset.")
    asset: AssetSymbol | None = Field(default=None, examples=["ETH"], description="The network's coin when left out, or a listed ERC-20.")
    network: Word | None = Field(default=None, description="That of the wallet when left out.")
    description: Prose = ""

    def new(self) -> NewPayment:
        return NewPayment(self.wallet_id, self.amount, self.to, None, self.asset, self.network, self.description)


class PaymentDecide(RequestSchema):
    payload_hash: Digest | None = Field(default=None, description="Of what was shown: refused with 409 when the payment has another.")
    reason: Prose = Field(default="", examples=["Agreed on the phone"])
    signature: Signature | None = Field(default=None, description="Of `typed_data` (EIP-712) by an Ethereum account of the one who decides.")


class PaymentSubmitted(RequestSchema):
    hash: TransactionHash = Field(examples=["0x5c504ed432cb51138bcf09aa5e8a410dd4a1e204ef84bfed1be16dfba1b22060"])


class GasQuery(BaseModel):
    wallet_id: Word
    to: Word
    amount: Money
    asset: AssetSymbol | None = None


class HashQuery(BaseModel):
    network: Word | None = Field(default=None, description="Where to look; on every network when left out.")


class WalletMonitoring(RequestSchema):
    wallet_id: Word = Field(examples=["wal_01k9x5r3v8"])
    enabled: bool = Field(examples=[True])


class PaymentQuery(PageQuery):
    state: PaymentState | None = None
    wallet_id: Word | None = None
    network: Word | None = None
    asset: Word | None = None
    payee_id: Word | None = None
    prepared_by: Word | None = None
    date_from: Date | None = Field(default=None, description="First day on which it was prepared, UTC.")
    date_to: Date | None = Field(default=None, description="Last day, UTC.")
    q: Word | None = Field(default=None, description="Part of the payee's name or address, of the description or of a hash.")

    def days(self) -> dict[str, datetime]:
        """The bounds on the moment of preparing, for whole days in UTC."""
        bounds = {}
        if self.date_from:
            bounds["$gte"] = datetime.combine(self.date_from, time.min, UTC)
        if self.date_to and self.date_to < date.max:
            bounds["$lt"] = datetime.combine(self.date_to, time.min, UTC) + timedelta(days=1)
        return bounds


class ApprovalGivenRead(ReadSchema):
    user_id: str
    name: str
    decision: Decision
    at: Time
    reason: str
    signer_address: str | None = Field(description="The Ethereum account that signed the typed data; null where the session alone stands for it.")

    @classmethod
    def of(cls, row: Approval, name: str) -> "ApprovalGivenRead":
        return cls(user_id=row.user_id, name=name, decision=row.decision, at=row.at, reason=row.reason, signer_address=row.signer_address)


_TYPE = "2: by EIP-1559. 0: for networks without a base fee, where both fees are the gas price. 4: with an authorization, by EIP-7702."


class PaymentAttemptRead(ReadSchema):
    """One transaction in the payment's nonce."""

    number: int
    purpose: Attempt
    hash: str | None
    gas_limit: int
    transaction_type: int = Field(examples=[2], description=_TYPE)
    max_fee_per_gas: str = Field(description="Wei.")
    max_priority_fee_per_gas: str = Field(description="Wei.")
    signed_at: Time | None
    first_sent_at: Time | None
    last_sent_at: Time | None
    sends: int

    @classmethod
    def of(cls, row: PaymentAttempt) -> "PaymentAttemptRead":
        return cls(
            number=row.number,
            purpose=row.purpose,
            hash=row.hash,
            gas_limit=row.fees.gas,
            transaction_type=row.transaction_type,
            max_fee_per_gas=str(row.fees.max_fee_per_gas),
            max_priority_fee_per_gas=str(row.fees.max_priority_fee_per_gas),
            signed_at=row.signed_at,
            first_sent_at=row.first_sent_at,
            last_sent_at=row.last_sent_at,
            sends=row.sends,
        )


class PaymentRead(ReadSchema):
    id: str = Field(examples=["pay_01k9x5r3v8"])
    state: PaymentState
    holds: list[Hold] = Field(description="Why it does not go on at the moment.")
    reason: str = Field(description="The same in a sentence.")
    warnings: list[str] = Field(description="For whoever approves it.")
    kind: PaymentKind
    way: Way = Field(description="Who signs: the signer of this installation, or the person in a wallet of their own.")
    network: str = Field(examples=["ethereum"])
    chain_id: int = Field(examples=[1])
    wallet_id: str
    from_address: str
    payee_address: str
    payee_id: str | None
    payee_name: str
    asset: str = Field(examples=["ETH"])
    token_contract: str | None
    amount: SignedMoney = Field(examples=["0.25"])
    raw_amount: str = Field(examples=["250000000000000000"])
    description: str
    value: SignedMoney | None = Field(description="In the functional currency when it was prepared; null where it has no price.")
    value_currency: str = Field(examples=["USD"])
    prepared_by: str
    prepared_by_name: str
    payload_hash: str | None = Field(description="The EIP-712 digest of what is approved, once it has left DRAFT.")
    approvals: list[ApprovalGivenRead]
    approvals_required: int
    approvals_missing: int
    approved_at: Time | None
    not_before: Time | None
    deadline_at: Time | None = Field(description="When a person is asked, should nothing have happened by then.")
    cancel_requested_by: str | None
    nonce: int | None
    hash: str | None = Field(description="Of the transaction that was mined, else of the last one sent.")
    transaction_id: str | None = Field(description="Under which id it stands in /api/transactions/ once it is seen in a block.")
    block_number: int | None
    block_hash: str | None
    gas_fee: SignedMoney | None = Field(description="Whole units of the network's coin.")
    gas_fee_raw: str | None
    attempts: list[PaymentAttemptRead]
    created_at: Time
    updated_at: Time
    ended_at: Time | None

    @classmethod
    def of(cls, view: PaymentView) -> "PaymentRead":
        return cls(**_values(view))


class PaymentDetailRead(PaymentRead):
    typed_data: dict[str, Any] | None = Field(description="For `eth_signTypedData_v4`: what an approval is over.")
    wallet_request: dict[str, str] | None = Field(description="For `eth_sendTransaction`, where the person's own wallet sends it.")

    @classmethod
    def of(cls, view: PaymentView) -> "PaymentDetailRead":
        request = view.wallet_request() if view.payment.way is Way.BROWSER else None
        return cls(**_values(view), typed_data=_as_json(view.typed_data()), wallet_request=request)


_AS_STORED = (
    *("id", "state", "holds", "reason", "warnings", "kind", "way", "network", "chain_id", "wallet_id", "from_address", "payee_address"),
    *("payee_id", "payee_name", "asset", "token_contract", "amount", "raw_amount", "description", "value", "value_currency", "prepared_by"),
    *("payload_hash", "approved_at", "not_before", "deadline_at", "cancel_requested_by", "nonce", "hash", "block_number", "block_hash"),
    *("gas_fee_raw", "created_at", "updated_at", "ended_at"),
)


def _values(view: PaymentView) -> dict[str, Any]:
    payment = view.payment
    return {name: getattr(payment, name) for name in _AS_STORED} | {
        "prepared_by_name": view.name(payment.prepared_by),
        "approvals": [ApprovalGivenRead.of(row, view.name(row.user_id)) for row in payment.approvals],
        "approvals_required": view.approvals_required,
        "approvals_missing": view.approvals_missing,
        "transaction_id": transaction_id(payment.org_id, payment.chain_id, payment.hash) if payment.hash else None,
        "gas_fee": to_units(int(payment.gas_fee_raw), NATIVE_DECIMALS) if payment.gas_fee_raw else None,
        "attempts": [PaymentAttemptRead.of(row) for row in view.attempts],
    }


def _as_json(typed: dict[str, Any] | None) -> dict[str, Any] | None:
    return typed | {"message": as_json(typed["message"])} if typed is not None else None


class GasEstimateRead(ReadSchema):
    network: str
    gas_limit: int = Field(examples=[21000], description="With a margin where it is an estimate.")
    transaction_type: int = Field(examples=[2], description=_TYPE)
    base_fee_per_gas: str = Field(description="Wei, of the next block; 0 where there is none.")
    max_fee_per_gas: str = Field(description="Wei; of type 0 the gas price.")
    max_priority_fee_per_gas: str = Field(description="Wei; of type 0 the gas price.")
    l1_fee: SignedMoney = Field(
        examples=["0"], description="Whole units that a rollup takes beside the gas for the chain below, with half as much again for when that rises."
    )
    fee_asset: str = Field(examples=["ETH"])
    expected_fee: SignedMoney = Field(description="Whole units, at the base fee of the next block, with `l1_fee`.")
    max_fee: SignedMoney = Field(description="Whole units, with `l1_fee`: it never costs more.")
    would_revert: bool
    revert_reason: str | None
    sufficient_funds: bool = Field(description="Whether the wallet holds the amount and the gas at most.")


class ChainTransactionStatusRead(ReadSchema):
    hash: str
    network: str
    status: str = Field(examples=["CONFIRMED"], description="PENDING, CONFIRMED, FAILED or ORPHANED.")
    confirmations: int = Field(description="0 while it waits to be mined, or its block is not processed here.")
    confirmations_required: int
    block_number: int | None
    payment_id: str | None


class ChainTransactionRead(ChainTransactionStatusRead):
    chain_id: int
    block_hash: str | None
    from_address: str | None
    to_address: str | None
    nonce: int | None
    asset: str = Field(description="The network's coin; tokens are in the movements of the transaction itself.")
    amount: SignedMoney | None
    raw_amount: str | None
    gas_used: int | None
    gas_fee: SignedMoney | None
    transaction_id: str | None = Field(description="Where it concerns a wallet of the organisation.")
