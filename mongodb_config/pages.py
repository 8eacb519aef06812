"""One page of a collection by keyset: no skip, so a page costs the same at any depth and stays stable while rows are added."""

import re
from datetime import datetime, timedelta
from typing import Any, TypeVar

from beanie import SortDirection

from mongodb_config.base_document import BaseDocument

Doc = TypeVar("Doc", bound=BaseDocument)


def not_before(moment: datetime) -> dict[str, datetime]:
    """As `$gte`. Times are whole milliseconds, so this is the same; on an index that has further fields behind a descending one the embedded server
    leaves out the rows that are equal to the bound of a `$gte`."""
    try:
        return {"$gt": moment - timedelta(milliseconds=1)}
    except OverflowError:  # nothing is older, and nothing is as old
        return {"$gt": moment}


async def fetch(document: type[Doc], where: dict[str, Any], *, sort: str, descending: bool, after: tuple[Any, str] | None, limit: int) -> list[Doc]:
    """Up to `limit` documents behind `after` = (value of `sort`, `_id`); ties are broken by `_id`."""
    direction, beyond = (SortDirection.DESCENDING, "$lt") if descending else (SortDirection.ASCENDING, "$gt")
    query: dict[str, Any] = dict(where)
    if after is not None:
        value, row_id = after
        behind: dict[str, Any] = {"_id": {beyond: row_id}}
        if sort != "_id":
            behind = {"$or": [{sort: {beyond: value}}, {sort: value, "_id": {beyond: row_id}}]}
        query = {"$and": [query, behind]}
    order = [("_id", direction)] if sort == "_id" else [(sort, direction), ("_id", direction)]
    return await document.find(query, sort=order, limit=limit).to_list()


def begins_with(text: str) -> dict[str, str]:
    """A filter for "begins with these characters" that is a range of an index; exactly these, so that the caller folds them as the field is."""
    return {"$gte": text, "$lte": f"{text}\U0010ffff"}


def contains(text: str) -> dict[str, str]:
    """A filter for "contains these characters", whatever they are; bounded, so that no pattern of a user ever runs."""
    return {"$regex": re.escape(text[:100]), "$options": "i"}
