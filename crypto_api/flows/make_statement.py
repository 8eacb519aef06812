"""A statement is asked for: computed from the books as they are known at an instant, kept, and told.

    asked ─▶ the columns' days ─▶ sums of accounts as of each ─▶ rows ─▶ kept, with the head of the chain of sealed entries

Sums are kept by day, month and year (`reports/as_of.py`), so what a statement costs does not grow with the number of entries. A roll-forward reads
the entries of its days that move crypto assets, and no others.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from crypto_api.audit import service as audit
from crypto_api.events import service as events
from crypto_api.flows.roll_forward import roll
from crypto_api.kit.amounts import add_exactly
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import InvalidInput, NotFound
from crypto_api.kit.ids import new_id
from crypto_api.ledger import seal_store
from crypto_api.ledger import store as ledger
from crypto_api.ledger.documents import Account
from crypto_api.ledger.types import AsOf
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import Organization
from crypto_api.prices.types import Pricing
from crypto_api.reports import as_of
from crypto_api.statements import rules, store
from crypto_api.statements.documents import FinancialReport
from crypto_api.statements.events import StatementMade
from crypto_api.statements.roll_forward import beside
from crypto_api.statements.rules import Nets
from crypto_api.statements.types import Asked, Column, Detail, Measure, PriceUsed, Statement, StatementKind
from mongodb_config.unit_of_work import Session, UnitOfWork

NAMES = {
    StatementKind.BALANCE_SHEET: "Balance sheet",
    StatementKind.INCOME_STATEMENT: "Income statement",
    StatementKind.CASH_FLOW: "Cash flow statement",
    StatementKind.CRYPTO_ROLL_FORWARD: "Roll-forward of crypto assets",
}


@dataclass(frozen=True, slots=True)
class _More:
    """What a roll-forward tells beside its rows."""

    detail: Detail | None = None
    prices: Sequence[PriceUsed] = ()
    without_fair_value: Sequence[str] = ()


async def make_statement(uow: UnitOfWork, clock: Clock, pricing: Pricing, org_id: str, asked: Asked, user_id: str) -> FinancialReport:
    """`pricing` is how this installation values what is held: a roll-forward asks it. InvalidInput, NotFound."""
    organization = await organizations.get(org_id)
    if organization is None:
        raise NotFound
    now = clock.now()
    known_at = asked.known_at or now
    if known_at > now:
        raise InvalidInput.of("known_at", "lies in the future", "in_the_future")
    columns, more = rules.columns_of(asked), _More()
    if asked.kind is StatementKind.CRYPTO_ROLL_FORWARD:
        statement, more = await _rolled(uow, organization, asked, columns, pricing, now)
        columns = [column.model_copy(update={"measure": measure}) for column in columns for measure in Measure]
    else:
        chart = await ledger.accounts(org_id)
        statement = await _compute(uow, org_id, asked.kind, chart, columns, AsOf(known_at=asked.known_at), organization.fiscal_year_start)
    head = await seal_store.head(org_id)
    report = FinancialReport(
        id=new_id("rep"),
        created_at=now,
        org_id=org_id,
        kind=asked.kind,
        columns=columns,
        currency=organization.functional_currency,
        rows=list(statement.rows),
        balanced=statement.balanced,
        known_at=known_at,
        unpriced=sum(entry.date <= columns[0].last for entry in await ledger.unpriced(org_id)),
        seal_seq=head.seq,
        seal_hash=head.hash if head.seq else "",
        requested_by=user_id,
        detail=more.detail,
        prices=list(more.prices),
        without_fair_value=list(more.without_fair_value),
    )
    await uow.run(lambda session: _keep(session, report))
    return report


async def _keep(session: Session, report: FinancialReport) -> None:
    now, org_id = report.created_at, report.org_id
    await store.insert(session, report)
    await events.append(session, org_id, StatementMade(report_id=report.id, statement=report.kind.value), now)
    after = {"kind": report.kind.value, "columns": [column.model_dump(mode="json") for column in report.columns]}
    summary = f"{NAMES[report.kind]} of {report.columns[0].last} was made."
    await audit.record(session, org_id, "statement.made", summary, now, subject=("statement", report.id), after=after)


async def _rolled(
    uow: UnitOfWork, organization: Organization, asked: Asked, columns: Sequence[Column], pricing: Pricing, now: datetime
) -> tuple[Statement, _More]:
    """Of the period, and of the one that it is compared to beside it."""
    rolled = [await roll(uow, organization, replace(asked, first=column.first, last=column.last), pricing, now) for column in columns]
    statement = rolled[0].statement if len(rolled) == 1 else beside(rolled[0].statement, rolled[1].statement)
    prices = [price for one in rolled for price in one.prices]
    return statement, _More(asked.detail, prices, sorted({asset for one in rolled for asset in one.without_fair_value}))


async def _compute(
    uow: UnitOfWork, org_id: str, kind: StatementKind, chart: Sequence[Account], columns: Sequence[Column], known: AsOf, year_starts: str
) -> Statement:
    nets: dict[date, Nets] = {}

    async def up_to(day: date) -> Nets:
        if day not in nets:
            nets[day] = {
                total.account_code: add_exactly([total.debit, total.credit.copy_negate()])
                for total in await as_of.trial_balance(org_id, uow, AsOf(at=day, known_at=known.known_at))
            }
        return nets[day]

    closing = [await up_to(column.last) for column in columns]
    if kind is StatementKind.BALANCE_SHEET:
        years = [rules.fiscal_year(column.last, year_starts)[0] for column in columns]
        return rules.balance_sheet(chart, closing, [await up_to(first - timedelta(days=1)) for first in years])
    opening = [await up_to(column.first - timedelta(days=1)) for column in columns if column.first is not None]
    posted = [rules.difference(later, earlier) for later, earlier in zip(closing, opening, strict=True)]
    if kind is StatementKind.INCOME_STATEMENT:
        return rules.income_statement(chart, posted)
    return rules.cash_flow(chart, posted, opening, closing)
