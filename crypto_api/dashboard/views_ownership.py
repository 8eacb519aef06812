"""Showing that a wallet is ours: the text to sign, signed by the wallet of this browser or elsewhere, and what came of it."""

from django.http import Http404, HttpResponse

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import fields_in_words
from crypto_api.dashboard.translation import gettext
from crypto_api.dashboard.views_wallets import to_wallet, wallet_of
from crypto_api.flows.ethereum_challenge import Signed
from crypto_api.flows.wallet_ownership import begin_ownership, prove_ownership
from crypto_api.identity.siwe import MESSAGE_MAX, SIGNATURE_BYTES_MAX, site_of
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound
from crypto_api.kit.ethereum import ChainUnavailable
from crypto_api.organizations.types import Permission
from crypto_api.wallets.documents import Wallet

_SIGNATURE_MAX = 2 + 2 * SIGNATURE_BYTES_MAX


@page(Permission.WALLETS_WRITE)
async def ownership_page(visit: Visit, wallet_id: str) -> HttpResponse:
    """Each time it is shown it holds a new text: one is good for five minutes and one answer."""
    wallet = await wallet_of(visit, wallet_id)
    if visit.request.method != "POST":
        return await _shown(visit, wallet)
    given = visit.request.POST
    message = given.get("message", "").replace("\r\n", "\n")[: MESSAGE_MAX + 1]  # a form carries its lines so
    signature = "".join(given.get("signature", "").split())[: _SIGNATURE_MAX + 1]
    if not signature:
        return await _shown(visit, wallet, gettext("Paste the signature, or let the wallet of this browser sign."), 422)
    runtime = visit.runtime
    chains = {network.chain_id: runtime.rpc[slug] for slug, network in runtime.networks.items()}
    try:
        await prove_ownership(runtime.uow, runtime.clock, chains, visit.principal, visit.org_id, wallet_id, Signed(message, signature))
    except NotFound as error:
        raise Http404 from error
    except InvalidInput as error:
        return await _shown(visit, wallet, fields_in_words(error), error.status)
    except ChainUnavailable:
        problem = gettext("Only a contract at this address could tell, and no node of its network answers. Try it again later.")
        return await _shown(visit, wallet, problem, 503)
    return to_wallet(wallet_id, "proven")


async def _shown(visit: Visit, wallet: Wallet, problem: str = "", status: int = 200) -> HttpResponse:
    values: dict[str, object] = {"wallet": wallet, "problem": problem, "text": "", "left_s": 0}
    if wallet.owner_verified_at is None:
        runtime = visit.runtime
        chain_ids = {slug: network.chain_id for slug, network in runtime.networks.items()}
        try:
            site = site_of(runtime.config.frontend_url)
            challenge = await begin_ownership(runtime.uow, runtime.clock, site, visit.principal, visit.org_id, wallet.id, chain_ids)
        except CoreError:
            values["problem"] = gettext("The network of this wallet is not configured any more, so no text can be made for it.")
        else:
            values |= {"text": challenge.message, "left_s": int((challenge.expires_at - runtime.clock.now()).total_seconds())}
    return visit.render("wallets/ownership.html", values, status=status)
