"""Wallets: list, rename, watch or not, remove; through the same services as the API. They are added in views_wallet_add.py."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.rows import links_of
from crypto_api.kit.amounts import add_exactly, multiply
from crypto_api.kit.errors import NotFound
from crypto_api.organizations.types import Permission
from crypto_api.reports import activity, overview
from crypto_api.wallets import service as wallets
from crypto_api.wallets import store
from crypto_api.wallets.documents import Opening, Wallet, WalletType
from crypto_api.wallets.types import ACTIVE_MAX, WalletChanges

NAME_MAX = 80
TYPE_NAMES = {
    WalletType.WATCH: "Watch only",
    WalletType.PRIVATE_KEY: "Stored key",
    WalletType.METAMASK: "Browser wallet",
    WalletType.HARDWARE: "Hardware wallet",
}
FLASHES = {
    "added": "The wallet was added.",
    "saved": "Saved.",
    "removed": "The wallet was removed. Its history stays in the books.",
    "watching": "Watching changed.",
}


@dataclass(frozen=True, slots=True)
class AssetRow:
    asset: str
    quantity: Decimal
    value: Decimal | None


@dataclass(frozen=True, slots=True)
class WalletRow:
    wallet: Wallet
    type_name: str
    network_name: str
    link: str
    assets: list[AssetRow]
    total: Decimal | None  # None: something in it has no price
    last_activity: datetime | None

    @property
    def watching(self) -> str:
        if not self.wallet.monitoring_enabled:
            return "paused"
        return "opening" if self.wallet.opening is Opening.DUE else "watching"


@page(Permission.WALLETS_READ)
async def list_page(visit: Visit) -> HttpResponse:
    values = await _rows(visit)
    return visit.render("wallets/list.html", values | {"flash": FLASHES.get(visit.request.GET.get("done", ""), "")})


@page(Permission.WALLETS_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("wallets/rows.html", await _rows(visit))


async def _rows(visit: Visit) -> dict[str, object]:
    found = await store.active(visit.org_id)
    held = await overview.holdings(visit.org_id)
    currency = visit.organization.functional_currency
    rates = await overview.latest_rates(visit.org_id, {holding.asset for holding in held}, currency, visit.runtime.clock.now(), visit.pricing)
    moved = await activity.last_activity(visit.org_id, [wallet.id for wallet in found])
    return {"rows": [_row(visit, wallet, held, rates, moved.get(wallet.id)) for wallet in found], "wallets_max": ACTIVE_MAX}


def _row(visit: Visit, wallet: Wallet, held: list[overview.Holding], rates: dict[str, overview.Rate], moved: datetime | None) -> WalletRow:
    assets = [
        AssetRow(holding.asset, holding.quantity, multiply(holding.quantity, rates[holding.asset].rate) if holding.asset in rates else None)
        for holding in held
        if holding.wallet_id == wallet.id
    ]
    assets.sort(key=lambda row: (row.value is None, -(row.value or Decimal(0)), row.asset))
    values = [row.value for row in assets if row.value is not None]
    network = visit.runtime.networks.get(wallet.network)
    return WalletRow(
        wallet=wallet,
        type_name=TYPE_NAMES[wallet.wallet_type],
        network_name=network.name if network else wallet.network,
        link=links_of(visit.runtime.networks, wallet.network).address(wallet.address),
        assets=assets,
        total=add_exactly(values) if len(values) == len(assets) else None,
        last_activity=moved,
    )


def name_problem(name: str) -> dict[str, str]:
    if not name:
        return {"name": "is needed"}
    return {"name": f"has more than {NAME_MAX} characters"} if len(name) > NAME_MAX else {}


@page(Permission.WALLETS_WRITE)
async def edit_page(visit: Visit, wallet_id: str) -> HttpResponse:
    wallet = await _wallet(visit, wallet_id)
    name, errors = wallet.name, {}
    if visit.request.method == "POST":
        name = visit.request.POST.get("name", "").strip()
        errors = name_problem(name)
        if not errors:
            await _change(visit, wallet_id, WalletChanges(name=name))
            return to_list("saved")
    row = _row(visit, wallet, [], {}, None)
    values: dict[str, object] = {"row": row, "name": name, "errors": errors}
    return visit.render("wallets/edit.html", values, status=422 if errors else 200)


@page(Permission.WALLETS_WRITE)
async def monitor(visit: Visit, wallet_id: str) -> HttpResponse:
    _only_post(visit.request)
    await _change(visit, wallet_id, WalletChanges(monitoring_enabled=visit.request.POST.get("enabled") == "true"))
    return to_list("watching")


@page(Permission.WALLETS_WRITE)
async def remove(visit: Visit, wallet_id: str) -> HttpResponse:
    _only_post(visit.request)
    try:
        await wallets.delete(visit.runtime.uow, visit.runtime.clock, visit.org_id, wallet_id)
    except NotFound as error:
        raise Http404 from error
    return to_list("removed")


async def _change(visit: Visit, wallet_id: str, changes: WalletChanges) -> None:
    try:
        await wallets.update(visit.runtime.uow, visit.runtime.clock, visit.org_id, wallet_id, changes)
    except NotFound as error:
        raise Http404 from error


async def _wallet(visit: Visit, wallet_id: str) -> Wallet:
    wallet = await store.get(visit.org_id, wallet_id)
    if wallet is None:
        raise Http404
    return wallet


def _only_post(request: HttpRequest) -> None:
    if request.method != "POST":
        raise Http404


def to_list(done: str) -> HttpResponse:
    return redirect(f"/wallets/?{urlencode({'done': done})}")
