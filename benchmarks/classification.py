"""How right, how often and how sure the classification is, by source, on a set of which the truth is known; and how many it judges in a second.

    python -m benchmarks.classification [--cases 3900]

A person is asked about whatever is not decided, and says the truth, but for one time in fifty: that teaches the memory. No model is asked: what is
counted as decided is decided without one.
"""

import argparse
import json
import random
import time
from collections import defaultdict
from dataclasses import dataclass, field

from benchmarks.labelled_movements import Case, Town, labelled
from crypto_api.classification import memory
from crypto_api.classification.rules import decide
from crypto_api.classification.types import (
    Category,
    Conditions,
    Decision,
    DecisionSource,
    Knowledge,
    MovementWay,
    Outcome,
    Precedent,
    Rule,
    Traits,
)

THRESHOLD = 0.9
MISTAKES = 0.02  # of the person who is asked


@dataclass
class Score:
    said: int = 0
    right: int = 0
    confidence_sum: float = 0.0
    kinds: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, case: Case, category: Category, confidence: float) -> None:
        self.said += 1
        self.right += category is case.truth
        self.confidence_sum += confidence
        if category is not case.truth:
            self.kinds[case.kind] += 1

    def row(self, name: str, of: int) -> str:
        wrong = ", ".join(f"{kind} {count}" for kind, count in sorted(self.kinds.items(), key=lambda one: -one[1])[:3])
        said = max(self.said, 1)
        return f"{name:<24}{self.said:>7}{self.said / of:>10.1%}{self.right / said:>11.2%}{self.confidence_sum / said:>13.2%}   {wrong}"


class Memory:
    """What the person said so far, found as the store finds it: by party, and by method where that says something."""

    def __init__(self) -> None:
        self.by_party: defaultdict[str, list[Precedent]] = defaultdict(list)
        self.by_method: defaultdict[str, list[Precedent]] = defaultdict(list)

    def about(self, traits: Traits | None) -> tuple[Precedent, ...]:
        if traits is None:
            return ()
        found = {row.transaction_id: row for party in traits.parties for row in self.by_party[party][-50:]}
        found |= {row.transaction_id: row for row in self.by_method[traits.method][-50:]}
        return tuple(found.values())

    def learn(self, case: Case, said: Category, traits: Traits | None) -> None:
        if traits is None or said not in memory.LEARNT or case.facts.at is None:
            return
        row = Precedent(transaction_id=case.id, traits=traits, outcome=Outcome(category=said), at=case.facts.at)
        for party in traits.parties:
            self.by_party[party].append(row)
        if traits.method not in memory.PLAIN_METHODS:
            self.by_method[traits.method].append(row)


def own_rules(town: Town) -> tuple[Rule, ...]:
    """As an organisation would write them: half of its hosts, and payments to bridges by their method."""
    said = (
        ("Hosts", Conditions(addresses=tuple(town.hosts[:5]), ways=(MovementWay.OUT,)), Category.EXPENSE),
        ("Bridges", Conditions(methods=("0xb1a1a882",), ways=(MovementWay.OUT,)), Category.BRIDGE),
    )
    return tuple(
        Rule(id=f"crl_{at}", version=1, name=name, conditions=when, outcome=Outcome(category=to)) for at, (name, when, to) in enumerate(said)
    )


def judge(cases: list[Case], rules: tuple[Rule, ...]) -> dict[str, Score]:
    chance, scores, remembered = random.Random(11), defaultdict[str, Score](Score), Memory()
    for case in cases:
        traits = memory.traits_of(case.facts)
        decision = decide(case.facts, Knowledge(rules=rules, precedents=remembered.about(traits), confidence_min=THRESHOLD))
        if decision.category is not Category.UNCLASSIFIED:
            scores[decision.source.value].add(case, decision.category, decision.confidence)
            continue
        _asked(case, decision, scores)
        said = case.truth if chance.random() >= MISTAKES else chance.choice([Category.INCOME, Category.EXPENSE])
        remembered.learn(case, said, traits)
    return scores


def _asked(case: Case, decision: Decision, scores: dict[str, Score]) -> None:
    """Left to a person: rightly, where nobody could know it. A suggestion is counted by itself."""
    scores["asks"].add(case, Category.UNCLASSIFIED, 1.0)
    if decision.suggestion is not None and case.truth is not Category.UNCLASSIFIED:
        scores["memory suggests"].add(case, decision.suggestion.category, decision.suggestion.confidence)


def speed(cases: list[Case], rules: tuple[Rule, ...]) -> tuple[float, float]:
    """Judged in a second: with the rules of an organisation, and the same function bare."""

    def rate(knowledge: Knowledge) -> float:
        started = time.perf_counter()
        for case in cases:
            decide(case.facts, knowledge)
        return len(cases) / (time.perf_counter() - started)

    return rate(Knowledge(rules=rules)), rate(Knowledge())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=3_900)
    wanted = parser.parse_args()
    cases, rules = list(labelled(wanted.cases)), own_rules(Town(7))
    scores = judge(cases, rules)
    print(f"{'source':<24}{'said':>7}{'coverage':>10}{'precision':>11}{'confidence':>13}   wrong")
    for name, score in sorted(scores.items(), key=lambda one: -one[1].said):
        print(score.row(name, len(cases)))
    decided = sum(score.said for name, score in scores.items() if name in {source.value for source in DecisionSource})
    wrong = sum(score.said - score.right for name, score in scores.items() if name in {source.value for source in DecisionSource})
    with_rules, bare = speed(cases, rules * 25)
    print(f"\ndecided without the model: {decided / len(cases):.1%}; wrong among all: {wrong / len(cases):.2%}")
    print(f"judged a second: {with_rules:,.0f} with {len(rules) * 25} rules, {bare:,.0f} bare, ratio {with_rules / bare:.2f}")
    told = {name: {"said": score.said, "right": score.right} for name, score in scores.items()}
    print(json.dumps({"cases": len(cases), "sources": told, "rate": round(with_rules), "rate_bare": round(bare)}))


if __name__ == "__main__":
    main()
