"""What a protocol's own words make certain: only where the organisation's own movements say the same. Whoever wrote a contract may let it tell
anything; what is in our wallets moves by our own logs alone."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from crypto_api.classification.types import Category, Decision, DecisionSource, Facts, Leg
from crypto_api.kit.amounts import text, to_units
from crypto_api.kit.plain_text import clean
from crypto_api.protocols.types import Action, ActionKind, Portion

Coin = str | None
"""Contract of a token, None for the native coin; its wrapped form counts as the coin."""


def by_protocol(facts: Facts, moved: Sequence[Leg]) -> Decision | None:
    """None where nothing is certain: then the words of the protocol are shown beside it, and a person decides."""
    if not all(leg.raw is not None for leg in moved) or any(leg.direction == "internal" or leg.token_id for leg in moved):
        return None
    net = _net(facts, moved)
    for action in facts.actions:
        if action.kind is ActionKind.SWAP and _exchanged(facts, moved, action, net):
            return _swap(moved, action, net, facts)
    return None


def _net(facts: Facts, legs: Iterable[Leg]) -> dict[Coin, int]:
    """What the organisation has more of, or less, below zero; base units."""
    sums: defaultdict[Coin, int] = defaultdict(int)
    for leg in legs:
        sums[_coin(facts, leg.contract)] += (leg.raw or 0) if leg.direction == "in" else -(leg.raw or 0)
    return {coin: raw for coin, raw in sums.items() if raw}


def _coin(facts: Facts, contract: Coin) -> Coin:
    return None if contract == facts.wrapped_native else contract


def _exchanged(facts: Facts, moved: Sequence[Leg], action: Action, net: Mapping[Coin, int]) -> bool:
    """One coin went out, another came in, both are those that the protocol tells of. A router may keep a part on the way: no less went out than
    went into the pools, no more came in than came out of them. From a pool that is nobody's only a listed asset counts for something."""
    gone, come = ([coin for coin, raw in net.items() if (raw > 0) is into] for into in (False, True))
    if len(gone) != 1 or len(come) != 1 or not _tells(facts, action.gives, gone[0]) or not _tells(facts, action.takes, come[0]):
        return False
    if _raw(action.gives[0]) > -net[gone[0]] or net[come[0]] > _raw(action.takes[0]):
        return False
    return action.verified or all(":" not in leg.asset for leg in moved)  # a CAIP-19 id is that of a token that is not listed


def _tells(facts: Facts, portions: Sequence[Portion], coin: Coin) -> bool:
    return len(portions) == 1 and portions[0].raw_amount is not None and _coin(facts, portions[0].contract) == coin


def _raw(portion: Portion) -> int:
    return int(portion.raw_amount or 0)


def _swap(moved: Sequence[Leg], action: Action, net: Mapping[Coin, int], facts: Facts) -> Decision:
    gone, come = (next(_said(facts, moved, coin, abs(raw)) for coin, raw in net.items() if (raw > 0) is into) for into in (False, True))
    where = f"on {action.protocol}" if action.verified else f"in a pool that is {action.protocol}, of which nobody knows whose it is"
    return Decision(
        category=Category.SWAP,
        counterparty=action.protocol if action.verified else "",
        confidence=1,
        source=DecisionSource.FACT,
        explanation=f"{gone} became {come} {where}.",
        evidence=[*(leg.key for leg in moved), *(f"log:{index}" for index in action.evidence)],
    )


def _said(facts: Facts, moved: Sequence[Leg], coin: Coin, raw: int) -> str:
    """In words. The parts of one asset are counted together: a router gives back what it did not need."""
    legs = [leg for leg in moved if _coin(facts, leg.contract) == coin]
    amount = "An unknown amount of" if legs[0].decimals is None else text(to_units(raw, legs[0].decimals))
    return f"{amount} {clean(legs[0].symbol, 32)}"
