"""The questions of the reader. Every figure leaves out what has no price, and names it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from crypto_api.kit.amounts import add_exactly, divide, multiply, to_functional
from crypto_api.kit.clock import to_milliseconds
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import HOLDING_ACCOUNTS, AccountCode
from crypto_api.portfolio import rules, store
from crypto_api.portfolio.store import Booked
from crypto_api.portfolio.types import (
    Excluded,
    Flow,
    History,
    HistoryPoint,
    HoldingMovement,
    Part,
    Performance,
    Position,
    Standing,
    Valued,
)
from crypto_api.prices import service as prices
from crypto_api.prices.types import Pricing, Quote
from crypto_api.reports.overview import Holding, holdings

ZERO = Decimal(0)
DAY_AGE_MAX_S = 86_400
"""At the end of a day a rate of that day counts, whatever its source says of its age at other times."""
TOGETHER = ("together", "Cost by lots of all wallets together")
"""A part of an allocation: what lots cost beside the averages of their wallets. It has a cost and no value."""
WITHIN = frozenset({AccountCode.GAINS, AccountCode.LOSSES, AccountCode.NETWORK_FEES, AccountCode.REWARDS})
"""Accounts whose lines are what the portfolio did by itself: everything else that stands against a holding is a flow from or to outside."""


async def cost_of_holdings(org_id: str) -> list[Holding]:
    """Quantity and cost of everything that is held, by wallet and asset: the one place from which the reader takes cost."""
    return await holdings(org_id)


# ---- at a moment -----------------------------------------------------------------------------------------------------------------


async def standing_now(org_id: str, currency: str, now: datetime, pricing: Pricing) -> Standing:
    rows = await cost_of_holdings(org_id)
    rates = await prices.kept_rates(org_id, {row.asset for row in rows}, currency, now, pricing)
    return _standing(now, rows, rates, await store.without_cost(org_id))


async def standing_at(org_id: str, currency: str, at: datetime, pricing: Pricing) -> Standing:
    """As it was then, as it is known now: today's holdings walked back through what was booked since."""
    entries, _ = await store.booked_since(org_id, at)
    undone: dict[tuple[str | None, str], list[tuple[Decimal, Decimal]]] = defaultdict(list)
    for row in await cost_of_holdings(org_id):
        undone[row.wallet_id, row.asset].append((row.quantity, row.cost))
    for entry in entries:
        for line in entry.lines:
            if line.holds and line.asset is not None:
                undone[line.wallet_id, line.asset].append((line.quantity.copy_negate(), line.amount.copy_negate()))
    rows = [
        Holding(wallet_id, asset, add_exactly([quantity for quantity, _ in parts]), add_exactly([cost for _, cost in parts]))
        for (wallet_id, asset), parts in undone.items()
    ]
    rows = [row for row in rows if row.quantity != 0 or (row.wallet_id is None and row.cost != 0)]
    (rates,) = await prices.kept_series(org_id, {row.asset for row in rows}, currency, [at], pricing, age_max_s=DAY_AGE_MAX_S)
    return _standing(at, rows, rates, await store.without_cost(org_id))


def _standing(at: datetime, rows: Sequence[Holding], rates: Mapping[str, Quote], without_cost: set[str]) -> Standing:
    by_asset: dict[str, list[Holding]] = defaultdict(list)
    for row in rows:
        by_asset[row.asset].append(row)
    quantities = {asset: add_exactly([row.quantity for row in some]) for asset, some in by_asset.items()}
    quantities = {asset: quantity for asset, quantity in quantities.items() if quantity != 0}
    values = {asset: to_functional(multiply(quantity, rates[asset].rate)) for asset, quantity in quantities.items() if asset in rates}
    total = add_exactly(list(values.values()))
    positions = []
    for asset, quantity in quantities.items():
        cost, value = add_exactly([row.cost for row in by_asset[asset]]), values.get(asset)
        positions.append(
            Position(
                asset=asset,
                quantity=quantity,
                cost=cost,
                quote=rates.get(asset),
                value=value,
                cost_known=asset not in without_cost,
                unrealised=None if value is None or asset in without_cost else add_exactly([value, cost.copy_negate()]),
                share=divide(value, total) if value is not None and total > 0 else None,
                wallets=len({row.wallet_id for row in by_asset[asset]} - {None}),
            )
        )
    positions.sort(key=lambda position: (position.value is None, -(position.value or ZERO), position.asset))
    whole = [position for position in positions if position.unrealised is not None]
    oldest = min((rates[asset].at for asset in values), default=None)
    unrealised = add_exactly([position.unrealised for position in whole if position.unrealised is not None])
    return Standing(at, total, add_exactly([position.cost for position in whole]), unrealised, positions, oldest)


async def allocation(org_id: str, currency: str, now: datetime, pricing: Pricing, names: Mapping[str, tuple[str, str]]) -> list[Part]:
    """By what `names` says of a wallet: (key, name), with the empty string for what others hold for us. Greatest value first."""
    rows = await cost_of_holdings(org_id)
    rates = await prices.kept_rates(org_id, {row.asset for row in rows}, currency, now, pricing)
    groups: dict[tuple[str, str], list[Holding]] = defaultdict(list)
    for row in rows:
        key = names.get(row.wallet_id or "", (row.wallet_id or "", row.wallet_id or "Held by others"))
        groups[TOGETHER if row.quantity == 0 else key].append(row)
    return _parts(groups, rates)


def parts_by_asset(standing: Standing) -> list[Part]:
    """Priced ones first."""
    parts = []
    for row in standing.positions:
        priced = row.value is not None
        parts.append(Part(row.asset, row.asset, row.value or ZERO, row.cost if priced else ZERO, row.share, () if priced else (row.asset,)))
    return parts


def _parts(groups: Mapping[tuple[str, str], Sequence[Holding]], rates: Mapping[str, Quote]) -> list[Part]:
    worth = {
        key: [to_functional(multiply(row.quantity, rates[row.asset].rate)) for row in rows if row.asset in rates] for key, rows in groups.items()
    }
    total = add_exactly([value for values in worth.values() for value in values])
    parts = [
        Part(
            key=key[0],
            name=key[1],
            value=add_exactly(worth[key]),
            cost=add_exactly([row.cost for row in rows if row.asset in rates]),
            share=divide(add_exactly(worth[key]), total) if total > 0 else None,
            unpriced=tuple(sorted({row.asset for row in rows if row.asset not in rates})),
        )
        for key, rows in groups.items()
    ]
    return sorted(parts, key=lambda part: (-part.value, part.name))


def movements_of(entry: JournalEntry, asset: str, wallet_id: str | None) -> list[HoldingMovement]:
    """An entry that moved the asset twice has two."""
    return [
        HoldingMovement(
            entry_id=entry.id,
            date=entry.date,
            description=entry.description,
            wallet_id=line.wallet_id,
            account_code=line.account_code,
            quantity=line.quantity,
            cost=line.debit or line.credit.copy_negate(),
            unpriced=entry.unpriced,
            transaction_id=entry.transaction_id,
            transaction_hash=entry.transaction_hash,
        )
        for line in entry.lines
        if line.account_code in HOLDING_ACCOUNTS and line.asset == asset and line.quantity is not None and wallet_id in (None, line.wallet_id)
    ]


# ---- over time -------------------------------------------------------------------------------------------------------------------


async def history(org_id: str, currency: str, since: datetime, until: datetime, zone: ZoneInfo, pricing: Pricing) -> History:
    """Value, cost and flows at the end of each day, and at both ends."""
    line = await _Timeline.read(org_id, currency, since, until, zone, pricing)
    if line is None:
        return History([], (), since, False)
    points, without_cost = [], await store.without_cost(org_id)
    for position, at in enumerate(line.moments):
        held, rates = line.held[position], line.rates[position]
        priced = {asset: quantity for asset, (quantity, _) in held.items() if quantity != 0 and asset in rates}
        points.append(
            HistoryPoint(
                at=at,
                value=add_exactly([to_functional(multiply(quantity, rates[asset].rate)) for asset, quantity in priced.items()]),
                cost=add_exactly([held[asset][1] for asset in priced if asset not in without_cost]),
                flows=add_exactly([flow.amount for flow in line.flows(frozenset(), position)]),
                unpriced=tuple(sorted(asset for asset, (quantity, _) in held.items() if quantity != 0 and asset not in rates)),
            )
        )
    moved = {asset for held in line.held for asset in held}
    return History(points, tuple(sorted(without_cost & moved)), line.moments[0], line.cut)


async def performance(org_id: str, currency: str, since: datetime, until: datetime, zone: ZoneInfo, pricing: Pricing) -> Performance | None:
    """None where the books begin after the period. An asset without a price at either end at which it is held, or that moved at a value which nobody
    knows, is left out whole, and named."""
    line = await _Timeline.read(org_id, currency, since, until, zone, pricing)
    if line is None:
        return None
    excluded = line.excluded()
    left_out = frozenset(excluded)
    valuations = [valued for position in range(len(line.moments)) if (valued := line.valued(position, left_out)) is not None]
    flows = [flow for position in range(len(line.moments)) for flow in line.flows(left_out, position)]
    start, end = line.valued(0, left_out), line.valued(len(line.moments) - 1, left_out)
    assert start is not None and end is not None, "what has no price at an end is left out"
    net = add_exactly([flow.amount for flow in flows])
    return Performance(
        since=start.at,
        until=end.at,
        start_value=start.value,
        end_value=end.value,
        net_flows=net,
        gain=add_exactly([end.value, start.value.copy_negate(), net.copy_negate()]),
        realised=line.booked_on({AccountCode.GAINS, AccountCode.LOSSES}).copy_negate(),
        fees=line.booked_on({AccountCode.NETWORK_FEES}),
        rewards=line.booked_on({AccountCode.REWARDS}).copy_negate(),
        time_weighted=rules.time_weighted(valuations, flows),
        money_weighted=rules.money_weighted(start, end, flows),
        days=(end.at - start.at).days,
        valued_moments=len(valuations),
        moments=len(line.moments),
        excluded=[Excluded(asset, reason) for asset, reason in sorted(excluded.items())],
        cut=line.cut,
    )


class _Timeline:
    """What was held at each of many moments, at which rates, and what was booked in between."""

    def __init__(self, moments: Sequence[datetime], entries: Sequence[Booked], held_at_end: Mapping[str, tuple[Decimal, Decimal]], cut: bool) -> None:
        self.moments, self.cut = list(moments), cut
        self.entries = [entry for entry in entries if moments[0] < entry.at <= moments[-1]]
        self._between: list[list[Booked]] = [[] for _ in moments]  # those after the moment before, up to this one
        position = 0
        for entry in self.entries:
            while entry.at > moments[position]:
                position += 1
            self._between[position].append(entry)
        self.held = self._walked_back(held_at_end)
        self.rates: list[dict[str, Quote]] = []

    @classmethod
    async def read(cls, org_id: str, currency: str, since: datetime, until: datetime, zone: ZoneInfo, pricing: Pricing) -> "_Timeline | None":
        begin = await store.first_moment(org_id)
        if begin is None or begin > until:
            return None
        since = max(since, begin - timedelta(milliseconds=1))
        entries, cut = await store.booked_since(org_id, since)
        if cut:
            since = entries[0].at
        now_held: dict[str, list[tuple[Decimal, Decimal]]] = defaultdict(list)
        for row in await cost_of_holdings(org_id):
            now_held[row.asset].append((row.quantity, row.cost))
        for entry in entries:
            if entry.at > until:
                for booked in entry.lines:
                    if booked.holds and booked.asset is not None:
                        now_held[booked.asset].append((booked.quantity.copy_negate(), booked.amount.copy_negate()))
        held = {asset: _summed(parts) for asset, parts in now_held.items()}
        line = cls(rules.last_of_days(since, until, _midnights(since, until, zone)), entries, held, cut)
        assets = {asset for some in line.held for asset in some}
        line.rates = await prices.kept_series(org_id, assets, currency, line.moments, pricing, age_max_s=DAY_AGE_MAX_S)
        return line

    def _walked_back(self, held_at_end: Mapping[str, tuple[Decimal, Decimal]]) -> list[dict[str, tuple[Decimal, Decimal]]]:
        found = [dict(held_at_end)]
        for entries in reversed(self._between[1:]):
            changes: dict[str, list[tuple[Decimal, Decimal]]] = defaultdict(list)
            for entry in entries:
                for line in entry.lines:
                    if line.holds and line.asset is not None:
                        changes[line.asset].append((line.quantity.copy_negate(), line.amount.copy_negate()))
            held = dict(found[-1])
            for asset, parts in changes.items():
                held[asset] = _summed([held.get(asset, (ZERO, ZERO)), *parts])
            found.append(held)
        return found[::-1]

    def valued(self, position: int, left_out: frozenset[str]) -> Valued | None:
        """None where something that is held and not left out has no rate."""
        held = {asset: quantity for asset, (quantity, _) in self.held[position].items() if quantity != 0 and asset not in left_out}
        rates = self.rates[position]
        if any(asset not in rates for asset in held):
            return None
        return Valued(self.moments[position], add_exactly([to_functional(multiply(quantity, rates[asset].rate)) for asset, quantity in held.items()]))

    def flows(self, left_out: frozenset[str], position: int) -> list[Flow]:
        """From and to outside, since the moment before. Lines of what is left out are left out."""
        found = []
        for entry in self._between[position]:
            outside = [line.amount for line in entry.lines if not line.holds and line.account_code not in WITHIN and line.asset not in left_out]
            held = [line for line in entry.lines if line.holds]
            if held and not all(line.asset in left_out for line in held) and (amount := add_exactly(outside).copy_negate()) != 0:
                found.append(Flow(entry.at, amount))
        return found

    def booked_on(self, codes: Iterable[str]) -> Decimal:
        wanted = frozenset(codes)
        return add_exactly([line.amount for entry in self.entries for line in entry.lines if line.account_code in wanted])

    def excluded(self) -> dict[str, str]:
        """By asset, why it is left out. An entry whose flow cannot be told apart by asset takes its other assets along."""
        found: dict[str, str] = {}
        for position, where in ((len(self.moments) - 1, "at the end"), (0, "at the beginning")):
            for asset, (quantity, _) in self.held[position].items():
                if quantity != 0 and asset not in self.rates[position]:
                    found.setdefault(asset, f"it has no price {where} of the period")
        for entry in self.entries:
            if entry.unpriced and not any(line.account_code in (AccountCode.GAINS, AccountCode.LOSSES) for line in entry.lines):
                found |= {
                    line.asset: "it moved at a value that nobody knows"
                    for line in entry.lines
                    if line.holds and line.asset not in found and line.asset
                }
        while more := self._taken_along(found):
            found |= more
        return found

    def _taken_along(self, found: Mapping[str, str]) -> dict[str, str]:
        more: dict[str, str] = {}
        for entry in self.entries:
            assets = {line.asset for line in entry.lines if line.holds and line.asset}
            mixed = any(not line.holds and line.asset is None and line.account_code not in WITHIN for line in entry.lines)
            if mixed and assets & found.keys() and assets - found.keys():
                more |= dict.fromkeys(assets - found.keys(), "it moved in one entry with what is left out")
        return more


def _summed(parts: Iterable[tuple[Decimal, Decimal]]) -> tuple[Decimal, Decimal]:
    some = list(parts)
    return add_exactly([quantity for quantity, _ in some]), add_exactly([cost for _, cost in some])


def _midnights(since: datetime, until: datetime, zone: ZoneInfo) -> list[datetime]:
    """The end of each day in the organisation's zone; of each week where there are more than three years of them."""
    first = since.astimezone(zone).date()
    count = (until.astimezone(zone).date() - first).days
    step = 1 if count <= 1_100 else 7
    return [to_milliseconds(datetime.combine(first + timedelta(days=day), datetime.min.time(), zone)) for day in range(1, count + 1, step)]
