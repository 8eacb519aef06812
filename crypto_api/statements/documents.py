from datetime import datetime

from pymongo import ASCENDING, DESCENDING, IndexModel

from crypto_api.statements.types import Column, Detail, PriceUsed, Row, StatementKind
from mongodb_config.base_document import TenantDocument


class FinancialReport(TenantDocument):
    """A statement as the books said it at `known_at`. Inserted and read, never changed: the next one says what they say then."""

    kind: StatementKind
    columns: list[Column]
    currency: str
    rows: list[Row]
    balanced: bool
    known_at: datetime
    unpriced: int  # entries up to the last day without a price or a cost
    seal_seq: int  # the head of the chain of sealed entries when it was made; 0: nothing was sealed yet
    seal_hash: str
    requested_by: str
    detail: Detail | None = None  # of a roll-forward
    prices: list[PriceUsed] = []  # by which a roll-forward tells fair values
    without_fair_value: list[str] = []  # assets held at its beginning or end that had no price then

    class Settings:
        name = "financial_reports"
        indexes = [IndexModel([("org_id", ASCENDING), ("kind", ASCENDING), ("_id", DESCENDING)], name="org_kind_latest")]
