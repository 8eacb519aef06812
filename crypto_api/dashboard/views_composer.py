"""Preparing a payment: who is paid, what and how much; then everything that is known about it; then it is put up for approval."""

from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from crypto_api.address_book import store as address_book
from crypto_api.address_book.documents import Payee
from crypto_api.dashboard import number_formats
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import Form, refusal_in_words
from crypto_api.dashboard.payment_desk import desk_of, has_confirmed, paying_wallets
from crypto_api.dashboard.step_up import confirmation
from crypto_api.dashboard.translation import gettext
from crypto_api.flows.prepare_payment import NewPayment, Preview, prepare_payment, preview_payment
from crypto_api.identity.errors import SessionNotApproved
from crypto_api.identity.types import Purpose
from crypto_api.kit.amounts import text, to_units
from crypto_api.kit.errors import CoreError, InvalidInput
from crypto_api.kit.ethereum import NATIVE_DECIMALS
from crypto_api.kit.ids import new_id
from crypto_api.organizations.types import Permission
from crypto_api.payments.types import Origin, Way
from crypto_api.policies import service as policies
from crypto_api.policies.types import Payees
from crypto_api.reports import overview
from crypto_api.wallets import store as wallets
from crypto_api.wallets.documents import Wallet

FIELDS = ("wallet_id", "payee_id", "to", "asset", "amount", "description")
DESCRIPTION_MAX = 500
ONCE_MAX = 60


@dataclass(frozen=True, slots=True)
class AssetChoice:
    name: str
    held: Decimal | None  # as the books say; None: nothing is known


@dataclass(frozen=True, slots=True)
class PayeeChoice:
    payee: Payee
    cools: bool


@page(Permission.PAYMENTS_PREPARE)
async def new_page(visit: Visit) -> HttpResponse:
    """A link may fill the form in; what it says is looked at and pressed by the person."""
    request = visit.request
    if request.method != "POST":
        form = _prefilled(request)
        return await (_review(visit, form) if request.GET.get("step") == "review" else _form(visit, form))
    form = Form(request, *FIELDS)
    if request.POST.get("step") == "edit":
        return await _form(visit, form)
    return await (_submit(visit, form) if request.POST.get("step") == "submit" else _review(visit, form))


@page(Permission.PAYMENTS_PREPARE)
async def choices_fragment(visit: Visit) -> HttpResponse:
    """Payees and assets of the wallet that is chosen."""
    return visit.render("payments/choices.html", await _choices(visit, _prefilled(visit.request)))


def _prefilled(request: HttpRequest) -> Form:
    """What an address says, with its amount as the page writes it; one that cannot be read stands there as it was said."""
    form = Form(request, *FIELDS)
    form.given = {name: request.GET.get(name, "").strip()[:DESCRIPTION_MAX] for name in FIELDS}
    said, shown = number_formats.asked(request.GET), number_formats.active()
    if said is not shown and form["amount"]:
        try:
            form.given["amount"] = shown.typed(text(said.read(form["amount"])))
        except ValueError:
            form.wrong("amount", gettext("must be an amount such as %(example)s") % {"example": shown.typed("1234.50")})
    return form


# ---- the form --------------------------------------------------------------------------------------------------------------------


async def _form(visit: Visit, form: Form, *, problem: str = "", status: int = 200) -> HttpResponse:
    if status == 200 and form.errors:
        status = 422
    return visit.render("payments/new.html", await _choices(visit, form) | {"problem": problem}, status=status)


async def _choices(visit: Visit, form: Form) -> dict[str, object]:
    own = await paying_wallets(visit)
    wallet = next((row for row in own if row.id == form["wallet_id"]), own[0] if own else None)
    policy = (await policies.current(visit.org_id, visit.runtime.clock.now())).policy
    return {
        "given": form.given,
        "errors": form.errors,
        "wallets": [(row, visit.runtime.networks[row.network].name) for row in own],
        "wallet": wallet,
        "assets": await _assets(visit, wallet) if wallet else [],
        "payees": await _payees(visit, wallet.network) if wallet else [],
        "any_payee": policy.payees is Payees.ANY,
        "may_write_book": visit.may(Permission.ADDRESS_BOOK_WRITE),
    }


async def _assets(visit: Visit, wallet: Wallet) -> list[AssetChoice]:
    held = {row.asset: row.quantity for row in await overview.holdings(visit.org_id) if row.wallet_id == wallet.id}
    network = visit.runtime.networks[wallet.network]
    names = [network.native_asset, *(token.symbol for token in network.listed())]
    return sorted((AssetChoice(name, held.get(name)) for name in names), key=lambda row: (row.held is None, names.index(row.name)))


async def _payees(visit: Visit, network: str) -> list[PayeeChoice]:
    """Of the verified address book alone: what was paid or came in before is never offered."""
    now = visit.runtime.clock.now()
    found = await address_book.verified(visit.org_id, network)
    return [PayeeChoice(row, row.payable_from is None or row.payable_from > now) for row in found]


# ---- looking at it, and preparing it ---------------------------------------------------------------------------------------------


def _read(form: Form) -> NewPayment | None:
    """None with what is wrong in the form."""
    amount, numbers = Decimal(0), number_formats.active() if form.request.method == "GET" else form.numbers
    if not form["wallet_id"]:
        form.wrong("wallet_id", gettext("must be chosen"))
    if not form["payee_id"] and not form["to"]:
        form.wrong("payee_id", gettext("must be chosen"))
    if form["payee_id"] and form["to"]:
        form.wrong("to", gettext("must stay empty where a payee is chosen"))
    try:
        amount = numbers.read(form["amount"])
    except ValueError:
        form.wrong("amount", gettext("must be an amount such as %(example)s") % {"example": numbers.typed("1234.50")})
    form.prose("description", most=DESCRIPTION_MAX)
    if form.errors:
        return None
    return NewPayment(
        wallet_id=form["wallet_id"],
        amount=amount,
        to=form["to"] or None,
        payee_id=form["payee_id"] or None,
        asset=form["asset"] or None,
        description=form["description"],
    )


async def _refused(visit: Visit, form: Form, error: CoreError) -> HttpResponse:
    if isinstance(error, InvalidInput):
        return await _form(visit, form, problem=form.refused(error, FIELDS), status=error.status)
    return await _form(visit, form, problem=refusal_in_words(error.detail), status=error.status)


async def _review(visit: Visit, form: Form) -> HttpResponse:
    new = _read(form)
    if new is None:
        return await _form(visit, form)
    try:
        preview = await preview_payment(desk_of(visit), visit.principal, visit.org_id, new)
    except CoreError as error:
        return await _refused(visit, form, error)
    return visit.render("payments/review.html", await _reviewed(visit, form, preview))


async def _reviewed(visit: Visit, form: Form, preview: Preview) -> dict[str, object]:
    payment, verdict = preview.payment, preview.judged.verdict
    network = visit.runtime.networks[payment.network]
    wallet = await wallets.get(visit.org_id, payment.wallet_id)
    alone = verdict.approvals_needed == 0
    return {
        "given": form.given,
        "payment": payment,
        "wallet": wallet,
        "network": network,
        "max_fee": to_units(preview.most, NATIVE_DECIMALS),
        "verdict": verdict,
        "delay_hours": int(verdict.delay.total_seconds() // 3600),
        "not_before": preview.judged.not_before,
        "unverified": "payee_unverified" in verdict.holds,
        "cools": "cooling_off" in verdict.holds,
        "alone": alone,
        "by_wallet": payment.way is Way.BROWSER,
        "must_confirm": alone and payment.way is Way.SIGNER and not await has_confirmed(visit),
        "confirm_path": confirmation(_link(form, payment.amount), Purpose.KEYS),
        "once": new_id("once"),
    }


def _link(form: Form, amount: Decimal) -> str:
    """Back to this review, filled in; the amount is plain, as in every address."""
    said = form.given | {"amount": text(amount)}
    return f"/payments/new/?{urlencode({**{name: value for name, value in said.items() if value}, 'step': 'review'})}"


async def _submit(visit: Visit, form: Form) -> HttpResponse:
    new = _read(form)
    once = visit.request.POST.get("once", "")
    if new is None or not 0 < len(once) <= ONCE_MAX:
        return await _form(visit, form)
    origin = Origin(kind="manual", id=f"{visit.principal.user_id}:{once}")  # pressed twice it is still one payment
    try:
        payment = await prepare_payment(desk_of(visit), visit.principal, visit.org_id, new, origin)
    except SessionNotApproved:
        return redirect(confirmation(_link(form, new.amount), Purpose.KEYS))
    except CoreError as error:
        return await _refused(visit, form, error)
    return redirect(f"/payments/{payment.id}/?done=prepared")
