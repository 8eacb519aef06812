"""The worklist of what stands in the books without a price or a cost: what it is, why, what was tried, and when last. It is drawn from the inbox,
whose items open and close by what is true."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crypto_api.inbox import store as inbox
from crypto_api.inbox.documents import InboxItem
from crypto_api.inbox.types import OPEN_STATES, ItemKind
from crypto_api.kit.paging import Page, PageRequest
from crypto_api.organizations import store as organizations
from crypto_api.prices import store as prices
from crypto_api.prices.documents import PriceGap
from crypto_api.transactions import store as transactions

KINDS = (ItemKind.MISSING_PRICE, ItemKind.MISSING_COST)


@dataclass(frozen=True)
class Unpriced:
    item: InboxItem
    assets: tuple[str, ...]  # without a price; empty where it is the cost that is missing
    at: datetime | None  # when the price is wanted for; None: at the block at which a wallet's books were opened
    gaps: tuple[PriceGap, ...]  # what was tried, for each asset that was asked for


async def page_of_unpriced(org_id: str, kind: ItemKind | None, request: PageRequest) -> Page[Unpriced]:
    """Of one organisation, latest first."""
    where: dict[str, Any] = {"state": {"$in": sorted(OPEN_STATES)}, "kind": {"$in": [kind] if kind is not None else sorted(KINDS)}}
    found = await inbox.page(org_id, where, request)
    return Page(await _told(org_id, found.items), found.next_cursor, found.total)


async def _told(org_id: str, items: Sequence[InboxItem]) -> list[Unpriced]:
    organization = await organizations.get(org_id)
    currency = organization.functional_currency if organization is not None else ""
    rows = await transactions.by_ids(org_id, [item.subject_id for item in items if item.subject_kind == "transaction"])
    times = {row.id: row.timestamp for row in rows}
    wanted = {item.id: tuple((asset, currency, times[item.subject_id]) for asset in _assets(item) if item.subject_id in times) for item in items}
    gaps = await prices.gaps(org_id, [key for keys in wanted.values() for key in keys])
    return [Unpriced(item, _assets(item), times.get(item.subject_id), tuple(gaps[key] for key in wanted[item.id] if key in gaps)) for item in items]


def _assets(item: InboxItem) -> tuple[str, ...]:
    return tuple(item.facts.get("assets", "").split())
