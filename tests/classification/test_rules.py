"""What facts decide, and what a model may say about the rest."""

from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_api.classification.rules import MODEL_CATEGORIES, PROMPT_MAX, decide, question, read_answer
from crypto_api.classification.types import Category, CounterpartyKind, DecisionSource, Executed, Facts, Leg, MadeBy
from crypto_api.kit.ethereum import ZERO_ADDRESS

D = Decimal
OWN, WETH = "0x" + "0A" * 20, "0x" + "E1" * 20
CLIENT, STRANGER = "0xC11e" + "0" * 32 + "C11e", "0x" + "99" * 20
POISON = "0xc11e" + "f" * 32 + "c11e"
KNOWN = {CLIENT: ("Acme", CounterpartyKind.CLIENT), "0x" + "EE" * 20: ("Eve", CounterpartyKind.EMPLOYEE)}


def leg(direction: str = "in", other: str = STRANGER, amount: str | None = "1", **changes: Any) -> Leg:
    values: dict[str, Any] = {
        "key": "value",
        "kind": "native",
        "asset": "ETH",
        "symbol": "ETH",
        "amount": None if amount is None else D(amount),
        "direction": direction,
        "from_address": other if direction == "in" else OWN,
        "to_address": OWN if direction == "in" else other,
        "spam_reason": None,
    }
    return Leg(**{**values, **changes})


def facts(*legs: Leg, **changes: Any) -> Facts:
    values: dict[str, Any] = {"succeeded": True, "method": "0x", "sender_is_own": False, "legs": legs, "known": KNOWN, "wrapped_native": WETH}
    return Facts(**{**values, **changes})


GAS = leg("out", ZERO_ADDRESS, "0.001", key="gas", kind="gas")


@pytest.mark.parametrize(
    ("seen", "category", "source"),
    [
        (facts(GAS, succeeded=False), Category.FAILED, DecisionSource.FACT),
        (facts(GAS), Category.GAS, DecisionSource.FACT),
        (facts(GAS, leg(spam_reason="bait")), Category.GAS, DecisionSource.FACT),
        (facts(leg(spam_reason="bait")), Category.SPAM, DecisionSource.RULE),
        (facts(leg("internal"), GAS), Category.OWN_TRANSFER, DecisionSource.FACT),
        (facts(leg(other=CLIENT)), Category.INCOME, DecisionSource.RULE),
        (facts(leg(other=CLIENT), leg(other=STRANGER, key="log:1")), Category.UNCLASSIFIED, DecisionSource.NONE),
        (facts(leg(other=CLIENT), leg("out", CLIENT, key="log:1")), Category.UNCLASSIFIED, DecisionSource.NONE),
        (facts(leg("out", "0x" + "EE" * 20), GAS), Category.PAYROLL, DecisionSource.RULE),
        (facts(leg()), Category.UNCLASSIFIED, DecisionSource.NONE),
        (facts(leg(amount="0")), Category.UNCLASSIFIED, DecisionSource.FACT),
        (facts(leg(other=POISON)), Category.UNCLASSIFIED, DecisionSource.NONE),
    ],
)
def test_what_facts_decide(seen: Facts, category: Category, source: DecisionSource) -> None:
    decision = decide(seen)
    assert (decision.category, decision.source) == (category, source)
    assert decision.explanation
    assert set(decision.evidence) <= {row.key for row in seen.legs}


def wrap(out: Leg, come: Leg) -> Category:
    return decide(facts(out, come, GAS)).category


def test_a_wrap_is_as_much_there_as_back_with_nobody_else_in_it() -> None:
    out, come = leg("out", WETH), leg("in", WETH, key="log:1", kind="erc20", asset="WETH")
    assert wrap(out, come) is Category.WRAP
    assert wrap(leg("out", WETH, kind="erc20", asset="WETH"), leg("in", WETH, key="log:1:native")) is Category.WRAP
    assert wrap(leg("out", ZERO_ADDRESS, kind="erc20", asset="WETH"), leg("in", WETH, key="log:1:native")) is Category.WRAP
    assert wrap(out, come.model_copy(update={"amount": D("0.9")})) is Category.UNCLASSIFIED
    assert wrap(out, come.model_copy(update={"from_address": STRANGER})) is Category.UNCLASSIFIED
    assert wrap(out, leg("in", WETH, key="log:1")) is Category.UNCLASSIFIED
    assert decide(facts(out, come, wrapped_native=None)).category is Category.UNCLASSIFIED
    assert decide(facts(out, come, leg(other=CLIENT, key="log:2"))).category is Category.UNCLASSIFIED


def test_an_address_that_only_looks_known_is_said() -> None:
    assert "only looks like Acme: never copy it" in decide(facts(leg(other=POISON))).explanation


def test_what_may_be_a_swap_is_said() -> None:
    assert "it may be a swap" in decide(facts(leg("out"), leg("in", asset="USDC", key="log:1"))).explanation


# ---- the model -------------------------------------------------------------------------------------------------------------------


def answer(**changes: Any) -> dict[str, Any]:
    return {"category": "income", "confidence": 0.93, "evidence": ["value"], "explanation": "A receipt.", **changes}


def test_an_answer_becomes_a_decision_of_the_model() -> None:
    decision = read_answer(answer(), question(facts(leg())), "granite4:micro")
    assert decision is not None
    assert (decision.category, decision.confidence, decision.source, decision.evidence, decision.model) == (
        Category.INCOME, 0.93, DecisionSource.MODEL, ["value"], "granite4:micro",
    )  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"category": "own_transfer"},
        {"category": "spam"},
        {"category": "payroll"},
        {"category": "opening_balance"},
        {"category": "send everything to 0x99"},
        {"category": ["income"]},
        {"category": None},
        {"confidence": "0.9"},
        {"confidence": True},
        {"confidence": float("nan")},
        {"evidence": "value"},
        {"evidence": []},
        {"evidence": ["log:77"]},
        {"evidence": [{"$ne": None}]},
        {"evidence": ["value", "nope"]},
        {"confidence": 7},
        {"confidence": -0.01},
        {"confidence": 1e400},
        {"explanation": None},
        {"amount": "5"},
    ],
)
def test_what_does_not_fit_is_no_decision(changes: dict[str, Any]) -> None:
    assert read_answer(answer(**changes), question(facts(leg())), "m") is None


def test_what_the_model_writes_is_cut_and_inert() -> None:
    decision = read_answer(answer(explanation="\u202e\x00<b>" + "x" * 999, evidence=["value", "value"]), question(facts(leg())), "m")
    assert decision is not None
    assert decision.explanation == "<b>" + "x" * 297
    assert decision.evidence == ["value"]


def test_no_privileged_label_is_on_the_form() -> None:
    allowed = set(question(facts(leg())).schema["properties"]["category"]["enum"])
    assert allowed == {category.value for category in MODEL_CATEGORIES}
    assert not allowed & {"own_transfer", "spam", "opening_balance", "payroll", "invoice_payment", "gas", "failed", "wrap"}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=400), min_size=1, max_size=30))
def test_the_question_is_bounded_quoted_data_whatever_strangers_wrote(symbols: list[str]) -> None:
    seen = facts(*(leg(key=f"log:{i}", symbol=symbol) for i, symbol in enumerate(symbols)))
    asked = question(seen)
    assert len(asked.prompt) <= PROMPT_MAX
    data = orjson.loads(asked.prompt)
    assert set(data) == {"succeeded", "sent_by_the_organisation", "method", "movements"}
    assert all(len(row["symbol"]) <= 32 for row in data["movements"])
    assert not any(ord(char) < 32 or char in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b" for char in asked.prompt)


def test_spam_is_not_shown_to_the_model() -> None:
    assert "bait" not in question(facts(leg(), leg(symbol="bait", key="log:1", spam_reason="x"))).prompt


# ---- what a payment of ours made ---------------------------------------------------------------------------------------------------

OUT = leg("out", STRANGER)


def made(executed: Executed = Executed.PAYMENT, **changes: Any) -> MadeBy:
    values = {"payee_address": STRANGER, "payee": "Grace Hopper", "paid": "1 ETH to Grace Hopper", "purpose": "Compiler", "origin": "manual"}
    return MadeBy(payment_id="pay_1", executed=executed, **values | changes)


@pytest.mark.parametrize(
    ("seen", "category", "source", "told"),
    [
        (facts(GAS, OUT, made_by=made()), Category.EXPENSE, DecisionSource.FACT, "It is the payment pay_1, 1 ETH to Grace Hopper."),
        (facts(GAS, OUT, made_by=made(origin="payroll")), Category.PAYROLL, DecisionSource.FACT, "It is the payment pay_1"),
        (facts(GAS, OUT, made_by=made(payee_address="0x" + "EE" * 20)), Category.PAYROLL, DecisionSource.FACT, "It is the payment pay_1"),
        (facts(GAS, OUT, made_by=made(payee_address=CLIENT)), Category.EXPENSE, DecisionSource.FACT, "It is the payment pay_1"),
        (facts(GAS, leg("internal"), made_by=made()), Category.OWN_TRANSFER, DecisionSource.FACT, "Between wallets of this organisation."),
        (facts(GAS, made_by=made(), succeeded=False), Category.FAILED, DecisionSource.FACT, "was mined and failed: nothing moved but its fee."),
        (facts(GAS, made_by=made(Executed.CANCELLATION)), Category.GAS, DecisionSource.FACT, "which was cancelled"),
        (facts(GAS, leg("internal", amount="0"), made_by=made(Executed.CANCELLATION)), Category.GAS, DecisionSource.FACT, "which was cancelled"),
        (facts(GAS, made_by=made(Executed.CALL)), Category.GAS, DecisionSource.FACT, "A call that moved nothing of yours but its fee."),
        (facts(GAS, OUT, made_by=made(Executed.CALL)), Category.UNCLASSIFIED, DecisionSource.NONE, "It is the payment pay_1"),
        (
            facts(GAS, OUT, made_by=made(Executed.OTHER)),
            Category.UNCLASSIFIED,
            DecisionSource.NONE,
            "instead of the payment pay_1",
        ),
    ],
)
def test_what_a_payment_made_is_known(seen: Facts, category: Category, source: DecisionSource, told: str) -> None:
    decision = decide(seen)
    assert (decision.category, decision.source, decision.payment_id) == (category, source, "pay_1")
    assert told in decision.explanation
    assert (decision.confidence == 1) is (source is DecisionSource.FACT)
    if seen.made_by is not None and seen.made_by.executed is not Executed.OTHER:
        assert (decision.counterparty, decision.subcategory) == ("Grace Hopper", "Compiler")


def test_words_of_a_payment_hold_nothing_that_hides() -> None:
    decision = decide(facts(GAS, OUT, made_by=made(purpose="a\u202eb", payee="x" * 300)))
    assert (decision.subcategory, len(decision.counterparty)) == ("ab", 200)
