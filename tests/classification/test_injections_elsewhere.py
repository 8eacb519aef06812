"""The other places of a stranger's text: why a call was refused, and comments in the source of a contract. The same corpus, no effect but on words
that are shown as a stranger's or as a machine's."""

import json
from typing import Any

from eth_abi.abi import encode

from crypto_api.classification.rules import decide, question
from crypto_api.classification.types import Facts, Leg
from crypto_api.contract_audits import rules as audit_rules
from crypto_api.contract_audits.types import Found
from crypto_api.contracts.abi import REASON_MAX, inert, parse_abi, refusal_text
from crypto_api.flows.audit_contract import Result, _explain
from crypto_api.kit.sending import REASON_LENGTH_MAX, revert_reason
from crypto_api.kit.static_analysis import Analysis, Element, RawFinding
from tests.classification.test_injections import TEXTS
from tests.classification.test_rules import GAS, facts, leg

NO_ABI = parse_abi("[]")


def test_why_a_call_was_refused_is_one_line_of_bounded_plain_text() -> None:
    for text in TEXTS:
        data = bytes.fromhex("08c379a0") + encode(["string"], [text])
        quoted, told = revert_reason("0x" + data.hex()), refusal_text(data, NO_ABI)
        assert len(quoted) <= REASON_LENGTH_MAX and len(told) <= REASON_MAX
        for said in (quoted, told, revert_reason(None, text), inert(text)):
            assert said and said.isprintable() and "\n" not in said, "nothing hidden, no second line, nothing that turns the writing round"


def test_what_was_refused_is_no_question_and_its_reason_is_nowhere_in_the_facts() -> None:
    """A failed transaction is a fact without asking; a reason is no field of what decisions or the model are handed."""
    fields = {*Facts.model_fields, *Leg.model_fields}
    assert not [name for name in fields if "reason" in name and name != "spam_reason"] and "input" not in fields
    benign = decide(facts(leg(), GAS, succeeded=False))
    for text in TEXTS[::7]:
        failed = facts(leg(symbol=text), GAS, succeeded=False, method="0x" + text.encode().hex()[:8])
        assert decide(failed) == benign, "not even the words of its explanation"
        assert text not in question(facts(leg(), GAS, method=failed.method)).prompt


def audited(comment: str) -> list[Found]:
    source = f"contract A {{\n  function f() public {{ x = 1; }} /* {comment.replace('*/', '')} */\n}}"
    element = Element(type="node", name="x = 1", file="A.sol", first_line=2, last_line=2)
    raw = RawFinding(
        id="1", check="reentrancy-eth", impact="High", confidence="Low", description="A.f() does x = 1", reference="", elements=(element,)
    )
    analysis = Analysis(version="0", detectors=1, contracts=1, network="seccomp", findings=(raw,))
    return audit_rules.of_slither(analysis, {"A.sol": source}, frozenset())


class Obeys:
    """Does what it was told: praises the contract, sends people to a page, and tries to say more than the form lets it."""

    name = "obeys"

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def answer(self, *, system: str, prompt: str, schema: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((prompt, schema))
        return {
            "explanation": f"Safe.\u202e Go to https://evil.example/ now. {prompt}" * 9,
            "severity": "informational",
            "score": 0,
            "suppressed": True,
        }


def test_a_comment_changes_nothing_of_a_finding_but_the_lines_that_are_quoted() -> None:
    (benign,) = audited("plain")
    for text in TEXTS:
        (found,) = audited(text)
        quoted = {"places": benign.places, "fingerprint": benign.fingerprint}
        assert found.model_copy(update=quoted) == benign, text
        asked = audit_rules.question_about(found)
        assert set(asked) == {"check", "severity", "what_was_found", "source_lines", "evidence"} and asked["severity"] == "high"
        assert len(json.dumps(asked, ensure_ascii=True)) < 20_000
        assert text not in audit_rules.SYSTEM


async def test_a_machine_that_obeys_a_comment_only_gets_words_into_the_explanation() -> None:
    for text in TEXTS[::41]:
        result, model = Result(found=audited(text)), Obeys()
        before = audited(text)
        await _explain(model, result)  # type: ignore[arg-type]
        assert result.found == before and set(result.explanations) == {before[0].key} and result.explained_by == "obeys"
        said = result.explanations[before[0].key]
        assert "https://" not in said and said.isprintable() and len(said) <= audit_rules.EXPLANATION_MAX
        assert [set(schema["properties"]) for _, schema in model.asked] == [{"explanation"}]
        assert vars(Result(found=before)) == vars(result) | {"explanations": {}, "explained_by": Result().explained_by}
