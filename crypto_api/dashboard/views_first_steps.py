"""The guide of an organisation that begins, on its overview: it ticks by itself, and is gone when all is done or when its reader sends it away."""

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_noop as _

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import only_post
from crypto_api.flows.first_steps import Step, first_steps
from crypto_api.identity.store import dismiss_guide
from crypto_api.organizations.types import Permission


@dataclass(frozen=True, slots=True)
class StepWords:
    title: str
    text: str
    path: str
    action: str


WORDS = {
    Step.NETWORK: StepWords(
        _("A network is followed"),
        _("The operator names networks and their nodes; Coffer follows them by itself."),
        "/networks/",
        _("See the networks"),
    ),
    Step.WALLET: StepWords(
        _("Add a wallet"), _("An address is enough to watch it. A key can be sealed on this machine later."), "/wallets/add/", _("Add a wallet")
    ),
    Step.HISTORY: StepWords(
        _("Its balance is read"), _("What the wallet holds is read from the chain and opens its books."), "/wallets/", _("See the wallets")
    ),
    Step.UNDERSTOOD: StepWords(
        _("The first movement is understood"),
        _("Receive or send something. What nobody is sure about waits for your word."),
        "/transactions/",
        _("See the transactions"),
    ),
    Step.BOOKED: StepWords(
        _("The first movement is booked"), _("Its entry stands in the journal, at the price of its block."), "/journal/", _("Open the journal")
    ),
    Step.PEOPLE: StepWords(
        _("Invite people"), _("Nobody approves what they prepared: paying takes two people at least."), "/members/invite/", _("Invite somebody")
    ),
    Step.POLICY: StepWords(
        _("Say who may pay how much"),
        _("Without a change, every payment needs the approval of somebody else."),
        "/payment-policy/",
        _("Set the policy"),
    ),
}


@page(Permission.DASHBOARD_READ)
async def steps_fragment(visit: Visit) -> HttpResponse:
    return visit.render("overview/first_steps.html", await guide(visit))


@page(Permission.DASHBOARD_READ)
async def dismiss(visit: Visit) -> HttpResponse:
    only_post(visit.request)
    await visit.runtime.uow.run(lambda session: dismiss_guide(session, visit.user.id, visit.org_id))
    return redirect("/")


async def guide(visit: Visit) -> dict[str, object]:
    """Empty where there is nothing to show any more."""
    if visit.org_id in visit.user.guides_dismissed:
        return {"steps": []}
    now = await first_steps(visit.principal)
    if all(row.done for row in now):
        return {"steps": []}
    following = next(row.step for row in now if not row.done)
    steps = [(row.step.value, WORDS[row.step], row.done, row.step is following) for row in now]
    return {"steps": steps, "steps_done": sum(row.done for row in now)}
