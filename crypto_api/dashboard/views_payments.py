"""Payments: the list, and one with how far it is, why it waits, and what may be done about it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from crypto_api.dashboard import payment_words as words
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.forms import Form, fields_in_words, only_post
from crypto_api.dashboard.list_filter import ListFilter
from crypto_api.dashboard.payment_desk import desk_of, has_confirmed
from crypto_api.dashboard.rows import links_of
from crypto_api.dashboard.script_answers import go_on, spoken, told, told_text
from crypto_api.dashboard.step_up import confirmation, confirmed
from crypto_api.dashboard.translation import gettext
from crypto_api.flows import decide_payment
from crypto_api.flows.decide_payment import Word
from crypto_api.flows.judge_payment import Subject, judge
from crypto_api.flows.prepare_payment import submit_payment
from crypto_api.flows.read_payments import PaymentView, payment_view
from crypto_api.flows.resume_sender import resume_sender
from crypto_api.identity.errors import SessionNotApproved
from crypto_api.identity.types import Purpose
from crypto_api.kit.amounts import to_units
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound
from crypto_api.kit.ethereum import NATIVE_DECIMALS
from crypto_api.kit.paging import PageRequest
from crypto_api.organizations.types import Permission
from crypto_api.payments import store
from crypto_api.payments.documents import Payment
from crypto_api.payments.typed_data import as_json
from crypto_api.payments.types import ENDED, Hold, PaymentState, Way
from crypto_api.policies import rules as policy_rules
from crypto_api.policies.rules import Verdict
from crypto_api.reports import activity, people
from crypto_api.transactions.store import transaction_id
from mongodb_config import pages

REASON_MAX = 500
SEARCHED = ("payee_name", "payee_address", "description", "hash")
VIEWS = {
    "": pgettext_lazy("payments", "Open"),
    "approval": pgettext_lazy("payments", "Need approval"),
    "paid": pgettext_lazy("payments", "Paid"),
    "other": pgettext_lazy("payments", "Came to nothing"),
    "all": pgettext_lazy("payments", "All"),
}
_OPEN = [state for state in PaymentState if state not in ENDED]
_STATES = {
    "": _OPEN,
    "approval": [PaymentState.PENDING_APPROVAL],
    "paid": [PaymentState.CONFIRMED],
    "other": [state for state in ENDED if state is not PaymentState.CONFIRMED],
    "all": list(PaymentState),
}
FLASHES = {
    "prepared": _("The payment was prepared."),
    "submitted": _("Put up for approval."),
    "approved": _("You approved it."),
    "rejected": _("Rejected. Nothing was sent."),
    "cancelled": _("It is being cancelled: whichever the network takes, the payment or its cancellation, is the truth."),
    "sped-up": _("It bids a higher fee from now on."),
    "resumed": _("The wallet sends again."),
    "sent": _("Noted. It goes on as soon as the network has it."),
}
_BEFORE_SIGNATURE = (PaymentState.PENDING_APPROVAL, PaymentState.APPROVED)
_ON_ITS_WAY = (PaymentState.SIGNED, PaymentState.BROADCAST)
Deed = Callable[..., Awaitable[Payment]]


@dataclass(frozen=True, slots=True)
class PaymentRow:
    payment: Payment
    state: str
    tone: str
    preparer: str

    @property
    def key(self) -> str:
        return self.payment.id


@dataclass(frozen=True, slots=True)
class Filter(ListFilter):
    CHOICES = {"view": VIEWS}

    view: str = ""
    q: str = ""

    def where(self) -> dict[str, Any]:
        query: dict[str, Any] = {"state": {"$in": _STATES[self.view]}}
        if self.q:
            query["$or"] = [{field: pages.contains(self.q)} for field in SEARCHED]
        return query


# ---- the list --------------------------------------------------------------------------------------------------------------------


@page(Permission.PAYMENTS_READ)
async def list_page(visit: Visit) -> HttpResponse:
    waiting = await store.count(visit.org_id, {"state": PaymentState.PENDING_APPROVAL})
    values = {"views": VIEWS.items(), "waiting": waiting}
    return visit.render("payments/list.html", await _rows(visit, Filter.of(visit.request)) | values)


@page(Permission.PAYMENTS_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("payments/rows.html", await _rows(visit, Filter.of(visit.request)))


async def _rows(visit: Visit, wanted: Filter) -> dict[str, object]:
    request = PageRequest(limit=rows_wanted(visit.request), cursor=visit.request.GET.get("cursor") or None)
    try:
        found = await store.page(visit.org_id, wanted.where(), request)
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    return {
        "filter": wanted,
        "rows": await payment_rows(found.items),
        "next_cursor": found.next_cursor,
        "first_page": request.cursor is None,
        "may_prepare": visit.may(Permission.PAYMENTS_PREPARE),
    }


async def payment_rows(payments: Any) -> list[PaymentRow]:
    named = await people.names_of({row.prepared_by for row in payments})
    return [PaymentRow(row, words.standing_word(row), words.tone(row), named.get(row.prepared_by, "")) for row in payments]


# ---- one payment -----------------------------------------------------------------------------------------------------------------


@page(Permission.PAYMENTS_READ)
async def detail_page(visit: Visit, payment_id: str) -> HttpResponse:
    return await _page(visit, payment_id, flash=FLASHES.get(visit.request.GET.get("done", ""), ""))


@page(Permission.PAYMENTS_READ)
async def detail_fragment(visit: Visit, payment_id: str) -> HttpResponse:
    return visit.render("payments/detail_body.html", await _values(visit, await _payment(visit, payment_id)))


async def _page(visit: Visit, payment_id: str, *, status: int = 200, **values: object) -> HttpResponse:
    shown = await _values(visit, await _payment(visit, payment_id))
    return visit.render("payments/detail.html", shown | values, status=status)


async def _values(visit: Visit, payment: Payment) -> dict[str, object]:
    view = await payment_view(visit.org_id, payment, visit.runtime.clock.now())
    verdict = await _verdict(visit, payment)
    links = links_of(visit.runtime.networks, payment.network)
    network = visit.runtime.networks.get(payment.network)
    wallets = await activity.wallet_names(visit.org_id)
    return {
        "view": view,
        "payment": payment,
        "state": words.standing_word(payment),
        "tone": words.tone(payment),
        "holds": [words.HOLDS[hold] for hold in payment.holds if payment.state not in ENDED],
        "reason": words.reason_beyond(payment),
        "milestones": words.milestones(payment),
        "happened": words.events_of(view),
        "attempts": [words.attempt_row(row, links.transaction(row.hash or "") if row.hash else "") for row in view.attempts],
        "network": network.name if network else payment.network,
        "coin": network.native_asset if network else "",
        "wallet": wallets.get(payment.wallet_id, ""),
        "payee_link": links.address(payment.payee_address),
        "gas_fee": _units(payment.gas_fee_raw),
        "transaction_id": transaction_id(payment.org_id, payment.chain_id, payment.hash) if payment.block_number and payment.hash else None,
        "signed_message": _message(view),
        "preparer": view.name(payment.prepared_by),
        "confirm_path": confirmation(f"/payments/{payment.id}/", Purpose.KEYS),
        "confirmed": await has_confirmed(visit),
        "needs_signature": verdict.signed,
    } | _offers(visit, view, verdict)


async def _verdict(visit: Visit, payment: Payment) -> Verdict:
    subject = Subject.of(payment)
    return (await judge(subject, visit.runtime.clock.now())).verdict


def _units(raw: str | None) -> Decimal | None:
    return to_units(int(raw), NATIVE_DECIMALS) if raw else None


def _message(view: PaymentView) -> list[tuple[str, str]]:
    typed = view.typed_data()
    if typed is None:
        return []
    shares = enumerate(typed["message"].get("payees", []), 1)
    rows = [(name, str(value)) for name, value in typed["message"].items() if name != "payees"]
    return rows + [(f"payee {place}", f"{share['payee']} {share['amount']} {share['reference']}") for place, share in shares]


def _offers(visit: Visit, view: PaymentView, verdict: Verdict) -> dict[str, bool]:
    """What this person may do about it, as it stands."""
    payment = view.payment
    prepares, approves = visit.may(Permission.PAYMENTS_PREPARE), visit.may(Permission.PAYMENTS_APPROVE)
    unsent = payment.state in (PaymentState.DRAFT, *_BEFORE_SIGNATURE) and payment.hash is None
    counts = policy_rules.counts(verdict, visit.principal.role or "", signature=True)
    moving = payment.state in _ON_ITS_WAY and payment.way is Way.SIGNER
    return {
        "may_approve": view.may_decide(visit.principal) and counts,
        "beyond_limit": view.may_decide(visit.principal) and not counts,
        "may_reject": approves and payment.state in _BEFORE_SIGNATURE and payment.nonce is None,
        "may_submit": prepares and payment.state is PaymentState.DRAFT,
        "may_cancel": prepares and payment.cancel_requested_by is None and (unsent or moving),
        "may_speed_up": prepares and moving and payment.speed_up_requested_by is None and payment.cancel_requested_by is None,
        "may_send": prepares and payment.way is Way.BROWSER and payment.state is PaymentState.APPROVED and payment.hash is None,
        "may_resume": approves and Hold.SENDER_FROZEN in payment.holds,
        "own": payment.prepared_by == visit.principal.user_id,
        "you_decided": any(row.user_id == visit.principal.user_id for row in payment.approvals),
    }


# ---- what is done about it -------------------------------------------------------------------------------------------------------


@page(Permission.PAYMENTS_APPROVE)
@confirmed("/payments/{payment_id}/", Purpose.KEYS)
async def approve(visit: Visit, payment_id: str) -> HttpResponse:
    return await _decided(visit, payment_id, decide_payment.approve_payment, "approved")


@page(Permission.PAYMENTS_APPROVE)
@confirmed("/payments/{payment_id}/", Purpose.KEYS)
async def reject(visit: Visit, payment_id: str) -> HttpResponse:
    return await _decided(visit, payment_id, decide_payment.reject_payment, "rejected")


@page(Permission.PAYMENTS_PREPARE)
@confirmed("/payments/{payment_id}/", Purpose.KEYS)
async def cancel(visit: Visit, payment_id: str) -> HttpResponse:
    return await _done(visit, payment_id, decide_payment.cancel_payment, "cancelled")


@page(Permission.PAYMENTS_PREPARE)
@confirmed("/payments/{payment_id}/", Purpose.KEYS)
async def speed_up(visit: Visit, payment_id: str) -> HttpResponse:
    return await _done(visit, payment_id, decide_payment.speed_up_payment, "sped-up")


@page(Permission.PAYMENTS_APPROVE)
@confirmed("/payments/{payment_id}/", Purpose.KEYS)
async def resume(visit: Visit, payment_id: str) -> HttpResponse:
    return await _done(visit, payment_id, resume_sender, "resumed")


@page(Permission.PAYMENTS_PREPARE)
async def submit(visit: Visit, payment_id: str) -> HttpResponse:
    try:
        return await _done(visit, payment_id, submit_payment, "submitted")
    except SessionNotApproved:  # nobody else has to agree, so the one who prepared it confirms
        return redirect(confirmation(f"/payments/{payment_id}/", Purpose.KEYS))


async def _decided(visit: Visit, payment_id: str, deed: Deed, done: str) -> HttpResponse:
    """What was shown is what is decided about: its hash stood in the form."""
    form = Form(visit.request, "payload_hash", "reason", "signature")
    form.prose("reason", most=REASON_MAX)
    if form.errors:
        return await _page(
            visit, payment_id, status=422, problem=gettext("The reason %(said)s. Nothing was decided.") % {"said": form.errors["reason"]}
        )
    word = Word(form["payload_hash"] or None, form["reason"], form["signature"] or None)
    return await _done(visit, payment_id, lambda *who: deed(*who, word), done)


async def _done(visit: Visit, payment_id: str, deed: Deed, done: str) -> HttpResponse:
    only_post(visit.request)
    try:
        await deed(desk_of(visit), visit.principal, visit.org_id, payment_id)
    except NotFound as error:
        raise Http404 from error
    except SessionNotApproved:
        raise
    except InvalidInput as error:
        return await _page(visit, payment_id, status=error.status, problem=fields_in_words(error))
    except CoreError as error:
        return await _page(visit, payment_id, status=error.status, problem=error.detail)
    return redirect(f"/payments/{payment_id}/?done={done}")


# ---- the person's own wallet -----------------------------------------------------------------------------------------------------


@page(Permission.PAYMENTS_READ)
@spoken
async def for_wallet(visit: Visit, payment_id: str) -> HttpResponse:
    """What a wallet is asked, for the script of the page: to send, or to sign."""
    payment = await _payment(visit, payment_id)
    view = await payment_view(visit.org_id, payment, visit.runtime.clock.now())
    typed = view.typed_data()
    if typed is not None:
        typed = typed | {"message": as_json(typed["message"])}
    return JsonResponse({"transaction": view.wallet_request(), "typed_data": typed})


@page(Permission.PAYMENTS_PREPARE)
@spoken
async def sent(visit: Visit, payment_id: str) -> HttpResponse:
    """The hash that a wallet gave for it, from the script or typed by hand."""
    only_post(visit.request)
    by_script = visit.request.content_type == "application/json"
    hash_ = told_text(told(visit.request), "hash") if by_script else visit.request.POST.get("hash", "").strip()
    if not _is_hash(hash_):
        problem = gettext("The transaction hash must be 0x and 64 hexadecimal digits.")
        return await _page(visit, payment_id, status=422, problem=problem) if not by_script else JsonResponse({"problem": problem}, status=422)
    try:
        await decide_payment.tell_hash(desk_of(visit), visit.principal, visit.org_id, payment_id, hash_)
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:
        if by_script:
            raise
        return await _page(visit, payment_id, status=error.status, problem=error.detail)
    path = f"/payments/{payment_id}/?done=sent"
    return go_on(path) if by_script else redirect(path)


def _is_hash(text: str) -> bool:
    return len(text) == 66 and text.startswith("0x") and all(mark in "0123456789abcdefABCDEF" for mark in text[2:])


async def _payment(visit: Visit, payment_id: str) -> Payment:
    payment = await store.get(visit.org_id, payment_id)
    if payment is None:
        raise Http404
    return payment
