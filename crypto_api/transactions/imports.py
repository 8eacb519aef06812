"""Rows that people bring along: what each says, and what is wrong with it, by row and column. Pure."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from crypto_api.kit import amounts
from crypto_api.transactions.types import RowType

_FIRST_COLUMNS = ("timestamp", "type", "asset", "amount", "price", "fee", "fee_asset", "wallet", "to_wallet", "description", "external_id")
COLUMNS = (*_FIRST_COLUMNS, "cash_account")
_NEEDED = ("timestamp", "type", "asset", "amount")
BY_HAND = (*COLUMNS, "value")
_FIRST = datetime(2009, 1, 3, tzinfo=UTC)  # the first block of the first chain
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII)
_NOT_INERT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
Wrong = Callable[[str, str], None]
"""Called with the column and what is wrong in it."""

_LENGTHS = {"description": 500, "external_id": 200}


@dataclass(frozen=True, slots=True)
class RowError:
    row: int  # as a program of tables numbers them: the header is row 1
    column: str
    message: str


@dataclass(frozen=True, slots=True)
class TableRow:
    """`wallet` and `to_wallet` as they were written: a name, an address or an id; `cash_account` a code or a name. Price, value and fee in the
    functional currency, unless `fee_asset` is given."""

    number: int
    at: datetime
    type: RowType
    asset: str
    amount: Decimal
    price: Decimal | None
    value: Decimal | None  # of all of it; only by hand, instead of a price
    fee: Decimal
    fee_asset: str
    wallet: str
    to_wallet: str
    description: str
    external_id: str
    cash_account: str
    key: str  # of what it is: the same for the same row, however often it is brought
    content: str  # a hash of what it says


def read_rows(table: Sequence[Sequence[str]], now: datetime) -> tuple[list[TableRow], list[RowError]]:
    """Every row that can be read, and everything that is wrong."""
    if not table:
        return [], [RowError(1, "", "is empty: it must begin with the names of the columns")]
    header = [cell.strip().lower() for cell in table[0]]
    errors = _header_errors(header)
    if errors:
        return [], errors
    rows: list[TableRow] = []
    seen: Counter[str] = Counter()
    ids: dict[str, int] = {}
    for number, cells in enumerate(table[1:], start=2):
        if not any(cells):
            continue
        given = dict.fromkeys(COLUMNS, "") | dict(zip(header, cells, strict=False))
        if len(cells) > len(header):
            errors.append(RowError(number, "", f"has {len(cells)} cells, and there are {len(header)} columns"))
            continue
        row, wrong = _row(number, given, now)
        errors += wrong
        if row is None:
            continue
        seen[row.content] += 1
        if row.external_id and (first := ids.setdefault(row.external_id, number)) != number:
            errors.append(RowError(number, "external_id", f"stands in row {first} already"))
        rows.append(row if row.external_id else replace(row, key=f"row:{row.content}:{seen[row.content]}"))
    return rows, errors


def read_said(said: Mapping[str, str], key: str, now: datetime) -> tuple[TableRow | None, list[RowError]]:
    """One row that was written by hand, under the names of `BY_HAND`. `key` names it where it has no `external_id`."""
    row, errors = _row(1, dict.fromkeys(BY_HAND, "") | dict(said), now)
    return (row if row is None or row.external_id else replace(row, key=key)), errors


def _header_errors(header: Sequence[str]) -> list[RowError]:
    errors = [RowError(1, name, f"is not a column; they are {', '.join(COLUMNS)}") for name in header if name not in COLUMNS]
    errors += [RowError(1, name, "stands there twice") for name, count in Counter(header).items() if count > 1]
    return errors + [RowError(1, name, "is missing") for name in _NEEDED if name not in header]


def _row(number: int, given: dict[str, str], now: datetime) -> tuple[TableRow | None, list[RowError]]:
    errors = [RowError(number, name, "holds control or text-direction characters") for name, text in given.items() if _NOT_INERT.search(text)]
    errors += [RowError(number, name, f"has more than {most} characters") for name, most in _LENGTHS.items() if len(given[name]) > most]

    def wrong(column: str, message: str) -> None:
        errors.append(RowError(number, column, message))

    at = _timestamp(given["timestamp"], now, wrong)
    kind = RowType(given["type"].upper()) if given["type"].upper() in RowType.__members__ else None
    if kind is None:
        wrong("type", f"must be one of {', '.join(RowType)}")
    amount = _number(given["amount"], "amount", wrong)
    price, value = (_number(given[name], name, wrong) if given.get(name) else None for name in ("price", "value"))
    fee = (_number(given["fee"], "fee", wrong) if given["fee"] else Decimal(0)) or Decimal(0)
    if amount == 0:
        wrong("amount", "must be more than zero")
    if not given["asset"]:
        wrong("asset", "is needed")
    _check_fit(kind, given, fee, wrong)
    if errors or at is None or kind is None or amount is None:
        return None, errors
    texts = {name: given[name] for name in ("asset", "fee_asset", "wallet", "to_wallet", "description", "external_id", "cash_account")}
    numbers = {"amount": amount, "price": price, "value": value, "fee": fee}
    key = f"id:{given['external_id']}"
    return TableRow(number=number, at=at, type=kind, key=key, content=_content(given), **numbers, **texts), []  # type: ignore[arg-type]


def _content(given: Mapping[str, str]) -> str:
    """A hash of what was said. A column that came later counts where it says something: what was brought before it stays the same row."""
    later = [f"{name}={given[name]}" for name in BY_HAND if name not in _FIRST_COLUMNS and given.get(name)]
    return hashlib.sha256("\x1f".join([*(given[name] for name in _FIRST_COLUMNS), *later]).encode()).hexdigest()


def _check_fit(kind: RowType | None, given: Mapping[str, str], fee: Decimal, wrong: Wrong) -> None:
    """What goes with which type."""
    trade = kind in (RowType.BUY, RowType.SELL)
    if kind is RowType.TRANSFER:
        if not given["wallet"] and not given["to_wallet"]:
            wrong("wallet", "or to_wallet is needed: at least one side is yours")
        if given["wallet"] and given["wallet"] == given["to_wallet"]:
            wrong("to_wallet", "is the wallet that it comes from")
    elif kind is not None:
        if not given["wallet"]:
            wrong("wallet", "is needed")
        if given["to_wallet"]:
            wrong("to_wallet", "goes with TRANSFER only")
    if trade and not given["price"] and not given.get("value"):
        wrong("price", f"is needed for {kind}")
    if given["price"] and given.get("value"):
        wrong("value", "is amount times price: give one of them")
    if given["fee_asset"] and not fee:
        wrong("fee", "is needed where fee_asset is given")
    if fee and given["fee_asset"] and not given["wallet"]:
        wrong("fee_asset", "comes out of wallet, and there is none")
    if given["cash_account"] and kind is not None and not trade and (not fee or given["fee_asset"]):
        wrong("cash_account", "goes with BUY, SELL, or a fee in money: nothing here is paid in money")


def _timestamp(text: str, now: datetime, wrong: Wrong) -> datetime | None:
    if not _TIMESTAMP.fullmatch(text):
        wrong("timestamp", "must be a time with its zone, such as 2026-11-21T09:30:00Z")
        return None
    try:
        at = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        wrong("timestamp", "is no time that there is")
        return None
    if not _FIRST <= at <= now + timedelta(days=1):
        wrong("timestamp", "must lie between January 2009 and now")
        return None
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _number(text: str, column: str, wrong: Wrong) -> Decimal | None:
    try:
        value = amounts.parse(text)
    except ValueError:
        wrong(column, "must be a plain decimal number such as 1234.50: no sign, no thousands separator, no comma, no exponent")
        return None
    if not amounts.is_exact(value):
        wrong(column, "has more than 34 digits")
        return None
    return value
