"""What a transaction did, told by one small plug-in a protocol. Pure, and never fails: what no plug-in knows stays unknown.

A plug-in says which topics it looks at, and is only asked where one of them is there; one that looks at the call says none.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from crypto_api.protocols import bridges, exchanges, lending, payouts, pools, safes, staking, uniswap, wrapped
from crypto_api.protocols.glance import Glance
from crypto_api.protocols.types import Action

ACTIONS_MAX = 40
"""A stranger's transaction may tell thousands, and a row is bounded."""


@dataclass(frozen=True, slots=True)
class Plugin:
    name: str
    read: Callable[[Glance], Iterable[Action]]
    topics: frozenset[str] | None = None  # None: whatever the logs are
    by_call: bool = False  # it looks at the call: those that a Safe of ours made are told as well


def _swaps(glance: Glance) -> Iterator[Action]:
    """By a solver for somebody, else by a known router, else by the pools themselves: the same is told once."""
    if (orders := exchanges.orders(glance)) is not None:
        yield from orders
        return
    hops = sorted([*uniswap.hops(glance), *exchanges.hops(glance)], key=lambda hop: hop.index)
    routed = next(filter(None, (exchanges.by_router(seen, hops) for seen in (glance, *_alone(glance)))), None)
    yield from [routed] if routed is not None else pools.trades(hops)


def _alone(glance: Glance) -> list[Glance]:
    """The one call of a Safe that can have moved anything, where allowances are all that there is beside it: what moved is then its doing."""
    calls = [seen for seen in safes.inside(glance) if seen.value or seen.input[:10] not in payouts.APPROVING]
    return calls if len(calls) == 1 and safes.nothing_beside(glance) else []


PLUGINS = (
    Plugin("swaps", _swaps),
    Plugin("wrapped coin", wrapped.actions, wrapped.TOPICS),
    Plugin("lending", lending.actions, lending.TOPICS),
    Plugin("staking", staking.actions, staking.TOPICS),
    Plugin("wrapped stakes", staking.wrapping),
    Plugin("bridges", bridges.actions, bridges.TOPICS),
    Plugin("bridges by value", bridges.by_value, by_call=True),
    Plugin("Disperse", payouts.disperse, by_call=True),
    Plugin("Safe", safes.actions, safes.TOPICS),
    Plugin("allowances", payouts.approvals, payouts.APPROVAL_TOPICS, by_call=True),
    Plugin("rewards", payouts.claims, payouts.CLAIM_TOPICS),
)


def actions_of(glance: Glance) -> tuple[list[Action], int]:
    """In the order of what they rest on, and how many more there are."""
    topics = glance.by_topic.keys()
    asked = [plugin for plugin in PLUGINS if plugin.topics is None or not plugin.topics.isdisjoint(topics)]
    within = safes.inside(glance)
    found = [action for plugin in asked for seen in (glance, *(within if plugin.by_call else ())) for action in plugin.read(seen)]
    found = [action for at, action in enumerate(found) if not action.evidence or action not in found[:at]]  # two calls may rest on one log
    found.sort(key=lambda action: action.evidence[:1])
    return found[:ACTIONS_MAX], max(0, len(found) - ACTIONS_MAX)
