from datetime import date, datetime
from typing import Any, ClassVar

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
    version: int = 1

    VALIDATOR: ClassVar[dict[str, Any] | None] = {
        "$jsonSchema": {
            "required": ["lines", "total_debit", "total_credit"],
            "properties": {"lines": {"bsonType": "array", "minItems": 2}},
        },
        "$expr": {"$eq": ["$total_debit", "$total_credit"]},
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
