"""What a transaction did, told by one small plug-in a protocol. Pure, and never fails: what no plug-in knows stays unknown.

A plug-in says which topics or contracts it looks at, and is only asked where one of them is there.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from crypto_api.protocols import pools, uniswap, wrapped
from crypto_api.protocols.glance import Glance
from crypto_api.protocols.types import Action

ACTIONS_MAX = 40
"""A stranger's transaction may tell thousands, and a row is bounded."""


@dataclass(frozen=True, slots=True)
class Plugin:
    name: str
    topics: frozenset[str]
    read: Callable[[Glance], Iterable[Action]]


def _swaps(glance: Glance) -> Iterator[Action]:
    yield from pools.trades(list(uniswap.hops(glance)))


PLUGINS = (
    Plugin("pools", uniswap.TOPICS, _swaps),
    Plugin("wrapped coin", wrapped.TOPICS, wrapped.actions),
)


def actions_of(glance: Glance) -> tuple[list[Action], int]:
    """In the order of what they rest on, and how many more there are."""
    topics = glance.by_topic.keys()
    found = [action for plugin in PLUGINS if not plugin.topics.isdisjoint(topics) for action in plugin.read(glance)]
    found.sort(key=lambda action: action.evidence[:1])
    return found[:ACTIONS_MAX], max(0, len(found) - ACTIONS_MAX)
