"""/api/auth/wallet/: sign-in with Ethereum (EIP-4361), and the accounts that may."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from crypto_api.flows.ethereum_challenge import Chains, Challenge, Signed
from crypto_api.flows.ethereum_log_in import begin_ethereum_log_in, log_in_with_ethereum
from crypto_api.flows.link_ethereum_account import begin_link, link_ethereum_account, unlink_ethereum_account
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import device_of, door_of, principal_of
from crypto_api.http.idempotency import idempotent
from crypto_api.http.logged_in import logged_in_by
from crypto_api.http.permissions import approved, open_to_all, signed_in
from crypto_api.http.schemas.auth import LoggedInRead
from crypto_api.http.schemas.ethereum_log_in import (
    AskForText,
    EthereumAccountRead,
    EthereumAccountsRead,
    LinkEthereumAccount,
    LogInWithEthereum,
    TextRead,
)
from crypto_api.identity import factor_store as factors
from crypto_api.identity.documents import EthereumAccount
from crypto_api.identity.siwe import site_of
from crypto_api.identity.types import Purpose
from crypto_api.runtime import Runtime, runtime_of

router = Router(tags=["auth"])

MAINNET = 1


@router.post("/auth/wallet/challenge/", auth=None, response=TextRead, summary="Get the text to sign in with Ethereum")
@open_to_all
async def begin_wallet_login(request: HttpRequest, body: AskForText) -> HttpResponse:
    """EIP-4361. It can be sent back once, within five minutes. Any address gets one: it tells nothing about accounts."""
    runtime = runtime_of(request.scope)
    site = site_of(runtime.config.frontend_url)
    chain_id = body.chain_id or _first_chain(runtime)
    return _text(await begin_ethereum_log_in(door_of(runtime), site, device_of(request), body.address, chain_id))


@router.post("/auth/wallet/login/", auth=None, response=LoggedInRead, summary="Log in with the signed text")
@open_to_all
async def log_in_by_wallet(request: HttpRequest, body: LogInWithEthereum) -> HttpResponse:
    """Only for an address that was linked before; whatever is wrong answers alike (401 `invalid_signature`) and uses the text up. 401 `otp_required`
    does not: send the same once more with `otp`. A contract wallet is asked through the node of its network (EIP-1271): 503 while that is down."""
    runtime = runtime_of(request.scope)
    signed = Signed(body.message, body.signature)
    user, opened = await log_in_with_ethereum(door_of(runtime), _chains(runtime), signed, body.otp, device_of(request), way="api")
    return await logged_in_by(request, user, opened)


@router.post("/auth/wallet/link/challenge/", response=TextRead, summary="Get the text that links an Ethereum account")
@signed_in
@approved(Purpose.SECURITY)
async def begin_wallet_link(request: HttpRequest, body: AskForText) -> HttpResponse:
    runtime, chain_id = runtime_of(request.scope), body.chain_id
    site = site_of(runtime.config.frontend_url)
    return _text(await begin_link(runtime.uow, runtime.clock, site, principal_of(request), body.address, chain_id or _first_chain(runtime)))


@router.post("/auth/wallet/link/", response={201: EthereumAccountRead}, summary="Link the Ethereum account that signed the text")
@signed_in
@approved(Purpose.SECURITY)
@idempotent
async def create_wallet_link(request: HttpRequest, body: LinkEthereumAccount) -> HttpResponse:
    """From then on its signature opens this account, together with the second factor where one is set up."""
    runtime, principal = runtime_of(request.scope), principal_of(request)
    row = await link_ethereum_account(runtime.uow, runtime.clock, _chains(runtime), principal, Signed(body.message, body.signature))
    return answer(_read(row), status=201)


@router.get("/auth/wallet/", response=EthereumAccountsRead, summary="List my Ethereum accounts")
@signed_in
async def list_wallet_links(request: HttpRequest) -> HttpResponse:
    rows = await factors.ethereum_accounts_of(principal_of(request).user_id)
    return answer(EthereumAccountsRead(items=[_read(row) for row in rows]))


@router.delete("/auth/wallet/{account_id}/", response={204: None}, summary="Unlink an Ethereum account")
@signed_in
@approved(Purpose.SECURITY)
async def delete_wallet_link(request: HttpRequest, account_id: str) -> HttpResponse:
    """409 `last_way_in` when nothing else opens the account."""
    runtime, principal = runtime_of(request.scope), principal_of(request)
    await unlink_ethereum_account(runtime.uow, runtime.clock, principal, account_id)
    return no_content()


def _chains(runtime: Runtime) -> Chains:
    return {network.chain_id: runtime.rpc[slug] for slug, network in runtime.networks.items()}


def _first_chain(runtime: Runtime) -> int:
    return next((network.chain_id for network in runtime.networks.values()), MAINNET)


def _text(challenge: Challenge) -> HttpResponse:
    return answer(TextRead(message=challenge.message, nonce=challenge.nonce, expires_at=challenge.expires_at))


def _read(row: EthereumAccount) -> EthereumAccountRead:
    return EthereumAccountRead(
        id=row.id,
        address=row.address,
        chain_id=row.chain_id,
        is_contract=row.is_contract,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
    )
