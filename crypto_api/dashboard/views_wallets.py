"""Wallets: the list of them, and what is changed about one; through the same services as the API. One with what it holds and moved stands in
views_wallet.py, adding in views_wallet_add.py."""

from decimal import Decimal
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_noop

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import only_post
from crypto_api.dashboard.translation import gettext
from crypto_api.dashboard.wallet_rows import TYPE_NAMES, wallet_rows
from crypto_api.kit.amounts import add_exactly
from crypto_api.kit.errors import NotFound
from crypto_api.organizations.types import Permission
from crypto_api.wallets import service as wallets
from crypto_api.wallets import store
from crypto_api.wallets.documents import Wallet
from crypto_api.wallets.types import WalletChanges

__all__ = ["NAME_MAX", "TYPE_NAMES", "name_problem", "to_list"]

NAME_MAX = 80
FLASHES = {
    "added": gettext_noop("The wallet was added."),
    "saved": gettext_noop("Saved."),
    "removed": gettext_noop("The wallet was removed. Its history stays in the books."),
    "proven": gettext_noop("It is shown to be ours."),
    "watching": gettext_noop("Watching changed."),
}


@page(Permission.WALLETS_READ)
async def list_page(visit: Visit) -> HttpResponse:
    values = await _list(visit, ask=False)
    return visit.render("wallets/list.html", values | {"flash": gettext(FLASHES.get(visit.request.GET.get("done", ""), ""))})


@page(Permission.WALLETS_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("wallets/rows.html", await _list(visit, ask=True))


async def _list(visit: Visit, *, ask: bool) -> dict[str, object]:
    active = await store.active(visit.org_id)
    rows = await wallet_rows(visit, [wallet for wallet in active if wallet.receives is None], ask=ask)
    return {
        "rows": rows,
        "receiving": sum(wallet.receives is not None for wallet in active),
        "total": add_exactly([asset.value for row in rows for asset in row.assets if asset.value is not None]) if rows else Decimal(0),
        "unpriced": len({asset.asset for row in rows for asset in row.assets if asset.value is None}),
        "watched": sum(row.wallet.monitoring_enabled for row in rows),
        "differing": sum(row.differs for row in rows),
    }


def name_problem(name: str) -> dict[str, str]:
    if not name:
        return {"name": gettext("is needed")}
    return {"name": gettext("has more than %(n)s characters") % {"n": NAME_MAX}} if len(name) > NAME_MAX else {}


@page(Permission.WALLETS_WRITE)
async def edit_page(visit: Visit, wallet_id: str) -> HttpResponse:
    wallet = await wallet_of(visit, wallet_id)
    name, errors = wallet.name, {}
    if visit.request.method == "POST":
        name = visit.request.POST.get("name", "").strip()
        errors = name_problem(name)
        if not errors:
            await _change(visit, wallet_id, WalletChanges(name=name))
            return to_wallet(wallet_id, "saved")
    (row,) = await wallet_rows(visit, [wallet], ask=False)
    values: dict[str, object] = {"row": row, "name": name, "errors": errors}
    return visit.render("wallets/edit.html", values, status=422 if errors else 200)


@page(Permission.WALLETS_WRITE)
async def monitor(visit: Visit, wallet_id: str) -> HttpResponse:
    only_post(visit.request)
    await _change(visit, wallet_id, WalletChanges(monitoring_enabled=visit.request.POST.get("enabled") == "true"))
    return to_wallet(wallet_id, "watching") if visit.request.POST.get("from") == "wallet" else to_list("watching")


@page(Permission.WALLETS_WRITE)
async def remove(visit: Visit, wallet_id: str) -> HttpResponse:
    only_post(visit.request)
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


async def wallet_of(visit: Visit, wallet_id: str) -> Wallet:
    wallet = await store.get(visit.org_id, wallet_id)
    if wallet is None:
        raise Http404
    return wallet


def to_list(done: str) -> HttpResponse:
    return redirect(f"/wallets/?{urlencode({'done': done})}")


def to_wallet(wallet_id: str, done: str) -> HttpResponse:
    return redirect(f"/wallets/{wallet_id}/?{urlencode({'done': done})}")
