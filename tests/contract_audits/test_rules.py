"""The score adds up, findings keep their key when lines move, and a machine's words stay words."""

from decimal import Decimal

from crypto_api.contract_audits import rules
from crypto_api.contract_audits.types import Change, Confidence, Severity
from crypto_api.kit.static_analysis import Analysis, Element, RawFinding

D = Decimal
HIGH, MEDIUM, LOW = Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW


def test_the_score_is_the_sum_of_its_terms_and_no_more_than_a_hundred() -> None:
    terms = rules.terms_of([(Severity.HIGH, MEDIUM), (Severity.LOW, HIGH), (Severity.LOW, LOW), (Severity.LOW, LOW), (Severity.INFORMATIONAL, HIGH)])
    told = [(term.severity, term.confidence, term.count, term.points) for term in terms]
    assert told == [
        (Severity.HIGH, MEDIUM, 1, D("30.00")),
        (Severity.LOW, HIGH, 1, D(2)),
        (Severity.LOW, LOW, 2, D("2.0")),
        (Severity.INFORMATIONAL, HIGH, 1, D(0)),
    ]
    assert rules.score_of(terms) == 34
    assert rules.score_of(rules.terms_of([(Severity.HIGH, HIGH)] * 9)) == 100 and rules.score_of([]) == 0
    assert rules.score_of(rules.terms_of([(Severity.MEDIUM, MEDIUM)])) == 7, "7.5 is rounded down"


def analysed(source: str, line: int, description: str) -> Analysis:
    element = Element(type="node", name="x = 1", file="src/A.sol", first_line=line, last_line=line)
    raw = RawFinding(id="1", check="c", impact="High", confidence="Low", description=description, reference="javascript:x", elements=(element,))
    return Analysis(version="0", detectors=1, contracts=1, network="seccomp", findings=(raw, raw))


def test_a_key_does_not_move_with_lines_and_a_fingerprint_changes_with_the_code() -> None:
    before = rules.of_slither(analysed("", 1, "A.f() (src/A.sol#1-4) does x = 1 (src/A.sol#1)"), {"src/A.sol": "x = 1;"}, frozenset())
    moved = rules.of_slither(analysed("", 3, "A.f() (src/A.sol#3-6) does x = 1 (src/A.sol#3)"), {"src/A.sol": "\n\n  x  =  1;"}, frozenset())
    changed = rules.of_slither(analysed("", 1, "A.f() (src/A.sol#1-4) does x = 1 (src/A.sol#1)"), {"src/A.sol": "x = 1; // ok"}, frozenset())
    assert [one.key for one in before] == [one.key for one in moved] == [one.key for one in changed] and before[0].key != before[1].key
    assert before[0].fingerprint == moved[0].fingerprint != changed[0].fingerprint
    assert before[0].reference == "" and before[0].places[0].excerpt == "x = 1;"
    assert rules.of_slither(analysed("", 1, "x"), {"src/A.sol": "x"}, frozenset({"src/A.sol"})) == [], "a dependency's own"
    assert [rules.change_of("a", known) for known in (None, {"a": "A"}, {"b": "B"})] == [Change.FIRST, Change.STILL_THERE, Change.NEW]


def test_what_a_reader_would_not_see_is_marked() -> None:
    place = rules.place_in({"A.sol": "one\ntwo \u202e evil\u200b\r\nthree\n" + "x" * 900}, "A.sol", 2, 2)
    assert (place.excerpt_from, place.excerpt) == (1, "one\ntwo \ufffd evil\ufffd\nthree")
    assert len(rules.place_in({"A.sol": "y" * 900}, "A.sol", 1, 1).excerpt) == rules.LINE_MAX


def test_a_machines_words_are_plain_and_bounded() -> None:
    assert rules.explanation_in({"explanation": " Pay  at\nhttps://evil.example now \u202e<b>!"}) == "Pay at [link removed] now \ufffd<b>!"
    assert len(rules.explanation_in({"explanation": "word " * 1_000})) <= rules.EXPLANATION_MAX
    assert rules.explanation_in({"explanation": 7}) == rules.explanation_in({}) == ""
