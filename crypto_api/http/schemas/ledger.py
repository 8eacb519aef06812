from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import Date, Instant, ReadSchema, RequestSchema, Time, Word
from crypto_api.kit.amounts import SignedMoney
from crypto_api.ledger.documents import SealAnchor
from crypto_api.ledger.types import AccountType, SourceKind
from crypto_api.reports.as_of import LedgerLine


class TrialBalanceQuery(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid")

    at: Date | None = Field(default=None, description="Up to and including this day; everything when left out.")
    known_at: Instant | None = Field(default=None, description="What was posted up to this instant; everything when left out.")


class LedgerExport(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid")

    format: Literal["beancount", "hledger", "csv", "xlsx"] = "csv"
    at: Date | None = Field(default=None, description="Up to and including this day; everything when left out.")


class TrialBalanceExport(TrialBalanceQuery):
    format: Literal["csv", "xlsx", "pdf"] = "csv"
    compare_to: Date | None = Field(default=None, description="An earlier day, in columns beside it.")


class GeneralLedgerExport(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid")

    format: Literal["csv", "xlsx", "pdf"] = "csv"
    account_code: Word | None = Field(default=None, description="One account; every account with lines when left out.")
    wallet_id: Word | None = None
    asset: Word | None = None
    date_from: Date | None = None
    date_to: Date | None = None
    known_at: Instant | None = Field(default=None, description="What was posted up to this instant; everything when left out.")


class AccountTotalRead(ReadSchema):
    account_code: str = Field(examples=["1100"])
    name: str = Field(examples=["Crypto assets"])
    account_type: AccountType
    debit: SignedMoney = Field(examples=["1000.25"])
    credit: SignedMoney = Field(examples=["250"])
    balance: SignedMoney = Field(examples=["750.25"], description="Debit less credit.")


HASH = "0x88df016429689c079f3b2f6ad39fa052532c56795b733da78a91ebe340dd3c1b"


class AnchorCreate(RequestSchema):
    network: Word = Field(examples=["ethereum"], description="The slug of a network of this installation.")
    transaction_hash: Word = Field(examples=[HASH])


class AnchorRead(ReadSchema):
    """A final transaction whose input holds the hash of a seal: nothing sealed up to there was made up after its block."""

    id: str = Field(examples=["anc_01k9x5r3v8"])
    seq: int = Field(examples=[1742], description="Of the seal: everything up to it is anchored.")
    seal_hash: str = Field(examples=["3f1d…"], description="The 32 bytes that the input holds, in hexadecimal.")
    network: str = Field(examples=["ethereum"])
    chain_id: int = Field(examples=[1])
    transaction_hash: str = Field(examples=[HASH])
    block_number: int = Field(examples=[21345678])
    block_hash: str = Field(examples=[HASH])
    block_at: Time = Field(description="As the block says.")
    recorded_by: str
    recorded_at: Time

    @classmethod
    def of(cls, row: SealAnchor) -> "AnchorRead":
        same = ("id", "seq", "seal_hash", "network", "chain_id", "transaction_hash", "block_number", "block_hash", "block_at", "recorded_by")
        return cls(recorded_at=row.created_at, **{name: getattr(row, name) for name in same})


class SealHeadRead(ReadSchema):
    """The last link of the chain of seals over the journal."""

    seq: int = Field(examples=[1742], description="How many entries are sealed; 0 before the first.")
    hash: str = Field(examples=["3f1d…"], description="SHA-256 over everything up to it.")
    sealed_at: Time | None
    waiting: int = Field(description="Entries that were posted a moment ago and have no seal yet.")
    calldata: str | None = Field(examples=["0x3f1d…"], description="What a transaction has to hold in its input to anchor it; null before the first.")
    anchor: AnchorRead | None = Field(description="Of the last seal that was anchored on a chain.")


class TrialBalanceRead(ReadSchema):
    at: Date | None
    known_at: Time | None
    currency: str = Field(examples=["USD"])
    accounts: list[AccountTotalRead]
    total_debit: SignedMoney
    total_credit: SignedMoney
    balanced: bool
    seal: SealHeadRead


class GeneralLedgerQuery(PageQuery):
    account_code: Word
    wallet_id: Word | None = None
    asset: Word | None = Field(default=None, description="Only lines of it; then each says the quantity behind it too.")
    date_from: Date | None = None
    date_to: Date | None = None
    known_at: Instant | None = Field(default=None, description="What was posted up to this instant; everything when left out.")


class LedgerLineRead(ReadSchema):
    entry_id: str
    date: Date
    posted_at: Time | None
    original_date: Date | None
    entry_description: str
    description: str
    source: SourceKind
    transaction_hash: str | None
    debit_amount: SignedMoney
    credit_amount: SignedMoney
    balance: SignedMoney = Field(examples=["750.25"], description="Debit less credit of the account, up to and including this line.")
    asset: str | None
    quantity: SignedMoney | None
    quantity_balance: SignedMoney | None = Field(description="Of the asset that was asked for, up to and including this line.")
    wallet_id: str | None

    @classmethod
    def of(cls, row: LedgerLine, asset: str | None) -> "LedgerLineRead":
        entry, line = row.entry, row.line
        return cls(
            entry_id=entry.id,
            date=entry.date,
            posted_at=entry.posted_at,
            original_date=entry.original_date,
            entry_description=entry.description,
            description=line.description,
            source=entry.source_kind,
            transaction_hash=entry.transaction_hash,
            debit_amount=line.debit,
            credit_amount=line.credit,
            balance=row.balance,
            asset=line.asset,
            quantity=line.quantity,
            quantity_balance=row.quantity if asset is not None else None,
            wallet_id=line.wallet_id,
        )


class GeneralLedgerRead(ReadSchema):
    items: list[LedgerLineRead]
    next_cursor: str | None
    total: int | None = Field(default=None, description="Entries; only where `count=true` was asked for.", exclude_if=lambda total: total is None)
    opening_balance: SignedMoney = Field(description="Debit less credit before `date_from`; zero where none is given.")
    closing_balance: SignedMoney = Field(description="Debit less credit at the end of `date_to`, or of everything.")


class VerifyQuery(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid")

    head: Word | None = Field(default=None, description="SEQ:HASH, a head of the chain of seals that was noted down earlier.")


class VerifyCheckedRead(ReadSchema):
    entries: int
    lines: int
    balances: int
    seals: int
    waiting: int = Field(description="Entries that have no seal yet: posted a moment ago.")
    sums: int = Field(description="Kept sums over days, months and years.")
    wallets: int
    quantities: int
    blocks: dict[str, int] = Field(description="Network → the block at which quantities were compared with the chain.")
    anchors: int = Field(default=0, description="Anchors on chain whose seal was recomputed.")
    lot_events: int = Field(default=0, description="Acquisitions, disposals and transfers from which the lots were made anew.")
    lots: int = Field(default=0, description="Of them open.")
    lot_checkpoints: int = Field(default=0, description="Open lots that are kept of the beginnings of months.")


class VerifyFailureRead(ReadSchema):
    check: str = Field(examples=["quantity"])
    subject: str
    detail: str
    expected: str
    found: str


class VerifyRead(ReadSchema):
    ok: bool
    checked: VerifyCheckedRead
    first_failure: VerifyFailureRead | None
    head: str = Field(examples=["1742:3f1d…"], description="Of the chain of seals, as far as it was followed: worth noting down.")

    @classmethod
    def of(cls, report: Any) -> "VerifyRead":
        failure = report.first_failure
        return cls(
            ok=report.ok,
            checked=VerifyCheckedRead(**report.checked),
            first_failure=VerifyFailureRead(**vars(failure)) if failure is not None else None,
            head=f"{report.head.seq}:{report.head.hash}",
        )
