"""/api/wallets/."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.flows.read_payments import payment_view
from crypto_api.flows.request_backfill import add_wallet, request_backfill
from crypto_api.flows.wallet_balance import wallet_balance
from crypto_api.flows.wallet_delegation import allow_delegation, look_at_delegation, revoke_delegation
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.payments import desk_of, manual_origin
from crypto_api.http.permissions import approved, requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.payments import PaymentDetailRead
from crypto_api.http.schemas.system import TaskRead
from crypto_api.http.schemas.wallets import (
    AssetBalanceRead,
    WalletBackfill,
    WalletBalanceRead,
    WalletCreate,
    WalletDelegation,
    WalletDelegationRead,
    WalletMonitor,
    WalletQuery,
    WalletRead,
    WalletUpdate,
)
from crypto_api.identity.types import Purpose
from crypto_api.kit.errors import NotFound, Unavailable
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of
from crypto_api.wallets import service, store
from crypto_api.wallets.types import NewWallet, WalletChanges
from mongodb_config.pages import contains

router = Router(tags=["wallets"])

SORTS = {"created_at": "_id", "name": "name", "updated_at": "updated_at"}


@router.get("/wallets/", response=PageRead[WalletRead], summary="List wallets")
@requires(Permission.WALLETS_READ)
async def list_wallets(request: HttpRequest, query: Query[WalletQuery]) -> HttpResponse:
    where: dict[str, Any] = {
        name: value
        for name, value in (("network", query.network), ("wallet_type", query.wallet_type), ("monitoring_enabled", query.monitoring_enabled))
        if value is not None
    }
    if query.q is not None:
        where["$or"] = [{"name": contains(query.q)}, {"address": contains(query.q)}]
    page = await store.page(org_of(request), where, page_request(query, SORTS, "-created_at"))
    return answer(page_read(page, WalletRead.of))


@router.post("/wallets/", response={201: WalletRead}, summary="Add a wallet")
@requires(Permission.WALLETS_WRITE)
@idempotent
async def create_wallet(request: HttpRequest, body: WalletCreate) -> HttpResponse:
    """To be watched by its address, or with a key that is sealed at once. At most ten active ones a person; an address once in an organisation."""
    runtime = runtime_of(request.scope)
    org_id, user_id = org_of(request), principal_of(request).user_id
    new = NewWallet(**body.model_dump(exclude={"history_from"}))
    wallet = await add_wallet(runtime.uow, runtime.clock, runtime.signer, runtime.networks, org_id, user_id, new, body.history_from)
    return answer(WalletRead.of(wallet), status=201, version=wallet.version)


@router.get("/wallets/{wallet_id}/", response=WalletRead, summary="Get a wallet")
@requires(Permission.WALLETS_READ)
async def get_wallet(request: HttpRequest, wallet_id: str) -> HttpResponse:
    wallet = await store.get(org_of(request), wallet_id)
    if wallet is None:
        raise NotFound
    return answer(WalletRead.of(wallet), version=wallet.version)


@router.put("/wallets/{wallet_id}/", response=WalletRead, summary="Rename a wallet, or watch it or not")
@requires(Permission.WALLETS_WRITE)
async def update_wallet(request: HttpRequest, wallet_id: str, body: WalletUpdate) -> HttpResponse:
    """What is left out stays as it is."""
    return await _update(request, wallet_id, WalletChanges(body.name, body.monitoring_enabled))


@router.delete("/wallets/{wallet_id}/", response={204: None}, summary="Delete a wallet")
@requires(Permission.WALLETS_WRITE)
async def delete_wallet(request: HttpRequest, wallet_id: str) -> HttpResponse:
    """It is no longer watched or shown. Its history stays in the books."""
    runtime = runtime_of(request.scope)
    await service.delete(runtime.uow, runtime.clock, org_of(request), wallet_id, expected_versions(request))
    return no_content()


@router.get("/wallets/{wallet_id}/balance/", response=WalletBalanceRead, summary="What a wallet holds on the chain, and in the books")
@requires(Permission.WALLETS_READ)
async def get_wallet_balance(request: HttpRequest, wallet_id: str) -> HttpResponse:
    """Every listed asset at the head of the chain, all at one block. 503 when no node answers."""
    runtime = runtime_of(request.scope)
    wallet = await store.get(org_of(request), wallet_id)
    if wallet is None:
        raise NotFound
    network = runtime.networks.get(wallet.network)
    if network is None:
        raise Unavailable("The network of this wallet is not configured any more.", code="network_unavailable")
    found = await wallet_balance(runtime.rpc[wallet.network], network, wallet)
    balances = [
        AssetBalanceRead(
            asset=row.asset,
            contract=row.contract,
            decimals=row.decimals,
            raw_amount=str(row.raw),
            amount=row.units,
            ledger_quantity=row.ledger_units,
        )
        for row in found.assets
    ]
    return answer(
        WalletBalanceRead(
            wallet_id=wallet.id,
            network=wallet.network,
            address=wallet.address,
            block_number=found.header.number,
            block_hash=found.header.hash,
            block_at=found.at,
            balances=balances,
        )
    )


@router.post("/wallets/{wallet_id}/monitor/", response=WalletRead, summary="Watch a wallet, or stop watching it")
@requires(Permission.WALLETS_WRITE)
async def monitor_wallet(request: HttpRequest, wallet_id: str, body: WalletMonitor) -> HttpResponse:
    return await _update(request, wallet_id, WalletChanges(monitoring_enabled=body.monitoring_enabled))


@router.post("/wallets/{wallet_id}/backfill/", response={202: TaskRead}, summary="Read the history of a wallet")
@requires(Permission.WALLETS_WRITE)
@idempotent
async def backfill_wallet(request: HttpRequest, wallet_id: str, body: WalletBackfill) -> HttpResponse:
    """What moved before its books were opened. The answer is a task that tells how far it is; it goes on by itself after a crash. The opening entry
    moves to the block before the first. 409 `backfill_running` while another goes on."""
    runtime = runtime_of(request.scope)
    task = await request_backfill(runtime.uow, runtime.clock, org_of(request), wallet_id, body.from_block, principal_of(request).user_id)
    return answer(TaskRead.of(task), status=202)


@router.get("/wallets/{wallet_id}/delegation/", response=WalletDelegationRead, summary="What code a wallet runs")
@requires(Permission.WALLETS_READ)
async def get_wallet_delegation(request: HttpRequest, wallet_id: str) -> HttpResponse:
    """EIP-7702, read from the chain. 503 when no node answers."""
    return await _delegation(request, wallet_id)


@router.put("/wallets/{wallet_id}/delegation/", response=WalletDelegationRead, summary="Let a wallet run our batch contract as its own code, or not")
@requires(Permission.POLICIES_WRITE)
@approved(Purpose.KEYS)
async def allow_wallet_delegation(request: HttpRequest, wallet_id: str, body: WalletDelegation) -> HttpResponse:
    """Nothing is sent: its next batch is paid so, where the payment policy lets wallets. What it runs already stays until it is taken back."""
    runtime = runtime_of(request.scope)
    principal, versions = principal_of(request), expected_versions(request)
    await allow_delegation(runtime.uow, runtime.clock, principal, org_of(request), wallet_id, versions, allowed=body.allowed)
    return await _delegation(request, wallet_id)


@router.post("/wallets/{wallet_id}/delegation/revoke/", response={202: PaymentDetailRead}, summary="Take back what a wallet has delegated")
@requires(Permission.PAYMENTS_PREPARE)
@approved(Purpose.KEYS)
@idempotent
async def revoke_wallet_delegation(request: HttpRequest, wallet_id: str) -> HttpResponse:
    """Makes a payment of nothing that leaves the account without code (EIP-7702), also where it runs somebody else's. Follow it at
    /api/payments/{id}/. 409 `not_delegated` where it runs nobody's."""
    payment = await revoke_delegation(desk_of(request), principal_of(request), org_of(request), wallet_id, manual_origin(request))
    view = await payment_view(org_of(request), payment, runtime_of(request.scope).clock.now())
    return answer(PaymentDetailRead.of(view), status=202, version=payment.version)


async def _delegation(request: HttpRequest, wallet_id: str) -> HttpResponse:
    org_id, desk = org_of(request), desk_of(request)
    wallet = await store.get(org_id, wallet_id)
    if wallet is None:
        raise NotFound
    if wallet.network not in desk.networks:
        raise Unavailable("The network of this wallet is not configured any more.", code="network_unavailable")
    found = await look_at_delegation(desk.nodes[wallet.network], org_id, wallet_id, desk.clock.now())
    return answer(WalletDelegationRead.of(found), version=found.wallet.version)


async def _update(request: HttpRequest, wallet_id: str, changes: WalletChanges) -> HttpResponse:
    runtime = runtime_of(request.scope)
    wallet = await service.update(runtime.uow, runtime.clock, org_of(request), wallet_id, changes, expected_versions(request))
    return answer(WalletRead.of(wallet), version=wallet.version)
