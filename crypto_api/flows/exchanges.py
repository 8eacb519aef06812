"""What a swap posts: one thing with two legs, at one value.

The asset that goes out is disposed of at its fair value, the one that comes in costs as much: between them stands a clearing account, which each swap
leaves at zero. That value is what was given up was worth, and what was received was worth only where nothing else is known (IAS 38.47, IAS 16.26).
The pool's own fee, and what was paid beyond the market, is in the new asset's cost until it is sold. Gas is an expense of its own, as ever.
"""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from crypto_api.kit.amounts import add_exactly
from crypto_api.ledger import rules as ledger_rules
from crypto_api.ledger.types import AccountCode, Acquisition, Change, Disposal, Place
from crypto_api.transactions.types import Direction, Movement

_DESCRIPTION = "Swap"


def exchange_of(moved: Sequence[Movement]) -> list[Change] | None:
    """None where it is not one asset of one wallet for another: then each movement stands for itself. What a router gives back of what it was sent
    was never sold: an asset counts with what is left of it in the end."""
    if any(row.direction is Direction.INTERNAL or row.amount is None for row in moved):
        return None
    parts: defaultdict[tuple[str, str], list[Movement]] = defaultdict(list)
    for row in moved:
        parts[row.wallet_id, row.asset].append(row)
    nets = {key: add_exactly([_signed(row) for row in rows]) for key, rows in parts.items()}
    gone = [(key, -net) for key, net in nets.items() if net < 0]
    come = [(key, net) for key, net in nets.items() if net > 0]
    if len(gone) != 1 or len(come) != 1 or gone[0][0][1] == come[0][0][1]:
        return None
    (source, given), (target, taken) = gone[0], come[0]
    value = _worth(parts[source], given)
    if value is None:
        value = _worth(parts[target], taken)
    return [
        Disposal(Place(AccountCode.CRYPTO, *source), given, value, AccountCode.EXCHANGES, _DESCRIPTION),
        Acquisition(Place(AccountCode.CRYPTO, *target), taken, value, AccountCode.EXCHANGES, _DESCRIPTION),
    ]


def _signed(row: Movement) -> Decimal:
    amount = row.amount or Decimal(0)
    return amount if row.direction is Direction.IN else amount.copy_negate()


def _worth(rows: Sequence[Movement], quantity: Decimal) -> Decimal | None:
    """All of one asset at one moment: any movement's rate is that of all."""
    if len(rows) == 1:
        return rows[0].value
    rate = next((row.rate for row in rows if row.rate is not None), None)
    return ledger_rules.value_of(quantity, rate) if rate is not None else None
