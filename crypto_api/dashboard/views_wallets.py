"""Wallets: list, add, rename, watch or not, remove; through the same services as the API."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from urllib.parse import urlencode

import orjson
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from crypto_api.adapters.key_parcel import make_parcel
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.rows import links_of
from crypto_api.kit.amounts import add_exactly, multiply
from crypto_api.kit.errors import Conflict, InvalidInput, NotFound
from crypto_api.organizations.types import Permission
from crypto_api.reports import activity, overview
from crypto_api.wallets import service as wallets
from crypto_api.wallets import store
from crypto_api.wallets.documents import Opening, Wallet, WalletType
from crypto_api.wallets.rules import checked, is_parcel
from crypto_api.wallets.types import ACTIVE_MAX, NewWallet, WalletChanges

NAME_MAX = 80
TYPE_NAMES = {
    WalletType.WATCH: "Watch only",
    WalletType.PRIVATE_KEY: "Stored key",
    WalletType.METAMASK: "Browser wallet",
    WalletType.HARDWARE: "Hardware wallet",
}
OFFERED = (WalletType.WATCH, WalletType.PRIVATE_KEY)
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


@page(Permission.WALLETS_WRITE)
async def add_page(visit: Visit) -> HttpResponse:
    if visit.request.method != "POST":
        first = next(iter(visit.runtime.networks), "")
        return _add_form(visit, {"wallet_type": WalletType.WATCH.value, "network": first, "monitoring_enabled": "on"})
    given = {
        name: visit.request.POST.get(name, "").strip() for name in ("name", "wallet_type", "network", "address", "private_key", "monitoring_enabled")
    }
    new = NewWallet(
        name=given["name"],
        wallet_type=given["wallet_type"],
        network=given["network"],
        address=given["address"] or None,
        private_key=given["private_key"] or None if given["wallet_type"] == WalletType.PRIVATE_KEY else None,
        monitoring_enabled=bool(given["monitoring_enabled"]),
    )
    if new.private_key is not None and not is_parcel(new.private_key):
        new = replace(new, private_key=make_parcel(bytearray(orjson.dumps(new.private_key)), await visit.runtime.signer.public_key()))
    errors = _problems(given, new, visit.runtime.networks.keys())
    if errors:
        return _add_form(visit, given, errors)
    try:
        await wallets.create(
            visit.runtime.uow, visit.runtime.clock, visit.runtime.signer, visit.runtime.networks.keys(), visit.org_id, visit.principal.user_id, new
        )
    except InvalidInput as error:
        return _add_form(visit, given, {row.field: row.message for row in error.errors})
    except Conflict as error:
        return _add_form(visit, given, {}, problem=error.detail)
    return _to_list("added")


def _problems(given: dict[str, str], new: NewWallet, networks: Collection[str]) -> dict[str, str]:
    """Everything that is wrong, at once: what a form leaves out, then what the slice itself says."""
    errors = _name_problem(given["name"])
    if given["wallet_type"] not in OFFERED:
        return errors | {"wallet_type": "is not one of those offered"}
    if new.wallet_type == WalletType.WATCH and new.address is None:
        errors["address"] = "is needed"
    if new.wallet_type == WalletType.PRIVATE_KEY and new.private_key is None:
        errors["private_key"] = "is needed"
    try:
        checked(new, networks)
    except InvalidInput as error:
        return {row.field: row.message for row in error.errors} | errors
    return errors


def _name_problem(name: str) -> dict[str, str]:
    if not name:
        return {"name": "is needed"}
    return {"name": f"has more than {NAME_MAX} characters"} if len(name) > NAME_MAX else {}


def _add_form(visit: Visit, given: dict[str, str], errors: dict[str, str] | None = None, *, problem: str = "") -> HttpResponse:
    """What was typed comes back, a private key never does."""
    values = {
        "given": {name: value for name, value in given.items() if name != "private_key"},
        "errors": errors or {},
        "problem": problem,
        "types": [(kind.value, TYPE_NAMES[kind]) for kind in OFFERED],
        "networks": list(visit.runtime.networks.values()),
    }
    return visit.render("wallets/add.html", values, status=422 if errors else 409 if problem else 200)


@page(Permission.WALLETS_WRITE)
async def edit_page(visit: Visit, wallet_id: str) -> HttpResponse:
    wallet = await _wallet(visit, wallet_id)
    name, errors = wallet.name, {}
    if visit.request.method == "POST":
        name = visit.request.POST.get("name", "").strip()
        errors = _name_problem(name)
        if not errors:
            await _change(visit, wallet_id, WalletChanges(name=name))
            return _to_list("saved")
    row = _row(visit, wallet, [], {}, None)
    values: dict[str, object] = {"row": row, "name": name, "errors": errors}
    return visit.render("wallets/edit.html", values, status=422 if errors else 200)


@page(Permission.WALLETS_WRITE)
async def monitor(visit: Visit, wallet_id: str) -> HttpResponse:
    _only_post(visit.request)
    await _change(visit, wallet_id, WalletChanges(monitoring_enabled=visit.request.POST.get("enabled") == "true"))
    return _to_list("watching")


@page(Permission.WALLETS_WRITE)
async def remove(visit: Visit, wallet_id: str) -> HttpResponse:
    _only_post(visit.request)
    try:
        await wallets.delete(visit.runtime.uow, visit.runtime.clock, visit.org_id, wallet_id)
    except NotFound as error:
        raise Http404 from error
    return _to_list("removed")


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


def _to_list(done: str) -> HttpResponse:
    return redirect(f"/wallets/?{urlencode({'done': done})}")
