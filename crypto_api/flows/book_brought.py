"""What rows post that a person brought: entries → rows → events, in the caller's unit of work.

Money comes out of an account for money, "cash at bank" where none is named. A fee is part of what a purchase costs, and of what a sale brings;
paid in a third asset, it is a disposal of that as well; elsewhere it is an expense.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from crypto_api.classification.types import Category
from crypto_api.events import service as events
from crypto_api.flows.book_transaction import PURPOSE, changes_of, source_of
from crypto_api.flows.brought_rows import TRADES, Ready, fee_in_money
from crypto_api.flows.post_by_lots import Drawn, post_by_lots
from crypto_api.kit.amounts import add_exactly
from crypto_api.kit.clock import day_of
from crypto_api.ledger import period_store
from crypto_api.ledger import rules as ledger_rules
from crypto_api.ledger import service as ledger
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import AccountCode, Acquisition, Change, Disposal, EntryDraft, Line, Place, Posting, Source, SourceKind
from crypto_api.transactions import store as transactions
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.events import TransactionBooked
from crypto_api.transactions.imports import TableRow
from crypto_api.transactions.types import Movement, RowType
from mongodb_config.unit_of_work import Session

_TITLES = {RowType.BUY: "Bought", RowType.SELL: "Sold", RowType.TRANSFER: "Transferred", RowType.INCOME: "Income", RowType.EXPENSE: "Expense"}


async def store_rows(session: Session, ready: Sequence[Ready], time_zone: str, now: datetime) -> list[Transaction]:
    """The entries, the rows, and that they are booked, all or none. In the order in which costs are to follow one another."""
    entries = await post_rows(session, ready, time_zone, now)
    stored: list[Transaction] = [
        one.transaction.model_copy(update={"entry_ids": [entry.id], "unpriced": entry.unpriced}) for one, entry in zip(ready, entries, strict=True)
    ]
    if stored:
        await transactions.insert_made(session, stored)
        await events.append_all(session, [(row.org_id, TransactionBooked(**row.event_fields())) for row in stored], now)
    return stored


async def check_period(session: Session, org_id: str, *days: date) -> None:
    """PeriodClosed where a person would change what stands on a day that the books are closed up to. Posting meets a closing at the same moment."""
    closed = await period_store.closed_through(org_id, session)
    for day in days:
        ledger.check_open(day, closed)


async def post_rows(session: Session, ready: Sequence[Ready], time_zone: str, now: datetime) -> list[JournalEntry]:
    """Of one organisation, each under the next purpose of its source, where what stood for it was taken back."""
    if not ready:
        return []
    org_id = ready[0].transaction.org_id
    source_ids = [source_of(one.transaction) for one in ready]
    purposes = await ledger.open_purposes(session, org_id, SourceKind.TRANSACTION, source_ids, PURPOSE)
    drawn = [_drawn(one, purposes[source_of(one.transaction)], time_zone) for one in ready]
    posted = await post_by_lots(session, org_id, time_zone, drawn, now)
    assert all(entry is not None for _, entry in posted), "a row that is brought moves something"
    return [entry for _, entry in posted if entry is not None]


def _drawn(one: Ready, purpose: str, time_zone: str) -> Drawn:
    changes = changes_of_row(one.row, one.transaction.movements, one.decision.category, one.cash_account)
    source = Source(kind=SourceKind.TRANSACTION, id=source_of(one.transaction), purpose=purpose)
    return Drawn(changes, one.transaction, one.transaction.movements, source, lambda posting: _draft(one, posting, purpose, time_zone))


def _draft(one: Ready, posting: Posting, purpose: str, time_zone: str) -> EntryDraft:
    row, said = one.transaction, one.row
    return EntryDraft(
        date=day_of(row.timestamp, time_zone),
        description=f"{_TITLES[said.type]}: {said.description}"[:200] if said.description else _TITLES[said.type],
        source=Source(kind=SourceKind.TRANSACTION, id=source_of(row), purpose=purpose),
        lines=[*_in_money(posting.lines, one.cash_account), *_fee_lines(one)],
        reference=said.external_id[:100],
        transaction_id=row.id,
        unpriced=posting.unpriced,
    )


def changes_of_row(said: TableRow, movements: Sequence[Movement], category: Category, cash_account: str) -> list[Change]:
    """A purchase or sale is against money, its fee inside; everything else is booked as what came from a chain is."""
    if said.type not in TRADES:
        return changes_of(movements, category)
    main, fee = movements[0], next(iter(movements[1:]), None)
    assert main.amount is not None and main.value is not None
    sign = Decimal(1) if said.type is RowType.BUY else Decimal(-1)
    quantity, extra, changes = main.amount, Decimal(0), list[Change]()
    if fee is None:
        extra = fee_in_money(said)
    elif fee.asset == main.asset:
        assert fee.amount is not None
        quantity = add_exactly([quantity, (fee.amount * -sign)])  # less came in, more went out, for the same money
    else:
        assert fee.amount is not None
        extra = fee.value or Decimal(0)
        contra = cash_account if fee.value is not None else AccountCode.NETWORK_FEES
        changes.append(Disposal(_place(fee), fee.amount, fee.value, contra, "Fee"))
    worth = add_exactly([main.value, extra if sign > 0 else extra.copy_negate()])
    change = Acquisition if said.type is RowType.BUY else Disposal
    return [*changes, change(_place(main), quantity, worth, cash_account)]


def _place(movement: Movement) -> Place:
    return Place(AccountCode.CRYPTO, movement.wallet_id, movement.asset)


def _in_money(lines: Sequence[Line], cash_account: str) -> list[Line]:
    """Money has no quantity of an asset: one line of it, as the bank will have it."""
    money = [line for line in lines if line.account_code == cash_account]
    if not money:
        return list(lines)
    debit, credit = ledger_rules.totals(money)
    net = ledger_rules.less(debit, credit)
    paid = Line(account_code=cash_account, debit=max(net, Decimal(0)), credit=max(net.copy_negate(), Decimal(0)))
    return [*(line for line in lines if line.account_code != cash_account), paid]


def _fee_lines(one: Ready) -> list[Line]:
    fee = fee_in_money(one.row)
    if not fee or one.row.type in TRADES:
        return []
    return [
        Line(account_code=AccountCode.NETWORK_FEES, debit=fee, description="Fee"),
        Line(account_code=one.cash_account, credit=fee, description="Fee"),
    ]
