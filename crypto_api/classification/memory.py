"""What people said of the nearest earlier transactions. Pure, deterministic, and explained.

Nearest is the first of these levels on which anything is found: the same counterparties, way and assets by the same method; by another method, or on
another network; with other assets; and, for a call of a contract, the same method, way and assets with somebody else. How sure it is follows from
the level, from how many there are, and from the share of them that agrees. No figure is higher than what was right on the labelled set of
`benchmarks/classification.py` warrants (the lower bound of its 95 % interval, where there were enough). One word alone suggests: who said it may have
erred, and what it would decide nobody would look at any more; the second that agrees with it is enough.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from crypto_api.classification.matching import goes, way_of
from crypto_api.classification.types import RULE_CATEGORIES, Category, DecisionSource, Facts, Precedent, Provenance, Suggestion, Traits

LEARNT = frozenset(RULE_CATEGORIES) - {Category.UNCLASSIFIED}
PRECEDENTS_CITED = 10
PLAIN_METHODS = frozenset({"0x", "0xa9059cbb", "0x23b872dd"})  # the coin sent, ERC-20 transfer and transferFrom: by themselves they say nothing


@dataclass(frozen=True)
class Level:
    """How alike two transactions are. `sure`: the confidence that one, two, and three or more of them give, all agreeing."""

    told: str
    alike: Callable[[Traits, Traits], bool]
    sure: tuple[float, float, float]  # probabilities


LEVELS = (
    Level(
        "the same counterparty, assets and method",
        lambda a, b: a == b,
        (0.78, 0.95, 0.97),
    ),
    Level(
        "the same counterparty and assets, by another method or on another network",
        lambda a, b: a.parties == b.parties and a.way == b.way and a.assets == b.assets,
        (0.72, 0.85, 0.88),
    ),
    Level("the same counterparty, with other assets", lambda a, b: a.parties == b.parties and a.way == b.way, (0.65, 0.70, 0.75)),
    Level(
        "the same call with the same assets, of another contract",
        lambda a, b: a.method == b.method and a.method not in PLAIN_METHODS and a.way == b.way and a.assets == b.assets,
        (0.40, 0.50, 0.85),
    ),
)


def traits_of(facts: Facts) -> Traits | None:
    """None where nothing moved: there is nothing to compare."""
    moved = facts.moved
    way = way_of(moved)
    if way is None:
        return None
    parties, assets = {leg.other for leg in moved}, {leg.asset for leg in moved}
    return Traits(parties=tuple(sorted(parties)), way=way, assets=tuple(sorted(assets)), method=facts.method.lower(), network=facts.network)


def recall(facts: Facts, precedents: Sequence[Precedent]) -> Suggestion | None:
    """What they say of this one, and how sure that is. None where nothing is alike."""
    traits = traits_of(facts)
    if traits is None:
        return None
    usable = [row for row in precedents if row.outcome.category in LEARNT and goes(row.outcome.category, traits.way)]
    for level in LEVELS:
        alike = sorted((row for row in usable if level.alike(row.traits, traits)), key=lambda row: (row.at, row.transaction_id), reverse=True)
        if alike:
            return _said(facts, level, alike)
    return None


def _said(facts: Facts, level: Level, alike: Sequence[Precedent]) -> Suggestion:
    """The category that most say, of as many the one that was said last; the rest of it as it was said last with that category."""
    votes = Counter(row.outcome.category for row in alike)
    most = max(votes.values())
    category = next(row.outcome.category for row in alike if votes[row.outcome.category] == most)
    agreeing = [row for row in alike if row.outcome.category is category]
    last = agreeing[0].outcome
    share = len(agreeing) / len(alike)
    confidence = level.sure[min(len(agreeing), 3) - 1] * share
    return Suggestion(
        category=category,
        subcategory=last.subcategory,
        counterparty=last.counterparty,
        purpose=last.purpose,
        tax_category=last.tax_category,
        confidence=round(confidence, 4),
        source=DecisionSource.MEMORY,
        explanation=_told(level, category, len(agreeing), len(alike)),
        evidence=[leg.key for leg in facts.moved],
        provenance=Provenance(precedents=[row.transaction_id for row in agreeing[:PRECEDENTS_CITED]]),
    )


def _told(level: Level, category: Category, agreeing: int, alike: int) -> str:
    label = category.value.replace("_", " ")
    if agreeing == alike:
        times = "one earlier transaction" if alike == 1 else f"all {alike} earlier ones"
        return f"A person said “{label}” of {times} with {level.told}."
    return f"People said “{label}” of {agreeing} out of {alike} earlier ones with {level.told}, and something else of the rest."
