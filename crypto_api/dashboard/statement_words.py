"""Statements in the reader's language. What is stored says its words in English; accounts, assets and wallets are names, and stay as they are."""

from crypto_api.dashboard.templatetags.coffer import localized_date
from crypto_api.dashboard.translation import gettext, pgettext
from crypto_api.flows.make_statement import NAMES
from crypto_api.statements.changes import pairs_of
from crypto_api.statements.documents import FinancialReport
from crypto_api.statements.roll_forward import CUSTODY_NAME, NO_WALLET_NAME
from crypto_api.statements.types import MEASURES, Column, Measure, Row, RowKind, StatementKind

STATEMENT = "statement"
"""The context of words of rows: "Closing" is a balance there, and no closing of books."""
_OF_WHICH, _BETWEEN = "of which ", " · "


def name_of(kind: StatementKind) -> str:
    return gettext(NAMES[kind])


def days_of(kind: StatementKind, column: Column) -> str:
    """31 Dec 2026, or 1 Jan 2026 – 31 Dec 2026."""
    last = localized_date(column.last, "j M Y")
    return last if kind is StatementKind.BALANCE_SHEET or column.first is None else f"{localized_date(column.first, 'j M Y')} – {last}"


def columns_of(report: FinancialReport) -> list[str]:
    """Of a roll-forward beside an earlier one, each measure with its days."""
    beside = report.detail is not None and len(report.columns) > len(Measure)
    return [_column(report.kind, column, beside) for column in report.columns]


def _column(kind: StatementKind, column: Column, beside: bool) -> str:
    if column.measure is None:
        return days_of(kind, column)
    measure = gettext(MEASURES[column.measure])
    return f"{measure} {days_of(kind, column)}" if beside else measure


def changes_of(report: FinancialReport) -> list[str]:
    measures = [report.columns[now].measure for now, _before in pairs_of(report.columns)]
    return [
        gettext("%(measure)s, change") % {"measure": gettext(MEASURES[measure])} if measure is not None else pgettext("difference", "Change")
        for measure in measures
    ]


def row_name(row: Row) -> str:
    if row.kind is RowKind.ACCOUNT:
        bare = row.name.removeprefix(_OF_WHICH)
        return row.name if bare == row.name else gettext("of which %(account)s") % {"account": bare}
    asset, between, place = row.name.partition(_BETWEEN)
    if not between or row.kind is not RowKind.HEADING:
        return row.name if row.name == row.asset else pgettext(STATEMENT, row.name)
    if place == NO_WALLET_NAME or place.startswith(f"{CUSTODY_NAME} ("):
        known = NO_WALLET_NAME if place == NO_WALLET_NAME else CUSTODY_NAME
        place = pgettext(STATEMENT, known) + place.removeprefix(known)
    return f"{asset}{between}{place}"
