"""/api/blockchain/: sending, what it would cost, and what became of it."""

import re

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.flows.prepare_payment import NewPayment, estimate, prepare_payment
from crypto_api.flows.read_chain_transaction import ChainTransaction, read_chain_transaction
from crypto_api.flows.read_payments import payment_view
from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.idempotency import idempotent
from crypto_api.http.payments import desk_of, manual_origin
from crypto_api.http.permissions import approved, requires
from crypto_api.http.schemas.payments import (
    ChainTransactionRead,
    ChainTransactionStatusRead,
    GasEstimateRead,
    GasQuery,
    HashQuery,
    PaymentDetailRead,
    SendEth,
    WalletMonitoring,
)
from crypto_api.http.schemas.wallets import WalletRead
from crypto_api.identity.types import Purpose
from crypto_api.kit.amounts import to_units
from crypto_api.kit.errors import NotFound
from crypto_api.kit.ethereum import NATIVE_DECIMALS
from crypto_api.organizations.types import Permission
from crypto_api.payments import rules
from crypto_api.runtime import runtime_of
from crypto_api.wallets import service as wallets
from crypto_api.wallets.types import WalletChanges

router = Router(tags=["blockchain"])
_HASH = re.compile(r"0x[0-9a-fA-F]{64}", re.ASCII)


@router.post("/blockchain/send-eth/", response={202: PaymentDetailRead}, summary="Send the coin, or a listed ERC-20")
@requires(Permission.PAYMENTS_PREPARE)
@approved(Purpose.KEYS)
@idempotent
async def send_eth(request: HttpRequest, body: SendEth) -> HttpResponse:
    """Makes a payment, which goes the way of every payment: approved as the payment policy asks, signed by the signer, sent, and confirmed by the
    chain. Follow it at /api/payments/{id}/."""
    payment = await prepare_payment(desk_of(request), principal_of(request), org_of(request), body.new(), manual_origin(request))
    view = await payment_view(org_of(request), payment, runtime_of(request.scope).clock.now())
    return answer(PaymentDetailRead.of(view), status=202, version=payment.version)


@router.get("/blockchain/estimate-gas/", response=GasEstimateRead, summary="What a transfer would cost, and whether it would fail")
@requires(Permission.BLOCKCHAIN_READ)
async def estimate_gas(request: HttpRequest, query: Query[GasQuery]) -> HttpResponse:
    """At the head of the chain. 503 when no node answers."""
    new = NewPayment(query.wallet_id, query.amount, to=query.to, asset=query.asset)
    found = await estimate(desk_of(request), org_of(request), new)
    quote, fees, raw = found.quote, found.fees, found.raw
    enough = quote.balance >= rules.highest_cost(int(found.call.value_raw), fees) + quote.l1_fee and (
        quote.token_balance is None or quote.token_balance >= raw
    )
    per_gas = min(quote.market.base_fee + fees.max_priority_fee_per_gas, fees.max_fee_per_gas)
    read = GasEstimateRead(
        network=found.network.slug,
        gas_limit=fees.gas,
        transaction_type=fees.transaction_type,
        l1_fee=to_units(quote.l1_fee, NATIVE_DECIMALS),
        base_fee_per_gas=str(quote.market.base_fee),
        max_fee_per_gas=str(fees.max_fee_per_gas),
        max_priority_fee_per_gas=str(fees.max_priority_fee_per_gas),
        fee_asset=found.network.native_asset,
        expected_fee=to_units(fees.gas * per_gas + quote.l1_fee, NATIVE_DECIMALS),
        max_fee=to_units(fees.gas * fees.max_fee_per_gas + quote.l1_fee, NATIVE_DECIMALS),
        would_revert=quote.reverts is not None,
        revert_reason=quote.reverts,
        sufficient_funds=enough,
    )
    return answer(read)


@router.get("/blockchain/transaction/{hash}/", response=ChainTransactionRead, summary="A transaction by its hash, as the chain tells it")
@requires(Permission.BLOCKCHAIN_READ)
async def get_chain_transaction(request: HttpRequest, hash: str, query: Query[HashQuery]) -> HttpResponse:  # noqa: A002  the path's own name
    found = await _found(request, hash, query)
    told, receipt = found.told, found.receipt
    read = ChainTransactionRead(
        **_status(found).model_dump(),
        chain_id=found.network.chain_id,
        block_hash=receipt.block_hash if receipt else None,
        from_address=told.sender if told else None,
        to_address=told.to if told else None,
        nonce=told.nonce if told else None,
        asset=found.network.native_asset,
        amount=to_units(told.value, NATIVE_DECIMALS) if told else None,
        raw_amount=str(told.value) if told else None,
        gas_used=receipt.gas_used if receipt else None,
        gas_fee=to_units(receipt.gas_used * receipt.effective_gas_price + receipt.l1_fee, NATIVE_DECIMALS) if receipt else None,
        transaction_id=found.row.id if found.row else None,
    )
    return answer(read)


@router.get("/blockchain/transaction-status/{hash}/", response=ChainTransactionStatusRead, summary="How far a transaction has come")
@requires(Permission.BLOCKCHAIN_READ)
async def get_chain_transaction_status(request: HttpRequest, hash: str, query: Query[HashQuery]) -> HttpResponse:  # noqa: A002
    return answer(_status(await _found(request, hash, query)))


@router.post("/blockchain/wallet-monitoring/", response=WalletRead, summary="Watch a wallet, or stop watching it")
@requires(Permission.WALLETS_WRITE)
@idempotent
async def set_wallet_monitoring(request: HttpRequest, body: WalletMonitoring) -> HttpResponse:
    runtime = runtime_of(request.scope)
    changes = WalletChanges(monitoring_enabled=body.enabled)
    wallet = await wallets.update(runtime.uow, runtime.clock, org_of(request), body.wallet_id, changes)
    return answer(WalletRead.of(wallet), version=wallet.version)


async def _found(request: HttpRequest, hash_: str, query: HashQuery) -> ChainTransaction:
    if not _HASH.fullmatch(hash_):
        raise NotFound
    desk = desk_of(request)
    return await read_chain_transaction(desk.networks, desk.nodes, org_of(request), hash_.lower(), query.network)


def _status(found: ChainTransaction) -> ChainTransactionStatusRead:
    number = found.receipt.block_number if found.receipt else found.row.block_number if found.row else None
    return ChainTransactionStatusRead(
        hash=found.hash,
        network=found.network.slug,
        status=found.status,
        confirmations=found.confirmations,
        confirmations_required=found.network.confirmations,
        block_number=number,
        payment_id=found.payment.id if found.payment else None,
    )
