"""/api/receipts/: what came in crypto, what it was matched with, and the desk of what was not."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.clients import store as clients
from crypto_api.desks import matcher_of
from crypto_api.flows import match_by_hand
from crypto_api.flows.match_receipts import Matcher
from crypto_api.flows.refund_receipt import refund_receipt
from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.payments import desk_of
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.receipts import (
    ReceiptApplied,
    ReceiptApply,
    ReceiptCredit,
    ReceiptDetailRead,
    ReceiptQuery,
    ReceiptRead,
    ReceiptRefund,
    ReceiptRefunded,
    SuggestionRead,
    SuggestionsRead,
)
from crypto_api.kit.errors import InvalidInput, NotFound
from crypto_api.organizations.types import Permission
from crypto_api.receivables import store
from crypto_api.runtime import runtime_of

router = Router(tags=["receivables"])
SORTS = {"timestamp": "at"}


@router.get("/receipts/", response=PageRead[ReceiptRead], summary="What came in crypto")
@requires(Permission.INVOICES_READ)
async def list_receipts(request: HttpRequest, query: Query[ReceiptQuery]) -> HttpResponse:
    """`state=open`: what belongs to nothing yet. When the list is empty, nothing of clients' money is in suspense."""
    where: dict[str, Any] = {name: value for name in ("state", "invoice_id") if (value := getattr(query, name)) is not None}
    page = await store.page(org_of(request), where, page_request(query, SORTS, "-timestamp"))
    return answer(page_read(page, ReceiptRead.of))


@router.get("/receipts/suggestions/", response=SuggestionsRead, summary="What may be meant for what")
@requires(Permission.INVOICES_READ)
async def list_suggestions(request: HttpRequest) -> HttpResponse:
    """Of the 200 oldest receipts that are open: what is certain first, then the likeliest few for each, with their reasons."""
    return answer(SuggestionsRead(items=[SuggestionRead.of(one) for one in await match_by_hand.suggestions(org_of(request), limit=200)]))


@router.post("/receipts/apply/", response=ReceiptApplied, summary="Apply receipts to invoices")
@requires(Permission.INVOICES_WRITE)
@idempotent
async def apply_receipts(request: HttpRequest, body: ReceiptApply) -> HttpResponse:
    """All of it or nothing, with the books. 409 `not_open`, `more_than_due`."""
    wanted = [row.wanted() for row in body.invoices]
    rows = await match_by_hand.apply_by_hand(_matcher(request), org_of(request), principal_of(request).user_id, body.receipt_ids, wanted)
    return answer(ReceiptApplied(items=[ReceiptRead.of(row) for row in rows]))


@router.get("/receipts/{receipt_id}/", response=ReceiptDetailRead, summary="Get a receipt, and what it may be meant for")
@requires(Permission.INVOICES_READ)
async def get_receipt(request: HttpRequest, receipt_id: str) -> HttpResponse:
    row = await store.get(org_of(request), receipt_id)
    if row is None:
        raise NotFound
    found = await match_by_hand.suggestions(row.org_id, row)
    return answer(ReceiptDetailRead(receipt=ReceiptRead.of(row), suggestions=[SuggestionRead.of(one) for one in found]), version=row.version)


@router.post("/receipts/{receipt_id}/credit/", response=ReceiptRead, summary="Keep what is open for the client")
@requires(Permission.INVOICES_WRITE)
@idempotent
async def credit_receipt(request: HttpRequest, receipt_id: str, body: ReceiptCredit) -> HttpResponse:
    """A liability until it is applied to an invoice, which begins with undoing it."""
    row = await store.get(org_of(request), receipt_id)
    if row is None:
        raise NotFound
    client = await clients.get(row.org_id, body.client_id or row.client_id or "")
    if client is None:
        raise InvalidInput.of("client_id", "is no client of this organisation", "unknown_client")
    done = await match_by_hand.credit_by_hand(_matcher(request), row.org_id, principal_of(request).user_id, row.id, client.id, client.name)
    return answer(ReceiptRead.of(done))


@router.post("/receipts/{receipt_id}/undo/", response=ReceiptRead, summary="Undo what a receipt was matched with")
@requires(Permission.INVOICES_WRITE)
@idempotent
async def undo_receipt(request: HttpRequest, receipt_id: str) -> HttpResponse:
    """Invoices and books are as if it had never been matched, and it is not matched by itself again. Refunds stay."""
    return answer(ReceiptRead.of(await match_by_hand.undo_by_hand(_matcher(request), org_of(request), principal_of(request).user_id, receipt_id)))


@router.post("/receipts/{receipt_id}/refund/", response={202: ReceiptRefunded}, summary="Send back what is open of a receipt")
@requires(Permission.PAYMENTS_PREPARE)
@idempotent
async def refund_open_receipt(request: HttpRequest, receipt_id: str, body: ReceiptRefund) -> HttpResponse:
    """A payment to the address that it came from, approved and signed as any other. Where it is rejected or fails, it is open again."""
    row, payment = await refund_receipt(desk_of(request), principal_of(request), org_of(request), receipt_id, body.wallet_id)
    return answer(ReceiptRefunded(receipt=ReceiptRead.of(row), payment_id=payment.id), status=202)


def _matcher(request: HttpRequest) -> Matcher:
    return matcher_of(runtime_of(request.scope))
