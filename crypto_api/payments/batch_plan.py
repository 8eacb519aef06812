"""Whom to pay together and whom alone, by gas. Pure: amounts are base units, gas is units of gas, costs are wei.

A batch saves each payee the 21,000 gas of a transaction of their own; but a `CALL` that creates an account takes 25,000 more than a plain transfer,
an ERC-20 needs an allowance first, and a transaction may not have more than 2^24 gas (EIP-7825).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from crypto_api.payments.batch import PAYEES_MAX, Share

TRANSACTION_GAS_MAX = 16_777_216  # EIP-7825
AMOUNT_MAX = 2**96 - 1  # of a record; more is paid alone
GAS_MARGIN_PERCENT = 20  # that a gas limit has over the estimate, within the cap


class WalletKind(StrEnum):
    """How the wallet pays many."""

    CONTRACT = "contract"  # through our batch contract
    DELEGATED = "delegated"  # by EIP-7702, out of its own balance


class PlannedKind(StrEnum):
    SINGLE = "single"
    BATCH = "batch"
    ALLOWANCE = "allowance"  # of exactly what the batches pull, before the first of them


@dataclass(frozen=True, slots=True)
class Owed:
    """What one is to get. `key` is what it is for, as a payslip: unique in a plan, while an address may come twice."""

    key: str
    payee: str  # EIP-55
    raw_amount: int
    new: bool = False  # of the coin: without balance, nonce and code; of a token: without any of it
    code_gas: int = 0  # what the payee's own code uses when it is paid

    @property
    def share(self) -> Share:
        return Share(self.payee, self.raw_amount)


@dataclass(frozen=True, slots=True)
class GasTable:
    """As measured (`python -m benchmarks.batch_gas`)."""

    single: int  # of a transfer by itself
    single_new: int
    fixed: int  # of a batch, whoever is in it
    each: int
    each_new: int
    access_list: int  # that an access list (EIP-2930) saves for each
    allowance: int = 0


_COIN = {
    WalletKind.CONTRACT: GasTable(21_000, 21_000, 22_030, 9_852, 34_852, 100),
    WalletKind.DELEGATED: GasTable(21_000, 21_000, 21_985, 9_852, 34_852, 100),
}
_TOKEN = {
    WalletKind.CONTRACT: GasTable(34_400, 51_500, 48_300, 8_605, 25_705, 100, 46_500),
    WalletKind.DELEGATED: GasTable(34_400, 51_500, 29_850, 8_605, 25_705, 100),
}
"""Of a plain ERC-20. One behind a proxy, or with lists of its own, costs more by every way: `scaled`."""


def gas_table(kind: WalletKind, token: str | None) -> GasTable:
    return (_COIN if token is None else _TOKEN)[kind]


def scaled(table: GasTable, single: int) -> GasTable:
    """For a token whose plain transfer to a holder was seen to take `single`: what it uses above the plain one it uses for each payee as well."""
    more = max(0, single - table.single)
    return GasTable(
        *(table.single + more, table.single_new + more, table.fixed + more, table.each + more, table.each_new + more),
        *(table.access_list, table.allowance),
    )


@dataclass(frozen=True, slots=True)
class Terms:
    """What the plan is made under."""

    kind: WalletKind
    token: str | None
    gas_price: int  # wei that one unit is expected to cost
    allowance: int = 0  # that the contract has already, base units
    access_list: bool = False
    gas_max: int = TRANSACTION_GAS_MAX
    payees_max: int = PAYEES_MAX
    single_gas: int | None = None  # of a transfer of this token to a holder, where it was estimated

    @property
    def table(self) -> GasTable:
        table = gas_table(self.kind, self.token)
        return table if self.single_gas is None or self.token is None else scaled(table, self.single_gas)


@dataclass(frozen=True, slots=True)
class PlannedTransaction:
    kind: PlannedKind
    owed: tuple[Owed, ...]  # none of an allowance
    raw_amount: int  # their sum, or the allowance
    gas: int  # as it is expected
    cost: int  # wei, for the gas

    @property
    def gas_limit(self) -> int:
        """With a margin, and never above what a transaction may have."""
        return min(self.gas + self.gas * GAS_MARGIN_PERCENT // 100, TRANSACTION_GAS_MAX)


@dataclass(frozen=True, slots=True)
class BatchPlan:
    transactions: tuple[PlannedTransaction, ...]  # in the order in which they are to be sent
    separate_gas: int  # what it would take to pay everybody alone

    @property
    def gas(self) -> int:
        return sum(row.gas for row in self.transactions)

    @property
    def cost(self) -> int:
        return sum(row.cost for row in self.transactions)


def batch_plan(owed: Sequence[Owed], terms: Terms) -> BatchPlan:
    """Everybody exactly once: never more gas than paying everybody alone. ValueError for an amount that is not positive, for the same key twice, and
    where not even one payee fits below `gas_max`."""
    if len({row.key for row in owed}) != len(owed):
        raise ValueError("something is to be paid twice")
    if any(row.raw_amount <= 0 for row in owed):
        raise ValueError("an amount to pay is above zero")
    table = terms.table
    together = [row for row in owed if row.raw_amount <= AMOUNT_MAX and _each(row, terms) < _single(row, table)]
    parts = [part for part in _parts(together, terms) if _batch_gas(part, terms) < sum(_single(row, table) for row in part)]
    pulled = sum(row.raw_amount for part in parts for row in part) if terms.kind is WalletKind.CONTRACT and terms.token is not None else 0
    allowance = table.allowance if pulled > terms.allowance else 0
    saved = sum(_single(row, table) for part in parts for row in part) - sum(_batch_gas(part, terms) for part in parts)
    if saved <= allowance:
        parts, allowance = [], 0
    in_batches = {row.key for part in parts for row in part}
    rows = [_planned(PlannedKind.ALLOWANCE, (), pulled, allowance, terms)] if allowance else []
    rows += [_planned(PlannedKind.BATCH, part, _sum(part), _batch_gas(part, terms), terms) for part in parts]
    rows += [_planned(PlannedKind.SINGLE, (row,), row.raw_amount, _single(row, table), terms) for row in owed if row.key not in in_batches]
    return BatchPlan(tuple(rows), sum(_single(row, table) for row in owed))


def _planned(kind: PlannedKind, owed: Sequence[Owed], raw: int, gas: int, terms: Terms) -> PlannedTransaction:
    if gas > terms.gas_max:
        raise ValueError("a payment alone takes more gas than a transaction may have")
    return PlannedTransaction(kind, tuple(owed), raw, gas, gas * terms.gas_price)


def _parts(owed: Sequence[Owed], terms: Terms) -> list[list[Owed]]:
    """In their order, as many in each as the gas limit of a transaction allows with its margin."""
    most = terms.gas_max * 100 // (100 + GAS_MARGIN_PERCENT)
    parts: list[list[Owed]] = []
    gas = 0
    for row in owed:
        each = _each(row, terms)
        if not parts or len(parts[-1]) == terms.payees_max or gas + each > most:
            parts.append([])
            gas = terms.table.fixed
        parts[-1].append(row)
        gas += each
    return parts


def _single(row: Owed, table: GasTable) -> int:
    return (table.single_new if row.new else table.single) + row.code_gas


def _each(row: Owed, terms: Terms) -> int:
    table = terms.table
    return (table.each_new if row.new else table.each) + row.code_gas - (table.access_list if terms.access_list else 0)


def _batch_gas(part: Sequence[Owed], terms: Terms) -> int:
    return terms.table.fixed + sum(_each(row, terms) for row in part)


def _sum(part: Sequence[Owed]) -> int:
    return sum(row.raw_amount for row in part)
