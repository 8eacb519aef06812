"""Balances and the general ledger as of two times: for the days up to one, with what was known at another."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from crypto_api.kit.amounts import add_exactly
from crypto_api.kit.paging import PageRequest
from crypto_api.ledger import day_store, seal_store
from crypto_api.ledger import store as ledger
from crypto_api.ledger.day_store import Entries
from crypto_api.ledger.documents import Account, JournalEntry
from crypto_api.ledger.types import AccountTotal, AsOf, Line, SumKey, Sums
from mongodb_config.unit_of_work import UnitOfWork

ZERO = Decimal(0)
EVERYTHING = AsOf()


async def sums(
    org_id: str, uow: UnitOfWork, as_of: AsOf, *, account_codes: Sequence[str] | None = None, wallet_id: str | None = None
) -> dict[SumKey, Sums]:
    """By account, wallet and asset. The cost does not grow with the number of entries: it is a few cells for each year."""
    return await uow.run(lambda session: seal_store.sums(session, org_id, as_of, account_codes=account_codes, wallet_id=wallet_id))


async def trial_balance(org_id: str, uow: UnitOfWork, as_of: AsOf) -> list[AccountTotal]:
    """Debits and credits of every account that has any, by code."""
    if as_of == EVERYTHING:
        return await ledger.trial_balance(org_id)
    found: dict[str, list[Sums]] = {}
    for (code, _, _), part in (await sums(org_id, uow, as_of)).items():
        found.setdefault(code, []).append(part)
    return [
        AccountTotal(code, add_exactly([part.debit for part in parts]), add_exactly([part.credit for part in parts]))
        for code, parts in sorted(found.items())
    ]


@dataclass(frozen=True, slots=True)
class AccountStanding:
    """One account of the trial balance: what is left of its postings, on the side where it stands."""

    account: Account
    debit: Decimal
    credit: Decimal


async def standings(org_id: str, uow: UnitOfWork, as_of: AsOf) -> list[AccountStanding]:
    """Every account with postings, in the order of the chart."""
    accounts, found = {row.code: row for row in await ledger.accounts(org_id)}, []
    for total in await trial_balance(org_id, uow, as_of):
        net = add_exactly([total.debit, total.credit.copy_negate()])
        found.append(AccountStanding(accounts[total.account_code], max(net, ZERO), max(net.copy_negate(), ZERO)))
    return found


# ---- general ledger --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LedgerScope:
    """The lines of an account that are asked for: of one wallet, of one asset, of some days, as known at an instant."""

    account_code: str
    wallet_id: str | None = None
    asset: str | None = None
    date_from: date | None = None
    as_of: AsOf = EVERYTHING

    @property
    def entries(self) -> Entries:
        """Those with such a line."""
        return Entries(self.account_code, self.wallet_id, self.asset, self.date_from, self.as_of.at, self.as_of.known_at)

    def has(self, line: Line) -> bool:
        return line.account_code == self.account_code and self.wallet_id in (None, line.wallet_id) and self.asset in (None, line.asset)


@dataclass(frozen=True, slots=True)
class LedgerLine:
    entry: JournalEntry
    line: Line
    balance: Decimal  # debit less credit of the account, up to and including this line
    quantity: Decimal  # the same of the quantity; it means something for one asset only


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """The lines of one page of entries. `opening` is what was before the first day that was asked for, `closing` what is at the end of the last."""

    lines: list[LedgerLine]
    opening: Sums
    closing: Sums
    next_cursor: str | None
    total: int | None


async def general_ledger(org_id: str, uow: UnitOfWork, scope: LedgerScope, request: PageRequest) -> LedgerPage:
    """Posted lines in the order of the days, each with the balance behind it. What a page
    costs follows the days that it spans, at any depth and length of history."""
    page = await day_store.page(org_id, scope.entries, request)
    opening = await opening_of(org_id, uow, scope)
    entries = list(page.items)[::-1] if request.descending else list(page.items)
    lines = _running(entries, await _before_entry(org_id, uow, scope, entries[0]), scope) if entries else []
    return LedgerPage(
        lines=lines[::-1] if request.descending else lines,
        opening=opening,
        closing=_one(await sums(org_id, uow, scope.as_of, account_codes=[scope.account_code], wallet_id=scope.wallet_id), scope),
        next_cursor=page.next_cursor,
        total=page.total,
    )


async def every_line(org_id: str, scope: LedgerScope, opening: Sums) -> AsyncIterator[list[LedgerLine]]:
    """All of them in the order of the days, each with the balance behind it, from `opening` on; every entry is read once."""
    before = opening
    async for entries in day_store.walk(org_id, scope.entries):
        lines = _running(entries, before, scope)
        yield lines
        before = Sums(lines[-1].balance, ZERO, lines[-1].quantity)


async def opening_of(org_id: str, uow: UnitOfWork, scope: LedgerScope) -> Sums:
    """What was before the first day that is asked for."""
    return await _before(org_id, uow, scope, scope.date_from) if scope.date_from is not None else Sums()


async def _before(org_id: str, uow: UnitOfWork, scope: LedgerScope, day: date) -> Sums:
    if day == date.min:
        return Sums()
    until = replace(scope.as_of, at=day - timedelta(days=1))
    return _one(await sums(org_id, uow, until, account_codes=[scope.account_code], wallet_id=scope.wallet_id), scope)


async def _before_entry(org_id: str, uow: UnitOfWork, scope: LedgerScope, first: JournalEntry) -> Sums:
    """Everything of the days before, and what stands before it on its own day."""
    before = await _before(org_id, uow, scope, first.date)
    same_day = await day_store.of_day_before(org_id, scope.entries, first)
    lines = [line for entry in same_day for line in entry.lines if scope.has(line)]
    return Sums(
        add_exactly([before.debit, *(line.debit for line in lines)]),
        add_exactly([before.credit, *(line.credit for line in lines)]),
        add_exactly([before.quantity, *(line.quantity or ZERO for line in lines)]),
    )


def _running(entries: Sequence[JournalEntry], before: Sums, scope: LedgerScope) -> list[LedgerLine]:
    balance, quantity, lines = add_exactly([before.debit, before.credit.copy_negate()]), before.quantity, []
    for entry in entries:
        for line in filter(scope.has, entry.lines):
            balance = add_exactly([balance, line.debit, line.credit.copy_negate()])
            quantity = add_exactly([quantity, line.quantity or ZERO])
            lines.append(LedgerLine(entry, line, balance, quantity))
    return lines


def _one(found: dict[SumKey, Sums], scope: LedgerScope) -> Sums:
    parts = [part for (_, _, asset), part in found.items() if scope.asset in (None, asset)]
    return Sums(
        add_exactly([part.debit for part in parts]), add_exactly([part.credit for part in parts]), add_exactly([part.quantity for part in parts])
    )
