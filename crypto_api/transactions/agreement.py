"""Whether a large credit is what more than one provider tells: a single one can make up a block that agrees with itself. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

from crypto_api.kit.amounts import add_exactly, text
from crypto_api.kit.ethereum import Testimony, address_of_topic, parties_of
from crypto_api.kit.networks import NetworkConfig
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Agreement, Basis, Direction, Movement, Origin

Holding = tuple[str, str | None]
"""Address, and token contract or None for the native coin."""


def credited(movements: Iterable[Movement]) -> list[Movement]:
    """What came in and counts: neither spam nor a collectible, which are never booked."""
    return [row for row in movements if row.direction is Direction.IN and not row.spam and not row.collectible and int(row.raw_amount)]


def weighed(network: NetworkConfig, row: Transaction) -> Transaction:
    """The row as it waits, where more of an asset came in by it than is booked at one provider's word."""
    large = _largest(network, row.movements)
    wanted = Agreement.NOT_NEEDED if large is None else Agreement.WANTED
    waits = None if large is None else f"{large} came in: it waits until {network.agreement} providers tell the same."
    changed: Transaction = row.model_copy(update={"agreement": wanted, "waits": waits})
    return changed


def _largest(network: NetworkConfig, movements: Iterable[Movement]) -> str | None:
    sums: dict[str, list[Decimal | None]] = defaultdict(list)
    for row in credited(movements):
        sums[row.asset].append(row.amount)
    for asset, amounts in sums.items():
        if (limit := network.credit_limit(asset)) is None:
            continue
        known = [amount for amount in amounts if amount is not None]
        total = add_exactly(known)
        if len(known) < len(amounts) or total > limit:  # an amount that 34 digits do not hold is large
            return f"{text(total)} {asset.rpartition(':')[2]}" if known else asset.rpartition(":")[2]
    return None


def holdings(rows: Iterable[Transaction]) -> list[Holding]:
    """Whose balances have to be asked for: what a call moved, and what is known by balance alone, stands in no receipt."""
    return sorted({(row.to_address, row.contract) for tx in rows for row in credited(tx.movements) if not _in_receipt(row)}, key=str)


def agreeing(row: Transaction, told: Sequence[Testimony]) -> list[str]:
    """The hosts of those that tell of the row as it is stored, and the same as one another where no receipt says it."""
    same = [each for each in told if tells(row, each)]
    by_balances: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for each in same:
        by_balances[tuple(each.balances[holding] for holding in holdings([row]))].append(each.host)
    return max(by_balances.values(), key=len, default=[])


def tells(row: Transaction, told: Testimony) -> bool:
    """Whether it names that block, and all that came in by that transaction."""
    if told.block_hash != row.block_hash or not set(holdings([row])) <= told.balances.keys():
        return False
    if row.origin is Origin.BALANCE:
        return True
    return told.succeeded.get(row.hash) is row.succeeded and all(_tells_of(told, row.hash, each) for each in credited(row.movements))


def _tells_of(told: Testimony, hash_: str, movement: Movement) -> bool:
    if not _in_receipt(movement):
        return True  # its balance is compared
    raw = int(movement.raw_event_amount or movement.raw_amount)
    if movement.log_index is None:
        tx, address = told.transactions.get(hash_), movement.to_address.lower()
        return tx is not None and (raw, address) == ((tx.minted, tx.sender) if movement.key == "mint" else (tx.value, tx.receiver))
    log = told.logs.get((hash_, movement.log_index))
    if log is None or (movement.contract or log.address).lower() != log.address:
        return False
    parties = {address_of_topic(topic) for topic in parties_of(log.topics)}
    return movement.to_address.lower() in parties and int(log.data[:66], 16) == raw


def _in_receipt(movement: Movement) -> bool:
    return movement.basis is Basis.EVENT and (movement.log_index is not None or movement.key in ("value", "mint"))
