"""A chart of accounts that somebody brings as a table: looked at row by row, and taken in when nothing is wrong with any of them."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import InvalidInput
from crypto_api.ledger import service, store
from crypto_api.ledger.chart import in_order, read_chart
from crypto_api.ledger.types import RowError
from mongodb_config.unit_of_work import Session, UnitOfWork


@dataclass(frozen=True)
class ChartImported:
    rows: int
    new: int = 0
    changed: int = 0
    errors: list[RowError] = field(default_factory=list)


class _OnlyLooking(Exception):
    """Rolls the unit of work back after what would have been done is known."""


async def import_chart(uow: UnitOfWork, clock: Clock, org_id: str, table: Sequence[Sequence[str]], *, dry_run: bool) -> ChartImported:
    """With errors nothing is stored, and with `dry_run` nothing either way."""
    known = {account.code: account.account_type for account in await store.accounts(org_id)}
    rows, errors = read_chart(table, known)
    if errors:
        return ChartImported(len(rows), errors=errors)
    now, counted = clock.now(), (0, 0)

    async def work(session: Session) -> None:
        nonlocal counted
        counted = await service.import_chart(session, org_id, rows, now)
        if dry_run:
            raise _OnlyLooking

    try:
        await uow.run(work)
    except _OnlyLooking:
        pass
    except InvalidInput as error:
        return ChartImported(len(rows), errors=[_told(row.field, row.message) for row in error.errors])
    return ChartImported(len(rows), *counted)


def _told(place: str, message: str) -> RowError:
    number, _, column = place.partition(".")
    return RowError(int(number), column, message) if number.isdecimal() else RowError(1, "", message)


async def chart_rows(org_id: str) -> AsyncIterator[list[list[str | Decimal | None]]]:
    """The chart as the table that `import_chart` takes, in one batch: parents before their children."""
    accounts = await store.accounts(org_id)
    yield [[row.code, row.name, row.account_type.value, row.parent_code, "true" if row.active else "false"] for row, _ in in_order(accounts)]
