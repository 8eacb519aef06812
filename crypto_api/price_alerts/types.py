"""Values of the slice."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

ALERTS_MAX = 200
"""Of one organisation."""


class Condition(StrEnum):
    ABOVE = "above"  # the rate reaches the threshold from below
    BELOW = "below"
    MOVES = "moves"  # it is so many per cent off what it was when the alert was made, or fired last


@dataclass(frozen=True, slots=True)
class Standing:
    """What an alert knows. `armed` None: nothing was seen yet."""

    armed: bool | None = None
    reference: Decimal | None = None  # of `moves`
    seen_rate: Decimal | None = None
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    standing: Standing
    fired: bool
