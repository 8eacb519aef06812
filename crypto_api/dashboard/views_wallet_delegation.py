"""What code a wallet runs (EIP-7702), on its page: whether it may, and taking it back."""

from django.http import Http404, HttpResponse

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import only_post
from crypto_api.dashboard.payment_desk import desk_of
from crypto_api.dashboard.step_up import confirmed
from crypto_api.dashboard.views_wallet import refused_page
from crypto_api.dashboard.views_wallets import to_wallet, wallet_of
from crypto_api.flows.wallet_delegation import allow_delegation, look_at_delegation, revoke_delegation
from crypto_api.identity.types import Purpose
from crypto_api.kit.errors import CoreError, NotFound
from crypto_api.kit.ethereum import ChainUnavailable
from crypto_api.kit.ids import new_id
from crypto_api.organizations.types import Permission
from crypto_api.payments.batch import BATCH_DELEGATE
from crypto_api.payments.types import Origin
from crypto_api.wallets.documents import WalletType

_CHOICES = {"allow": True, "forbid": False}


@page(Permission.WALLETS_READ)
async def fragment(visit: Visit, wallet_id: str) -> HttpResponse:
    """Asks the chain, so the page does not wait for it."""
    wallet, desk = await wallet_of(visit, wallet_id), desk_of(visit)
    found = None
    if wallet.network in desk.networks:
        try:
            found = await look_at_delegation(desk.nodes[wallet.network], visit.org_id, wallet_id, desk.clock.now())
        except ChainUnavailable:
            found = None
    values = {
        "wallet": wallet,
        "found": found,
        "contract": BATCH_DELEGATE,
        "has_key": wallet.wallet_type is WalletType.PRIVATE_KEY,
        "may_allow": visit.may(Permission.POLICIES_WRITE),
        "may_revoke": visit.may(Permission.PAYMENTS_PREPARE),
        "may_read_payments": visit.may(Permission.PAYMENTS_READ),
    }
    return visit.render("wallets/delegation.html", values)


@page(Permission.POLICIES_WRITE)
@confirmed("/wallets/{wallet_id}/", Purpose.KEYS)
async def allow(visit: Visit, wallet_id: str) -> HttpResponse:
    only_post(visit.request)
    wallet, runtime = await wallet_of(visit, wallet_id), visit.runtime
    allowed = _CHOICES.get(visit.request.POST.get("choice", ""))
    if allowed is None:
        raise Http404
    try:
        await allow_delegation(runtime.uow, runtime.clock, visit.principal, visit.org_id, wallet_id, None, allowed=allowed)
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:
        return await refused_page(visit, wallet, error)
    return to_wallet(wallet_id, "delegation-allowed" if allowed else "delegation-forbidden")


@page(Permission.PAYMENTS_PREPARE)
@confirmed("/wallets/{wallet_id}/", Purpose.KEYS)
async def revoke(visit: Visit, wallet_id: str) -> HttpResponse:
    """Pressed twice it is one: while one is on its way no second is made."""
    only_post(visit.request)
    wallet = await wallet_of(visit, wallet_id)
    try:
        await revoke_delegation(desk_of(visit), visit.principal, visit.org_id, wallet_id, Origin(kind="manual", id=new_id("man")))
    except CoreError as error:
        return await refused_page(visit, wallet, error)
    return to_wallet(wallet_id, "delegation-revoked")
