"""The chain of seals: its head, what to send to anchor it on a blockchain, and where it stands on one."""

from dataclasses import dataclass

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.forms import Form, only_post
from crypto_api.dashboard.payment_desk import desk_of
from crypto_api.dashboard.rows import links_of
from crypto_api.dashboard.translation import gettext
from crypto_api.flows.anchor_seal import AnchorPorts, anchor_seal
from crypto_api.kit.errors import CoreError, InvalidInput
from crypto_api.kit.paging import PageRequest
from crypto_api.ledger import anchor_store, seal_store
from crypto_api.ledger.documents import SealAnchor
from crypto_api.organizations.types import Permission
from crypto_api.reports import people

FIELDS = ("network", "transaction_hash")
FLASHES = {"anchored": _("Found: the transaction holds a seal of these books."), "known": _("This transaction was recorded before.")}


@dataclass(frozen=True, slots=True)
class Row:
    anchor: SealAnchor
    network_name: str
    transaction_link: str
    recorded_by: str


@page(Permission.LEDGER_READ)
async def seals_page(visit: Visit) -> HttpResponse:
    return await _page(visit, flash=FLASHES.get(visit.request.GET.get("done", ""), ""))


@page(Permission.LEDGER_READ)
async def head_fragment(visit: Visit) -> HttpResponse:
    return visit.render("seals/head.html", await _head(visit))


@page(Permission.LEDGER_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("seals/rows.html", await _rows(visit))


@page(Permission.LEDGER_CLOSE)
async def record(visit: Visit) -> HttpResponse:
    only_post(visit.request)
    form = Form(visit.request, *FIELDS)
    form.one_of("network", visit.runtime.networks.keys())
    form.line("transaction_hash", most=80)
    if form.errors:
        return await _page(visit, given=form.given, errors=form.errors, status=422)
    runtime = visit.runtime
    ports = AnchorPorts(runtime.networks, desk_of(visit).nodes, runtime.rpc)
    try:
        _, new = await anchor_seal(
            runtime.uow, runtime.clock, ports, visit.org_id, visit.principal.user_id, form["network"], form["transaction_hash"]
        )
    except InvalidInput as error:
        problem = form.refused(error, FIELDS)
        return await _page(visit, given=form.given, errors=form.errors, problem=problem, status=422)
    except CoreError as error:
        return await _page(visit, given=form.given, problem=error.detail, status=error.status)
    return redirect(f"/seals/?done={'anchored' if new else 'known'}")


async def _page(visit: Visit, *, status: int = 200, **values: object) -> HttpResponse:
    told: dict[str, object] = {"networks": list(visit.runtime.networks.values()), "may_anchor": visit.may(Permission.LEDGER_CLOSE), "given": {}}
    return visit.render("seals/page.html", told | await _head(visit) | await _rows(visit) | values, status=status)


async def _head(visit: Visit) -> dict[str, object]:
    org_id = visit.org_id
    head, anchor = await seal_store.head(org_id), await anchor_store.latest(org_id)
    at, waiting = await seal_store.sealed_at(org_id), await seal_store.waiting(org_id)
    return {"seal": head, "sealed_at": at, "unsealed": waiting, "anchor": anchor}


async def _rows(visit: Visit) -> dict[str, object]:
    wanted = PageRequest(limit=rows_wanted(visit.request), cursor=visit.request.GET.get("cursor") or None)
    try:
        found = await anchor_store.page(visit.org_id, wanted)
    except InvalidInput as error:
        raise Http404 from error
    names = await people.names_of({row.recorded_by for row in found.items})
    return {
        "rows": [_row(visit, row, names.get(row.recorded_by, gettext("somebody whose account is gone"))) for row in found.items],
        "next_cursor": found.next_cursor,
        "first_page": wanted.cursor is None,
    }


def _row(visit: Visit, anchor: SealAnchor, recorded_by: str) -> Row:
    networks = visit.runtime.networks
    name = networks[anchor.network].name if anchor.network in networks else anchor.network
    return Row(anchor, name, links_of(networks, anchor.network).transaction(anchor.transaction_hash), recorded_by)
