"""Whether a transaction is one that a rule of the organisation means. Pure.

A condition on movements holds when it holds for each of them: a rule for what a client pays does not take in a swap that the same client sent along.
"""

from collections.abc import Sequence
from functools import lru_cache
from zoneinfo import ZoneInfo

from crypto_api.classification.types import WAYS_OF, Category, Conditions, Facts, Leg, MovementWay, Outcome, Rule


def first_match(facts: Facts, rules: Sequence[Rule]) -> Rule | None:
    """Of `rules`, in their order, the first that means this transaction."""
    moved = facts.moved
    return next((rule for rule in rules if matches(facts, moved, rule)), None)


def matches(facts: Facts, moved: Sequence[Leg], rule: Rule) -> bool:
    """`moved` is `facts.moved`, taken once for many rules. Nothing matches where nothing moved, nor where the category cannot go that way."""
    found, way = rule.conditions, way_of(moved)
    if way is None or not goes(rule.outcome.category, way) or (found.ways and way not in found.ways):
        return False
    if found.networks and facts.network not in found.networks:
        return False
    if found.methods and facts.method.lower() not in found.methods:
        return False
    return all(_leg_matches(facts, leg, found) for leg in moved) and _when(facts, found)


def way_of(moved: Sequence[Leg]) -> MovementWay | None:
    """What went between own wallets says nothing beside what came in or went out. None where nothing moved."""
    directions = {leg.direction for leg in moved}
    if {"in", "out"} <= directions:
        return MovementWay.BOTH
    for way in (MovementWay.IN, MovementWay.OUT, MovementWay.INTERNAL):
        if way.value in directions:
            return way
    return None


def goes(category: Category, way: MovementWay) -> bool:
    return category not in WAYS_OF or way in WAYS_OF[category]


def _leg_matches(facts: Facts, leg: Leg, found: Conditions) -> bool:
    name, kind = facts.known.get(leg.other, ("", None))
    if found.addresses and leg.other not in found.addresses:
        return False
    if found.counterparty_kinds and kind not in found.counterparty_kinds:
        return False
    if found.counterparty_names and name.casefold() not in _folded(found.counterparty_names):
        return False
    if found.assets and leg.asset not in found.assets:
        return False
    if found.wallet_ids and not set(leg.wallet_ids) & set(found.wallet_ids):
        return False
    return _within(leg, found)


@lru_cache(maxsize=512)
def _folded(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name.casefold() for name in names)


def _within(leg: Leg, found: Conditions) -> bool:
    if found.amount_min is None and found.amount_max is None:
        return True
    if leg.amount is None:
        return False
    return (found.amount_min is None or leg.amount >= found.amount_min) and (found.amount_max is None or leg.amount <= found.amount_max)


def _when(facts: Facts, found: Conditions) -> bool:
    timed = (found.date_from, found.date_to, found.hour_from, found.hour_to)
    if not found.weekdays and all(bound is None for bound in timed):
        return True
    if facts.at is None:
        return False
    there = facts.at.astimezone(ZoneInfo(facts.time_zone))
    if found.date_from is not None and there.date() < found.date_from:
        return False
    if found.date_to is not None and there.date() > found.date_to:
        return False
    if found.weekdays and there.isoweekday() not in found.weekdays:
        return False
    return _in_hours(there.hour, found.hour_from, found.hour_to)


def _in_hours(hour: int, first: int | None, end: int | None) -> bool:
    """From `first` to before `end`; where the end is not later than the beginning, over midnight."""
    if first is None and end is None:
        return True
    begins, ends = first or 0, 24 if end is None else end
    return begins <= hour < ends if begins < ends else hour >= begins or hour < ends


def fault_of(conditions: Conditions, outcome: Outcome) -> tuple[str, str, str] | None:
    """(field, message, code) of the first thing that makes a rule senseless; None when it can match something."""
    if conditions.empty:
        return "conditions", "needs at least one: a rule without any would take in everything", "no_conditions"
    amounts = (conditions.amount_min, conditions.amount_max)
    if any(bound is not None for bound in amounts) and len(conditions.assets) != 1:
        return "conditions.assets", "must be exactly one where an amount is given: 500 of which asset?", "asset_needed"
    low, high = amounts
    if low is not None and high is not None and low > high:
        return "conditions.amount_max", "is less than amount_min", "empty_range"
    if conditions.date_from and conditions.date_to and conditions.date_from > conditions.date_to:
        return "conditions.date_to", "is before date_from", "empty_range"
    if conditions.hour_from is not None and conditions.hour_from == conditions.hour_to:
        return "conditions.hour_to", "is the same as hour_from: leave both out for the whole day", "empty_range"
    if conditions.ways and not any(goes(outcome.category, way) for way in conditions.ways):
        return "outcome.category", f"cannot go that way: {outcome.category} is {_listed(outcome.category)}", "other_way"
    return None


def _listed(category: Category) -> str:
    return " or ".join(sorted(WAYS_OF[category]))
