"""/api/payments/: what is to be paid, who agrees, and how far it has come."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from ninja.params.functions import Body

from crypto_api.desks import payment_desk_of
from crypto_api.flows import decide_payment
from crypto_api.flows.decide_payment import Word
from crypto_api.flows.prepare_payment import prepare_payment
from crypto_api.flows.prepare_payment import submit_payment as submit
from crypto_api.flows.prepare_wanted import PaymentDesk
from crypto_api.flows.read_payments import payment_view, payment_views
from crypto_api.flows.resume_sender import resume_sender
from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import HEADER, idempotent
from crypto_api.http.paging import page_request
from crypto_api.http.permissions import approved, requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.payments import PaymentCreate, PaymentDecide, PaymentDetailRead, PaymentQuery, PaymentRead, PaymentSubmitted
from crypto_api.identity.types import Purpose
from crypto_api.kit.errors import NotFound
from crypto_api.kit.ids import new_id
from crypto_api.organizations.types import Permission
from crypto_api.payments import store
from crypto_api.payments.documents import Payment
from crypto_api.payments.types import Origin
from crypto_api.runtime import runtime_of
from mongodb_config.pages import contains

router = Router(tags=["payments"])

_EXAMPLES: Any = [{"reason": "Agreed on the phone"}]  # a list, as JSON Schema has it, whatever ninja says of its type
_OPTIONAL = Body(None, examples=_EXAMPLES)  # the session and the step-up say the rest
SORTS = {"created_at": "_id", "updated_at": "updated_at", "state": "state", "amount": "amount", "payee_name": "payee_name"}
SEARCHED = ("payee_name", "payee_address", "description", "hash")


@router.get("/payments/", response=PageRead[PaymentRead], summary="List payments")
@requires(Permission.PAYMENTS_READ)
async def list_payments(request: HttpRequest, query: Query[PaymentQuery]) -> HttpResponse:
    """With `state=PENDING_APPROVAL` the queue of approvals."""
    org_id = org_of(request)
    page = await store.page(org_id, _filter(query), page_request(query, SORTS, "-created_at"))
    views = await payment_views(org_id, list(page.items), runtime_of(request.scope).clock.now())
    return answer(PageRead(items=[PaymentRead.of(view) for view in views], next_cursor=page.next_cursor, total=page.total))


@router.post("/payments/", response={201: PaymentDetailRead}, summary="Prepare a payment")
@requires(Permission.PAYMENTS_PREPARE)
@idempotent
async def create_payment(request: HttpRequest, body: PaymentCreate) -> HttpResponse:
    """It is simulated first: what would fail (409 `would_revert`, `insufficient_funds`) or is above a limit (409 `over_limit`) is not stored.
    Where the payment policy asks nobody else, whoever prepares it confirms by a step-up (403 `session_not_approved`)."""
    payment = await prepare_payment(desk_of(request), principal_of(request), org_of(request), body.new(), manual_origin(request), draft=body.draft)
    return await _shown(request, payment, status=201)


@router.get("/payments/{payment_id}/", response=PaymentDetailRead, summary="Get a payment")
@requires(Permission.PAYMENTS_READ)
async def get_payment(request: HttpRequest, payment_id: str) -> HttpResponse:
    payment = await store.get(org_of(request), payment_id)
    if payment is None:
        raise NotFound
    return await _shown(request, payment)


@router.post("/payments/{payment_id}/submit/", response=PaymentDetailRead, summary="Put a draft up for approval")
@requires(Permission.PAYMENTS_PREPARE)
@idempotent
async def submit_payment(request: HttpRequest, payment_id: str) -> HttpResponse:
    """It is simulated and judged anew. What is approved is frozen from then on."""
    return await _shown(request, await submit(desk_of(request), principal_of(request), org_of(request), payment_id))


@router.post("/payments/{payment_id}/approve/", response=PaymentDetailRead, summary="Approve a payment")
@requires(Permission.PAYMENTS_APPROVE)
@approved(Purpose.KEYS)
@idempotent
async def approve_payment(request: HttpRequest, payment_id: str, body: PaymentDecide | None = _OPTIONAL) -> HttpResponse:
    """Nobody approves what they prepared (403 `own_payment`). With `payload_hash` of what was shown, and, where the policy asks for it, with a
    signature of the payment's `typed_data`."""
    return await _decided(request, payment_id, decide_payment.approve_payment, body)


@router.post("/payments/{payment_id}/reject/", response=PaymentDetailRead, summary="Reject a payment")
@requires(Permission.PAYMENTS_APPROVE)
@approved(Purpose.KEYS)
@idempotent
async def reject_payment(request: HttpRequest, payment_id: str, body: PaymentDecide | None = _OPTIONAL) -> HttpResponse:
    """As long as nothing of it is signed."""
    return await _decided(request, payment_id, decide_payment.reject_payment, body)


@router.post("/payments/{payment_id}/cancel/", response=PaymentDetailRead, summary="Cancel a payment")
@requires(Permission.PAYMENTS_PREPARE)
@approved(Purpose.KEYS)
@idempotent
async def cancel_payment(request: HttpRequest, payment_id: str) -> HttpResponse:
    """At once while nothing is signed. After that a transaction of nothing takes its nonce, and whichever of the two is mined is the truth."""
    versions = expected_versions(request)
    payment = await decide_payment.cancel_payment(desk_of(request), principal_of(request), org_of(request), payment_id, versions)
    return await _shown(request, payment)


@router.post("/payments/{payment_id}/speed-up/", response=PaymentDetailRead, summary="Make a payment faster")
@requires(Permission.PAYMENTS_PREPARE)
@approved(Purpose.KEYS)
@idempotent
async def speed_up_payment(request: HttpRequest, payment_id: str) -> HttpResponse:
    """A transaction with the same nonce bids at least an eighth more, within what the payment policy allows."""
    versions = expected_versions(request)
    payment = await decide_payment.speed_up_payment(desk_of(request), principal_of(request), org_of(request), payment_id, versions)
    return await _shown(request, payment)


@router.post("/payments/{payment_id}/submitted/", response=PaymentDetailRead, summary="Tell what a wallet of one's own has sent")
@requires(Permission.PAYMENTS_PREPARE)
@idempotent
async def tell_payment_hash(request: HttpRequest, payment_id: str, body: PaymentSubmitted) -> HttpResponse:
    """For a payment by a browser or hardware wallet. Whether it is this payment is seen on the chain, by sender, nonce and call."""
    payment = await decide_payment.tell_hash(desk_of(request), principal_of(request), org_of(request), payment_id, body.hash)
    return await _shown(request, payment)


@router.post("/payments/{payment_id}/resume/", response=PaymentDetailRead, summary="Let a stopped wallet send again")
@requires(Permission.PAYMENTS_APPROVE)
@approved(Purpose.KEYS)
@idempotent
async def resume_sender_of_payment(request: HttpRequest, payment_id: str) -> HttpResponse:
    """For a wallet that was stopped because a nonce of it was used elsewhere (`sender_frozen`). What the chain has of it is matched with its payments
    first: one whose nonce is gone ends as REPLACED. 409 `not_final_yet` while that could still be undone."""
    return await _shown(request, await resume_sender(desk_of(request), principal_of(request), org_of(request), payment_id))


def desk_of(request: HttpRequest) -> PaymentDesk:
    return payment_desk_of(runtime_of(request.scope))


def manual_origin(request: HttpRequest) -> Origin:
    """The same key of the same person is the same payment, also after the answer to it was forgotten."""
    key = request.headers.get(HEADER)
    return Origin(kind="manual", id=f"{principal_of(request).user_id}:{key}" if key else new_id("man"))


async def _shown(request: HttpRequest, payment: Payment, *, status: int = 200) -> HttpResponse:
    view = await payment_view(org_of(request), payment, runtime_of(request.scope).clock.now())
    return answer(PaymentDetailRead.of(view), status=status, version=payment.version)


async def _decided(request: HttpRequest, payment_id: str, decide: Any, body: PaymentDecide | None) -> HttpResponse:
    word = Word(body.payload_hash, body.reason, body.signature) if body is not None else Word()
    payment = await decide(desk_of(request), principal_of(request), org_of(request), payment_id, word, expected_versions(request))
    return await _shown(request, payment)


def _filter(query: PaymentQuery) -> dict[str, Any]:
    asked = {
        "state": query.state,
        "wallet_id": query.wallet_id,
        "network": query.network,
        "asset": query.asset,
        "payee_id": query.payee_id,
        "prepared_by": query.prepared_by,
    }
    where: dict[str, Any] = {field: value for field, value in asked.items() if value is not None}
    if bounds := query.days():
        where["created_at"] = bounds
    if query.q is not None:
        where["$or"] = [{field: contains(query.q)} for field in SEARCHED]
    return where
