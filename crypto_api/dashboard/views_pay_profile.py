"""What an employee earns and how it is split: the form behind a payslip."""

from decimal import Decimal

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from crypto_api.dashboard import number_formats
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import CURRENCY_CHOICES, Form, version_of
from crypto_api.dashboard.pay_items import deduction_rows, earning_rows, read_deductions, read_earnings
from crypto_api.dashboard.translation import gettext
from crypto_api.flows.employee_scope import visible_employee
from crypto_api.flows.pay_wallet import OwnPay, pay_of
from crypto_api.flows.run_payroll import name_of
from crypto_api.kit.errors import CoreError, InvalidInput
from crypto_api.organizations.types import Permission
from crypto_api.payroll import rules, service, store
from crypto_api.payroll.types import AMOUNT_MAX, EarningKind, PayMethod, ShareRule

ROWS = (0, 1, 2, 3)
FIELDS = (
    "currency",
    "basic",
    "overtime_rate",
    "tax_table",
    "bank_details",
    *(f"{name}_{row}" for row in ROWS for name in ("method", "asset", "percent")),
)
METHODS = {PayMethod.CRYPTO: _("Crypto"), PayMethod.BANK: _("Bank"), PayMethod.CASH: _("Cash")}
BANK_MAX = 2_000


@page(Permission.PAYROLL_READ)
async def profile_page(visit: Visit, employee_id: str) -> HttpResponse:
    if visit.request.method == "POST":
        return await save(visit, employee_id)
    found = await _found(visit, employee_id)
    form = Form(visit.request, *FIELDS)
    form.given |= _given(found, visit.organization.functional_currency)
    return await _shown(
        visit, found, form, flash=gettext("Saved. It counts for what is prepared from now on.") if visit.request.GET.get("done") else ""
    )


async def save(visit: Visit, employee_id: str) -> HttpResponse:
    if not visit.may(Permission.PAYROLL_WRITE):
        return visit.render("403.html", {"permission": Permission.PAYROLL_WRITE.value}, status=403)
    found, form = await _found(visit, employee_id), Form(visit.request, *FIELDS)
    tables = {"", rules.EXAMPLE_CODE, *(row.code for row in await store.tables(visit.org_id))}
    form.one_of("currency", CURRENCY_CHOICES)
    form.one_of("tax_table", tables, needed=False)
    form.prose("bank_details", most=BANK_MAX)
    basic, overtime, shares = _amount(form, "basic"), _amount(form, "overtime_rate", otherwise="0"), _shares(visit, form)
    allowances, earned = read_earnings(form, {EarningKind.ALLOWANCE})
    deductions, deducted = read_deductions(form)
    items = {"earning_rows": earned, "deduction_rows": deducted}
    if form.errors:
        return await _shown(visit, found, form, status=422, **items)
    fields = {"currency": form["currency"], "basic": basic, "overtime_rate": overtime, "tax_table": form["tax_table"] or None}
    fields |= {"allowances": allowances, "deductions": deductions, "shares": shares, "bank_details": form["bank_details"]}
    runtime, by, versions = visit.runtime, visit.principal.user_id, version_of(visit.request)
    try:
        await runtime.uow.run(lambda session: service.write_profile(session, visit.org_id, employee_id, fields, versions, by, runtime.clock.now()))
    except InvalidInput as error:
        return await _shown(visit, found, form, problem=form.refused(error, FIELDS), status=422, **items)
    except CoreError as error:
        return await _shown(visit, found, form, problem=error.detail, status=error.status, **items)
    return redirect(f"/pay-profiles/{employee_id}/?done=saved")


async def _found(visit: Visit, employee_id: str) -> OwnPay:
    try:
        return await pay_of(await visible_employee(visit.principal, employee_id))
    except CoreError as error:  # absent, or of another team
        raise Http404 from error


def _given(found: OwnPay, currency: str) -> dict[str, str]:
    row = found.profile
    if row is None:
        return {"currency": currency, "method_0": PayMethod.BANK.value, "percent_0": "100", "overtime_rate": "0"}
    typed = number_formats.active().typed
    given = {"currency": row.currency, "basic": typed(row.basic), "overtime_rate": typed(row.overtime_rate), "tax_table": row.tax_table or ""}
    for place, share in enumerate(row.shares[: len(ROWS)]):
        given |= {f"method_{place}": share.method.value, f"asset_{place}": share.asset or "", f"percent_{place}": typed(share.percent)}
    return given | {"bank_details": row.bank_details}


def _assets(visit: Visit) -> list[str]:
    networks = visit.runtime.networks.values()
    return sorted({name for network in networks for name in (network.native_asset, *(token.symbol for token in network.listed()))})


def _shares(visit: Visit, form: Form) -> list[ShareRule]:
    shares = []
    for row in ROWS:
        if not form[f"percent_{row}"]:
            continue
        method, percent = form.one_of(f"method_{row}", set(METHODS)), _amount(form, f"percent_{row}")
        asset = form.one_of(f"asset_{row}", _assets(visit)) if method == PayMethod.CRYPTO else None
        if f"method_{row}" not in form.errors:
            shares.append(ShareRule(method=PayMethod(method), percent=percent, asset=asset))
    if not form.errors and (wrong := rules.check_shares(shares)) is not None:
        form.wrong("shares", gettext(wrong))
    return shares


def _amount(form: Form, name: str, *, otherwise: str = "") -> Decimal:
    try:
        value = form.numbers.read(form[name] or otherwise)
    except ValueError:
        form.wrong(name, gettext("must be a number such as %(example)s") % {"example": form.numbers.typed("1234.50")})
        return Decimal(0)
    if value > AMOUNT_MAX or value != value.quantize(Decimal("0.0001")):
        form.wrong(name, gettext("is too large, or has more than %(n)s decimals") % {"n": 4})
    return value


async def _shown(visit: Visit, found: OwnPay, form: Form, *, status: int = 200, **values: object) -> HttpResponse:
    codes = dict.fromkeys(row.code for row in await store.tables(visit.org_id))
    shown = {
        "found": found,
        "earning_rows": earning_rows(found.profile.allowances if found.profile else []),
        "deduction_rows": deduction_rows(found.profile.deductions if found.profile else []),
        "name": name_of(found.employee),
        "given": form.given,
        "errors": form.errors,
        "rows": [(row, form.given[f"method_{row}"], form.given[f"asset_{row}"], form.given[f"percent_{row}"]) for row in ROWS],
        "share_problem": next((message for name, message in form.errors.items() if name.startswith(("shares", "method", "asset", "percent"))), ""),
        "methods": METHODS.items(),
        "assets": _assets(visit),
        "currencies": CURRENCY_CHOICES,
        "tables": [("", gettext("None: no tax is kept back")), (rules.EXAMPLE_CODE, gettext(rules.EXAMPLE_NAME)), *((code, code) for code in codes)],
        "may_write": visit.may(Permission.PAYROLL_WRITE),
    }
    return visit.render("payroll/profile.html", shown | values, status=status)
