"""What the figures read: rows of some months, by the index of time alone, however long the history is."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pymongo import DESCENDING

from crypto_api.insights.types import Moved
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import FEES, Direction, Finality

ROWS_MAX = 10_000
"""Transactions that are looked at; beyond, the oldest are left out, and that is said."""
AT_ONCE = 2_000
"""Rows in one answer of the database: some megabytes at most, where it would send a hundred first."""
_SHOWN = ("timestamp", "network", "category", "counterparty", "finality", "movements")


async def moved_since(org_id: str, since: datetime, until: datetime, rows_max: int = ROWS_MAX) -> tuple[list[Moved], bool]:
    """Of the `rows_max` latest transactions, latest first, and whether there were more."""
    query = {"org_id": org_id, "timestamp": {"$gte": since, "$lt": until}}
    found = Transaction.get_pymongo_collection().find(query, dict.fromkeys(_SHOWN, 1))
    rows = await found.sort([("timestamp", DESCENDING), ("_id", DESCENDING)]).limit(rows_max + 1).batch_size(AT_ONCE).to_list()
    standing = [row for row in rows[:rows_max] if row["finality"] != Finality.ORPHANED]
    return [one for row in standing for one in _moved(row)], len(rows) > rows_max


def _moved(row: Mapping[str, Any]) -> Iterator[Moved]:
    for part in row["movements"]:
        if part["spam_reason"] is not None or part["direction"] == Direction.INTERNAL:
            continue
        outgoing = part["direction"] == Direction.OUT
        yield Moved(
            transaction_id=row["_id"],
            key=part["key"],
            at=row["timestamp"].replace(tzinfo=UTC),
            network=row["network"],
            category=row["category"],
            party=row["counterparty"] or (part["to_address"] if outgoing else part["from_address"]),
            outgoing=outgoing,
            fee=part["kind"] in FEES,
            asset=part["asset"],
            symbol=part["symbol"],
            amount=_decimal(part["amount"]),
            value=_decimal(part["value"]),
        )


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else value.to_decimal()
