"""The payer's page: for whoever has the link, without a log-in. It tells nobody that it is there: not searched, not framed, not cached."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from crypto_api.dashboard.access import zone_of
from crypto_api.dashboard.rows import Links
from crypto_api.dashboard.script_answers import spoken, told, told_text
from crypto_api.dashboard.translation import gettext
from crypto_api.dashboard.views_errors import too_many
from crypto_api.desks import receiving_of
from crypto_api.flows.payer_page import PayerView, choose, note_sent, payer_view, renew_rate, transaction_for
from crypto_api.identity.types import Limited
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound, PreconditionFailed, TooManyRequests
from crypto_api.runtime import runtime_of

View = Callable[..., Awaitable[HttpResponse]]


def for_payers(view: View) -> View:
    """Counted for each address of the network, found or not, so that nobody can try links; and kept out of every index."""

    @wraps(view)
    async def open_to_all(request: HttpRequest, token: str) -> HttpResponse:
        runtime, client = runtime_of(request.scope), request.scope.get("client")
        try:
            await runtime.limiter.take(Limited.PAYER_PAGES, client[0] if client else None)
            response = await view(request, token)
        except TooManyRequests as error:
            response = too_many(request, error.retry_after_s)
        except NotFound as error:
            raise Http404 from error
        response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        return response

    return open_to_all


@require_GET
@for_payers
async def pay_page(request: HttpRequest, token: str) -> HttpResponse:
    return await _shown(request, token, "pay/page.html")


@require_GET
@for_payers
async def status_fragment(request: HttpRequest, token: str) -> HttpResponse:
    return await _shown(request, token, "pay/status.html")


@require_POST
@for_payers
async def renew(request: HttpRequest, token: str) -> HttpResponse:
    try:
        await renew_rate(receiving_of(runtime_of(request.scope)), token)
    except NotFound:
        raise
    except PreconditionFailed:
        pass  # somebody else with the same link did it just now
    except CoreError as error:
        if error.code != "rate_still_locked":
            return await _shown(request, token, "pay/page.html", problem=error.detail, status=error.status)
    return redirect(f"/pay/{token}/")


@require_POST
@for_payers
async def choose_asset(request: HttpRequest, token: str) -> HttpResponse:
    """Of the assets that the seller offers."""
    try:
        await choose(receiving_of(runtime_of(request.scope)), token, request.POST.get("asset", ""))
    except NotFound:
        raise
    except InvalidInput:
        return await _shown(request, token, "pay/page.html", problem=gettext("Choose one of the assets that are offered."), status=422)
    except PreconditionFailed:
        pass  # somebody else with the same link did it just now
    except CoreError as error:
        return await _shown(request, token, "pay/page.html", problem=error.detail, status=error.status)
    return redirect(f"/pay/{token}/")


@require_GET
@for_payers
@spoken
async def transaction(request: HttpRequest, token: str) -> HttpResponse:
    return JsonResponse({"transaction": await transaction_for(receiving_of(runtime_of(request.scope)), token)})


@require_POST
@for_payers
@spoken
async def sent(request: HttpRequest, token: str) -> HttpResponse:
    await note_sent(receiving_of(runtime_of(request.scope)), token, told_text(told(request), "hash"))
    return JsonResponse({"location": f"/pay/{token}/"})


async def _shown(request: HttpRequest, token: str, template: str, *, status: int = 200, **values: Any) -> HttpResponse:
    view = await payer_view(receiving_of(runtime_of(request.scope)), token)
    explorer = Links((view.network.explorer_url or "").rstrip("/") if view.network else "")
    came = [(row, explorer.transaction(row.hash)) for row in view.payments]
    shown = {"view": view, "came": came, "token": token, "zone": zone_of(request, None), "title": _title(view)}
    return render(request, f"dashboard/{template}", shown | values, status=status)


def _title(view: PayerView) -> str:
    seller = view.invoice.seller.name if view.invoice.seller else ""
    return gettext("%(number)s of %(seller)s") % {"number": view.invoice.number, "seller": seller}
