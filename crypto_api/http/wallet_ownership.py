"""/api/wallets/{wallet_id}/ownership/: the proof that an address is the organisation's; and the key to which secrets for the signer are sealed."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from crypto_api.flows.ethereum_challenge import Signed
from crypto_api.flows.wallet_ownership import begin_ownership, prove_ownership
from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.idempotency import idempotent
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.ethereum_log_in import TextRead
from crypto_api.http.schemas.wallet_ownership import IntakeKeyRead, OwnershipProof
from crypto_api.http.schemas.wallets import WalletRead
from crypto_api.identity.siwe import site_of
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of

router = Router(tags=["wallets"])


@router.get("/wallets/intake-key/", response=IntakeKeyRead, summary="Get the key to which secrets are sealed")
@requires(Permission.WALLETS_WRITE)
async def get_intake_key(request: HttpRequest) -> HttpResponse:
    """For a client that seals `private_key` or `keystore_password` itself: a compact JWE (RFC 7516), ECDH-ES with A256GCM, over the value as JSON,
    with this `kid`. What comes in the clear is sealed at the door. The key stays the same until the master key is changed."""
    key = await runtime_of(request.scope).signer.public_key()
    return answer(IntakeKeyRead(kid=key.kid, x=key.x, y=key.y))


@router.post("/wallets/{wallet_id}/ownership/challenge/", response=TextRead, summary="Get the text that proves a wallet to be ours")
@requires(Permission.WALLETS_WRITE)
async def begin_wallet_ownership(request: HttpRequest, wallet_id: str) -> HttpResponse:
    """To be signed by the wallet within five minutes; good for one answer of this session."""
    runtime = runtime_of(request.scope)
    chain_ids = {slug: network.chain_id for slug, network in runtime.networks.items()}
    site = site_of(runtime.config.frontend_url)
    challenge = await begin_ownership(runtime.uow, runtime.clock, site, principal_of(request), org_of(request), wallet_id, chain_ids)
    return answer(TextRead(message=challenge.message, nonce=challenge.nonce, expires_at=challenge.expires_at))


@router.post("/wallets/{wallet_id}/ownership/", response=WalletRead, summary="Prove that a wallet is ours by the signed text")
@requires(Permission.WALLETS_WRITE)
@idempotent
async def prove_wallet_ownership(request: HttpRequest, wallet_id: str, body: OwnershipProof) -> HttpResponse:
    """By the wallet's key (EIP-191), or by a contract wallet (EIP-1271), which is asked through a node of its network: 503 while none answers. 422
    `invalid_signature` uses the text up."""
    runtime = runtime_of(request.scope)
    chains = {network.chain_id: runtime.rpc[slug] for slug, network in runtime.networks.items()}
    signed = Signed(body.message, body.signature)
    wallet = await prove_ownership(runtime.uow, runtime.clock, chains, principal_of(request), org_of(request), wallet_id, signed)
    return answer(WalletRead.of(wallet), version=wallet.version)
