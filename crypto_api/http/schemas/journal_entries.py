from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, StringConstraints, WithJsonSchema

from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.accounts import AccountCode
from crypto_api.http.schemas.base import Date, Prose, QueryFlag, ReadSchema, RequestSchema, Time, Word
from crypto_api.http.schemas.base import Line as TextLine
from crypto_api.kit.amounts import Money, SignedMoney, parse, text
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import EntryDraft, EntryStatus, Line, Source, SourceKind

AssetName = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z:/._-]{0,119}$")]
TransactionHash = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{64}$")]


def _signed(value: Any) -> Decimal:
    if isinstance(value, Decimal):
        return value
    return parse(value[1:]).copy_negate() if isinstance(value, str) and value.startswith("-") else parse(value)


Quantity = Annotated[
    Decimal,
    BeforeValidator(_signed),
    PlainSerializer(text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$", "examples": ["-0.25"]}),
]
"""Of an asset: positive when it comes in."""


class LineItem(RequestSchema):
    account_code: AccountCode = Field(examples=["5300"])
    description: Prose = ""
    debit_amount: Money = Field(default=Decimal(0), examples=["120.50"], description="In the functional currency, at most 8 decimals.")
    credit_amount: Money = Field(default=Decimal(0), examples=["0"])
    asset: AssetName | None = Field(default=None, examples=["USDC"])
    quantity: Quantity | None = Field(default=None, examples=["120.5"])


class JournalEntryWrite(RequestSchema):
    date: Date
    description: TextLine = Field(examples=["Office rent, November"])
    reference: Prose = Field(default="", examples=["INV-2026-117"])
    transaction_hash: TransactionHash | None = None
    line_items: list[LineItem] = Field(min_length=2, max_length=1000)

    def draft(self) -> EntryDraft:
        return EntryDraft(
            date=self.date,
            description=self.description,
            reference=self.reference,
            transaction_hash=self.transaction_hash.lower() if self.transaction_hash else None,
            source=Source(kind=SourceKind.MANUAL, id="", purpose="manual"),
            lines=[
                Line(
                    account_code=row.account_code,
                    debit=row.debit_amount,
                    credit=row.credit_amount,
                    asset=row.asset,
                    quantity=row.quantity,
                    description=row.description,
                )
                for row in self.line_items
            ],
        )


class JournalEntryReverse(RequestSchema):
    reason: TextLine = Field(examples=["Booked twice"])
    date: Date | None = Field(default=None, description="Of the mirror entry; today in the organisation's time zone when left out.")


class JournalEntryQuery(PageQuery):
    transaction_hash: Word | None = None
    transaction_id: Word | None = None
    account_code: Word | None = None
    wallet_id: Word | None = None
    status: EntryStatus | None = None
    source: SourceKind | None = Field(default=None, description="What it comes from.")
    approved: QueryFlag | None = None
    date_from: Date | None = None
    date_to: Date | None = None
    q: Word | None = Field(default=None, description="Part of the description or of the reference.")


class LineItemRead(ReadSchema):
    account_code: str = Field(examples=["1100"])
    description: str
    debit_amount: SignedMoney = Field(examples=["120.5"])
    credit_amount: SignedMoney = Field(examples=["0"])
    asset: str | None = Field(examples=["USDC"])
    quantity: SignedMoney | None = Field(examples=["120.5"])
    wallet_id: str | None

    @classmethod
    def of(cls, line: Line) -> "LineItemRead":
        return cls(
            account_code=line.account_code,
            description=line.description,
            debit_amount=line.debit,
            credit_amount=line.credit,
            asset=line.asset,
            quantity=line.quantity,
            wallet_id=line.wallet_id,
        )


class JournalEntryRead(ReadSchema):
    id: str = Field(examples=["je_01k9x5r3v8"])
    status: EntryStatus
    date: Date
    description: str
    reference: str
    source: SourceKind = Field(description="Where it comes from.")
    line_items: list[LineItemRead]
    total_debit: SignedMoney = Field(examples=["120.5"])
    total_credit: SignedMoney = Field(examples=["120.5"])
    transaction_id: str | None
    transaction_hash: str | None
    cost_provisional: bool = Field(
        description="Something left at the average of its wallet and is being compared with its lots: where they say otherwise, a correction follows."
    )
    unpriced: bool = Field(description="A price or a cost was missing: its values are incomplete, its quantities are not.")
    reverses: str | None
    reversed_by: str | None
    posted_at: Time | None
    created_by: str | None = Field(description="None: posted by the system.")
    approved_by: str | None = Field(description="Somebody who neither wrote nor edited it.")
    approved_at: Time | None
    original_date: Date | None = Field(description="The day that it is about, where that lies in a closed period.")
    seal_seq: int | None = Field(description="Its place in the chain of seals; None until a moment after it was posted.")
    created_at: Time

    @classmethod
    def of(cls, row: JournalEntry) -> "JournalEntryRead":
        return cls(
            id=row.id,
            status=row.status,
            date=row.date,
            description=row.description,
            reference=row.reference,
            source=row.source_kind,
            line_items=[LineItemRead.of(line) for line in row.lines],
            total_debit=row.total_debit,
            total_credit=row.total_credit,
            transaction_id=row.transaction_id,
            transaction_hash=row.transaction_hash,
            cost_provisional=row.cost_provisional,
            unpriced=row.unpriced,
            reverses=row.reverses,
            reversed_by=row.reversed_by,
            posted_at=row.posted_at,
            created_by=row.created_by,
            approved_by=row.approved_by,
            approved_at=row.approved_at,
            original_date=row.original_date,
            seal_seq=row.seal_seq,
            created_at=row.created_at,
        )
