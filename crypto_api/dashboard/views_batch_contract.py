"""The contracts that pay many at once, on one network: whether exactly our code is there, and how it gets there."""

import json

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_noop

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import fields_in_words, only_post
from crypto_api.dashboard.payment_desk import desk_of, has_confirmed, paying_wallets
from crypto_api.dashboard.step_up import confirmed
from crypto_api.dashboard.translation import gettext
from crypto_api.flows.batch_contract import BatchCode, BatchContract, deploying, look_at_batch_contract, prepare_deployment
from crypto_api.identity.types import Purpose
from crypto_api.kit.errors import CoreError, InvalidInput
from crypto_api.kit.ethereum import ChainUnavailable
from crypto_api.kit.ids import new_id
from crypto_api.kit.networks import NetworkConfig
from crypto_api.organizations.types import Permission
from crypto_api.payments.batch import DEPLOYER
from crypto_api.payments.types import Origin

_WORDS = {
    BatchCode.ANY_WALLET: (
        gettext_noop("For any wallet"),
        gettext_noop("Whoever pays calls it: the coin is sent along, a token is pulled once out of an exact allowance. Payrolls use it."),
    ),
    BatchCode.OWN_CODE: (
        gettext_noop("For wallets that run it as their own code"),
        gettext_noop("By EIP-7702, for wallets that the payment policy and their own page let delegate."),
    ),
}


@page(Permission.BLOCKCHAIN_READ)
async def contract_page(visit: Visit, slug: str) -> HttpResponse:
    return await _page(visit, _network(visit, slug))


@page(Permission.PAYMENTS_PREPARE)
@confirmed("/networks/{slug}/batch-contract/", Purpose.KEYS)
async def deploy(visit: Visit, slug: str) -> HttpResponse:
    """Prepares the call; it goes the way of every payment."""
    only_post(visit.request)
    network, post = _network(visit, slug), visit.request.POST
    if (code := post.get("code", "")) not in list(BatchCode):
        raise Http404
    if post.get("wallet", "") not in {row.id for row in await paying_wallets(visit, slug)}:
        return await _page(visit, network, gettext(gettext("Choose the wallet that pays the gas.")), 422)
    origin = Origin(kind="contract", id=new_id("man"))
    try:
        payment = await prepare_deployment(desk_of(visit), visit.principal, visit.org_id, post["wallet"], BatchCode(code), origin)
    except InvalidInput as error:
        return await _page(visit, network, fields_in_words(error), error.status)
    except CoreError as error:
        return await _page(visit, network, gettext(error.detail), error.status)
    return redirect(f"/payments/{payment.id}/")


async def _page(visit: Visit, network: NetworkConfig, problem: str = "", status: int = 200) -> HttpResponse:
    may_deploy = visit.may(Permission.PAYMENTS_PREPARE)
    values = {
        "network": network,
        "proxy": DEPLOYER,
        "rows": [await _row(visit, network, which) for which in BatchCode],
        "wallets": await paying_wallets(visit, network.slug) if may_deploy else [],
        "may_deploy": may_deploy,
        "must_confirm": may_deploy and not await has_confirmed(visit),
        "problem": problem,
    }
    return visit.render("networks/batch_contract.html", values, status=status)


async def _row(visit: Visit, network: NetworkConfig, which: BatchCode) -> dict[str, object]:
    found: BatchContract | None
    try:
        found = await look_at_batch_contract(desk_of(visit).nodes[network.slug], which)
    except ChainUnavailable:
        found = None
    title, text = map(gettext, _WORDS[which])
    made = deploying(network.chain_id, which)
    return {
        "which": which,
        "title": gettext(title),
        "text": gettext(text),
        "found": found,
        "call": made,
        "as_json": json.dumps(made),
        "bytes": len(made["data"]) // 2 - 1,
    }


def _network(visit: Visit, slug: str) -> NetworkConfig:
    network = visit.runtime.networks.get(slug)
    if network is None:
        raise Http404
    return network
