"""The desk of money that came in crypto: what belongs to nothing yet, what it may be meant for and why, and what became of the rest."""

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from crypto_api.clients import store as clients
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.forms import Form, fields_in_words, only_post
from crypto_api.dashboard.list_filter import ListFilter
from crypto_api.dashboard.payment_desk import desk_of, paying_wallets
from crypto_api.dashboard.step_up import confirmation
from crypto_api.dashboard.translation import gettext
from crypto_api.desks import matcher_of
from crypto_api.flows import match_by_hand
from crypto_api.flows.match_by_hand import Wanted
from crypto_api.flows.match_receipts import Matcher
from crypto_api.flows.refund_receipt import refund_receipt
from crypto_api.identity.errors import SessionNotApproved
from crypto_api.identity.types import Purpose
from crypto_api.invoices import store as invoices
from crypto_api.kit.amounts import add_exactly
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound
from crypto_api.kit.paging import PageRequest
from crypto_api.organizations.types import Permission
from crypto_api.receivables import store
from crypto_api.receivables.documents import Receipt
from crypto_api.receivables.types import ReceiptFlag, ReceiptState, UseKind
from crypto_api.wallets.documents import Wallet

VIEWS = {
    "": pgettext_lazy("receipts", "To decide"),
    "done": pgettext_lazy("receipts", "Matched"),
    "waiting": pgettext_lazy("receipts", "On the way"),
    "all": pgettext_lazy("receipts", "All"),
}
_WHERE: dict[str, dict[str, Any]] = {
    "": {"state": ReceiptState.OPEN},
    "done": {"state": ReceiptState.DONE},
    "waiting": {"state": ReceiptState.WAITING},
    "all": {},
}
FLAGS = {
    ReceiptFlag.OVERPAID: _("More than was due"),
    ReceiptFlag.PAID_TWICE: _("Paid already"),
    ReceiptFlag.WRONG_ASSET: _("Another asset"),
    ReceiptFlag.AFTER_EXPIRY: _("After the rate ran out"),
    ReceiptFlag.LATE: _("After the due date"),
    ReceiptFlag.AFTER_CANCELLATION: _("After cancellation"),
    ReceiptFlag.TOO_SMALL: _("Too small"),
    ReceiptFlag.UNPRICED: _("No price yet"),
    ReceiptFlag.REORGANISED: _("Was in another block"),
}
USES = {
    UseKind.INVOICE: pgettext_lazy("receipts", "Paid"),
    UseKind.CREDIT: pgettext_lazy("receipts", "Kept for the client"),
    UseKind.REFUND: pgettext_lazy("receipts", "Sent back"),
}
FLASHES = {
    "applied": _("It is applied. The invoice and the books say so."),
    "credited": _("It is kept for the client."),
    "refunding": _("A payment that sends it back is prepared. What became of it says how far it is."),
    "undone": _("Undone. Invoice and books are as they were before."),
}
CHOICES_MAX = 200


@dataclass(frozen=True, slots=True)
class Filter(ListFilter):
    CHOICES = {"view": VIEWS}

    view: str = ""
    q: str = ""

    def where(self) -> dict[str, Any]:
        return dict(_WHERE[self.view])


@page(Permission.INVOICES_READ)
async def list_page(visit: Visit) -> HttpResponse:
    return visit.render("receipts/list.html", await _rows(visit) | {"views": VIEWS.items()})


@page(Permission.INVOICES_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("receipts/rows.html", await _rows(visit))


async def _rows(visit: Visit) -> dict[str, object]:
    wanted, request = (
        Filter.of(visit.request),
        PageRequest(limit=rows_wanted(visit.request), cursor=visit.request.GET.get("cursor") or None, sort="at"),
    )
    try:
        found = await store.page(visit.org_id, wanted.where(), request)
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    about = await invoices.by_ids(visit.org_id, {row.invoice_id for row in found.items if row.invoice_id is not None})
    rows = [(row, about.get(row.invoice_id or ""), [FLAGS[flag] for flag in row.flags]) for row in found.items]
    open_ = await store.open_receipts(visit.org_id, match_by_hand.OPEN_MAX)
    total = add_exactly([row.value_left for row in open_])
    return {
        "filter": wanted,
        "rows": rows,
        "next_cursor": found.next_cursor,
        "first_page": request.cursor is None,
        "open": len(open_),
        "total": total,
    }


# ---- one of them -----------------------------------------------------------------------------------------------------------------


@page(Permission.INVOICES_READ)
async def receipt_page(visit: Visit, receipt_id: str) -> HttpResponse:
    return await _shown(visit, await _receipt(visit, receipt_id), flash=FLASHES.get(visit.request.GET.get("done", ""), ""))


async def _receipt(visit: Visit, receipt_id: str) -> Receipt:
    row = await store.get(visit.org_id, receipt_id)
    if row is None:
        raise Http404
    return row


async def _shown(visit: Visit, row: Receipt, *, status: int = 200, **values: object) -> HttpResponse:
    found = await match_by_hand.suggestions(visit.org_id, row)
    waiting = await invoices.awaiting_money(visit.org_id, CHOICES_MAX) if row.state is ReceiptState.OPEN else []
    named = {one.id: one for one in waiting} | await invoices.by_ids(visit.org_id, {row.invoice_id} - {None})  # type: ignore[arg-type]
    likely = [(one, [named[invoice_id] for invoice_id in one.invoice_ids if invoice_id in named]) for one in found[:5]]
    may, client = visit.may(Permission.INVOICES_WRITE), await clients.get(visit.org_id, row.client_id or "")
    network = visit.runtime.networks.get(row.network)
    shown: dict[str, object] = {
        "receipt": row,
        "about": named.get(row.invoice_id or ""),
        "flags": [FLAGS[flag] for flag in row.flags],
        "uses": [(use, USES[use.kind]) for use in row.uses],
        "likely": likely,
        "choices": waiting,
        "client": client,
        "network": network.name if network else row.network,
        "may_apply": may and row.state is ReceiptState.OPEN and row.value is not None and row.left > 0,
        "may_undo": may and row.state in (ReceiptState.OPEN, ReceiptState.DONE) and any(use.kind is not UseKind.REFUND for use in row.uses),
        "payers": await _payers(visit, row),
        "given": {},
        "errors": {},
    }
    return visit.render("receipts/receipt.html", shown | values, status=status)


async def _payers(visit: Visit, row: Receipt) -> list[Wallet]:
    """Wallets out of which what is open can go back; none where it cannot, or this person may not."""
    back = row.state is ReceiptState.OPEN and row.left > 0 and row.value is not None
    return await paying_wallets(visit, row.network) if back and visit.may(Permission.PAYMENTS_PREPARE) else []


@page(Permission.INVOICES_WRITE)
async def apply(visit: Visit, receipt_id: str) -> HttpResponse:
    only_post(visit.request)
    row, form = await _receipt(visit, receipt_id), Form(visit.request, "amount")
    chosen = [one for one in visit.request.POST.getlist("invoice") if one][:20]
    others = [one for one in visit.request.POST.getlist("with") if one][:20]
    try:
        amount = form.numbers.read(form["amount"]) if form["amount"] else None
    except ValueError:
        return await _shown(
            visit, row, problem=gettext("The amount is not one such as %(example)s.") % {"example": form.numbers.typed("50.00")}, status=422
        )
    if not chosen:
        return await _shown(visit, row, problem=gettext("Choose an invoice."), status=422)
    wanted = [Wanted(one, amount if len(chosen) == 1 else None) for one in chosen]
    return await _done(visit, row, "applied", match_by_hand.apply_by_hand(_matcher(visit), visit.org_id, _by(visit), [row.id, *others], wanted))


@page(Permission.INVOICES_WRITE)
async def credit(visit: Visit, receipt_id: str) -> HttpResponse:
    only_post(visit.request)
    row = await _receipt(visit, receipt_id)
    client = await clients.get(visit.org_id, visit.request.POST.get("client", "") or row.client_id or "")
    if client is None:
        return await _shown(visit, row, problem=gettext("Nobody knows whose it is: apply it to an invoice first."), status=422)
    return await _done(
        visit, row, "credited", match_by_hand.credit_by_hand(_matcher(visit), visit.org_id, _by(visit), row.id, client.id, client.name)
    )


@page(Permission.INVOICES_WRITE)
async def undo(visit: Visit, receipt_id: str) -> HttpResponse:
    only_post(visit.request)
    row = await _receipt(visit, receipt_id)
    return await _done(visit, row, "undone", match_by_hand.undo_by_hand(_matcher(visit), visit.org_id, _by(visit), row.id))


@page(Permission.PAYMENTS_PREPARE)
async def refund(visit: Visit, receipt_id: str) -> HttpResponse:
    """Back to whoever sent it, as a payment that is approved and signed as any other."""
    only_post(visit.request)
    row, wallet_id = await _receipt(visit, receipt_id), visit.request.POST.get("wallet", "")
    if wallet_id not in {one.id for one in await paying_wallets(visit, row.network)}:
        return await _shown(visit, row, problem=gettext("Choose the wallet that it goes out of."), status=422)
    return await _done(visit, row, "refunding", refund_receipt(desk_of(visit), visit.principal, visit.org_id, row.id, wallet_id))


async def _done(visit: Visit, row: Receipt, flash: str, doing: Any) -> HttpResponse:
    try:
        await doing
    except SessionNotApproved:
        return redirect(confirmation(f"/receipts/{row.id}/", Purpose.KEYS))
    except NotFound as error:
        raise Http404 from error
    except InvalidInput as error:
        return await _shown(visit, await _receipt(visit, row.id), problem=fields_in_words(error), status=error.status)
    except CoreError as error:
        return await _shown(visit, await _receipt(visit, row.id), problem=error.detail, status=error.status)
    return redirect(f"/receipts/{row.id}/?done={flash}")


def _matcher(visit: Visit) -> Matcher:
    return matcher_of(visit.runtime)


def _by(visit: Visit) -> str:
    return visit.principal.user_id
