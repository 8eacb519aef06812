"""Pages of the journal, by date: what one costs follows the days that it shows, not the length of the history.

What a filter has beyond an account and days is looked at here, row by row: asked for beside them it would have the embedded server leave its index
aside and read, and sort, every entry there is (ledger/day_store.py). Drafts, and the entries of a transaction, have indexes of their own and are few.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from crypto_api.kit.paging import Page, PageRequest
from crypto_api.ledger import day_store, store
from crypto_api.ledger.day_store import Entries
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import EntryStatus

_OF_ONE = ("transaction_id", "transaction_hash")
_AT_ONCE = 500  # rows looked at together, where a filter lets only some of them through


async def page(org_id: str, where: Mapping[str, Any], request: PageRequest) -> Page[JournalEntry]:
    """`where` holds conditions that an edge composed from typed filters, as the database would be asked them; the organisation is added here."""
    if (few := await _few(org_id, where)) is not None:
        return _cut([row for row in few if meets(row, where)], request)
    if request.sort != "date":
        return await store.page_of_entries(org_id, dict(where), request)
    account, days = where.get("lines.account_code"), where.get("date", {})
    first, last = (days[name].date() if name in days else None for name in ("$gte", "$lte"))
    beyond = {name: value for name, value in where.items() if name not in ("date", "lines.account_code")}
    total = await JournalEntry.find({"$and": [{"org_id": org_id}, dict(where)]}).count() if request.count else None
    found = await day_store.some(
        org_id,
        Entries(account, first=first, last=last),
        request,
        lambda row: meets(row, beyond),
        batch=_AT_ONCE if beyond else request.limit,
    )
    return Page(found.items, found.next_cursor, total)


async def _few(org_id: str, where: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Rows among which all that are wanted are, where an index knows that they are few."""
    entries = JournalEntry.get_pymongo_collection()
    if where.get("status") == EntryStatus.DRAFT:
        return await day_store.drafts(org_id)
    for name in _OF_ONE:
        if isinstance(where.get(name), str):
            return await entries.find({"org_id": org_id, name: where[name]}).to_list()
    return None


def _cut(rows: list[dict[str, Any]], request: PageRequest) -> Page[JournalEntry]:
    def place(row: Mapping[str, Any]) -> tuple[Any, str]:
        value = row[request.sort]
        return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value, row["_id"]

    rows, after = sorted(rows, key=place, reverse=request.descending), request.position()
    behind = [row for row in rows if after is None or (place(row) < after if request.descending else place(row) > after)]
    kept = behind[: request.limit]
    cursor = request.cursor_after(*place(kept[-1])) if len(behind) > len(kept) else None
    return Page([JournalEntry.model_validate(row) for row in kept], cursor, len(rows) if request.count else None)


# ---- conditions ------------------------------------------------------------------------------------------------------------------


def meets(row: Mapping[str, Any], where: Mapping[str, Any]) -> bool:
    """Whether the database would have found the row: for the operators that filters of the journal consist of, and KeyError for any other."""
    return all(_meets(row, name, wanted) for name, wanted in where.items())


def _meets(row: Mapping[str, Any], name: str, wanted: Any) -> bool:
    if name == "$or":
        return any(meets(row, part) for part in wanted)
    of_lines = name.removeprefix("lines.")
    values = [row.get(name)] if of_lines == name else [line.get(of_lines) for line in row["lines"]]
    if not isinstance(wanted, dict):
        return wanted in values
    value = values[0].replace(tzinfo=UTC) if isinstance(values[0], datetime) else values[0]
    return all(_OPERATORS[operator](value, operand) for operator, operand in wanted.items())


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$ne": lambda value, operand: value != operand,
    "$gte": lambda value, operand: value >= operand,
    "$lte": lambda value, operand: value <= operand,
    "$regex": lambda value, operand: value is not None and re.search(operand, value, re.IGNORECASE) is not None,
    "$options": lambda value, operand: operand == "i",
}
