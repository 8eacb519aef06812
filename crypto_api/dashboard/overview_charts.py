"""Figures as the attributes of drawings: shares of a circle and lengths of bars, 0..1 or percent, rounded for the screen alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from crypto_api.dashboard.views_invoices import AGES
from crypto_api.flows.read_overview import AgeRow, OwedNow
from crypto_api.insights.types import Runway, Shock
from crypto_api.invoices.types import AgeBucket
from crypto_api.kit.amounts import add_exactly, divide
from crypto_api.reports.overview import AssetPosition

SLICES = 5
"""Shown by themselves; what is smaller stands together. More than six colours nobody tells apart."""
NO_END_SHOWN = Decimal(1)
_FINE = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a circle whose circumference is 100."""

    tone: int  # 1..6, a colour of the style sheet
    asset: str  # "" for the rest
    share: Decimal
    length: str
    offset: str


@dataclass(frozen=True, slots=True)
class AgeBar:
    row: AgeRow
    label: str
    late: bool
    share: Decimal


@dataclass(frozen=True, slots=True)
class MonthBar:
    shock: Shock
    share: Decimal


def slices(positions: Sequence[AssetPosition]) -> list[Slice]:
    """The greatest first, then the rest as one."""
    parts = [(row.asset, row.share.quantize(_FINE)) for row in positions if row.share]  # a quotient has as many digits as fit: no sum of it is exact
    shown, rest = parts[:SLICES], parts[SLICES:]
    if rest:
        shown.append(("", add_exactly([share for _, share in rest])))
    found, begun = [], Decimal(0)
    for tone, (asset, share) in enumerate(shown, 1):
        found.append(Slice(tone, asset, share, _hundredths(share), _hundredths(begun.copy_negate())))
        begun = add_exactly([begun, share])
    return found


def _hundredths(share: Decimal) -> str:
    return format((share * 100).quantize(Decimal("0.001")), "f")


def age_bars(owed: OwedNow) -> list[AgeBar]:
    most = max((abs(row.amount) for row in owed.rows), default=Decimal(0))
    return [
        AgeBar(row, AGES[row.bucket], row.bucket is not AgeBucket.NOT_DUE, divide(max(row.amount, Decimal(0)), most) if most else Decimal(0))
        for row in owed.rows
    ]


def month_bars(runway: Runway) -> list[MonthBar]:
    """Beside the longest; a bar without an end is whole."""
    most = max((shock.months for shock in runway.shocks if shock.months), default=Decimal(0))
    return [MonthBar(row, NO_END_SHOWN if row.months is None else divide(row.months, most) if most else Decimal(0)) for row in runway.shocks]
