"""The roll-forward of crypto assets of an organisation: balances of two days and the entries between them, in one snapshot of the books, valued by
the prices that are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from crypto_api.kit.clock import to_milliseconds
from crypto_api.kit.errors import InvalidInput
from crypto_api.ledger import seal_store
from crypto_api.ledger import store as ledger
from crypto_api.ledger.types import AsOf, SumKey, Sums
from crypto_api.organizations.documents import Organization
from crypto_api.prices import service as prices
from crypto_api.prices.types import Pricing, Quote
from crypto_api.reports.holding_movements import TRANSFERS, HoldingChange, HoldingChart, Reason, holding_changes
from crypto_api.statements.roll_forward import ADDITIONS, DISPOSALS, Movements, roll_forward
from crypto_api.statements.types import Asked, Detail, PriceUsed, Row, Statement
from crypto_api.wallets import store as wallets
from mongodb_config.unit_of_work import Session, UnitOfWork

END_OF_DAY_AGE_MAX_S = 86_400
"""A price of the day stands for its end, whatever its source says of its age at other times."""
ROWS_MAX = 20_000  # of a statement: beyond, a document would be too large
SHOWN_MAX = 500


@dataclass(frozen=True, slots=True)
class RolledForward:
    statement: Statement
    prices: Sequence[PriceUsed]
    without_fair_value: Sequence[str]


@dataclass
class _Read:
    opening: Mapping[SumKey, Sums]
    closing: Mapping[SumKey, Sums]
    movements: Movements = field(default_factory=Movements)


async def roll(uow: UnitOfWork, organization: Organization, asked: Asked, pricing: Pricing, now: datetime) -> RolledForward:
    """InvalidInput where it would have too many rows."""
    assert asked.first is not None, "a roll-forward is of a period"
    org_id, first, last = organization.id, asked.first, asked.last
    chart = HoldingChart(await ledger.accounts(org_id))
    read = await uow.run(lambda session: _read(session, org_id, chart, first, last, asked.known_at))
    zone, currency = ZoneInfo(organization.time_zone), organization.functional_currency
    ends = [min(_end_of(first - timedelta(days=1), zone), now), min(_end_of(last, zone), now)]
    assets = {asset for sums in (read.opening, read.closing) for (_, _, asset), part in sums.items() if asset and part.quantity}
    quotes = await prices.kept_series(org_id, assets, currency, ends, pricing, age_max_s=END_OF_DAY_AGE_MAX_S)
    read.movements.value_transfers(await _rates_of_transfers(org_id, read.movements, asked.detail, currency, zone, now, pricing))
    rates = tuple({asset: quote.rate for asset, quote in told.items()} for told in quotes)
    names = {wallet.id: wallet.name for wallet in await wallets.by_ids(org_id, sorted(_wallets_in(read)))}
    rolled = roll_forward(read.opening, read.closing, read.movements, (rates[0], rates[1]), asked.detail, names)
    if len(rolled.statement.rows) > ROWS_MAX:
        raise InvalidInput.of("by", f"would have more than {ROWS_MAX:,} rows: ask for a shorter period, or by asset", "too_many_rows")
    used = [
        *_prices_used(first - timedelta(days=1), quotes[0], read.opening),
        *_prices_used(last, quotes[1], read.closing),
    ]
    return RolledForward(rolled.statement, used, rolled.without_fair_value)


async def _read(session: Session, org_id: str, chart: HoldingChart, first: date, last: date, known_at: datetime | None) -> _Read:
    before = AsOf(at=first - timedelta(days=1), known_at=known_at)
    read = _Read(
        await seal_store.sums(session, org_id, before, account_codes=chart.codes),
        await seal_store.sums(session, org_id, AsOf(at=last, known_at=known_at), account_codes=chart.codes),
    )
    async for change in holding_changes(session, org_id, chart, first, last, known_at):
        read.movements.add(change)
    return read


async def _rates_of_transfers(
    org_id: str, movements: Movements, detail: Detail, currency: str, zone: ZoneInfo, now: datetime, pricing: Pricing
) -> dict[tuple[date, str], Decimal]:
    """By day and asset. Told by asset, a transfer of one asset is nothing, whatever it is worth: only changes of form are asked for."""
    wanted: dict[date, set[str]] = {}
    for sent in movements.sent:
        asset = (sent.place if sent.reason in (Reason.TRANSFERS_OUT, Reason.CONVERTED_OUT) else sent.other)[2]
        if asset and (detail is Detail.WALLET or sent.reason in (Reason.CONVERTED_IN, Reason.CONVERTED_OUT)):
            wanted.setdefault(sent.day, set()).add(asset)
    days = sorted(wanted)
    times = [min(_end_of(day, zone), now) for day in days]
    assets = {asset for some in wanted.values() for asset in some}
    quotes = await prices.kept_series(org_id, assets, currency, times, pricing, age_max_s=END_OF_DAY_AGE_MAX_S)
    return {(day, asset): quote.rate for day, told in zip(days, quotes, strict=True) for asset, quote in told.items()}


def _wallets_in(read: _Read) -> set[str]:
    places = [*read.opening, *read.closing, *read.movements.flows]
    return {wallet for _, wallet, _ in places if wallet}


def _prices_used(day: date, quotes: Mapping[str, Quote], held: Mapping[SumKey, Sums]) -> list[PriceUsed]:
    """Of what was held then."""
    assets = {asset for (_, _, asset), part in held.items() if asset and part.quantity}
    return [
        PriceUsed(asset=asset, day=day, rate=quote.rate, source=quote.source.value, origin=quote.origin, at=quote.at)
        for asset, quote in sorted(quotes.items())
        if asset in assets
    ]


def _end_of(day: date, zone: ZoneInfo) -> datetime:
    return to_milliseconds(datetime.combine(day + timedelta(days=1), datetime.min.time(), zone))


# ---- what a row consists of ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Behind:
    """The lines that a row of a roll-forward sums, latest first; `more`: there are others that are not shown."""

    changes: Sequence[HoldingChange]
    more: int


async def changes_behind(uow: UnitOfWork, org_id: str, asked: Asked, row: Row) -> Behind:
    """As the books were known then: the same lines for ever."""
    assert asked.first is not None, "a roll-forward is of a period"
    chart, (first, last) = HoldingChart(await ledger.accounts(org_id)), (asked.first, asked.last)

    async def read(session: Session) -> list[HoldingChange]:
        found = holding_changes(session, org_id, chart, first, last, asked.known_at)
        return [change async for change in found if _stands_behind(row, change, asked.detail)]

    changes = sorted(await uow.run(read), key=lambda change: (change.day, change.entry_id), reverse=True)
    return Behind(changes[:SHOWN_MAX], max(len(changes) - SHOWN_MAX, 0))


def _stands_behind(row: Row, change: HoldingChange, detail: Detail) -> bool:
    account, wallet, asset = change.place
    if row.asset is not None and (asset or "") != row.asset:
        return False
    if detail is Detail.WALLET and row.asset is not None and (account, wallet) != (row.account_code, row.wallet_id):
        return False
    if row.key == "realised":
        return bool(change.realised)
    if row.key == "own_transfers":
        return change.reason in TRANSFERS
    groups = {"additions": ADDITIONS, "disposals": DISPOSALS}
    return row.key == "closing" or change.reason.value in groups.get(row.key, (row.key,))
