from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints

from crypto_api.flows.match_by_hand import Wanted
from crypto_api.flows.request_payment import Asked
from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import ReadSchema, RequestSchema, Time, Word, inert
from crypto_api.kit.amounts import Money, text
from crypto_api.receivables import rules
from crypto_api.receivables.documents import Receipt, ReceivingSettings
from crypto_api.receivables.types import (
    APPLIED_MAX,
    GAP_LIMIT,
    GAP_LIMIT_MAX,
    LOCK_MINUTES,
    LOCK_MINUTES_MAX,
    OFFERS_MAX,
    ReceiptFlag,
    ReceiptState,
    Suggestion,
    Use,
    UseKind,
)

ReceiptId = Annotated[str, StringConstraints(min_length=1, max_length=300), AfterValidator(inert)]
_KEY = "Public, of an account (m/44'/60'/0') or of its external chain: begins with xpub. Empty: no invoice has an address of its own."


class ReceivingUpdate(RequestSchema):
    """What is left out stays."""

    extended_key: Annotated[str, StringConstraints(max_length=200), AfterValidator(inert)] | None = Field(default=None, description=_KEY)
    gap_limit: int | None = Field(default=None, ge=1, le=GAP_LIMIT_MAX, strict=True, examples=[GAP_LIMIT])
    lock_minutes: int | None = Field(
        default=None, ge=1, le=LOCK_MINUTES_MAX, strict=True, examples=[LOCK_MINUTES], description="How long a rate stands."
    )

    def fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set if getattr(self, name) is not None}


class ReceivingRead(ReadSchema):
    extended_key: str = Field(description=_KEY)
    gap_limit: int = Field(examples=[GAP_LIMIT])
    lock_minutes: int = Field(examples=[LOCK_MINUTES])

    @classmethod
    def of(cls, row: ReceivingSettings | None) -> "ReceivingRead":
        if row is None:
            return cls(extended_key="", gap_limit=GAP_LIMIT, lock_minutes=LOCK_MINUTES)
        return cls(extended_key=row.extended_key, gap_limit=row.gap_limit, lock_minutes=row.lock_minutes)


Alternatives = Annotated[
    list[Word],
    Field(max_length=OFFERS_MAX - 1, description="Other assets of that network, of which the payer may choose one.", examples=[["USDC"]]),
]


class PaymentRequestCreate(RequestSchema):
    crypto_currency: Word = Field(examples=["ETH"])
    network: Word | None = Field(default=None, examples=["ethereum"])
    receive_wallet_id: Word | None = Field(default=None, description="Left out: an address of the invoice's own.")
    crypto_alternatives: Alternatives = []


class PaymentRequestRead(ReadSchema):
    id: str = Field(examples=["prq_01k9x5r3v8"])
    invoice_id: str
    network: str
    chain_id: int
    crypto_currency: str = Field(description="The asset that is asked for now: the first one, until its payer chooses another.")
    crypto_alternatives: list[str] = Field(description="What its payer may choose instead.")
    contract: str | None
    crypto_payment_address: str | None = Field(description="Null for a moment, until it is watched.")
    derivation_path: str = Field(examples=["m/44'/60'/0'/0/7"], description="Empty at a shared wallet.")
    crypto_amount: str | None
    raw_amount: str | None
    rate: str | None
    rate_source: str | None
    rate_at: Time | None = Field(description="When the source told it.")
    rate_expires_at: Time | None
    payment_link: str | None = Field(description="EIP-681.")
    pay_url: str
    created_at: Time

    @classmethod
    def of(cls, asked: Asked) -> "PaymentRequestRead":
        row, lock = asked.request, asked.request.lock
        link = rules.payment_link(row.address, row.chain_id, int(lock.raw_amount), row.contract) if lock and asked.watched else None
        return cls(
            id=row.id,
            invoice_id=row.invoice_id,
            network=row.network,
            chain_id=row.chain_id,
            crypto_currency=row.asset,
            crypto_alternatives=row.alternatives,
            contract=row.contract,
            crypto_payment_address=row.address if asked.watched else None,
            derivation_path=row.path,
            crypto_amount=text(lock.amount) if lock else None,
            raw_amount=lock.raw_amount if lock else None,
            rate=text(lock.rate) if lock else None,
            rate_source=lock.source if lock else None,
            rate_at=lock.rate_at if lock else None,
            rate_expires_at=lock.expires_at if lock else None,
            payment_link=link,
            pay_url=asked.link,
            created_at=row.created_at,
        )


class ReceiptQuery(PageQuery):
    state: ReceiptState | None = Field(default=None, description="`open`: the desk of unmatched money.")
    invoice_id: Word | None = None


class UseRead(ReadSchema):
    kind: UseKind
    amount: str = Field(description="Of the asset.")
    value: str = Field(description="Its part of what the receipt was worth, in the functional currency.")
    invoice_id: str | None
    invoice_number: str | None
    invoice_amount: str | None = Field(description="What it settled, in the invoice's currency.")
    client_id: str | None
    journal_entry_id: str | None
    payment_id: str | None = Field(description="That sends it back.")
    settled: bool
    created_by: str | None
    created_at: Time

    @classmethod
    def of(cls, use: Use) -> "UseRead":
        return cls(
            kind=use.kind,
            amount=text(use.quantity),
            value=text(use.value),
            invoice_id=use.invoice_id,
            invoice_number=use.number,
            invoice_amount=f"{use.amount:f}" if use.kind is UseKind.INVOICE else None,
            client_id=use.client_id,
            journal_entry_id=use.entry_id,
            payment_id=use.refund_id,
            settled=use.settled,
            created_by=use.by,
            created_at=use.at,
        )


class ReceiptRead(ReadSchema):
    id: str
    transaction_id: str
    hash: str
    network: str
    wallet_id: str
    asset: str
    amount: str
    raw_amount: str
    value: str | None = Field(description="In the functional currency, at its block. Null: nobody knows yet.")
    open_amount: str = Field(description="What of it belongs to nothing yet.")
    open_value: str | None
    from_address: str
    block_number: int
    timestamp: Time
    state: ReceiptState
    flags: list[ReceiptFlag]
    invoice_id: str | None
    client_id: str | None
    uses: list[UseRead]

    @classmethod
    def of(cls, row: Receipt) -> "ReceiptRead":
        same = (
            "id",
            "transaction_id",
            "hash",
            "network",
            "wallet_id",
            "asset",
            "raw_amount",
            "block_number",
            "state",
            "flags",
            "invoice_id",
            "client_id",
        )
        return cls(
            **{name: getattr(row, name) for name in same},
            amount=text(row.quantity),
            value=text(row.value) if row.value is not None else None,
            open_amount=text(row.left),
            open_value=text(row.value_left) if row.value is not None else None,
            from_address=row.payer,
            timestamp=row.at,
            uses=[UseRead.of(use) for use in row.uses],
        )


class SuggestionRead(ReadSchema):
    receipt_ids: list[str]
    invoice_ids: list[str]
    score: int = Field(description="0 to 100.", examples=[85])
    reasons: list[str] = Field(examples=[["It is worth exactly what is due.", "The sender paid for Engines before."]])

    @classmethod
    def of(cls, found: Suggestion) -> "SuggestionRead":
        return cls(receipt_ids=list(found.receipt_ids), invoice_ids=list(found.invoice_ids), score=found.score, reasons=list(found.reasons))


class SuggestionsRead(ReadSchema):
    items: list[SuggestionRead]


class ReceiptDetailRead(ReadSchema):
    receipt: ReceiptRead
    suggestions: list[SuggestionRead] = Field(description="Likeliest first.")


class WantedBody(RequestSchema):
    invoice_id: Word
    amount: Money | None = Field(
        default=None, examples=["50.00"], description="In the invoice's currency. Left out: as much as is due, or as it reaches."
    )

    def wanted(self) -> Wanted:
        return Wanted(self.invoice_id, self.amount)


class ReceiptApply(RequestSchema):
    """One receipt to many invoices, or many to one: in the order given, each as far as it goes."""

    receipt_ids: Annotated[list[ReceiptId], Field(min_length=1, max_length=APPLIED_MAX)]
    invoices: Annotated[list[WantedBody], Field(min_length=1, max_length=APPLIED_MAX)]


class ReceiptApplied(ReadSchema):
    items: list[ReceiptRead]


class ReceiptCredit(RequestSchema):
    client_id: Word | None = Field(default=None, examples=["cli_01k9x5r3v8"], description="Left out: the client of the invoice that it came for.")


class ReceiptRefund(RequestSchema):
    wallet_id: Word = Field(
        examples=["wal_01k9x5r3v8"], description="That pays it back, by the payment policy. It goes to the address that it came from."
    )


class ReceiptRefunded(ReadSchema):
    receipt: ReceiptRead
    payment_id: str
