"""Take transactions along as a table: a row for each movement, newest first, everything that a list can be narrowed to. That it was taken is itself
recorded."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from decimal import Decimal
from typing import Any

from crypto_api.audit import service as audit
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import Conflict
from crypto_api.kit.paging import PageRequest
from crypto_api.transactions import store
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Movement
from crypto_api.wallets import store as wallets
from mongodb_config.unit_of_work import UnitOfWork

EXPORT_BATCH = 500
COLUMNS = (
    *("timestamp", "network", "hash", "block_number", "status", "movement", "kind", "direction", "wallet", "counter_wallet"),
    *("asset", "symbol", "contract", "token_id", "amount", "raw_amount", "from_address", "to_address"),
    *("value", "rate", "price_source", "category", "subcategory", "counterparty", "category_source"),
    *("explanation", "note", "spam_reason", "booking", "transaction_id"),
)
NUMBERS = frozenset({"amount", "value", "rate"})


class TooManyRows(Conflict):
    code = "too_many_rows"

    def __init__(self, rows: int, most: int) -> None:
        super().__init__(f"There are {rows:,} transactions, and a workbook holds at most {most:,} rows. Narrow them down, or take CSV.")


@dataclass(frozen=True, slots=True)
class Export:
    """Rows in batches; each row has a value for each of `COLUMNS`."""

    batches: AsyncIterator[list[list[str | Decimal | None]]]


async def export_transactions(
    uow: UnitOfWork, clock: Clock, org_id: str, where: Mapping[str, Any], *, form: str, told: Mapping[str, Any], rows_max: int | None = None
) -> Export:
    """Recorded before the first row leaves. `told` is what the person narrowed it to, for the record. TooManyRows."""
    if rows_max is not None and (count := await store.count(org_id, dict(where))) > rows_max:
        raise TooManyRows(count, rows_max)
    now = clock.now()
    summary = f"Transactions were exported as {form}."
    await uow.run(
        lambda session: audit.record(
            session, org_id, "transactions.exported", summary, now, subject=("transactions", ""), after={"format": form, **told}
        )
    )
    names = {wallet.id: wallet.name for wallet in await wallets.active(org_id)}
    return Export(_batches(org_id, dict(where), names))


async def _batches(org_id: str, where: dict[str, Any], names: dict[str, str]) -> AsyncIterator[list[list[str | Decimal | None]]]:
    request = PageRequest(limit=EXPORT_BATCH, sort="timestamp", descending=True)
    while True:
        page = await store.page(org_id, where, request)
        await _name(org_id, page.items, names)
        if page.items:
            yield [cells for row in page.items for cells in _rows(row, names)]
        if page.next_cursor is None:
            return
        request = replace(request, cursor=page.next_cursor)


async def _name(org_id: str, rows: Sequence[Transaction], names: dict[str, str]) -> None:
    """Wallets that were removed still have their history."""
    missing = {wallet_id for row in rows for wallet_id in row.wallet_ids} - names.keys()
    if missing:
        names |= {wallet.id: wallet.name for wallet in await wallets.by_ids(org_id, sorted(missing))}


def _rows(row: Transaction, names: Mapping[str, str]) -> list[list[str | Decimal | None]]:
    return [_row(row, movement, names) for movement in row.movements] or [_row(row, None, names)]


def _row(row: Transaction, movement: Movement | None, names: Mapping[str, str]) -> list[str | Decimal | None]:
    values: dict[str, Any] = {name: getattr(row, name) for name in _OF_ROW} | {
        "timestamp": row.timestamp.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "status": row.status.value,
        "booking": row.booking.value,
        "transaction_id": row.id,
    }
    if movement is not None:
        values |= {name: getattr(movement, name) for name in _OF_MOVEMENT} | {
            "movement": movement.key,
            "kind": movement.kind.value,
            "direction": movement.direction.value,
            "wallet": names.get(movement.wallet_id, movement.wallet_id),
            "counter_wallet": names.get(movement.counter_wallet_id or "", movement.counter_wallet_id),
        }
    return [_cell(name, values.get(name)) for name in COLUMNS]


_OF_ROW = (
    *("network", "hash", "block_number", "from_address", "to_address"),
    *("category", "subcategory", "counterparty", "category_source", "explanation", "note"),
)
_OF_MOVEMENT = (
    *("asset", "symbol", "contract", "token_id", "amount", "raw_amount", "from_address", "to_address"),
    *("value", "rate", "price_source", "spam_reason"),
)


def _cell(name: str, value: Any) -> str | Decimal | None:
    if value is None or (name in NUMBERS and isinstance(value, Decimal)):
        return value
    return str(value)
