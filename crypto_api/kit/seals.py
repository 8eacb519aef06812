"""A hash chain: each link seals a record, its number, and everything before it. Whoever holds a head can tell later that nothing was altered,
taken away or put in up to it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import orjson


@dataclass(frozen=True)
class Head:
    """The last link of a chain."""

    seq: int
    hash: str


NO_HEAD = Head(0, "0" * 64)
"""Where a chain begins."""


def canonical(row: Mapping[str, Any]) -> bytes:
    """A record as the one sequence of bytes that it can have: JSON in UTF-8 without blanks, names sorted, times in UTC with milliseconds."""
    return orjson.dumps(row, default=_plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME)


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    if isinstance(value, date):
        return value.isoformat()
    return f"[{type(value).__name__}]{value!r}"


def link(prev: str, seq: int, content: bytes) -> str:
    """SHA-256 over what came before, the number, and the bytes, in hexadecimal."""
    return hashlib.sha256(f"{prev}|{seq}|".encode() + content).hexdigest()


def parse_head(said: str) -> Head:
    """`17:ab12…` as somebody noted it down. ValueError for anything else."""
    seq, _, digest = said.strip().partition(":")
    if not (seq.isascii() and seq.isdecimal() and len(seq) < 16) or len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise ValueError("must be a number, a colon and 64 hexadecimal digits")
    return Head(int(seq), digest)
