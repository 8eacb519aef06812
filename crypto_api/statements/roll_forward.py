"""The roll-forward of crypto assets: what was held, what came in and went out, what was gained, what is held. Pure.

Crypto assets measured at fair value are disclosed so by ASC 350-60-50 (ASU 2023-08): additions, dispositions, and gains and losses told apart asset
by asset, between an opening and a closing balance; and, of each, units, cost and fair value. Three columns, and each adds up by itself:

    quantity    opening + what came in - what went out = closing
    cost        opening + what came in at its cost - what went out at its cost = closing
    fair value  opening + what came in at what it was worth - what went out at what was received for it
                + realised gain (what was received less cost) + change of what is gained and not realised = closing

Opening and closing are balances of the books as of two days; what lies in between is read from the entries. That both agree is checked, not assumed.
A transfer between own places carries its cost, and is worth at both ends what the asset was worth on that day, so that neither place gains by it; of
one asset as a whole it is nothing. An asset that had no price at an end at which it was held is left out of every fair value, and named.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from crypto_api.kit.amounts import add_exactly, multiply, to_functional
from crypto_api.ledger.types import SumKey, Sums
from crypto_api.reports.holding_movements import TRANSFERS, HoldingChange, Reason
from crypto_api.statements.types import Detail, Row, RowKind, Statement

ZERO = Decimal(0)
NAMES = {
    Reason.BROUGHT_IN: "Opening balances of wallets brought in",
    Reason.PURCHASES: "Purchases",
    Reason.RECEIPTS: "Receipts",
    Reason.REWARDS: "Rewards",
    Reason.EXCHANGED_IN: "Received in exchange for other crypto assets",
    Reason.TRANSFERS_IN: "Transfers from own wallets",
    Reason.CONVERTED_IN: "Changed into this form",
    Reason.UNIDENTIFIED_IN: "Received, not identified yet",
    Reason.OTHER_IN: "Other additions",
    Reason.PAYMENTS: "Payments",
    Reason.FEES: "Network fees",
    Reason.SALES: "Sales",
    Reason.EXCHANGED_OUT: "Given in exchange for other crypto assets",
    Reason.TRANSFERS_OUT: "Transfers to own wallets",
    Reason.CONVERTED_OUT: "Changed into another form",
    Reason.UNIDENTIFIED_OUT: "Sent, not identified yet",
    Reason.OTHER_OUT: "Other disposals",
    Reason.LOT_COSTS: "Cost by lots, where an entry has several reasons",
    Reason.CORRECTIONS: "Reversals of earlier entries",
    Reason.REVALUED: "Values changed by hand",
}
_ADDITIONS = tuple(NAMES)[: tuple(NAMES).index(Reason.PAYMENTS)]
_DISPOSALS = tuple(NAMES)[tuple(NAMES).index(Reason.PAYMENTS) : tuple(NAMES).index(Reason.CORRECTIONS)]
_OTHERS = (Reason.CORRECTIONS, Reason.REVALUED)
ADDITIONS, DISPOSALS = frozenset(map(str, _ADDITIONS)), frozenset(map(str, _DISPOSALS))
CLOSING_PARTS = frozenset({"opening", "additions", "disposals", "own_transfers", *map(str, _OTHERS), "realised", "unrealised"})
"""The rows whose sum a closing balance is."""
CUSTODY_NAME, NO_WALLET_NAME, NO_ASSET_NAME = "held by others", "all wallets together", "Without an asset"
TOTAL_NAME = "All crypto assets"


@dataclass(slots=True)
class Moved:
    """What a reason changed: quantity, cost, and fair value (what it was worth)."""

    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    value: Decimal = ZERO

    def add(self, quantity: Decimal, cost: Decimal, value: Decimal) -> None:
        self.quantity, self.cost = add_exactly([self.quantity, quantity]), add_exactly([self.cost, cost])
        self.value = add_exactly([self.value, value])


@dataclass(slots=True)
class Flow:
    """What happened in one place."""

    moved: dict[Reason, Moved] = field(default_factory=dict)
    realised: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Sent:
    """A transfer of one day between two places, or its end at one of them: not valued yet."""

    day: date
    place: SumKey
    other: SumKey
    reason: Reason


class Movements:
    """Gathers the changes of a period, in memory that grows with places and days, not with entries."""

    def __init__(self) -> None:
        self.flows: dict[SumKey, Flow] = {}
        self.sent: dict[Sent, Moved] = {}

    def add(self, change: HoldingChange) -> None:
        if change.other is not None:
            sent = Sent(change.day, change.place, change.other, change.reason)
            self.sent.setdefault(sent, Moved()).add(change.quantity, change.cost, ZERO)
            return
        flow = self.flows.setdefault(change.place, Flow())
        flow.moved.setdefault(change.reason, Moved()).add(change.quantity, change.cost, change.value)
        flow.realised = add_exactly([flow.realised, change.realised])

    def value_transfers(self, rates: Mapping[tuple[date, str], Decimal]) -> int:
        """At what the asset that was sent was worth on its day; at its cost where nobody knows, and how many those are."""
        unknown = 0
        for sent, moved in self.sent.items():
            out = sent.reason in (Reason.TRANSFERS_OUT, Reason.CONVERTED_OUT)
            asset = (sent.place if out else sent.other)[2]
            rate = rates.get((sent.day, asset or ""))
            unknown += rate is None and out
            worth = to_functional(multiply(moved.quantity, rate)) if rate is not None else moved.cost
            self.flows.setdefault(sent.place, Flow()).moved.setdefault(sent.reason, Moved()).add(moved.quantity, moved.cost, worth)
        return unknown


# ---- groups ----------------------------------------------------------------------------------------------------------------------

GroupKey = tuple[str, str, str]
"""Asset, account, wallet; the last two are empty where it is told by asset."""


@dataclass(slots=True)
class _Group:
    asset: str
    account_code: str
    wallet_id: str | None
    name: str
    opening: Moved = field(default_factory=Moved)
    closing: Moved = field(default_factory=Moved)
    moved: dict[Reason, Moved] = field(default_factory=dict)
    realised: Decimal = ZERO
    priced: bool = True

    @property
    def unrealised(self) -> Decimal:
        """By how much more the fair value is above the cost than it was, beside what transfers carried along: what is left of the fair value."""
        moved = [change.value.copy_negate() for change in self.moved.values()]
        return add_exactly([self.closing.value, self.opening.value.copy_negate(), *moved, self.realised.copy_negate()])

    def adds_up(self) -> bool:
        quantity = add_exactly([self.opening.quantity, *(moved.quantity for moved in self.moved.values())])
        cost = add_exactly([self.opening.cost, *(moved.cost for moved in self.moved.values())])
        return quantity == self.closing.quantity and cost == self.closing.cost


@dataclass(frozen=True, slots=True)
class Rolled:
    statement: Statement
    without_fair_value: tuple[str, ...]


def roll_forward(
    opening: Mapping[SumKey, Sums],
    closing: Mapping[SumKey, Sums],
    movements: Movements,
    rates: tuple[Mapping[str, Decimal], Mapping[str, Decimal]],
    detail: Detail,
    wallets: Mapping[str, str],
) -> Rolled:
    """`rates` at the beginning and at the end, by asset; `wallets` are names."""
    groups = _groups(opening, closing, movements, rates, detail, wallets)
    unpriced = {group.asset for group in groups if not group.priced}
    for group in groups:
        group.priced = group.asset not in unpriced
    told = [group for group in groups if _says(group)]
    rows = [*_total(told), *(row for group in told for row in _rows(group))]
    return Rolled(Statement(tuple(rows), balanced=all(group.adds_up() for group in groups)), tuple(sorted(unpriced)))


def _groups(
    opening: Mapping[SumKey, Sums],
    closing: Mapping[SumKey, Sums],
    movements: Movements,
    rates: tuple[Mapping[str, Decimal], Mapping[str, Decimal]],
    detail: Detail,
    wallets: Mapping[str, str],
) -> list[_Group]:
    found: dict[GroupKey, _Group] = {}

    def group_of(place: SumKey) -> _Group:
        account, wallet, asset = place[0], place[1] or "", place[2] or ""
        key = (asset, "", "") if detail is Detail.ASSET else (asset, account, wallet)
        if key not in found:
            found[key] = _Group(asset, account, place[1] if detail is Detail.WALLET else None, _name(key, detail, wallets))
        return found[key]

    for sums, known, end in ((opening, rates[0], "opening"), (closing, rates[1], "closing")):
        for place, sum_ in sorted(sums.items(), key=str):
            group, rate = group_of(place), known.get(place[2] or "")
            group.priced &= rate is not None or not sum_.quantity
            worth = to_functional(multiply(sum_.quantity, rate)) if rate is not None else ZERO
            if not place[2]:  # money on the account without an asset: it is worth what it says
                worth = add_exactly([sum_.debit, sum_.credit.copy_negate()])
            getattr(group, end).add(sum_.quantity, add_exactly([sum_.debit, sum_.credit.copy_negate()]), worth)
    for place, flow in sorted(movements.flows.items(), key=lambda item: str(item[0])):
        group = group_of(place)
        group.realised = add_exactly([group.realised, flow.realised])
        for reason, moved in flow.moved.items():
            group.moved.setdefault(reason, Moved()).add(moved.quantity, moved.cost, moved.value)
    if detail is Detail.ASSET:
        for group in found.values():
            _net_transfers(group)
    return sorted(found.values(), key=lambda group: (not group.asset, group.asset, group.account_code, group.name))


def _net_transfers(group: _Group) -> None:
    """Between places of one asset: as a whole nothing came and nothing went."""
    came, went = group.moved.get(Reason.TRANSFERS_IN), group.moved.get(Reason.TRANSFERS_OUT)
    if came is None or went is None:
        return
    went.add(came.quantity, came.cost, came.value)
    del group.moved[Reason.TRANSFERS_IN]
    if not (went.quantity or went.value):
        del group.moved[Reason.TRANSFERS_OUT]
        if went.cost:  # of a correction by lots, where the other half stands with another reason
            group.moved.setdefault(Reason.LOT_COSTS, Moved()).add(ZERO, went.cost, ZERO)


def _name(key: GroupKey, detail: Detail, wallets: Mapping[str, str]) -> str:
    asset, account, wallet = key
    name = asset or NO_ASSET_NAME
    if detail is Detail.ASSET:
        return name
    return f"{name} · {wallets.get(wallet, wallet) if wallet else NO_WALLET_NAME if account == '1100' else f'{CUSTODY_NAME} ({account})'}"


def _says(group: _Group) -> bool:
    ends = (group.opening.quantity, group.opening.cost, group.closing.quantity, group.closing.cost)
    return any(ends) or bool(group.moved) or bool(group.realised)


# ---- rows ------------------------------------------------------------------------------------------------------------------------


def _rows(group: _Group) -> list[Row]:
    def row(kind: RowKind, name: str, key: str, quantity: Decimal | None, cost: Decimal | None, value: Decimal | None, depth: int = 1) -> Row:
        amounts = (quantity, cost, value if group.priced else None)
        return Row(
            kind=kind, name=name, amounts=amounts, depth=depth, key=key, asset=group.asset, wallet_id=group.wallet_id, account_code=group.account_code
        )

    def of(moved: Moved) -> tuple[Decimal, Decimal, Decimal]:
        return moved.quantity, moved.cost, moved.value

    rows = [
        Row(kind=RowKind.HEADING, name=group.name, asset=group.asset, wallet_id=group.wallet_id),
        row(RowKind.LINE, "Opening", "opening", *of(group.opening)),
    ]
    for total, key, reasons in (("Additions", "additions", _ADDITIONS), ("Disposals", "disposals", _DISPOSALS)):
        some = [(reason, group.moved[reason]) for reason in reasons if reason in group.moved]
        rows += [row(RowKind.LINE, NAMES[reason], reason.value, *of(moved), depth=2) for reason, moved in some]
        if some:
            rows.append(row(RowKind.TOTAL, total, key, *_summed(moved for _, moved in some), depth=1))
    rows += [row(RowKind.LINE, NAMES[reason], reason.value, *of(group.moved[reason])) for reason in _OTHERS if reason in group.moved]
    if group.priced and group.realised:
        rows.append(row(RowKind.LINE, "Realised gains and losses", "realised", None, None, group.realised))
    if group.priced and group.unrealised:
        rows.append(row(RowKind.LINE, "Change in unrealised gains and losses", "unrealised", None, None, group.unrealised))
    return [*rows, row(RowKind.TOTAL, "Closing", "closing", *of(group.closing), depth=0)]


def _summed(moved: Iterable[Moved]) -> tuple[Decimal, Decimal, Decimal]:
    some = list(moved)
    return (
        add_exactly([one.quantity for one in some]),
        add_exactly([one.cost for one in some]),
        add_exactly([one.value for one in some]),
    )


def _total(groups: Sequence[_Group]) -> list[Row]:
    """Of all assets: no quantity, and the fair value of those that have one. Transfers between own places appear where something is left of them."""

    def row(kind: RowKind, name: str, key: str, cost: Decimal | None, value: Decimal | None, depth: int = 1) -> Row:
        return Row(kind=kind, name=name, amounts=(None, cost, value), depth=depth, key=key)

    def of(parts: Iterable[tuple[_Group, Moved]]) -> tuple[Decimal, Decimal]:
        some = list(parts)
        return add_exactly([moved.cost for _, moved in some]), add_exactly([moved.value for group, moved in some if group.priced])

    def moved(reasons: Iterable[Reason]) -> tuple[Decimal, Decimal]:
        return of((group, group.moved[reason]) for reason in reasons for group in groups if reason in group.moved)

    rows = [
        Row(kind=RowKind.HEADING, name=TOTAL_NAME),
        row(RowKind.LINE, "Opening", "opening", *of((group, group.opening) for group in groups)),
    ]
    for total, key, reasons in (("Additions", "additions", _ADDITIONS), ("Disposals", "disposals", _DISPOSALS)):
        some = [reason for reason in reasons if reason not in TRANSFERS and any(reason in group.moved for group in groups)]
        rows += [row(RowKind.LINE, NAMES[reason], reason.value, *moved([reason]), depth=2) for reason in some]
        if some:
            rows.append(row(RowKind.TOTAL, total, key, *moved(some)))
    if any(carried := moved(TRANSFERS)):
        rows.append(row(RowKind.LINE, "Transfers and changes of form", "own_transfers", *carried))
    rows += [row(RowKind.LINE, NAMES[reason], reason.value, *moved([reason])) for reason in _OTHERS if any(reason in group.moved for group in groups)]
    priced = [group for group in groups if group.priced]
    realised, unrealised = add_exactly([group.realised for group in priced]), add_exactly([group.unrealised for group in priced])
    rows.append(row(RowKind.LINE, "Realised gains and losses", "realised", None, realised))
    rows.append(row(RowKind.LINE, "Change in unrealised gains and losses", "unrealised", None, unrealised))
    rows.append(row(RowKind.TOTAL, "Closing", "closing", *of((group, group.closing) for group in groups), depth=0))
    gains = _by_asset(priced)
    rows.append(row(RowKind.LINE, "Gains of the period, asset by asset", "gains", None, add_exactly([gain for gain in gains if gain > 0])))
    rows.append(row(RowKind.LINE, "Losses of the period, asset by asset", "losses", None, add_exactly([gain for gain in gains if gain < 0])))
    return rows


def _by_asset(groups: Iterable[_Group]) -> list[Decimal]:
    """Realised and not, of each asset as a whole."""
    found: dict[str, list[Decimal]] = {}
    for group in groups:
        found.setdefault(group.asset, []).extend((group.realised, group.unrealised))
    return [add_exactly(parts) for parts in found.values()]


# ---- two periods -----------------------------------------------------------------------------------------------------------------

_IN_GROUP = (
    *("opening", *(reason.value for reason in _ADDITIONS), "additions", *(reason.value for reason in _DISPOSALS), "disposals", "own_transfers"),
    *(*(reason.value for reason in _OTHERS), "realised", "unrealised", "closing", "gains", "losses"),
)


def beside(now: Statement, before: Statement) -> Statement:
    """The rows of both, each with the amounts of the one and then of the other; what did not happen in one of them is zero there."""
    groups = [_by_key(statement) for statement in (now, before)]
    rows: list[Row] = []
    for heading in sorted({*groups[0], *groups[1]}):
        left, right = (part.get(heading, {}) for part in groups)
        rows.append(Row(kind=RowKind.HEADING, name=heading[4], asset=heading[5], wallet_id=heading[6] or None))
        for key in (key for key in _IN_GROUP if key in left or key in right):
            shown = left.get(key) or right[key]
            rows.append(shown.model_copy(update={"amounts": (*_amounts(left.get(key), shown), *_amounts(right.get(key), shown))}))
    return Statement(tuple(rows), now.balanced and before.balanced)


_Heading = tuple[bool, bool, str, str, str, str | None, str]


def _by_key(statement: Statement) -> dict[_Heading, dict[str, Row]]:
    """Rows by their keys, of each group; headings sort as groups stand: all assets first, money without an asset last."""
    found: dict[_Heading, dict[str, Row]] = {}
    group: dict[str, Row] = {}
    for at, row in enumerate(statement.rows):
        if row.kind is RowKind.HEADING:
            account = statement.rows[at + 1].account_code or ""
            group = found.setdefault((row.asset is not None, row.asset == "", row.asset or "", account, row.name, row.asset, row.wallet_id or ""), {})
        else:
            group[row.key] = row
    return found


def _amounts(row: Row | None, shown: Row) -> tuple[Decimal | None, ...]:
    return row.amounts if row is not None else tuple(None if amount is None else ZERO for amount in shown.amounts)
