"""One wallet: what it holds on the chain and in the books, since when they agree, how that came about, what moved."""

from datetime import timedelta
from typing import Any

from django.http import Http404, HttpResponse, JsonResponse
from django.utils.translation import gettext_noop as _

from crypto_api.backfills import store as backfills
from crypto_api.checkpoints import store as checkpoints
from crypto_api.dashboard import number_formats
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import only_post
from crypto_api.dashboard.number_formats import exact
from crypto_api.dashboard.templatetags.coffer import asset_name, localized_date, quantity
from crypto_api.dashboard.transaction_filter import TransactionFilter
from crypto_api.dashboard.translation import gettext
from crypto_api.dashboard.views_transactions import choices_of, rows_of
from crypto_api.dashboard.views_wallets import FLASHES, to_wallet, wallet_of
from crypto_api.dashboard.wallet_rows import WalletRow, wallet_rows
from crypto_api.flows.request_backfill import request_backfill
from crypto_api.kit.amounts import text
from crypto_api.kit.errors import Conflict, CoreError, InvalidInput, NotFound
from crypto_api.organizations.types import Permission
from crypto_api.reports import activity
from crypto_api.reports.holding_history import HoldingPoint, booked_assets, holding_history
from crypto_api.reports.value_history import first_booking_at
from crypto_api.tasks import store as tasks
from crypto_api.transactions import store as transactions
from crypto_api.wallets.documents import Wallet

RANGES = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30), "1y": timedelta(days=365)}
_FLASHES = {
    "backfill": _("Its history is being read."),
    "delegation-allowed": _("It may run our batch contract as its own code. Its next batch is paid so, where the payment policy lets wallets."),
    "delegation-forbidden": _("It may not delegate any more. What it runs already stays until it is taken back."),
    "delegation-revoked": _("The delegation is being taken back. Follow it among the payments."),
}
CHARTED_MAX = 8  # assets that the chart offers
BLOCK_DIGITS_MAX = 12


@page(Permission.WALLETS_READ)
async def detail_page(visit: Visit, wallet_id: str) -> HttpResponse:
    wallet = await wallet_of(visit, wallet_id)
    flashes = FLASHES | _FLASHES
    return await _page(visit, wallet, {"flash": gettext(flashes.get(visit.request.GET.get("done", ""), ""))})


async def refused_page(visit: Visit, wallet: Wallet, error: CoreError) -> HttpResponse:
    """Of something asked for on the page, with why it was not done."""
    said = " ".join(f"{gettext('It')} {gettext(row.message)}." for row in error.errors) if isinstance(error, InvalidInput) else gettext(error.detail)
    return await _page(visit, wallet, {"warning": said}, status=error.status)


async def _page(visit: Visit, wallet: Wallet, values: dict[str, object], *, status: int = 200) -> HttpResponse:
    facts = await _facts(visit, wallet, ask=False)
    shown = facts | await _chart(visit, facts["row"])
    if visit.may(Permission.TRANSACTIONS_READ):
        shown |= await _movements(visit, wallet)
    return visit.render("wallets/detail.html", {"warning": ""} | shown | values, status=status)


@page(Permission.WALLETS_READ)
async def facts_fragment(visit: Visit, wallet_id: str) -> HttpResponse:
    return visit.render("wallets/facts.html", await _facts(visit, await wallet_of(visit, wallet_id), ask=True))


async def _facts(visit: Visit, wallet: Wallet, *, ask: bool) -> dict[str, Any]:
    (row,) = await wallet_rows(visit, [wallet], ask=ask)
    backfill = await backfills.latest_of_wallet(visit.org_id, wallet.id)
    return {
        "row": row,
        "checkpoints": await checkpoints.of_wallet(visit.org_id, wallet.id),
        "backfill": backfill,
        "task": await tasks.get(visit.org_id, backfill.task_id) if backfill is not None else None,
        "may_read_inbox": visit.may(Permission.INBOX_READ),
    }


async def _movements(visit: Visit, wallet: Wallet) -> dict[str, object]:
    wanted = TransactionFilter.of(visit.request, visit.zone, wallet=wallet.id)
    spam = {"category": "spam", "wallet_ids": wallet.id}
    rows = await rows_of(visit, wanted, await activity.wallet_names(visit.org_id))
    return await choices_of(visit, wanted) | rows | {"spam_count": await transactions.count(visit.org_id, spam), "may_read_transactions": True}


async def _chart(visit: Visit, row: WalletRow) -> dict[str, object]:
    """What is worth most comes first, what is no longer held last."""
    booked = await booked_assets(visit.org_id, row.wallet.id)
    held = [asset.asset for asset in row.assets if asset.asset in booked]
    order = [*held, *(asset for asset in booked if asset not in held)][:CHARTED_MAX]
    begin, now = await first_booking_at(visit.org_id), visit.runtime.clock.now()
    age = now - begin if begin else timedelta(0)
    return {"charted": order, "ranges": list(RANGES), "range": next((name for name, length in RANGES.items() if age <= length), "1y")}


@page(Permission.WALLETS_READ)
async def holding_series(visit: Visit, wallet_id: str) -> HttpResponse:
    """Quantities as decimal strings beside the text that stands for them; the chart turns them into pixels and into nothing else."""
    wallet, now = await wallet_of(visit, wallet_id), visit.runtime.clock.now()
    asset, wanted = visit.request.GET.get("asset", "")[:200], visit.request.GET.get("range", "")
    history = await holding_history(visit.org_id, wallet.id, asset, now - RANGES.get(wanted, RANGES["24h"]), now)
    form = "H:i" if wanted == "24h" else "j M"
    points = [_point(visit, point, asset, form) for point in history.points]
    return JsonResponse({"points": points, "cut": history.cut})


def _point(visit: Visit, point: HoldingPoint, asset: str, form: str) -> dict[str, object]:
    local = point.at.astimezone(visit.zone)
    return {
        "at": int(point.at.timestamp() * 1000),
        "time": localized_date(local, "j M Y, H:i:s"),
        "tick": localized_date(local, form),
        "value": text(point.quantity),
        "text": f"{quantity(point.quantity)} {asset_name(asset)}",
        "exact": f"{exact(point.quantity)} {asset_name(asset)}",
        "unpriced": [],
    }


@page(Permission.WALLETS_WRITE)
async def backfill(visit: Visit, wallet_id: str) -> HttpResponse:
    only_post(visit.request)
    wallet, runtime = await wallet_of(visit, wallet_id), visit.runtime
    given = visit.request.POST.get("from_block", "").strip()
    try:
        from_block = number_formats.posted(visit.request.POST).whole(given, 10**BLOCK_DIGITS_MAX - 1) if given else None
    except ValueError:
        wrong = gettext("It must be the number of a block, or nothing for the first.")
        return await _page(visit, wallet, {"block_problem": wrong, "from_block": given[:40]}, status=422)
    try:
        await request_backfill(runtime.uow, runtime.clock, visit.org_id, wallet_id, from_block, visit.principal.user_id)
    except NotFound as error:
        raise Http404 from error
    except Conflict as error:
        return await _page(visit, wallet, {"warning": error.detail}, status=error.status)
    return to_wallet(wallet_id, "backfill")
