from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar

from bson.decimal128 import Decimal128
from pymongo import ASCENDING, DESCENDING, IndexModel

from crypto_api.kit.amounts import StoredDecimal
from crypto_api.ledger.types import AccountCode, AccountType, CertifiedTotal, EntryStatus, GateCheck, Line, PeriodStatus, SourceKind, Span
from mongodb_config.base_document import TenantDocument
from mongodb_config.seal_chain import SealDocument


class Account(TenantDocument):
    """`_id` is `<org>:<code>`."""

    code: str
    name: str
    account_type: AccountType
    parent_code: str | None = None
    active: bool = True
    version: int = 1

    class Settings:
        name = "accounts"
        indexes = [IndexModel([("org_id", ASCENDING), ("code", ASCENDING)], unique=True, name="org_code")]


Day = date  # behind a field that is called `date`, the name stands for that
_ZERO = Decimal128(Decimal(0))
_NO_LINE = [  # of an entry is below zero, or both debit and credit
    {"lines.debit": {"$lt": _ZERO}},
    {"lines.credit": {"$lt": _ZERO}},
    {"lines": {"$elemMatch": {"debit": {"$gt": _ZERO}, "credit": {"$gt": _ZERO}}}},
]


def _sum_of_lines(side: str) -> dict[str, Any]:
    # `$sum` over a path of an array is not what the embedded server knows; over a `$map` it is the same everywhere, and half of what `$reduce` costs
    return {"$sum": {"$map": {"input": "$lines", "in": f"$$this.{side}"}}}


class JournalEntry(TenantDocument):
    """One entry is one document with its lines inside, so it is whole or absent."""

    status: EntryStatus
    date: date
    description: str
    reference: str = ""
    source_kind: SourceKind
    source_id: str
    source_purpose: str
    lines: list[Line]
    total_debit: StoredDecimal
    total_credit: StoredDecimal
    transaction_id: str | None = None
    transaction_hash: str | None = None
    unpriced: bool = False
    reverses: str | None = None
    reversed_by: str | None = None
    posted_at: datetime | None = None  # the instant it was known to the books
    created_by: str | None = None  # None: posted by the system
    prepared_by: list[str] = []  # everybody who wrote or edited the draft: none of them approves it
    approved_by: str | None = None
    approved_at: datetime | None = None
    original_date: Day | None = None  # the day that it is about, where that lies in a closed period
    unsealed: bool = False  # from posting until a worker has sealed it
    uncosted: bool = False  # from posting until a worker has compared its costs with the lots; not where it was booked by them
    seal_seq: int | None = None  # its place in the chain of the organisation
    version: int = 1

    @property
    def cost_provisional(self) -> bool:
        """Whether something leaves a place at a cost that has not been compared with its lots yet: it was posted at the average of its wallet. What
        takes back another entry repeats that one's cost."""
        if not self.uncosted or self.reverses is not None:
            return False
        places = (AccountCode.CRYPTO, AccountCode.CUSTODY)
        return any(line.account_code in places and line.asset is not None and (line.quantity or 0) < 0 for line in self.lines)

    VALIDATOR: ClassVar[dict[str, Any] | None] = {
        "$jsonSchema": {
            "required": ["status", "date", "lines", "total_debit", "total_credit"],
            "properties": {
                "status": {"enum": [status.value for status in EntryStatus]},
                "date": {"bsonType": "date"},
                "lines": {
                    "bsonType": "array",
                    "minItems": 2,
                    "items": {
                        "bsonType": "object",
                        "required": ["account_code", "debit", "credit"],
                        "properties": {"account_code": {"bsonType": "string"}, "debit": {"bsonType": "decimal"}, "credit": {"bsonType": "decimal"}},
                    },
                },
                "total_debit": {"bsonType": "decimal"},
                "total_credit": {"bsonType": "decimal"},
            },
        },
        "$nor": _NO_LINE,
        "$expr": {
            "$and": [
                {"$eq": ["$total_debit", "$total_credit"]},
                {"$eq": ["$total_debit", _sum_of_lines("debit")]},
                {"$eq": ["$total_credit", _sum_of_lines("credit")]},
            ]
        },
    }

    class Settings:
        name = "journal_entries"
        indexes = [
            IndexModel(
                [("org_id", ASCENDING), ("source_kind", ASCENDING), ("source_id", ASCENDING), ("source_purpose", ASCENDING)],
                unique=True,
                name="org_source",
            ),
            IndexModel([("org_id", ASCENDING), ("date", DESCENDING), ("_id", DESCENDING)], name="org_date"),
            IndexModel([("org_id", ASCENDING), ("lines.account_code", ASCENDING), ("date", DESCENDING)], name="org_account"),
            IndexModel([("org_id", ASCENDING), ("transaction_hash", ASCENDING)], name="org_transaction"),
            IndexModel([("org_id", ASCENDING), ("transaction_id", ASCENDING)], name="org_transaction_id"),
            IndexModel([("org_id", ASCENDING), ("date", ASCENDING)], partialFilterExpression={"status": "draft"}, name="org_drafts"),
            IndexModel([("org_id", ASCENDING), ("posted_at", ASCENDING)], name="org_posted"),
            IndexModel([("unsealed", ASCENDING), ("_id", ASCENDING)], partialFilterExpression={"unsealed": True}, name="unsealed"),
            IndexModel([("org_id", ASCENDING), ("_id", ASCENDING)], partialFilterExpression={"unsealed": True}, name="org_unsealed"),
            IndexModel([("org_id", ASCENDING), ("_id", ASCENDING)], partialFilterExpression={"uncosted": True}, name="org_uncosted"),
            IndexModel(
                [("org_id", ASCENDING), ("_id", ASCENDING)], partialFilterExpression={"unpriced": True, "status": "posted"}, name="org_unpriced"
            ),
        ]


class AccountBalance(TenantDocument):
    """A kept sum of posted lines, one per account, wallet and asset; `_id` is `<org>|<account>|<wallet or ->|<asset or ->`. A projection:
    `verify_ledger` rebuilds it from the entries."""

    account_code: str
    wallet_id: str | None
    asset: str | None
    debit: StoredDecimal
    credit: StoredDecimal
    quantity: StoredDecimal

    class Settings:
        name = "account_balances"
        indexes = [IndexModel([("org_id", ASCENDING), ("account_code", ASCENDING)], name="org_account")]


class EntrySeal(SealDocument):
    """A link of the organisation's chain: one posted entry, byte for byte as it was sealed, so that the chain can be followed without the books.
    Inserted and read, nothing else. A reversal is an entry of its own, and sealed as such."""

    entry_id: str
    content: bytes  # canonical JSON: ledger/rules.py

    class Settings:
        name = "entry_seals"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("seq", ASCENDING)], unique=True, name="org_seq"),
            IndexModel([("org_id", ASCENDING), ("entry_id", ASCENDING)], unique=True, name="org_entry"),
            IndexModel([("hash", ASCENDING)], name="hash"),  # alone: what begins with the organisation, the embedded server walks through
        ]


class SealAnchor(TenantDocument):
    """A final transaction whose input holds the hash of a seal: from its block on, nobody can have made the chain up to that seal. Inserted and read,
    nothing else."""

    seq: int  # of the seal
    seal_hash: str
    network: str
    chain_id: int
    transaction_hash: str
    block_number: int
    block_hash: str
    block_at: datetime
    recorded_by: str

    class Settings:
        name = "seal_anchors"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("chain_id", ASCENDING), ("transaction_hash", ASCENDING)], unique=True, name="org_transaction"),
            IndexModel([("org_id", ASCENDING), ("seq", ASCENDING)], name="org_seq"),
        ]


class AccountSum(TenantDocument):
    """What sealed entries moved, summed over a span of days for which they are and a span of days on which they were known. A day lies in one cell of
    each size, so that a balance as of any two days is a few cells; and for each day by how much what all accounts hold of an asset
    changed, from which value over time is drawn. Kept by the sealing, outside the writers' way; `verify_ledger` rebuilds it."""

    span: Span
    account_code: str
    wallet_id: str | None
    asset: str | None
    date: date  # the first day of the span for which
    known: Day  # the first day, in UTC, of the span on which it was posted
    debit: StoredDecimal
    credit: StoredDecimal
    quantity: StoredDecimal

    class Settings:
        name = "account_sums"
        indexes = [
            IndexModel(
                [("org_id", ASCENDING), ("account_code", ASCENDING), ("span", ASCENDING), ("date", ASCENDING), ("known", ASCENDING)],
                name="org_account",
            ),
            IndexModel([("org_id", ASCENDING), ("span", ASCENDING), ("date", ASCENDING), ("known", ASCENDING)], name="org_span"),
        ]


class LedgerGuard(TenantDocument):
    """One of several rows that say how far the books are closed; `_id` is `<org>|<number>`. Every posting counts `entered` and `posted` of one of
    them up, every closing and every withdrawal of an account `entered` of all. So `active`, accounts that postings through this row have found
    active, holds as long as `entered - posted` is `active_at`, what it was when they were looked at."""

    closed_through: date | None = None
    entered: int = 0
    posted: int = 0
    active: list[str] = []
    active_at: int = 0

    class Settings:
        name = "ledger_guards"
        indexes = [IndexModel([("org_id", ASCENDING)], name="org")]


class LedgerPeriod(TenantDocument):
    """A month that was closed, or was and is open again; `_id` is `<org>:<period>`. A month that was never closed has none."""

    period: str  # 2026-11
    status: PeriodStatus
    certificate_id: str
    closed_at: datetime
    closed_by: str
    reopened_at: datetime | None = None
    reopened_by: str | None = None
    reopened_reason: str = ""
    version: int = 1

    class Settings:
        name = "ledger_periods"
        indexes = [IndexModel([("org_id", ASCENDING), ("period", ASCENDING)], unique=True, name="org_period")]


class PeriodCertificate(TenantDocument):
    """What was found when a period was closed. Inserted and read, nothing else: one that was reopened gets another."""

    period: str
    closed_through: date
    issued_by: str
    issuer: str  # the name as it was then
    checks: list[GateCheck]
    totals: list[CertifiedTotal]
    currency: str
    entries: int  # dated in the period
    seal_seq: int
    seal_hash: str
    digest: str  # SHA-256 over all of it: ledger/rules.py

    class Settings:
        name = "period_certificates"
        indexes = [IndexModel([("org_id", ASCENDING), ("period", ASCENDING)], name="org_period")]
