"""Log-in with a passkey or an Ethereum account. What the log-in page's script asks, in JSON; it goes where the answer says."""

from collections.abc import Mapping
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from crypto_api.dashboard.access import Visitor, personal
from crypto_api.dashboard.credentials import shown_credential
from crypto_api.dashboard.entry import device_of, door_of, keep_second_step, let_in
from crypto_api.dashboard.forms import only_post
from crypto_api.dashboard.script_answers import go_on, refused, spoken, told, told_text, wanted_of
from crypto_api.dashboard.step_up import confirmed
from crypto_api.dashboard.translation import gettext
from crypto_api.dashboard.views_session import second_step_path
from crypto_api.flows.ethereum_challenge import Chains, Signed
from crypto_api.flows.ethereum_log_in import begin_ethereum_log_in, log_in_with_ethereum
from crypto_api.flows.link_ethereum_account import begin_link, link_ethereum_account, unlink_ethereum_account
from crypto_api.flows.passkey_log_in import begin_passkey_log_in, log_in_with_passkey
from crypto_api.flows.second_step import begin_second_step
from crypto_api.identity.errors import InvalidPasskey, InvalidSignature, LastWayIn, OtpRequired
from crypto_api.identity.passkeys import relying_party
from crypto_api.identity.siwe import MESSAGE_MAX, SIGNATURE_BYTES_MAX, site_of
from crypto_api.identity.types import Factor
from crypto_api.kit.errors import InvalidInput, NotFound
from crypto_api.runtime import Runtime, runtime_of

# ---- a passkey ---------------------------------------------------------------------------------------------------------------------


@require_POST
@spoken
async def passkey_log_in_options(request: HttpRequest) -> HttpResponse:
    runtime = runtime_of(request.scope)
    party = relying_party(runtime.config.frontend_url)
    return JsonResponse((await begin_passkey_log_in(door_of(runtime), party, device_of(request))).public_key)


@require_POST
@spoken
async def passkey_log_in(request: HttpRequest) -> HttpResponse:
    runtime, body = runtime_of(request.scope), told(request)
    party = relying_party(runtime.config.frontend_url)
    try:
        _, opened = await log_in_with_passkey(door_of(runtime), party, shown_credential(body), device_of(request), way="dashboard")
    except InvalidPasskey:
        return refused(gettext("This passkey opens no account here. It may have been removed; log in another way and add it anew."), 401)
    return await let_in(request, go_on(wanted_of(request, body)), opened)


# ---- an Ethereum account -----------------------------------------------------------------------------------------------------------


@require_POST
@spoken
async def ethereum_challenge(request: HttpRequest) -> HttpResponse:
    runtime, body = runtime_of(request.scope), told(request)
    site = site_of(runtime.config.frontend_url)
    challenge = await begin_ethereum_log_in(door_of(runtime), site, device_of(request), told_text(body, "address"), _chain_id(body))
    return JsonResponse({"message": challenge.message})


@require_POST
@spoken
async def ethereum_log_in(request: HttpRequest) -> HttpResponse:
    """Whoever has a second factor goes on to the step that asks for it."""
    runtime, body = runtime_of(request.scope), told(request)
    door, wanted, device = door_of(runtime), wanted_of(request, body), device_of(request)
    try:
        _, opened = await log_in_with_ethereum(door, chains_of(runtime), _signed(body), None, device, way="dashboard")
    except OtpRequired as error:
        return keep_second_step(go_on(second_step_path(wanted)), await begin_second_step(door, error.user_id or "", [Factor.ETHEREUM]))
    except InvalidSignature:
        why = _other_network(runtime, body) or gettext("Log in another way first and link it under Security.")
        return refused(f"{gettext('This Ethereum account opens no account here.')} {why}", 401)
    return await let_in(request, go_on(wanted), opened)


@personal
@confirmed("/security/ethereum/link/")
async def link_ethereum_page(visitor: Visitor) -> HttpResponse:
    return visitor.render("person/ethereum_link.html")


@personal
@spoken
@confirmed("/security/ethereum/link/")
async def link_challenge(visitor: Visitor) -> HttpResponse:
    only_post(visitor.request)
    runtime, body = visitor.runtime, told(visitor.request)
    site, address = site_of(runtime.config.frontend_url), told_text(body, "address")
    challenge = await begin_link(runtime.uow, runtime.clock, site, visitor.principal, address, _chain_id(body))
    return JsonResponse({"message": challenge.message})


@personal
@spoken
@confirmed("/security/ethereum/link/")
async def link_ethereum(visitor: Visitor) -> HttpResponse:
    only_post(visitor.request)
    runtime, body = visitor.runtime, told(visitor.request)
    try:
        await link_ethereum_account(runtime.uow, runtime.clock, chains_of(runtime), visitor.principal, _signed(body))
    except InvalidInput:
        why = _other_network(runtime, body) or gettext("Try it again, and sign the text as it is.")
        return refused(f"{gettext('The signature was not accepted.')} {why}", 422)
    return go_on("/security/?done=ethereum-linked#ethereum")


@personal
@confirmed("/security/#ethereum")
async def unlink_ethereum(visitor: Visitor, account_id: str) -> HttpResponse:
    only_post(visitor.request)
    try:
        await unlink_ethereum_account(visitor.runtime.uow, visitor.runtime.clock, visitor.principal, account_id)
    except NotFound as error:
        raise Http404 from error
    except LastWayIn:
        return redirect("/security/?why=last-way-in#ethereum")
    return redirect("/security/?done=ethereum-removed#ethereum")


def chains_of(runtime: Runtime) -> Chains:
    """The nodes that are asked about contract wallets."""
    return {network.chain_id: runtime.rpc[slug] for slug, network in runtime.networks.items() if slug in runtime.rpc}


def _other_network(runtime: Runtime, body: Mapping[str, Any]) -> str:
    """A key is the same on every network, but a contract wallet can only be asked on one that this installation knows."""
    if body.get("chain_id") in {network.chain_id for network in runtime.networks.values()}:
        return ""
    names = ", ".join(network.name for network in runtime.networks.values())
    told = gettext("Your wallet stands on a network that is not one of this installation: switch it to %(names)s and try again.")
    return told % {"names": names} if names else ""


def _signed(body: Mapping[str, Any]) -> Signed:
    return Signed(told_text(body, "message", MESSAGE_MAX), told_text(body, "signature", 2 * SIGNATURE_BYTES_MAX + 2))


def _chain_id(body: Mapping[str, Any]) -> int:
    chain_id = body.get("chain_id")
    if not isinstance(chain_id, int) or isinstance(chain_id, bool) or not 0 < chain_id < 2**53:
        raise InvalidInput.of("chain_id", "is not the number of a network")
    return chain_id
