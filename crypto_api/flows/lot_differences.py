"""What an entry's disposals and transfers cost by their lots, less what it books: what a correction posts, and nothing where an entry was booked by
its lots."""

from decimal import Decimal

from crypto_api.kit.amounts import add_exactly, to_units
from crypto_api.ledger.rules import less
from crypto_api.ledger.types import AccountCode
from crypto_api.lots.types import VALUE_PLACES, Disposed, Event, LotScope, Moved, Outcome, Told

_ZERO = Decimal(0)

Key = tuple[str, str | None, str | None]
"""Account, wallet, asset."""


class Difference:
    """Of one entry."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self._parts: dict[Key, list[Decimal]] = {}

    def add(self, key: Key, credit: Decimal) -> None:
        self._parts.setdefault(key, []).append(credit)

    def amounts(self) -> dict[Key, Decimal]:
        return {key: add_exactly(parts) for key, parts in self._parts.items()}

    def compare(self, event: Event, told: Told, outcome: Outcome, scope: LotScope) -> None:
        """What the event took, as the engine says, against what the entry says of it."""
        if isinstance(outcome, Disposed):
            _disposal(self, event, told, outcome, scope)
        elif isinstance(outcome, Moved):
            _transfer(self, told, outcome, scope)


def takes(event: Event, outcome: Outcome, scope: LotScope) -> bool:
    """Whether it takes out of a pool what costs something."""
    stays = scope is LotScope.UNIVERSAL and event.place.rpartition("|")[2] == event.target.rpartition("|")[2]
    return outcome is not None and not stays


def _disposal(difference: Difference, event: Event, told: Told, outcome: Disposed, scope: LotScope) -> None:
    cost = money(sum(portion.cost or 0 for portion in outcome.portions))
    if event.value is None:  # it leaves at cost: nothing is realised until somebody says what it was worth
        change = less(cost, told.booked_cost)
        difference.add(_place(told, scope), change)
        difference.add((told.contra or AccountCode.SUSPENSE, None, told.asset), change.copy_negate())
        return
    gain = money(sum(portion.gain or 0 for portion in outcome.portions))
    unknown = sum(portion.proceeds or 0 for portion in outcome.portions if portion.cost is None) + (outcome.missing_proceeds or 0)
    difference.add(_place(told, scope), less(cost, told.booked_cost))
    difference.add((AccountCode.GAINS, None, None), less(max(gain, _ZERO), max(told.realised, _ZERO)))
    difference.add((AccountCode.LOSSES, None, None), less(min(gain, _ZERO), min(told.realised, _ZERO)))
    difference.add((AccountCode.SUSPENSE, None, told.asset), money(unknown))


def _transfer(difference: Difference, told: Told, outcome: Moved, scope: LotScope) -> None:
    change = less(money(outcome.cost), told.booked_cost)
    target = (told.target_account_code, told.target_wallet_id, told.target_asset)
    difference.add(_place(told, scope), change)
    difference.add(target if scope is LotScope.WALLET else (AccountCode.CRYPTO, None, told.target_asset), change.copy_negate())


def _place(told: Told, scope: LotScope) -> Key:
    """Where a cost that was found later stands: in its wallet, or, where all lots are together, in none: a wallet keeps its own average then."""
    if scope is LotScope.WALLET:
        return (told.account_code, told.wallet_id, told.asset)
    return (AccountCode.CRYPTO, None, told.asset)


def money(units: int) -> Decimal:
    return to_units(units, VALUE_PLACES)
