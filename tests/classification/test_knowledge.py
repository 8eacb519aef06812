"""What an organisation taught: its rules in their order, and what people said of what is nearest."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from crypto_api.classification.matching import fault_of
from crypto_api.classification.rules import decide
from crypto_api.classification.types import (
    Category,
    Conditions,
    CounterpartyKind,
    DecisionSource,
    Executed,
    Facts,
    Knowledge,
    MadeBy,
    MovementWay,
    Outcome,
    Precedent,
    Rule,
    TaxTreatment,
    Traits,
)
from tests.classification.test_rules import CLIENT, GAS, OWN, POISON, STRANGER, WETH, facts, leg

AT = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)  # a Friday; Saturday half past midnight in Berlin
PLACED: dict[str, Any] = {"network": "local", "at": AT, "time_zone": "Europe/Berlin", "method": "0xa9059cbb"}


def rule(conditions: dict[str, Any], category: Category = Category.INCOME, **changes: Any) -> Rule:
    said = {name: changes.pop(name) for name in ("subcategory", "purpose", "tax_category", "account") if name in changes}
    values = {"id": "crl_1", "version": 3, "name": "Mine", "conditions": Conditions(**conditions), "outcome": Outcome(category=category, **said)}
    return Rule(**{**values, **changes})


def by(seen: Facts, *rules: Rule) -> tuple[Category, DecisionSource]:
    decision = decide(seen, Knowledge(rules=rules))
    return decision.category, decision.source


SEEN = facts(leg(amount="250", asset="USDC", symbol="USDC", wallet_ids=("wal_1",)), **PLACED)


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        ({"addresses": (STRANGER,)}, True),
        ({"addresses": (POISON, CLIENT)}, False),
        ({"counterparty_kinds": (CounterpartyKind.CLIENT,)}, False),
        ({"wallet_ids": ("wal_1", "wal_2")}, True),
        ({"wallet_ids": ("wal_2",)}, False),
        ({"ways": (MovementWay.IN,)}, True),
        ({"ways": (MovementWay.OUT, MovementWay.BOTH)}, False),
        ({"assets": ("USDC", "DAI")}, True),
        ({"assets": ("ETH",)}, False),
        ({"assets": ("USDC",), "amount_min": Decimal(250), "amount_max": Decimal(250)}, True),
        ({"assets": ("USDC",), "amount_min": Decimal("250.000000000000000001")}, False),
        ({"assets": ("USDC",), "amount_max": Decimal("249.999999999999999999")}, False),
        ({"methods": ("0xa9059cbb",)}, True),
        ({"methods": ("0x",)}, False),
        ({"networks": ("local",)}, True),
        ({"networks": ("ethereum",)}, False),
        ({"date_from": date(2026, 11, 21), "date_to": date(2026, 11, 21)}, True),
        ({"date_to": date(2026, 11, 20)}, False),
        ({"weekdays": (6,)}, True),
        ({"weekdays": (5,)}, False),
        ({"hour_from": 22, "hour_to": 6}, True),
        ({"hour_from": 0, "hour_to": 1}, True),
        ({"hour_from": 1, "hour_to": 24}, False),
        ({"hour_from": 23}, False),
        ({"hour_to": 1}, True),
        ({"addresses": (STRANGER,), "networks": ("ethereum",)}, False),
    ],
)
def test_each_condition(conditions: dict[str, Any], holds: bool) -> None:
    wanted = (Category.INCOME, DecisionSource.RULE) if holds else (Category.UNCLASSIFIED, DecisionSource.NONE)
    assert by(SEEN, rule(conditions)) == wanted


def test_a_condition_holds_for_every_movement_and_a_category_only_goes_its_way() -> None:
    swap = facts(leg("out", amount="1"), leg("in", amount="3000", asset="USDC", key="log:2"), GAS, **PLACED)
    mine = rule({"addresses": (STRANGER,)}, Category.SWAP)
    assert by(swap, mine) == (Category.SWAP, DecisionSource.RULE)
    assert by(swap, rule({"assets": ("USDC",)}, Category.SWAP))[0] is Category.UNCLASSIFIED, "what was paid is no USDC"
    assert by(swap, rule({"addresses": (STRANGER,)}, Category.INCOME))[0] is Category.UNCLASSIFIED, "a swap is no income"
    assert by(SEEN, rule({"addresses": (STRANGER,)}, Category.EXPENSE))[0] is Category.UNCLASSIFIED, "what came in is no expense"
    bait = facts(
        leg(amount="250", asset="USDC"), leg(other=POISON, key="log:9", spam_reason="bait"), leg(other=POISON, amount="0", key="log:10"), **PLACED
    )
    assert by(bait, rule({"addresses": (STRANGER,)}))[0] is Category.INCOME, "spam and nothing are no movements"


def test_the_first_that_matches_decides_and_says_so() -> None:
    first = rule(
        {"assets": ("USDC",)}, Category.REWARD, id="crl_a", version=7, subcategory="Staking", purpose="Yield", tax_category=TaxTreatment.INCOME
    )
    decision = decide(SEEN, Knowledge(rules=(rule({"assets": ("ETH",)}), first, rule({"ways": (MovementWay.IN,)}))))
    assert (decision.category, decision.subcategory, decision.purpose, decision.tax) == (Category.REWARD, "Staking", "Yield", TaxTreatment.INCOME)
    assert (decision.provenance.rule_id, decision.provenance.rule_version) == ("crl_a", 7)
    assert decision.evidence == ["value"] and "Mine" in decision.explanation and decision.confidence == 1
    asked = rule({"assets": ("USDC",)}, Category.UNCLASSIFIED)
    assert by(SEEN, asked, first) == (Category.UNCLASSIFIED, DecisionSource.RULE), "a rule may want a person to be asked"


def test_a_rule_never_makes_something_else_of_what_is_certain() -> None:
    everything = rule({"ways": tuple(MovementWay)}, Category.EXPENSE, subcategory="Mine", purpose="Of mine", account="6200")
    income = rule({"ways": tuple(MovementWay)}, Category.INCOME)
    for seen, fact in (
        (facts(GAS, **PLACED), Category.GAS),
        (facts(leg("internal"), **PLACED), Category.OWN_TRANSFER),
        (facts(GAS, leg("out"), succeeded=False, **PLACED), Category.FAILED),
        (facts(leg("out", WETH), leg("in", WETH, asset="WETH", key="log:1"), **PLACED), Category.WRAP),
        (facts(leg(spam_reason="bait"), **PLACED), Category.SPAM),
        (facts(leg(), asked_at={OWN: ("INV-7", "Acme")}, **PLACED), Category.INVOICE_PAYMENT),
    ):
        assert by(seen, everything, income)[0] is fact
    made_by = MadeBy(payment_id="pay_1", executed=Executed.PAYMENT, origin="manual", payee_address=STRANGER, payee="Ada", paid="1 ETH", purpose="")
    paid = decide(facts(leg("out"), GAS, made_by=made_by, **PLACED), Knowledge(rules=(everything,)))
    assert (paid.category, paid.source, paid.purpose, paid.account) == (Category.EXPENSE, DecisionSource.FACT, "Of mine", "6200")
    client = facts(leg(other=CLIENT), **PLACED)
    assert by(client) == (Category.INCOME, DecisionSource.RULE)
    assert by(client, rule({"addresses": (CLIENT,)}, Category.REWARD))[0] is Category.REWARD, (
        "what a client sends is a rule of thumb: theirs comes first"
    )


@pytest.mark.parametrize(
    ("conditions", "category", "code"),
    [
        ({}, Category.INCOME, "no_conditions"),
        ({"amount_min": Decimal(1)}, Category.INCOME, "asset_needed"),
        ({"amount_min": Decimal(1), "assets": ("ETH", "USDC")}, Category.INCOME, "asset_needed"),
        ({"amount_min": Decimal(2), "amount_max": Decimal(1), "assets": ("ETH",)}, Category.INCOME, "empty_range"),
        ({"date_from": date(2026, 2, 1), "date_to": date(2026, 1, 1)}, Category.INCOME, "empty_range"),
        ({"hour_from": 4, "hour_to": 4}, Category.INCOME, "empty_range"),
        ({"ways": (MovementWay.OUT,)}, Category.INCOME, "other_way"),
        ({"ways": (MovementWay.OUT, MovementWay.IN)}, Category.INCOME, None),
    ],
)
def test_rules_that_make_no_sense(conditions: dict[str, Any], category: Category, code: str | None) -> None:
    fault = fault_of(Conditions(**conditions), Outcome(category=category))
    assert (fault and fault[2]) == code


# ---- memory ----------------------------------------------------------------------------------------------------------------------


def said(category: Category, number: int = 1, **changes: Any) -> Precedent:
    traits: dict[str, Any] = {"parties": (STRANGER,), "way": MovementWay.IN, "assets": ("USDC",), "method": "0xa9059cbb", "network": "local"}
    outcome = Outcome(category=category, subcategory=f"of {number}", purpose="Said")
    return Precedent(transaction_id=f"t{number}", traits=Traits(**traits | changes), outcome=outcome, at=AT + timedelta(days=number))


def recalled(*precedents: Precedent, confidence_min: float = 0.9) -> Any:
    return decide(SEEN, Knowledge(precedents=precedents, confidence_min=confidence_min))


def test_one_word_about_the_same_suggests_two_decide_and_both_are_named() -> None:
    asked = recalled(said(Category.REWARD))
    assert (asked.category, asked.source) == (Category.UNCLASSIFIED, DecisionSource.NONE)
    assert (asked.suggestion.category, asked.suggestion.confidence) == (Category.REWARD, 0.78)
    assert asked.suggestion.explanation.startswith("A person said “reward” of one earlier transaction with the same counterparty")
    decision = recalled(said(Category.REWARD, 1), said(Category.REWARD, 2))
    assert (decision.category, decision.source, decision.confidence) == (Category.REWARD, DecisionSource.MEMORY, 0.95)
    assert (decision.subcategory, decision.purpose, decision.provenance.precedents) == ("of 2", "Said", ["t2", "t1"])
    assert recalled(said(Category.REWARD), confidence_min=0.78).source is DecisionSource.MEMORY, "an organisation may be content with less"


def test_the_more_alike_the_surer_and_the_nearest_alone_count() -> None:
    several = [recalled(*(said(Category.REWARD, number) for number in range(1, many + 1)), confidence_min=0).confidence for many in (1, 2, 3, 9)]
    assert several == [0.78, 0.95, 0.97, 0.97]
    weaker = [
        recalled(said(Category.REWARD, **changes)).suggestion.confidence
        for changes in ({"method": "0x12345678"}, {"network": "other"}, {"assets": ("DAI",)})
    ]
    assert weaker == [0.72, 0.72, 0.65]
    near, far = said(Category.REWARD, 1), said(Category.INCOME, 2, assets=("DAI",))
    assert recalled(near, far, far).suggestion.category is Category.REWARD


def test_a_contradiction_makes_it_ask() -> None:
    against = recalled(said(Category.REWARD, 1), said(Category.INCOME, 2))
    assert against.category is Category.UNCLASSIFIED
    assert (against.suggestion.category, against.suggestion.confidence) == (Category.INCOME, 0.39), "of as many, what was said last"
    most = recalled(*(said(Category.REWARD, number) for number in range(1, 4)), said(Category.INCOME, 9)).suggestion
    assert (most.category, most.confidence, most.subcategory) == (Category.REWARD, 0.7275, "of 3")
    assert most.explanation == (
        "People said “reward” of 3 out of 4 earlier ones with the same counterparty, assets and method, and something else of the rest."
    )


def test_what_is_not_alike_says_nothing() -> None:
    for changes in ({"parties": (POISON,)}, {"parties": (STRANGER, CLIENT)}, {"way": MovementWay.OUT}):
        assert recalled(said(Category.REWARD, **changes)).suggestion is None, changes
    call = facts(leg(amount="250", asset="USDC"), **PLACED | {"method": "0xdeadbeef"})
    other = said(Category.REWARD, parties=(CLIENT,), method="0xdeadbeef")
    assert decide(call, Knowledge(precedents=(other,), confidence_min=0.9)).suggestion.confidence == 0.40  # type: ignore[union-attr]
    assert recalled(said(Category.REWARD, parties=(CLIENT,))).suggestion is None, "a plain transfer says nothing by its method"
    assert recalled(said(Category.OWN_TRANSFER)).suggestion is None, "what is a fact is not learnt"
    assert recalled(said(Category.EXPENSE)).suggestion is None, "what came in is no expense, whatever was said of something else"
