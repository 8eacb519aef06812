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
        if action.verified and (meaning := _ONE_WAY.get(action.kind)) is not None and _went(facts, action, net):
            return _one_way(facts, moved, action, net, *meaning)
        if action.verified and action.kind in _FORMS and (changed := _form(facts, moved, action)) is not None:
            return changed
    return None


_ONE_WAY: dict[ActionKind, tuple[Category, str]] = {
    ActionKind.BRIDGE_DEPOSIT: (Category.BRIDGE, "{} left by the {} for another network: on its way, and not sold."),
    ActionKind.BRIDGE_ARRIVAL: (Category.BRIDGE, "{} arrived by the {} from another network."),
    ActionKind.CLAIM: (Category.REWARD, "{} was claimed as a reward of {}."),
}
_FORMS = frozenset({ActionKind.SUPPLY, ActionKind.WITHDRAW, ActionKind.STAKE})


def _went(facts: Facts, action: Action, net: Mapping[Coin, int]) -> bool:
    """One coin of ours went one way and nothing went the other; a bridge may take its fee on top."""
    if len(net) != 1 or len(action.gives) + len(action.takes) != 1:
        return False
    ((coin, raw),) = net.items()
    out = raw < 0
    return _tells(facts, action.gives if out else action.takes, coin) and (_raw(action.gives[0]) <= -raw if out else _raw(action.takes[0]) == raw)


def _one_way(facts: Facts, moved: Sequence[Leg], action: Action, net: Mapping[Coin, int], category: Category, words: str) -> Decision:
    ((coin, raw),) = net.items()
    told = words.format(_said(facts, moved, coin, abs(raw)), action.protocol)
    return _fact(category, action, moved, told)


def _form(facts: Facts, moved: Sequence[Leg], action: Action) -> Decision | None:
    """What is supplied or staked for as much of a claim on it is still ours, in another form: two legs of the same quantity."""
    gone, come = ([leg for leg in moved if leg.direction == way] for way in ("out", "in"))
    if len(gone) != 1 or len(come) != 1 or gone[0].amount != come[0].amount or gone[0].asset == come[0].asset:
        return None
    told = action.gives if action.kind is not ActionKind.WITHDRAW else action.takes
    leg = gone[0] if action.kind is not ActionKind.WITHDRAW else come[0]
    if not _tells(facts, told, _coin(facts, leg.contract)) or _raw(told[0]) != leg.raw:
        return None
    verb = {ActionKind.SUPPLY: "was supplied to", ActionKind.WITHDRAW: "was withdrawn from"}.get(action.kind, "was staked with")
    what = f"{_said(facts, [leg], _coin(facts, leg.contract), leg.raw or 0)} {verb} {action.protocol}"
    words = f"{what} for as much of a claim on it: the form changed, nothing was sold."
    return _fact(Category.WRAP, action, moved, words).model_copy(update={"subcategory": action.kind.value})


def _fact(category: Category, action: Action, moved: Sequence[Leg], told: str) -> Decision:
    return Decision(
        category=category,
        counterparty=action.protocol if action.verified else "",
        confidence=1,
        source=DecisionSource.FACT,
        explanation=told,
        evidence=[*(leg.key for leg in moved), *(f"log:{index}" for index in action.evidence)],
    )


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
    return _fact(Category.SWAP, action, moved, f"{gone} became {come} {where}.")


def _said(facts: Facts, moved: Sequence[Leg], coin: Coin, raw: int) -> str:
    """In words. The parts of one asset are counted together: a router gives back what it did not need."""
    legs = [leg for leg in moved if _coin(facts, leg.contract) == coin]
    amount = "An unknown amount of" if legs[0].decimals is None else text(to_units(raw, legs[0].decimals))
    return f"{amount} {clean(legs[0].symbol, 32)}"
