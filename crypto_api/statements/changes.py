"""How the amounts of a statement changed since the earlier period beside it: in money, and as a part of what they were. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from crypto_api.kit.amounts import add_exactly, change_of
from crypto_api.statements.types import MEASURES, Column, Measure, Row


@dataclass(frozen=True, slots=True)
class Change:
    """From the earlier period to this one; `part` of what was then, None where nothing was."""

    amount: Decimal
    part: Decimal | None


def pairs_of(columns: Sequence[Column]) -> list[tuple[int, int]]:
    """Columns of this period, each with that of the earlier one: of a roll-forward what is money. Empty where no period stands beside."""
    of_a_period = len(Measure) if columns[0].measure is not None else 1
    half = of_a_period if len(columns) == 2 * of_a_period else 0
    return [(at, at + half) for at in range(half) if columns[at].measure is not Measure.QUANTITY]


def change_between(row: Row, now: int, before: int) -> Change | None:
    """None where one of them has no amount."""
    left, right = (row.amounts[now], row.amounts[before]) if row.amounts else (None, None)
    if left is None or right is None:
        return None
    return Change(add_exactly([left, right.copy_negate()]), change_of(left, right))


def change_names(columns: Sequence[Column]) -> list[str]:
    """How the columns of changes are called."""
    measures = [columns[now].measure for now, _ in pairs_of(columns)]
    return [f"{MEASURES[measure]}, change" if measure is not None else "Change" for measure in measures]
