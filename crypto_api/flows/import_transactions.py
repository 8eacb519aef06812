"""Bring rows from elsewhere into transactions and books: all of them, or none.

    read (imports.py) → what each stands for (brought_rows.py) ┐ before the unit of work
                                                               └ in it: rows that are new, in the order of time → entry → row → event

A row is named by its `external_id`, or by what it says: bringing it again changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from crypto_api.audit import service as audit
from crypto_api.flows.book_brought import store_rows
from crypto_api.flows.brought_rows import House, Maker, Networks, Ready
from crypto_api.kit.clock import Clock
from crypto_api.transactions import store as transactions
from crypto_api.transactions.imports import RowError, TableRow, read_rows
from crypto_api.transactions.types import Origin
from mongodb_config.unit_of_work import Session, UnitOfWork


@dataclass(frozen=True)
class Imported:
    """`rows` that could be read; of them `new` ones, and those that had been brought before."""

    rows: int
    new: int = 0
    unchanged: int = 0
    errors: list[RowError] = field(default_factory=list)


async def import_transactions(
    uow: UnitOfWork, clock: Clock, networks: Networks, org_id: str, table: Sequence[Sequence[str]], *, file_name: str, dry_run: bool
) -> Imported:
    """With errors nothing is stored, and with `dry_run` nothing either way."""
    now = clock.now()
    rows, errors = read_rows(table, now)
    house = await House.of(networks, org_id)
    ready, more = await _made(house, rows, now)
    errors = sorted([*errors, *more], key=lambda error: (error.row, error.column))
    known = {row.id: row for row in await transactions.by_ids(org_id, [one.transaction.id for one in ready])}
    errors += [_changed(one.row) for one in ready if (before := known.get(one.transaction.id)) and before.content_hash != one.row.content]
    if errors or dry_run:
        return Imported(len(rows), sum(one.transaction.id not in known for one in ready), len(known), errors)
    ready.sort(key=lambda one: (one.row.at, one.row.number))  # costs are averages of what came before

    async def work(session: Session) -> int:
        there = {row.id for row in await transactions.by_ids(org_id, [one.transaction.id for one in ready], session)}
        fresh = [one for one in ready if one.transaction.id not in there]
        await store_rows(session, fresh, house.time_zone, now)
        summary = f"{len(fresh)} transactions were imported from {file_name[:100]}."
        after = {"file": file_name[:200], "rows": len(rows), "new": len(fresh)}
        await audit.record(session, org_id, "transactions.imported", summary, now, subject=("transactions", ""), after=after)
        return len(fresh)

    new = await uow.run(work)
    return Imported(len(rows), new, len(rows) - new)


def _changed(row: TableRow) -> RowError:
    return RowError(row.number, "external_id", "was brought before with other values")


async def _made(house: House, rows: Sequence[TableRow], now: datetime) -> tuple[list[Ready], list[RowError]]:
    ready: list[Ready] = []
    errors: list[RowError] = []
    for row in rows:
        maker = Maker(house, row, Origin.IMPORT, now)
        made = await maker.made()
        if maker.errors or made is None:
            errors += maker.errors
        else:
            ready.append(made)
    return ready, errors
