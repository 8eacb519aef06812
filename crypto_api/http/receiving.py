"""/api/invoices/receiving/, /api/invoices/{id}/payment-request/: where clients pay in crypto, and what an invoice asks for."""

from typing import Protocol

from django.http import HttpRequest, HttpResponse
from ninja import Router

from crypto_api.desks import receiving_of
from crypto_api.flows.change_receiving import ReceivingDesk, change_receiving
from crypto_api.flows.request_payment import asked_of, checked, lock_rate, request_payment, with_network
from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.receipts import PaymentRequestCreate, PaymentRequestRead, ReceivingRead, ReceivingUpdate
from crypto_api.invoices.types import CryptoTerms
from crypto_api.kit.errors import NotFound
from crypto_api.organizations.types import Permission
from crypto_api.receivables import store
from crypto_api.runtime import runtime_of


class CryptoBody(Protocol):
    """What names in what, and where, something may be paid on a chain."""

    @property
    def crypto_currency(self) -> str | None: ...

    @property
    def network(self) -> str | None: ...

    @property
    def receive_wallet_id(self) -> str | None: ...

    @property
    def crypto_alternatives(self) -> list[str]: ...


router = Router(tags=["receivables"])


@router.get("/invoices/receiving/", response=ReceivingRead, summary="Where clients pay in crypto")
@requires(Permission.INVOICES_READ)
async def get_receiving_settings(request: HttpRequest) -> HttpResponse:
    row = await store.settings(org_of(request))
    return answer(ReceivingRead.of(row), version=row.version if row else 0)


@router.put("/invoices/receiving/", response=ReceivingRead, summary="Change where clients pay in crypto")
@requires(Permission.INVOICES_WRITE)
async def update_receiving_settings(request: HttpRequest, body: ReceivingUpdate) -> HttpResponse:
    """With an extended public key (BIP-32, of an account of BIP-44), each invoice gets an address of its own that only this organisation's wallet can
    spend from. Nothing here can: 422 `invalid_extended_key` for anything but a public key. Another key than the kept one decides who gets
    what clients pay: 403 `session_not_approved` without a step-up for `keys`, and every administrator is told by mail."""
    runtime = runtime_of(request.scope)
    desk = ReceivingDesk(runtime.uow, runtime.clock, runtime.queue)
    row = await change_receiving(desk, principal_of(request), org_of(request), body.fields(), expected_versions(request))
    return answer(ReceivingRead.of(row), version=row.version)


@router.get("/invoices/{invoice_id}/payment-request/", response=PaymentRequestRead, summary="How an invoice can be paid on a chain")
@requires(Permission.INVOICES_READ)
async def get_payment_request(request: HttpRequest, invoice_id: str) -> HttpResponse:
    return await _asked(request, invoice_id)


@router.post("/invoices/{invoice_id}/payment-request/", response={201: PaymentRequestRead}, summary="Ask for an invoice to be paid on a chain")
@requires(Permission.INVOICES_WRITE)
@idempotent
async def create_payment_request(request: HttpRequest, invoice_id: str, body: PaymentRequestCreate) -> HttpResponse:
    """Of an invoice that was sent. Its payer finds it at `pay_url`. 409 `no_receiving_address`, `gap_limit_reached`, `not_payable`."""
    desk, org_id = receiving_of(runtime_of(request.scope)), org_of(request)
    terms = await with_network(desk, org_id, body.crypto_currency, body.network, body.receive_wallet_id, body.crypto_alternatives)
    await request_payment(desk, org_id, principal_of(request).user_id, invoice_id, terms)
    return await _asked(request, invoice_id, status=201)


@router.post("/invoices/{invoice_id}/payment-request/renew/", response=PaymentRequestRead, summary="Lock a rate anew")
@requires(Permission.INVOICES_WRITE)
@idempotent
async def renew_payment_request(request: HttpRequest, invoice_id: str) -> HttpResponse:
    """Once the last one has run out, or where something else is due by now. Its payer can do so too. 409 `rate_still_locked`, `no_rate`."""
    row = await store.request_of(org_of(request), invoice_id)
    if row is None:
        raise NotFound
    await lock_rate(receiving_of(runtime_of(request.scope)), row)
    return await _asked(request, invoice_id)


async def crypto_terms(request: HttpRequest, body: CryptoBody) -> CryptoTerms | None:
    """Checked, with the network that was left out. None where no asset is named."""
    if body.crypto_currency is None:
        return None
    desk, org_id = receiving_of(runtime_of(request.scope)), org_of(request)
    terms = await with_network(desk, org_id, body.crypto_currency, body.network, body.receive_wallet_id, body.crypto_alternatives)
    await checked(desk, org_id, terms)
    return terms


async def _asked(request: HttpRequest, invoice_id: str, *, status: int = 200) -> HttpResponse:
    asked = (await asked_of(receiving_of(runtime_of(request.scope)), org_of(request), [invoice_id])).get(invoice_id)
    if asked is None:
        raise NotFound
    return answer(PaymentRequestRead.of(asked), status=status, version=asked.request.version)
