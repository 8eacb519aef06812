"""What every request and answer shares: nothing is coerced, nothing is dropped silently, times end in `Z`."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from crypto_api.kit.clock import to_milliseconds

Value = TypeVar("Value")
Row = TypeVar("Row")

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)
_RFC3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII)


class RequestSchema(BaseModel):
    """A request body. Unknown fields are refused, types are taken as they are, and what was sent never comes back in an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class ReadSchema(BaseModel):
    """An answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def inert(value: str) -> str:
    """ValueError for what a reader would not see, or not where it stands."""
    if _CONTROL.search(value):
        raise ValueError("must not hold control or text-direction characters")
    return value


def _calendar_date(value: Any) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("must be a date such as 2026-11-21")
    return date.fromisoformat(value)


def _digits(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or not _DIGITS.fullmatch(value):
        raise ValueError("must be a whole number")
    return int(value)


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value not in ("true", "false"):
        raise ValueError("must be true or false")
    return bool(value == "true")


def _instant(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("must be a time such as 2026-11-21T09:30:00Z")
    try:
        return to_milliseconds(datetime.fromisoformat(value))
    except OverflowError as error:  # before the year 1 or behind 9999, in UTC
        raise ValueError("must be a time that there is") from error


def _rfc3339(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"


Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(inert)]
"""One line of text that a person wrote."""

Prose = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000), AfterValidator(inert)]
"""Several lines of text; may be empty."""

Word = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(inert)]
"""Text that stands for something else: an address, a slug, a hash, an id."""

Secret = Annotated[str, StringConstraints(min_length=1, max_length=1_024), Field(json_schema_extra={"writeOnly": True, "format": "password"})]
"""Text that never comes back."""

Choice = Annotated[Value, Field(strict=False)]
"""One of an enumeration, by its value."""

Date = Annotated[date, BeforeValidator(_calendar_date), WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-11-21"]})]

Instant = Annotated[
    datetime, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-21T09:30:00Z"]})
]
"""A moment in a request: RFC 3339 with its offset, to the millisecond."""

QueryInt = Annotated[int, BeforeValidator(_digits)]
QueryFlag = Annotated[bool, BeforeValidator(_flag)]

Time = Annotated[
    datetime,
    PlainSerializer(_rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-21T09:30:00.000Z"]}),
]
"""An instant in an answer: RFC 3339 in UTC with milliseconds."""


class PageRead(ReadSchema, Generic[Row]):
    """One page of a list. `total` is there only where `count=true` was asked for."""

    items: list[Row]
    next_cursor: str | None
    total: int | None = Field(default=None, exclude_if=lambda total: total is None)
