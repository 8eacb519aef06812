"""Transactions of which it is known what they are: every class that the rules know, and beside each the near-misses that are made to look like it.

Deterministic by its seed. Each case is what the pure rules are handed, what it truly is, and of which kind it was made.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from crypto_api.classification.types import Category, CounterpartyKind, Executed, Facts, Leg, MadeBy
from crypto_api.kit.ethereum import ZERO_ADDRESS, checksummed

BEGINS = datetime(2026, 1, 1, 9, tzinfo=UTC)
OWN, WETH = checksummed("0x" + "0a" * 20), checksummed("0x" + "e1" * 20)


@dataclass(frozen=True)
class Case:
    id: str
    kind: str
    facts: Facts
    truth: Category


class Town:
    """Everybody with whom the organisation has to do: some are known by name, the others come back without one."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.clients, self.employees, self.suppliers, self.exchanges = ([self.address() for _ in range(12)] for _ in range(4))
        self.hosts, self.validators, self.pools, self.bridges = ([self.address() for _ in range(10)] for _ in range(4))
        self.invoice_addresses = [self.address() for _ in range(20)]
        self.mixed, self.by_asset, self.by_method, self.venues = ([self.address() for _ in range(200)] for _ in range(4))
        kinds = (CounterpartyKind.CLIENT, CounterpartyKind.EMPLOYEE, CounterpartyKind.SUPPLIER, CounterpartyKind.EXCHANGE)
        groups = zip(kinds, (self.clients, self.employees, self.suppliers, self.exchanges), strict=True)
        self.known = {one: (f"{kind.value} {at}", kind) for kind, group in groups for at, one in enumerate(group)}

    def address(self) -> str:
        return checksummed("0x" + self.random.randbytes(20).hex())

    def looks_like(self, address: str) -> str:
        """As a poisoner grinds it: the same first and last four digits."""
        return checksummed(address[:6].lower() + self.random.randbytes(16).hex() + address[-4:].lower())

    def amount(self) -> Decimal:
        return Decimal(self.random.randrange(1, 10**8)).scaleb(-4)

    def leg(self, way: str, other: str, amount: Decimal | None = None, **changes: Any) -> Leg:
        values: dict[str, Any] = {
            "key": "log:1",
            "kind": "erc20",
            "asset": "USDC",
            "symbol": "USDC",
            "amount": self.amount() if amount is None else amount,
            "direction": way,
            "from_address": other if way == "in" else OWN,
            "to_address": OWN if way != "out" else other,
            "spam_reason": None,
            "wallet_ids": ("wal_1",),
        }
        return Leg(**values | changes)

    def pick(self, group: list[str]) -> str:
        return self.random.choice(group)


def _gas(town: Town) -> Leg:
    return town.leg("out", ZERO_ADDRESS, Decimal("0.001"), key="gas", kind="gas", asset="ETH")


def _payment(town: Town) -> dict[str, Any]:
    payee = town.address()
    made_by = MadeBy(
        payment_id="pay_1", executed=Executed.PAYMENT, origin="manual", payee_address=payee, payee="Ada", paid="1 USDC to Ada", purpose="Desk"
    )
    return {"legs": (town.leg("out", payee), _gas(town)), "made_by": made_by}


def _invoice(town: Town, *, resembles: bool) -> dict[str, Any]:
    """What resembles an invoice's amount and comes to another address is no payment of it."""
    own = town.pick(town.invoice_addresses)
    leg = town.leg("in", town.address(), Decimal("1234.56"))
    return {"legs": (leg if resembles else leg.model_copy(update={"to_address": own}),), "asked_at": {own: ("INV-7", "Acme")}}


def _wrap(town: Town, *, missed: bool) -> dict[str, Any]:
    amount = town.amount()
    come = amount - Decimal("0.0001") if missed else amount
    other = town.address() if missed else WETH
    return {"legs": (town.leg("out", other, amount, asset="ETH"), town.leg("in", other, come, asset="WETH", key="log:2"), _gas(town))}


def _swap(town: Town) -> dict[str, Any]:
    pool = town.pick(town.pools)
    return {"legs": (town.leg("out", pool, asset="ETH"), town.leg("in", pool, key="log:2"), _gas(town)), "method": "0x38ed1739"}


def _own_by_stranger(town: Town) -> dict[str, Any]:
    """Out to somebody unknown and back: it is no transfer between own wallets, whatever it ends as."""
    middle = town.address()
    return {"legs": (town.leg("out", middle, Decimal(5)), town.leg("in", middle, Decimal(5), key="log:2"))}


# Those of whom the past does not tell all: how often it misleads is made up, and said beside the table.

_MIXED, _OTHERWISE = 0.1, 0.25  # shares of what means something else than the same party, or call, did before


def _mixed(town: Town) -> dict[str, Any]:
    """Mostly paid for work; now and then the same address only keeps money. Nothing on the chain tells which."""
    truth = Category.TRANSFER_OUT if town.random.random() < _MIXED else Category.EXPENSE
    return {"legs": (town.leg("out", town.pick(town.mixed)),), "truth": truth}


def _by_asset(town: Town) -> dict[str, Any]:
    """Paid in dollars for work; in ether that is mostly so too."""
    ether, party = town.random.random() < 0.5, town.pick(town.by_asset)
    truth = Category.TRANSFER_OUT if ether and town.random.random() < _OTHERWISE else Category.EXPENSE
    return {"legs": (town.leg("out", party, **({"asset": "ETH", "symbol": "ETH", "kind": "native"} if ether else {})),), "truth": truth}


def _by_method(town: Town) -> dict[str, Any]:
    """The same contract by several calls, of which one mostly means the same."""
    method, party = town.random.choice(["0x1249c58b", "0xa694fc3a", "0x2e1a7d4d"]), town.pick(town.by_method)
    truth = Category.TRANSFER_OUT if method == "0xa694fc3a" and town.random.random() < _OTHERWISE else Category.EXPENSE
    return {"legs": (town.leg("out", party),), "method": method, "truth": truth}


def _claimed(town: Town) -> dict[str, Any]:
    """The same call of ever other contracts: mostly a reward, else one's own money that comes back."""
    truth = Category.TRANSFER_IN if town.random.random() < _OTHERWISE else Category.REWARD
    venue = town.address() if town.random.random() < 0.7 else town.pick(town.venues)
    return {"legs": (town.leg("in", venue),), "method": "0x4e71d92d", "truth": truth}


def _one(way: str, group: str, **changes: Any) -> Callable[[Town], dict[str, Any]]:
    return lambda town: {"legs": (town.leg(way, town.pick(getattr(town, group))),)} | changes


def _poisoned(way: str, group: str) -> Callable[[Town], dict[str, Any]]:
    return lambda town: {"legs": (town.leg(way, town.looks_like(town.pick(getattr(town, group)))),)}


def _legs(*make: Callable[[Town], Leg], **changes: Any) -> Callable[[Town], dict[str, Any]]:
    return lambda town: {"legs": tuple(one(town) for one in make)} | changes


_BAIT = {"spam_reason": "Its symbol reads as USDC, but it is another contract.", "symbol": "USDС", "asset": "eip155:1/erc20:0x1"}

KINDS: dict[str, tuple[Category, Callable[[Town], dict[str, Any]]]] = {
    "gas": (Category.GAS, _legs(_gas)),
    "failed": (Category.FAILED, _legs(_gas, lambda town: town.leg("out", town.address()), succeeded=False)),
    "own transfer": (Category.OWN_TRANSFER, _legs(lambda town: town.leg("internal", OWN), _gas)),
    "wrap": (Category.WRAP, lambda town: _wrap(town, missed=False)),
    "spam": (Category.SPAM, _legs(lambda town: town.leg("in", town.address(), **_BAIT))),
    "invoice": (Category.INVOICE_PAYMENT, lambda town: _invoice(town, resembles=False)),
    "payment of ours": (Category.EXPENSE, _payment),
    "client": (Category.INCOME, _one("in", "clients")),
    "employee": (Category.PAYROLL, _one("out", "employees")),
    "supplier": (Category.EXPENSE, _one("out", "suppliers")),
    "from exchange": (Category.TRANSFER_IN, _one("in", "exchanges")),
    "to exchange": (Category.TRANSFER_OUT, _one("out", "exchanges")),
    "host (no name)": (Category.EXPENSE, _one("out", "hosts")),
    "validator (no name)": (Category.REWARD, _one("in", "validators")),
    "swap": (Category.SWAP, _swap),
    "bridge (no name)": (Category.BRIDGE, _one("out", "bridges", method="0xb1a1a882")),
    "mixed payee (no name)": (Category.EXPENSE, _mixed),
    "payee by asset (no name)": (Category.EXPENSE, _by_asset),
    "payee by method (no name)": (Category.EXPENSE, _by_method),
    "claim of many (no name)": (Category.REWARD, _claimed),
    "near: poisoned client": (Category.UNCLASSIFIED, _poisoned("in", "clients")),
    "near: poisoned supplier": (Category.UNCLASSIFIED, _poisoned("out", "suppliers")),
    "near: poisoned host": (Category.UNCLASSIFIED, _poisoned("out", "hosts")),
    "near: client sends zero": (Category.UNCLASSIFIED, _legs(lambda town: town.leg("in", town.pick(town.clients), Decimal(0)))),
    "near: spam beside gas": (Category.GAS, _legs(_gas, lambda town: town.leg("in", town.pick(town.clients), **_BAIT))),
    "near: own by a stranger": (Category.UNCLASSIFIED, _own_by_stranger),
    "near: wrap with a cut": (Category.UNCLASSIFIED, lambda town: _wrap(town, missed=True)),
    "near: amount of an invoice": (Category.UNCLASSIFIED, lambda town: _invoice(town, resembles=True)),
    "near: stranger in": (Category.UNCLASSIFIED, lambda town: {"legs": (town.leg("in", town.address()),)}),
    "near: refund of a supplier": (Category.UNCLASSIFIED, _one("in", "suppliers")),
}
"""`unclassified` is what an honest answer is: nobody could know without asking."""


def labelled(cases: int = 3_900, seed: int = 7) -> Iterator[Case]:
    """In the order of their blocks, every kind as often as the others."""
    town = Town(seed)
    names = [name for name in KINDS for _ in range(cases // len(KINDS))]
    town.random.shuffle(names)
    for at, name in enumerate(names):
        usual, make = KINDS[name]
        plain: dict[str, Any] = {"succeeded": True, "method": "0xa9059cbb", "sender_is_own": True, "wrapped_native": WETH, "network": "ethereum"}
        made = make(town)
        truth = made.pop("truth", usual)
        facts = Facts(**plain | {"known": town.known, "at": BEGINS + timedelta(minutes=30 * at)} | made)
        yield Case(f"t{at}", name, facts, truth)
