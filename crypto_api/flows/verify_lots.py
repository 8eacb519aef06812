"""The lots of an organisation, made anew from its entries, against what is kept: quantities of every place, what is open in every pool, and the open
lots at the beginning of months and as they stand."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from crypto_api.flows.settle_lots import is_settled, plan_corrections
from crypto_api.kit.amounts import text, to_units
from crypto_api.ledger import store as ledger_store
from crypto_api.ledger.types import AccountCode
from crypto_api.lots import service as policies
from crypto_api.lots import store
from crypto_api.lots.kept import in_line, lines_of, sums_of
from crypto_api.lots.rules import History, pool_of
from crypto_api.lots.types import QUANTITY_PLACES, PoolRow
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import Organization
from crypto_api.reports.lot_events import place_of_balance, read_lot_events
from mongodb_config.unit_of_work import Session, UnitOfWork

_PLACES = frozenset({AccountCode.CRYPTO, AccountCode.CUSTODY})


@dataclass(frozen=True)
class LotFailure:
    subject: str
    detail: str
    expected: str
    found: str


@dataclass(frozen=True)
class LotsVerified:
    """`lots` are open."""

    events: int
    lots: int
    checkpoints: int
    failure: LotFailure | None = None


async def verify_lots(uow: UnitOfWork, org_id: str) -> LotsVerified:
    """Stops at the first failure."""
    organization = await organizations.get(org_id)
    if organization is None:
        return LotsVerified(0, 0, 0)
    found = await uow.run(lambda session: _quantities(session, organization))
    if found.failure is not None:
        return found
    return await _checkpoints(organization, found)


async def _quantities(session: Session, organization: Organization) -> LotsVerified:
    """In one snapshot."""
    org_id = organization.id
    policy = await policies.current(org_id, organization.created_at, session)
    history, book = await read_lot_events(org_id, organization.time_zone, session), History(policies.rules_of(policy))
    missing: dict[str, int] = {}
    for event in history.events:
        outcome = book.apply(event)
        if outcome is not None and outcome.missing:
            missing[event.place] = missing.get(event.place, 0) + outcome.missing
    lots = sum(len(pool.open_lots()) for pool in book.pools.values())
    kept = {place_of_balance(row): row.quantity for row in await ledger_store.balances(org_id, session) if row.account_code in _PLACES and row.asset}
    for place in sorted(kept.keys() | book.held.keys()):
        expected, quantity = to_units(book.held.get(place, 0), QUANTITY_PLACES), kept.get(place, Decimal(0))
        if expected != quantity:
            detail = "The kept quantity is not what acquisitions, disposals and transfers leave."
            return LotsVerified(len(history.events), lots, 0, LotFailure(place, detail, text(expected), text(quantity)))
    if len(policy.rules) == 1 and (failure := _pools(book, missing)) is not None:
        return LotsVerified(len(history.events), lots, 0, failure)
    return LotsVerified(len(history.events), lots, 0)


def _pools(book: History, missing: dict[str, int]) -> LotFailure | None:
    """Lots that are open, less what went out and never came in, are what is held."""
    held: dict[str, int] = {}
    for place in book.held.keys() | missing.keys():
        key = pool_of(place, book.scope)
        held[key] = held.get(key, 0) + book.held.get(place, 0) + missing.get(place, 0)
    for key, quantity in sorted(held.items()):
        left = sum(lot.left for lot in book.pools[key].open_lots()) if key in book.pools else 0
        if left != quantity:
            detail = "The open lots do not hold what the place does."
            return LotFailure(key, detail, text(to_units(quantity, QUANTITY_PLACES)), text(to_units(left, QUANTITY_PLACES)))
    return None


async def _checkpoints(organization: Organization, found: LotsVerified) -> LotsVerified:
    """Compared only while nothing waits to be settled: what is kept is then what a rebuild makes."""
    org_id = organization.id
    policy = await policies.current(org_id, organization.created_at)
    kept, pools = {row.day: row for row in await store.checkpoints(org_id)}, await store.lot_pools(org_id)
    if not (kept or pools) or not await is_settled(organization, policy):
        return found
    plan = await plan_corrections(organization, policies.rules_of(policy), policy.rules_version, None, organization.created_at)
    for row in plan.checkpoints:
        known = kept.get(row.day)
        if known is not None and known.short is not None and (known.pools, known.held, known.short) != (row.pools, row.held, row.short):
            detail = "The open lots that are kept for this day are not what the entries make."
            return LotsVerified(
                found.events, found.lots, 0, LotFailure(row.day.isoformat(), detail, f"{len(row.pools)} pools", f"{len(known.pools)} pools")
            )
    if (failure := await _standing(org_id, pools, plan.book)) is not None:
        return LotsVerified(found.events, found.lots, 0, failure)
    return LotsVerified(found.events, found.lots, len(kept))


async def _standing(org_id: str, before: Mapping[str, PoolRow], book: History) -> LotFailure | None:
    """The pools from which the next booking goes on. Nothing is said where one was booked meanwhile."""
    pages, rows = await store.all_lot_pages(org_id), await store.lot_pools(org_id)
    if {key: row.version for key, row in rows.items()} != {key: row.version for key, row in before.items()}:
        return None
    for key in sorted(rows.keys() | pages.keys() | book.pools.keys()):
        pool, row = book.pools.get(key), rows.get(key)
        expected = (sorted(lines_of(pool).items()), *sums_of(pool)) if pool is not None else None
        found = (in_line(row, pages.get(key, {})), row.quantity, row.cost) if row is not None else None
        if expected != found or found is None:
            detail = "The lots from which the next booking would go on are not what the entries make."
            return LotFailure(key, detail, *(f"{len(one[0])} lots" if one is not None else "no pool" for one in (expected, found)))
    return None
