"""What needs the person who looks: payments to approve or send, addresses to verify, a policy to confirm."""

from django.http import HttpResponse

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.translation import gettext
from crypto_api.dashboard.views_payments import payment_rows
from crypto_api.organizations.types import Permission
from crypto_api.reports import needs, people


@page(Permission.PAYMENTS_READ)
async def queue_page(visit: Visit) -> HttpResponse:
    return visit.render("payments/approvals.html", await _values(visit))


@page(Permission.PAYMENTS_READ)
async def queue_fragment(visit: Visit) -> HttpResponse:
    return visit.render("payments/approvals_body.html", await _values(visit))


@page(Permission.PAYMENTS_READ)
async def count_fragment(visit: Visit) -> HttpResponse:
    """The badge beside the menu."""
    return visit.render("payments/badge.html", {"waiting": await needs.count_of(visit.org_id, visit.principal)})


async def _values(visit: Visit) -> dict[str, object]:
    found = await needs.needs_of(visit.org_id, visit.principal)
    proposer, lots_proposer = [row.proposal.proposed_by if row is not None and row.proposal is not None else "" for row in (found.policy, found.lots)]
    named = await people.names_of({row.address_changed_by for row in found.payees} | ({proposer, lots_proposer} - {""}))
    return {
        "found": found,
        "approvals": await payment_rows(found.approvals),
        "wallet": await payment_rows(found.wallet),
        "stopped": await payment_rows(found.stopped),
        "payees": [(row, named.get(row.address_changed_by, gettext("somebody"))) for row in found.payees],
        "proposer": named.get(proposer, gettext("somebody")),
        "lots_proposer": named.get(lots_proposer, gettext("somebody")),
    }
