from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar

from bson.decimal128 import Decimal128
from pymongo import ASCENDING, DESCENDING, IndexModel

from crypto_api.kit.amounts import StoredDecimal
from crypto_api.ledger.types import AccountType, EntryStatus, Line, SourceKind
from mongodb_config.base_document import TenantDocument


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


_ZERO = Decimal128(Decimal(0))
_WRONG_LINES = {
    "$filter": {
        "input": "$lines",
        "as": "line",
        "cond": {
            "$or": [
                {"$lt": ["$$line.debit", _ZERO]},
                {"$lt": ["$$line.credit", _ZERO]},
                {"$and": [{"$gt": ["$$line.debit", _ZERO]}, {"$gt": ["$$line.credit", _ZERO]}]},
            ]
        },
    }
}


def _sum_of_lines(side: str) -> dict[str, Any]:
    # `$sum` over a path of an array is not what the embedded server knows; `$reduce` is the same everywhere
    return {"$reduce": {"input": "$lines", "initialValue": _ZERO, "in": {"$add": ["$$value", f"$$this.{side}"]}}}


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
    version: int = 1

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
        "$expr": {
            "$and": [
                {"$eq": ["$total_debit", "$total_credit"]},
                {"$eq": ["$total_debit", _sum_of_lines("debit")]},
                {"$eq": ["$total_credit", _sum_of_lines("credit")]},
                {"$eq": [{"$size": _WRONG_LINES}, 0]},
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
        indexes = [
            IndexModel([("org_id", ASCENDING), ("account_code", ASCENDING)], name="org_account"),
            IndexModel([("org_id", ASCENDING), ("wallet_id", ASCENDING)], name="org_wallet"),
        ]
