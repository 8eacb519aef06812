"""When an alert fires: once for each crossing, however often the rate is looked at, and not again before it has gone back far enough. Pure."""

from datetime import datetime
from decimal import Decimal

from crypto_api.kit.amounts import add_exactly, divide, multiply
from crypto_api.price_alerts.types import Condition, Judged, Standing

HUNDRED = Decimal(100)


def judge(condition: Condition, threshold: Decimal, hysteresis: Decimal, before: Standing, rate: Decimal, at: datetime) -> Judged:
    """`threshold` is a rate, or per cent for `moves`; `hysteresis` is per cent of the threshold by which the rate has to go back before the alert
    is armed again. The first rate that is seen only says on which side it stands. One that is not newer than the last changes nothing."""
    if before.seen_at is not None and at <= before.seen_at:
        return Judged(before, False)
    if condition is Condition.MOVES:
        return _moves(threshold, before, rate, at)
    beyond = rate >= threshold if condition is Condition.ABOVE else rate <= threshold
    fired = beyond and before.armed is True
    if beyond:
        armed = False
    elif before.armed is None:
        armed = True
    else:
        armed = before.armed or _is_back(condition, threshold, hysteresis, rate)
    return Judged(Standing(armed, None, rate, at), fired)


def _is_back(condition: Condition, threshold: Decimal, hysteresis: Decimal, rate: Decimal) -> bool:
    band = divide(multiply(threshold, hysteresis), HUNDRED)
    if condition is Condition.ABOVE:
        return rate < threshold and rate <= add_exactly([threshold, band.copy_negate()])
    return rate > threshold and rate >= add_exactly([threshold, band])


def _moves(percent: Decimal, before: Standing, rate: Decimal, at: datetime) -> Judged:
    reference = before.reference if before.reference is not None else rate
    off = multiply(divide(add_exactly([rate, reference.copy_negate()]).copy_abs(), reference), HUNDRED)
    fired = off >= percent
    return Judged(Standing(True, rate if fired else reference, rate, at), fired)
