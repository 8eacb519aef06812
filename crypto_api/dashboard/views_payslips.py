"""One payslip, as those see it who run payroll; an employee's own pages; and the public page that says whether one is genuine."""

from datetime import date
from decimal import Decimal

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _

from crypto_api.dashboard import number_formats
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import Form, fields_in_words, only_post, version_of
from crypto_api.dashboard.pay_items import KINDS, deduction_rows, earning_rows, payable, read_deductions, read_earnings
from crypto_api.dashboard.views_payroll import counter_of
from crypto_api.flows.ethereum_challenge import Signed
from crypto_api.flows.keep_address_book import Desk
from crypto_api.flows.pay_by_hand import PaidByHand, pay_by_hand
from crypto_api.flows.pay_wallet import begin_pay_wallet, own_pay, prove_pay_wallet
from crypto_api.flows.payslip_statement import Scribe, verified_statement
from crypto_api.flows.read_payslips import mail_payslip, own_payslip, payouts_of, payslip_file, visible_payslip, year_summaries
from crypto_api.flows.run_payroll import change_payslip
from crypto_api.identity.siwe import MESSAGE_MAX, SIGNATURE_BYTES_MAX, site_of
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound
from crypto_api.organizations.types import PayslipMail, Permission
from crypto_api.payroll import store
from crypto_api.payroll.documents import Payslip
from crypto_api.payroll.types import Adjustments, PayMethod, PayslipStatus
from crypto_api.runtime import Runtime, runtime_of

HAND = ("account_code", "date", "reference")
OWN = ("overtime_hours", "note")
HOURS_MAX, NOTE_MAX = Decimal(10_000), 2_000
FLASHES = {
    "adjusted": _("Saved, and reckoned anew."),
    "paid": _("Told and booked."),
    "mailed": _("A letter with the way to it is on its way to the employee."),
    "proved": _("It is yours. Somebody else verifies it now, and it cools off before you are paid at it."),
}
_SIGNATURE_MAX = 2 + 2 * SIGNATURE_BYTES_MAX


def scribe_of(runtime: Runtime) -> Scribe:
    return Scribe(runtime.uow, runtime.clock, runtime.box, runtime.config.frontend_url.rstrip("/"))


# ---- for those who run payroll ---------------------------------------------------------------------------------------------------


@page(Permission.PAYROLL_READ)
async def payslip_page(visit: Visit, payslip_id: str) -> HttpResponse:
    return await _shown(visit, await _payslip(visit, payslip_id), flash=FLASHES.get(visit.request.GET.get("done", ""), ""))


@page(Permission.PAYROLL_READ)
async def payslip_fragment(visit: Visit, payslip_id: str) -> HttpResponse:
    return visit.render("payroll/slip_facts.html", await _facts(await _payslip(visit, payslip_id)))


@page(Permission.PAYROLL_READ)
async def payslip_pdf(visit: Visit, payslip_id: str) -> HttpResponse:
    return await _file(visit, await _payslip(visit, payslip_id))


@page(Permission.PAYROLL_WRITE)
async def send(visit: Visit, payslip_id: str) -> HttpResponse:
    only_post(visit.request)
    row = await _payslip(visit, payslip_id)
    try:
        await mail_payslip(visit.runtime.uow, visit.runtime.clock, visit.org_id, payslip_id)
    except CoreError as error:
        return await _shown(visit, row, problem=error.detail, status=error.status)
    return redirect(f"/payslips/{payslip_id}/?done=mailed")


@page(Permission.PAYROLL_WRITE)
async def adjust(visit: Visit, payslip_id: str) -> HttpResponse:
    """What of this period is other than in the profile: bonuses, overtime, deductions. It is reckoned anew from the profile as it is now."""
    only_post(visit.request)
    form, row = Form(visit.request, *OWN), await _payslip(visit, payslip_id)
    earnings, earned = read_earnings(form)
    deductions, deducted = read_deductions(form)
    hours, note = payable(form, "overtime_hours", otherwise="0", most=HOURS_MAX), form.prose("note", most=NOTE_MAX)
    shown = {"earning_rows": earned, "deduction_rows": deducted}
    if form.errors:
        return await _shown(visit, row, form=form, status=422, **shown)
    own, runtime, by = Adjustments(tuple(earnings), tuple(deductions), hours, note), visit.runtime, visit.principal.user_id
    try:
        await change_payslip(runtime.uow, runtime.clock, visit.org_id, payslip_id, own, version_of(visit.request), by)
    except InvalidInput as error:
        return await _shown(visit, row, form=form, problem=form.refused(error, OWN), status=422, **shown)
    except CoreError as error:
        return await _shown(visit, row, form=form, problem=error.detail, status=error.status, **shown)
    return redirect(f"/payslips/{payslip_id}/?done=adjusted")


@page(Permission.PAYMENTS_PREPARE)
async def paid_by_hand(visit: Visit, payslip_id: str) -> HttpResponse:
    only_post(visit.request)
    form = Form(visit.request, *HAND)
    day = form.day("date")
    form.line("reference", needed=False)
    row = await _payslip(visit, payslip_id)
    if form.errors:
        return await _shown(visit, row, form=form, status=422)
    told = PaidByHand(form["account_code"] or "1010", date.fromisoformat(day) if day else None, form["reference"])
    try:
        await pay_by_hand(counter_of(visit), payslip_id, told)
    except InvalidInput as error:
        return await _shown(visit, row, form=form, problem=form.refused(error, HAND), status=422)
    except CoreError as error:
        return await _shown(visit, row, form=form, problem=error.detail, status=error.status)
    return redirect(f"/payslips/{payslip_id}/?done=paid")


async def _payslip(visit: Visit, payslip_id: str) -> Payslip:
    try:
        return await visible_payslip(visit.principal, payslip_id)
    except NotFound as error:
        raise Http404 from error


async def _shown(visit: Visit, row: Payslip, *, form: Form | None = None, status: int = 200, **values: object) -> HttpResponse:
    by_hand = any(share.method is not PayMethod.CRYPTO for share in row.shares) and not row.hand_paid and row.status is not PayslipStatus.DRAFT
    adjustable = visit.may(Permission.PAYROLL_WRITE) and row.status is PayslipStatus.DRAFT
    shown = {
        "may_adjust": adjustable,
        "attaches": visit.organization.payslip_mail is PayslipMail.ATTACHED,
        "earning_rows": earning_rows(row.own_earnings),
        "deduction_rows": deduction_rows(row.own_deductions),
        "kinds": [(kind.value, label) for kind, label in KINDS.items()],
        "may_pay_by_hand": visit.may(Permission.PAYMENTS_PREPARE) and by_hand,
        "may_send": visit.may(Permission.PAYROLL_WRITE) and row.status is not PayslipStatus.DRAFT,
        "given": {"account_code": "1010", "overtime_hours": number_formats.active().typed(row.overtime_hours), "note": row.note}
        | (form.given if form else {}),
        "errors": form.errors if form else {},
    }
    return visit.render("payroll/slip.html", await _facts(row) | shown | values, status=status)


async def _facts(row: Payslip) -> dict[str, object]:
    by_place = {one.place: one for one in (await payouts_of([row])).get(row.id, [])}
    rates = {lock.asset: lock for lock in row.rates}
    shares = [(share, by_place.get(place), rates.get(share.asset or ""), place in row.hand_paid) for place, share in enumerate(row.shares)]
    return {"slip": row, "shares": shares}


async def _file(visit: Visit, row: Payslip) -> HttpResponse:
    try:
        file = await payslip_file(scribe_of(visit.runtime), row)
    except CoreError as error:
        raise Http404 from error
    return HttpResponse(file.content, content_type="application/pdf", headers={"Content-Disposition": f'attachment; filename="{file.name}"'})


# ---- an employee's own -----------------------------------------------------------------------------------------------------------


@page(Permission.ORGANIZATION_READ)
async def own_page(visit: Visit) -> HttpResponse:
    return await _own(visit, flash=FLASHES.get(visit.request.GET.get("done", ""), ""))


async def _own(visit: Visit, *, status: int = 200, **values: object) -> HttpResponse:
    try:
        mine = await own_pay(visit.principal)
    except NotFound:
        return visit.render("payroll/own.html", {"mine": None} | values, status=status)
    rows = await store.payslips_of_employee(visit.org_id, mine.employee.id)
    shown = {"mine": mine, "rows": rows, "years": await year_summaries(visit.org_id, mine.employee.id)}
    return visit.render("payroll/own.html", shown | values, status=status)


@page(Permission.ORGANIZATION_READ)
async def own_payslip_page(visit: Visit, payslip_id: str) -> HttpResponse:
    return visit.render("payroll/own_slip.html", await _facts(await _mine(visit, payslip_id)))


@page(Permission.ORGANIZATION_READ)
async def own_download(visit: Visit, payslip_id: str) -> HttpResponse:
    return await _file(visit, await _mine(visit, payslip_id))


async def _mine(visit: Visit, payslip_id: str) -> Payslip:
    try:
        return await own_payslip(visit.principal, payslip_id)
    except CoreError as error:
        raise Http404 from error


@page(Permission.ORGANIZATION_READ)
async def own_wallet(visit: Visit) -> HttpResponse:
    """An address first; then a text to sign with its key, good for five minutes and one answer."""
    only_post(visit.request)
    given, runtime = visit.request.POST, visit.runtime
    desk = Desk(runtime.uow, runtime.clock, runtime.networks, runtime.rpc)
    signature = "".join(given.get("signature", "").split())[: _SIGNATURE_MAX + 1]
    try:
        if not signature:
            chain_id = next(iter(runtime.networks.values())).chain_id
            site = site_of(runtime.config.frontend_url)
            asked = await begin_pay_wallet(desk, site, visit.principal, given.get("address", "").strip()[:100], chain_id)
            left_s = int((asked.expires_at - runtime.clock.now()).total_seconds())
            return await _own(visit, text=asked.message, wallet_address=given.get("address", "").strip()[:100], left_s=left_s)
        message = given.get("message", "").replace("\r\n", "\n")[: MESSAGE_MAX + 1]
        chains = {network.chain_id: runtime.rpc[slug] for slug, network in runtime.networks.items()}
        await prove_pay_wallet(desk, chains, visit.principal, Signed(message, signature), confirm_look_alike=bool(given.get("look_alike")))
    except NotFound as error:
        raise Http404 from error
    except InvalidInput as error:
        return await _own(visit, problem=fields_in_words(error), status=422)
    except CoreError as error:
        return await _own(visit, problem=error.detail, status=error.status)
    return redirect("/my-pay/?done=proved")


# ---- anybody's -------------------------------------------------------------------------------------------------------------------


async def verify_page(request: HttpRequest, token: str) -> HttpResponse:
    """For whoever holds the payslip. It says what was signed, as it stands now."""
    try:
        found = await verified_statement(scribe_of(runtime_of(request.scope)), token)
    except NotFound:
        return _public(request, {"found": None}, 404)
    rates = {lock.asset: lock for lock in found.payslip.rates}
    paid = [(one, rates.get(one.asset)) for one in found.payouts if one.hash is not None]
    return _public(request, {"found": found, "slip": found.payslip, "paid": paid}, 200)


def _public(request: HttpRequest, values: dict[str, object], status: int) -> HttpResponse:
    response = render(request, "dashboard/payroll/verify.html", values, status=status)
    response.headers["Cache-Control"], response.headers["Referrer-Policy"] = "no-store", "no-referrer"
    return response
