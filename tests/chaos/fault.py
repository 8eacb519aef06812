"""What a fault is: what begins it, what ends it, how long it lasts and how it is counted."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

from tests.chaos.installation import Installation
from tests.chaos.load import Cast

LEASE_S = 6.0  # of the product; longer than that asleep, and somebody else has taken over
SHORT_S, LONG_S = (0.3, 1.2), (LEASE_S + 1.0, LEASE_S + 2.0)
STEP_S = (1.5, 2.5)  # so that somebody comes there


@dataclass
class Stage:
    """On what faults act."""

    house: Installation
    cast: Cast
    random: Random
    problems: list[str] = field(default_factory=list)  # that what ends a fault has seen


Act = Callable[[Stage], Awaitable[bool]]
"""Whether it befell somebody, or will be counted by whom it befalls."""


async def _nothing(_: Stage) -> bool:
    return True


@dataclass(frozen=True)
class Fault:
    name: str
    number: int  # in the list
    begin: Act
    end: Act = _nothing
    lasts_s: tuple[float, float] = SHORT_S
    kind: str = ""  # by which it can be chosen: "clock", "memory", "index"
    counted_by: str = ""  # a name of `Installation.fired`, or "step": then `begin` alone is no proof
