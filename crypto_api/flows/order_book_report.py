"""What can be ordered of the books: checked when it is asked for, made by a worker. A roll-forward of few movements is answered at once."""

from datetime import date

from crypto_api.flows.general_ledger_file import days_words, note_general_ledger
from crypto_api.flows.make_statement import NAMES, make_statement
from crypto_api.flows.order_long_report import order
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import InvalidInput, NotFound
from crypto_api.ledger import day_store
from crypto_api.ledger import store as ledger
from crypto_api.ledger.day_store import Entries
from crypto_api.long_reports.documents import LongReport
from crypto_api.long_reports.types import LongReportKind, Wanted
from crypto_api.prices.types import Pricing
from crypto_api.reports.as_of import LedgerScope
from crypto_api.reports.holding_movements import HoldingChart
from crypto_api.statements.documents import FinancialReport
from crypto_api.statements.types import Asked, StatementKind
from crypto_api.tasks.documents import Task
from crypto_api.tax import store as tax
from crypto_api.tax.errors import NotReady
from crypto_api.tax.types import TaxReportStatus
from crypto_api.wallets import store as wallets
from mongodb_config.unit_of_work import UnitOfWork

ROLLED_AT_ONCE = 5_000  # entries that move crypto assets: more than that is computed by a worker
FORMS = {"pdf": "PDF", "xlsx": "Excel", "csv": "CSV", "beancount": "beancount", "hledger": "hledger"}

Ordered = tuple[LongReport, Task]


async def order_general_ledger(uow: UnitOfWork, clock: Clock, org_id: str, user_id: str, scope: LedgerScope, form: str) -> Ordered:
    """`scope` with an empty account: of all. InvalidInput, TooManyUnfinished."""
    first, until = scope.date_from, scope.as_of
    if first is not None and until.at is not None and first > until.at:
        raise InvalidInput.of("date_to", "is before date_from", "wrong_order")
    if until.known_at is not None and until.known_at > clock.now():
        raise InvalidInput.of("known_at", "lies in the future", "in_the_future")
    if scope.account_code and not await ledger.accounts(org_id, [scope.account_code]):
        raise InvalidInput.of("account_code", "is no account of the chart", "unknown_account")
    if scope.wallet_id is not None and not await wallets.by_ids(org_id, [scope.wallet_id]):
        raise InvalidInput.of("wallet_id", "is no wallet of the organisation", "unknown_wallet")
    wanted = Wanted(
        kind=LongReportKind.GENERAL_LEDGER,
        form=form,
        account_code=scope.account_code or None,
        wallet_id=scope.wallet_id,
        asset=scope.asset,
        first=first,
        last=until.at,
        known_at=until.known_at,
    )
    of = f" of {scope.account_code}" if scope.account_code else ""
    made = await order(uow, clock, org_id, user_id, wanted, f"General ledger{of}, {days_words(first, until.at)}, {FORMS[form]}")
    await note_general_ledger(uow, clock, org_id, scope, form)
    return made


async def order_books(uow: UnitOfWork, clock: Clock, org_id: str, user_id: str, form: str, at: date | None) -> Ordered:
    """TooManyUnfinished."""
    title = f"The books up to {at or 'the last entry'}, {FORMS[form]}"
    return await order(uow, clock, org_id, user_id, Wanted(kind=LongReportKind.BOOKS, form=form, last=at), title)


async def order_tax_file(uow: UnitOfWork, clock: Clock, org_id: str, user_id: str, report_id: str, form: str) -> Ordered:
    """NotFound, NotReady, TooManyUnfinished."""
    report = await tax.get(org_id, report_id)
    if report is None:
        raise NotFound
    if report.status is not TaxReportStatus.READY:
        raise NotReady
    title = f"Tax report {report.start_date} to {report.end_date}, {report.method.value.upper()}, {FORMS[form]}"
    wanted = Wanted(kind=LongReportKind.TAX_REPORT_FILE, form=form, tax_report_id=report_id)
    return await order(uow, clock, org_id, user_id, wanted, title)


async def request_statement(uow: UnitOfWork, clock: Clock, pricing: Pricing, org_id: str, asked: Asked, user_id: str) -> FinancialReport | Task:
    """The statement, or, of a roll-forward over many movements, the task whose result names it. InvalidInput, NotFound, TooManyUnfinished."""
    if asked.kind is not StatementKind.CRYPTO_ROLL_FORWARD or not await _is_long(org_id, asked):
        return await make_statement(uow, clock, pricing, org_id, asked, user_id)
    wanted = Wanted(
        kind=LongReportKind.CRYPTO_ROLL_FORWARD,
        first=asked.first,
        last=asked.last,
        compare_to=asked.compare_to,
        known_at=asked.known_at,
        by=asked.detail.value,
    )
    title = f"{NAMES[asked.kind]}, {days_words(asked.first, asked.last)}"
    return (await order(uow, clock, org_id, user_id, wanted, title))[1]


async def _is_long(org_id: str, asked: Asked) -> bool:
    if asked.first is None or asked.first > asked.last:
        return False  # which is refused when it is made
    left = ROLLED_AT_ONCE
    for code in sorted(HoldingChart(await ledger.accounts(org_id)).codes):
        left -= await day_store.count(org_id, Entries(code, first=asked.first, last=asked.last), up_to=left)
        if left < 0:
            return True
    return False
