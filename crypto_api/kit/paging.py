"""Cursor paging: a cursor names the last row seen, so pages stay stable while rows are added."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import orjson

from crypto_api.kit.errors import InvalidInput

Row = TypeVar("Row")


@dataclass(frozen=True)
class Page(Generic[Row]):
    items: Sequence[Row]
    next_cursor: str | None
    total: int | None = None


@dataclass(frozen=True)
class PageRequest:
    """`sort` is a stored field, newest first when `descending`; ties are broken by `_id`."""

    limit: int = 50
    cursor: str | None = None
    sort: str = "_id"
    descending: bool = True
    count: bool = False

    def position(self) -> tuple[Any, str] | None:
        """The (sort value, id) after which this page starts. InvalidInput when the cursor was tampered with or belongs to another sort."""
        if self.cursor is None:
            return None
        try:
            sort, kind, value, row_id = orjson.loads(base64.urlsafe_b64decode(self.cursor.encode() + b"=="))
            if sort != self.sort or not isinstance(row_id, str) or not isinstance(value, str | int | type(None)):
                raise ValueError
            if isinstance(value, int) and not -(2**63) <= value < 2**63:  # the database has no larger ones
                raise ValueError
            return (_moment(str(value)) if kind == "t" else value), row_id
        except (ValueError, TypeError, OverflowError, binascii.Error, orjson.JSONDecodeError) as error:
            raise InvalidInput.of("cursor", "is not a cursor of this list", "invalid_cursor") from error

    def cursor_after(self, value: Any, row_id: str) -> str:
        kind = "t" if isinstance(value, datetime) else "v"
        packed = orjson.dumps([self.sort, kind, value.isoformat() if kind == "t" else value, row_id])
        return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()

    def page(self, rows: Sequence[Any], total: int | None = None) -> "Page[Any]":
        """The page of rows that were read with a limit of one more than this page holds."""
        shown = rows[: self.limit]
        last = shown[-1] if len(rows) > self.limit else None
        value = getattr(last, self.sort, None) if self.sort != "_id" else getattr(last, "id", None)
        return Page(shown, self.cursor_after(value, last.id) if last is not None else None, total)


def _moment(text: str) -> datetime:
    """OverflowError for what is in no year that there is, in UTC, as the database has it."""
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo is not None else moment
