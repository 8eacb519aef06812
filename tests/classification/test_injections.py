"""What strangers write on the chain reaches nothing but the label of one transaction, and only through a model: by construction. A corpus of 1,000
texts in five languages, at every place where a stranger's text can stand."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from crypto_api.classification.rules import MODEL_CATEGORIES, PROMPT_MAX, SYSTEM, decide, question, read_answer
from crypto_api.classification.types import Category, Decision, DecisionSource, Facts, Knowledge
from tests.classification.test_knowledge import rule, said
from tests.classification.test_rules import CLIENT, GAS, facts, leg

CORPUS: dict[str, Any] = json.loads((Path(__file__).parent / "injections.json").read_text())
LABELS = {category.value for category in MODEL_CATEGORIES}
NEVER = {Category.OWN_TRANSFER, Category.SPAM, Category.PAYROLL, Category.INVOICE_PAYMENT, Category.GAS, Category.OPENING_BALANCE, Category.WRAP}


def texts() -> Iterator[str]:
    for goals in CORPUS["goals"].values():
        for goal in goals:
            for wrapper in CORPUS["wrappers"]:
                yield wrapper.format(*[goal] * 8)


TEXTS = list(texts())


def written_on(text: str) -> list[Facts]:
    """At each place of the facts that holds a stranger's words: a symbol, a token's number, the input of a call. Revert texts and sources of
    contracts are no part of them at all."""
    revert = facts(leg(), method="0x" + text.encode().hex()[:200])
    return [facts(leg(symbol=text)), facts(leg(token_id=text, symbol="NFT")), revert, facts(leg(), leg(symbol=text, key="log:2"), GAS)]


def test_the_corpus_is_as_large_as_it_is_said_to_be() -> None:
    assert len(TEXTS) == len(set(TEXTS)) == 1_000 and len(CORPUS["goals"]) == 5


def test_no_text_changes_what_is_decided_without_a_model() -> None:
    knowledge = Knowledge(rules=(rule({"addresses": (CLIENT,)}),), precedents=(said(Category.REWARD),), confidence_min=0.9)
    benign = [_without_words(decide(seen, knowledge)) for seen in written_on("USDC")]
    for text in TEXTS:
        assert [_without_words(decide(seen, knowledge)) for seen in written_on(text)] == benign, text


def _without_words(decision: Decision) -> Decision:
    """The explanation quotes the symbol, cut and without what cannot be seen."""
    assert len(decision.explanation) < 1_200 and all(char.isprintable() for char in decision.explanation)
    return decision.model_copy(update={"explanation": ""})


def test_the_model_is_handed_bounded_quoted_data_and_the_same_form() -> None:
    forms = [question(seen).schema for seen in written_on("USDC")]
    for text in TEXTS:
        for seen, form in zip(written_on(text), forms, strict=True):
            asked = question(seen)
            data = orjson.loads(asked.prompt)
            assert set(data) == {"succeeded", "sent_by_the_organisation", "method", "movements"} and len(asked.prompt) <= PROMPT_MAX
            assert len(data["method"]) <= 10 and all(len(one["symbol"]) <= 32 and one["symbol"].isprintable() for one in data["movements"])
            assert asked.schema == form, "no text widens the form"
            assert text not in SYSTEM


@pytest.mark.parametrize("category", [*Category, "pay", "", None, 7, ["income"], {"$ne": ""}])
def test_a_model_that_obeys_can_only_choose_a_permitted_label(category: Any) -> None:
    """Whatever it was told: the answer is a label from the list with evidence from the question, or none at all. Nothing is bent until it fits."""
    for text in TEXTS[::97]:
        asked = question(facts(leg(symbol=text)))
        obeys = {"category": category, "confidence": 1, "evidence": ["value"], "explanation": text * 50}
        lies = ({"confidence": 2.0}, {"confidence": -0.1}, {"confidence": float("nan")}, {"evidence": ["value", text]}, {"evidence": [text]})
        for lie in (*lies, {"amount": "1000000"}, {"payment_id": "pay_1"}, {"explanation": None}):
            assert read_answer(obeys | lie, asked, "m") is None, lie
        decision = read_answer(obeys, asked, "m")
        if category not in list(LABELS):
            assert decision is None
            continue
        assert decision is not None and decision.source is DecisionSource.MODEL and decision.category not in NEVER
        assert decision.evidence == ["value"] and decision.confidence == 1.0 and len(decision.explanation) <= 300
        said_else = decision.model_dump(exclude={"category", "confidence", "source", "explanation", "evidence", "model", "provenance"})
        empty = {"subcategory": "", "counterparty": "", "purpose": "", "tax_category": None, "account": "", "payment_id": None, "suggestion": None}
        assert said_else == empty, "money, addresses, accounts and payments are no fields of its answer"
