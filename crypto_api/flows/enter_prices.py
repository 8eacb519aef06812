"""Prices that people enter: one, or a table of them. What stands in the books without a price is looked up again by itself afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from crypto_api.kit.amounts import is_exact, parse
from crypto_api.kit.clock import Clock, to_milliseconds
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.jobs import Jobs
from crypto_api.prices import service, store
from crypto_api.prices.documents import ManualPrice
from crypto_api.prices.jobs import TrueUpPrices
from crypto_api.prices.rules import is_asset_name
from mongodb_config.unit_of_work import Session, UnitOfWork

AHEAD_MAX = timedelta(minutes=5)
ROWS_MAX = 1_000
COLUMNS = ("asset", "quote", "at", "rate", "reason")
_NEEDED = ("asset", "quote", "at", "rate")
_REASON_MAX = 500


@dataclass(frozen=True)
class NewPrice:
    asset: str
    quote: str
    at: datetime
    rate: Decimal
    reason: str = ""


@dataclass(frozen=True)
class RowError:
    row: int  # as a program of tables counts: the header is 1
    column: str
    message: str


@dataclass(frozen=True)
class Entered:
    rows: int
    new: int
    unchanged: int  # the same price was entered for that time before
    errors: tuple[RowError, ...] = ()


async def enter_price(uow: UnitOfWork, clock: Clock, jobs: Jobs, org_id: str, new: NewPrice, user_id: str) -> ManualPrice:
    """InvalidInput."""
    if new.at > clock.now() + AHEAD_MAX:
        raise InvalidInput.of("at", "must not be in the future", "in_the_future")
    row = await uow.run(lambda session: _set(session, org_id, new, user_id, clock.now()))
    await jobs.put(TrueUpPrices(org_id=org_id))
    return row


async def import_prices(
    uow: UnitOfWork, clock: Clock, jobs: Jobs, org_id: str, table: Sequence[Sequence[str]], user_id: str, *, dry_run: bool
) -> Entered:
    """All rows or none. InvalidInput on `file` for a table without the columns, or with too many rows."""
    prices, errors = _read(table, clock.now())
    if errors:
        return Entered(len(prices), 0, 0, tuple(errors))

    async def work(session: Session) -> Entered:
        new = [price for price in prices if not await _is_there(session, org_id, price)]
        if not dry_run:
            for price in new:
                await _set(session, org_id, price, user_id, clock.now())
        return Entered(len(prices), len(new), len(prices) - len(new))

    done = await uow.run(work)
    if done.new and not dry_run:
        await jobs.put(TrueUpPrices(org_id=org_id))
    return done


async def _set(session: Session, org_id: str, new: NewPrice, user_id: str, now: datetime) -> ManualPrice:
    return await service.set_manual(
        session, org_id, asset=new.asset, quote=new.quote, at=new.at, rate=new.rate, reason=new.reason, user_id=user_id, now=now
    )


async def _is_there(session: Session, org_id: str, price: NewPrice) -> bool:
    standing = await store.same_manual(session, org_id, price.asset, price.quote, price.at)
    return standing is not None and standing.rate == price.rate


def _read(table: Sequence[Sequence[str]], now: datetime) -> tuple[list[NewPrice], list[RowError]]:
    header = [cell.strip().lower() for cell in table[0]] if table else []
    if missing := [name for name in _NEEDED if name not in header]:
        raise InvalidInput.of("file", f"has no column {', '.join(missing)}", "missing_column")
    if unknown := sorted({name for name in header if name and name not in COLUMNS}):
        raise InvalidInput.of("file", f"has the column {', '.join(unknown)}, which is not known", "unknown_column")
    if len(table) - 1 > ROWS_MAX:
        raise InvalidInput.of("file", f"has more than {ROWS_MAX} rows", "too_many_rows")
    prices: dict[tuple[str, str, datetime], NewPrice] = {}
    errors: list[RowError] = []
    for number, cells in enumerate(table[1:], start=2):
        if not any(cell.strip() for cell in cells):
            continue
        row = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
        read = _row(number, row, now)
        if isinstance(read, RowError):
            errors.append(read)
        elif prices.get((read.asset, read.quote, read.at), read).rate != read.rate:
            errors.append(RowError(number, "rate", "another row says otherwise for the same time"))
        else:
            prices[read.asset, read.quote, read.at] = read
    return list(prices.values()), errors


def _row(number: int, row: dict[str, str], now: datetime) -> NewPrice | RowError:
    for name in ("asset", "quote"):
        if not is_asset_name(row.get(name, "")):
            return RowError(number, name, "must be the name of an asset or currency, such as ETH or USD")
    try:
        at = to_milliseconds(datetime.fromisoformat(row.get("at", "")))
        if datetime.fromisoformat(row["at"]).tzinfo is None:
            raise ValueError
    except (ValueError, OverflowError):
        return RowError(number, "at", "must be a time such as 2026-11-21T09:30:00Z")
    if at > now.astimezone(UTC) + AHEAD_MAX:
        return RowError(number, "at", "must not be in the future")
    try:
        rate = parse(row.get("rate", ""))
    except ValueError as error:
        return RowError(number, "rate", str(error))
    if rate <= 0 or not is_exact(rate):
        return RowError(number, "rate", "must be more than zero, with 34 digits at most")
    if len(row.get("reason", "")) > _REASON_MAX:
        return RowError(number, "reason", f"must have {_REASON_MAX} characters at most")
    return NewPrice(row["asset"], row["quote"], at, rate, row.get("reason", ""))
