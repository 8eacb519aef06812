"""The words of the books in the reader's language: those that stand elsewhere in English are in the catalogues, and sentences keep their figures."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils.translation import override

from crypto_api.classification.types import Category
from crypto_api.dashboard.insight_words import told, why_unusual
from crypto_api.dashboard.lot_words import RuleSaid
from crypto_api.dashboard.statement_words import STATEMENT, changes_of, columns_of, row_name
from crypto_api.dashboard.templatetags.books import account_type, source
from crypto_api.dashboard.templatetags.coffer import words
from crypto_api.flows.close_gate import TITLES
from crypto_api.flows.make_statement import NAMES
from crypto_api.insights import rules
from crypto_api.insights.sentences import topics_of
from crypto_api.insights.types import Insights, LongAhead, Loss, LotsState, Moved, TaxHints
from crypto_api.ledger.types import AccountType, EntryStatus, SourceKind
from crypto_api.lots.documents import LotRule
from crypto_api.lots.types import HoldingTerm, LotMethod, LotScope, Verdict
from crypto_api.statements import roll_forward
from crypto_api.statements import rules as statements
from crypto_api.statements.types import MEASURES, Column, Measure, Row, RowKind
from crypto_api.tax.tables import REASONS
from crypto_project.catalogues import LOCALES, ensure_catalogues, messages, read_parts
from crypto_project.settings import LANGUAGES
from tests.insights.test_rules import NOW, WINDOW, moved

D = Decimal
OTHERS = [code for code, _ in LANGUAGES if code != "en"]


@pytest.fixture(autouse=True)
def made() -> None:
    ensure_catalogues()


def named(rows: Iterable[Row]) -> set[str]:
    return {row.name for row in rows}


def test_words_that_stand_elsewhere_are_in_every_catalogue() -> None:
    plain = {*NAMES.values(), *MEASURES.values(), *TITLES.values(), *REASONS.values()}
    plain |= {words(value.value) for kind in (EntryStatus, Category, HoldingTerm, Verdict) for value in kind}
    income, sheet = statements.income_statement([], [{}]), statements.balance_sheet([], [{}], [{}])
    flow, rolled = statements.cash_flow([], [{}], [{}], [{}]), roll_forward._total([])
    rows = named([*income.rows, *sheet.rows, *flow.rows, *rolled]) | {*roll_forward.NAMES.values(), "Transfers and changes of form"}
    rows |= {name for *_heading, lines in statements._CASH_FLOW for name, _key in lines}
    rows |= {"Additions", "Disposals", roll_forward.NO_ASSET_NAME, roll_forward.NO_WALLET_NAME, roll_forward.CUSTODY_NAME}
    assert {"Total liabilities and equity", "Funds at the end", "Closing", "From operations"} <= rows
    for code in OTHERS:
        known = {one for one, _, _ in messages(read_parts(LOCALES / code / "LC_MESSAGES"))}
        assert (plain | {f"{STATEMENT}\x04{name}" for name in rows}) - known == set(), code


def test_rows_of_statements_keep_their_names_and_tell_their_words() -> None:
    def row(name: str, kind: RowKind = RowKind.HEADING, **changes: Any) -> Row:
        return Row(kind=kind, name=name, amounts=(), **changes)

    named_like_a_word = row("Closing", RowKind.ACCOUNT, account_code="1")
    rows = [row("Closing", RowKind.TOTAL, key="closing"), named_like_a_word, row("of which Bank", RowKind.ACCOUNT, account_code="1010")]
    rows += [row("ETH · Ada", asset="ETH"), row("ETH · held by others (1110)", asset="ETH"), row("Sales", asset="Sales")]
    assert [row_name(one) for one in rows] == [one.name for one in rows]
    with override("de"):
        assert [row_name(one) for one in rows] == [
            "Endbestand", "Closing", "davon Bank", "ETH · Ada", "ETH · bei Dritten gehalten (1110)", "Sales",
        ]  # fmt: skip
        assert source(SourceKind.OPENING) == "Eröffnung" and words("opening") == "Wird eröffnet", "of books, and of a wallet"
        assert [account_type(kind) for kind in AccountType] == ["Aktiva", "Verbindlichkeit", "Eigenkapital", "Ertrag", "Aufwand"]
    assert [source(kind) for kind in SourceKind] == ["By hand", *(words(kind.value) for kind in list(SourceKind)[1:])]
    days = {"first": NOW.date() - timedelta(days=30), "last": NOW.date()}
    report: Any = SimpleNamespace(kind=list(NAMES)[-1], detail="asset", columns=[Column(**days, measure=measure) for measure in [*Measure, *Measure]])
    with override("es"):
        assert columns_of(report)[:2] == ["Cantidad 22 Oct 2026 – 21 Nov 2026", "Coste 22 Oct 2026 – 21 Nov 2026"]
        assert "Coste, variación" in changes_of(report)


def found(rows: list[Moved], tax: TaxHints) -> Insights:
    held = {"ETH": (D(40_000), D(2000)), "USDC": (D(20_000), D(1))}
    spending, parties, gas = (tell(rows, WINDOW) for tell in (rules.spending, rules.parties, rules.gas))
    return Insights(NOW, WINDOW, "USD", False, spending, parties, gas, rules.runway(rows, WINDOW, held), rules.unusual(rows, WINDOW), tax, [])


def test_sentences_of_insights_are_those_of_the_rules_and_keep_their_figures() -> None:
    usual = [moved(str(value), 10 * number + 1) for number, value in enumerate((100, 110, 90, 105, 95, 100, 120, 80, 100))]
    rows = [*usual, moved("900", 2), moved("3", 2, fee=True, category="gas"), moved("7", 3, category="unclassified", party="")]
    loss = Loss("ETH", D(2), D(4000), D(3000), D(-1000), 1)
    tax = TaxHints(LotsState.SETTLED, [loss], [LongAhead("ETH", D(1), NOW.date(), NOW.date() + timedelta(days=1), None)])
    whole, few = found(rows, tax), found([moved("900", 2), moved("3", 2, fee=True), moved("4", 2, fee=True, transaction_id="b")], tax)
    for each in (whole, few, replace(whole, tax=replace(tax, losses=[replace(loss, lots=3)], ahead=tax.ahead * 2))):
        topics = topics_of(each)
        assert len(topics) >= 6 and [told(topic, each) for topic in topics] == [topic.text for topic in topics]
    alike = [moved("1000", 30 * number + 1, party=f"p{number}") for number in range(9)]
    reasons = [*whole.unusual, *rules.unusual([*alike, moved("3000", 2, party="New")], WINDOW)]
    assert len(reasons) == 2 and [why for _, why in why_unusual(reasons)] == [one.reason for one in reasons]
    with override("de"):
        assert told(topics_of(whole)[0], whole) == (
            "Ausgegeben wurden 1.210,00 USD (30 Tage), nach 300,00 USD in der gleichen Zeit davor; am meisten, 1.200,00 USD, für: Aufwand."
        )
        assert "1 Bewegung fällt auf; die größte ist 900,00 USD" in told(topics_of(whole)[4], whole)
        assert why_unusual(reasons)[1][1] == "Gezahlt 3000: Der Median der 9 anderen unter „Aufwand“ ist 1000, und sie sind fast alle gleich."


def test_methods_of_lots_are_told_in_the_language() -> None:
    rule = RuleSaid(LotRule(start=None, method=LotMethod.AVERAGE, scope=LotScope.WALLET, months=1))
    assert (rule.scope_inside, rule.long_term) == ("each wallet by itself", "Held for more than 1 month")
    with override("de"):
        assert (rule.scope_inside, rule.long_term) == ("jedes Wallet für sich", "Länger als 1 Monat gehalten"), "nouns stay large"
