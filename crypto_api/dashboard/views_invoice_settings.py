"""How the organisation writes its invoices, how they look, and what the letters with them say."""

import asyncio
import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from crypto_api.adapters.image_reader import read_picture
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import Form, fields_in_words, only_post, version_of
from crypto_api.dashboard.translation import gettext
from crypto_api.deliveries.rules import REMINDER_DAYS_MAX, REMINDERS_MAX
from crypto_api.flows.export_invoice import write_file
from crypto_api.flows.issue_invoice import seller_of
from crypto_api.invoices import letters, rules, service, store
from crypto_api.invoices.documents import Invoice, InvoiceSettings
from crypto_api.invoices.letter_words import WORDS as LETTERS
from crypto_api.invoices.service import PATTERNS, TEXTS
from crypto_api.invoices.types import LAYOUTS, InvoiceKind, InvoiceStatus, Item, Layout, Party, Rounding, RoundingMode, Tax, TaxRounding, Terms
from crypto_api.kit.clock import day_of
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound
from crypto_api.kit.languages import Language
from crypto_api.kit.paging import PageRequest
from crypto_api.organizations import store as organizations
from crypto_api.organizations.types import Permission

PROSE_MAX = 2_000
PATTERN_FIELDS = {f"pattern_{kind.value}": kind for kind in InvoiceKind}
PROSE = ("payment_details", "footer", "default_note", "mail_text", "reminder_text_before", "reminder_text_after")
LINES = ("mail_subject", "reminder_subject")
PLAIN = ("company_id", "iban", "bic", "template", "accent", "mode", "tax", "reply_to", "reminder_days", *LINES)
FIELDS = (*PLAIN, *PROSE, *PATTERN_FIELDS)
MODES = {RoundingMode.HALF_UP: _("Half up (2.5 becomes 3)"), RoundingMode.HALF_EVEN: _("Half even (2.5 becomes 2)")}
TAXES = {TaxRounding.PER_RATE: _("Once for each rate, as EN 16931 asks"), TaxRounding.PER_LINE: _("On every line")}
ENGLISH = LETTERS[Language.ENGLISH]
DEFAULTS = {
    "mail_subject": ENGLISH.subject,
    "mail_text": ENGLISH.invoice_text,
    "reminder_subject": ENGLISH.reminder_subject,
    "reminder_text_before": ENGLISH.before_text,
    "reminder_text_after": ENGLISH.after_text,
}
FLASHES = {
    "saved": _("Saved. It counts for what is written from now on."),
    "logo": _("The logo stands on your invoices."),
    "no-logo": _("The logo is gone."),
}
KINDS = {InvoiceKind.INVOICE: _("Invoice"), InvoiceKind.CREDIT_NOTE: _("Credit note"), InvoiceKind.QUOTE: _("Quote")}
_DAYS = re.compile(r"-?[0-9]{1,3}", re.ASCII)


@page(Permission.INVOICES_WRITE)
async def settings_page(visit: Visit) -> HttpResponse:
    if visit.request.method != "POST":
        return await _shown(visit, flash=FLASHES.get(visit.request.GET.get("done", ""), ""))
    form = Form(visit.request, *FIELDS)
    fields, runtime = await _read(visit, form), visit.runtime
    if form.errors:
        return await _shown(visit, form=form, status=422)
    versions = version_of(visit.request)
    try:
        await runtime.uow.run(lambda session: service.change_settings(session, visit.org_id, fields, versions, runtime.clock.now()))
    except InvalidInput as error:
        for row in error.errors:
            form.wrong(row.field.replace("number_patterns.", "pattern_"), gettext(row.message))
        return await _shown(visit, form=form, problem=form.refused(error, (*FIELDS, *_pattern_names())), status=422)
    except CoreError as error:
        return await _shown(visit, form=form, problem=error.detail, status=error.status)
    return redirect("/invoices/settings/?done=saved")


@page(Permission.INVOICES_WRITE)
async def put_logo(visit: Visit) -> HttpResponse:
    only_post(visit.request)
    file, runtime = visit.request.FILES.get("file"), visit.runtime
    if not isinstance(file, UploadedFile):
        return await _shown(visit, logo_problem=gettext("Choose a file."), status=422)
    try:
        picture = await read_picture(file.read())
        await runtime.uow.run(lambda session: service.put_logo(session, visit.org_id, picture, runtime.clock.now()))
    except InvalidInput as error:
        return await _shown(visit, logo_problem=fields_in_words(error), status=422)
    except CoreError as error:
        return await _shown(visit, logo_problem=error.detail, status=error.status)
    return redirect("/invoices/settings/?done=logo")


@page(Permission.INVOICES_WRITE)
async def remove_logo(visit: Visit) -> HttpResponse:
    only_post(visit.request)
    try:
        await visit.runtime.uow.run(lambda session: service.remove_logo(session, visit.org_id, visit.runtime.clock.now()))
    except NotFound as error:
        raise Http404 from error
    return redirect("/invoices/settings/?done=no-logo")


@page(Permission.INVOICES_READ)
async def logo_file(visit: Visit) -> HttpResponse:
    row = await store.logo(visit.org_id)
    return HttpResponse(row.content, content_type="image/png") if row is not None else HttpResponse(status=204)


@page(Permission.INVOICES_WRITE)
async def sample_file(visit: Visit) -> HttpResponse:
    """An invoice that was never written, as one would look now."""
    own, logo = await store.settings(visit.org_id), await store.logo(visit.org_id)
    row = await _sample(visit, own)
    file = await asyncio.to_thread(write_file, row, own, None, logo.content if logo else None)
    return HttpResponse(file.content, content_type="application/pdf", headers={"Content-Disposition": 'inline; filename="sample.pdf"'})


# ---- reading the form ------------------------------------------------------------------------------------------------------------


async def _read(visit: Visit, form: Form) -> dict[str, Any]:
    fields: dict[str, Any] = {name: form.prose(name, most=PROSE_MAX) for name in PROSE}
    fields |= {name: form.line(name, needed=False) for name in LINES}
    fields["reply_to"] = form.email("reply_to") if form["reply_to"] else ""
    fields["iban"], fields["bic"] = _checked(form, "iban", rules.checked_iban), _checked(form, "bic", rules.checked_bic)
    fields["template"] = _chosen(form, "template", Layout)
    fields["accent"] = form["accent"]
    if not re.fullmatch(r"#[0-9A-Fa-f]{6}", form["accent"]):
        form.wrong("accent", gettext("is not a colour such as #0B5CAD"))
    fields["rounding"] = {"mode": _chosen(form, "mode", RoundingMode), "tax": _chosen(form, "tax", TaxRounding)}
    fields["number_patterns"] = {kind.value: form.line(name, most=80) for name, kind in PATTERN_FIELDS.items()}
    fields["reminder_days"] = _days(form)
    fields["company_id"] = form["company_id"] or None
    if form["company_id"] and await organizations.company(visit.org_id, form["company_id"]) is None:
        form.wrong("company_id", gettext("is not one of those offered"))
    if not form.errors:
        fields["rounding"] = Rounding(**fields["rounding"])
    return fields


def _checked(form: Form, name: str, check: Callable[[str], str]) -> str:
    try:
        return check(form.line(name, most=60, needed=False))
    except ValueError as error:
        form.wrong(name, gettext(str(error)))
        return ""


def _chosen(form: Form, name: str, choices: Any) -> Any:
    text = form.one_of(name, {str(choice) for choice in choices})
    return choices(text) if name not in form.errors else None


def _days(form: Form) -> list[int]:
    """`-3, 1, 14`"""
    words = form["reminder_days"].replace(",", " ").replace("\u2212", "-").split()
    if any(not _DAYS.fullmatch(word) or abs(int(word)) > REMINDER_DAYS_MAX for word in words) or len(words) > REMINDERS_MAX:
        form.wrong("reminder_days", gettext("are not up to %(n)s numbers of days such as -3, 1, 14") % {"n": REMINDERS_MAX})
        return []
    return sorted({int(word) for word in words})


def _pattern_names() -> list[str]:
    return [f"number_patterns.{kind.value}" for kind in InvoiceKind]


# ---- showing it ------------------------------------------------------------------------------------------------------------------


async def _shown(visit: Visit, *, form: Form | None = None, status: int = 200, **values: object) -> HttpResponse:
    own, logo = await store.settings(visit.org_id), await store.logo(visit.org_id)
    companies = await organizations.page_of_companies(visit.org_id, {}, PageRequest(limit=100))
    shown = {
        "given": form.given if form else _given(own),
        "errors": form.errors if form else {},
        "version": own.version if own else 0,
        "layouts": [(layout.value, gettext(name), gettext(told)) for layout, (name, told) in LAYOUTS.items()],
        "modes": MODES.items(),
        "taxes": TAXES.items(),
        "patterns": [(name, KINDS[kind]) for name, kind in PATTERN_FIELDS.items()],
        "companies": companies.items,
        "defaults": DEFAULTS,
        "places": [f"{{{place}}}" for place in letters.PLACES],
        "logo": logo,
    }
    return visit.render("invoices/settings.html", shown | values, status=status)


def _given(own: InvoiceSettings | None) -> dict[str, str]:
    row = own or InvoiceSettings.model_construct()
    plain = ("iban", "bic", "template", "accent", "reply_to", *PROSE, *TEXTS)
    patterns = {name: row.number_patterns.get(kind.value) or PATTERNS[kind] for name, kind in PATTERN_FIELDS.items()}
    return {
        **{name: str(getattr(row, name)) for name in plain},
        **patterns,
        "company_id": row.company_id or "",
        "mode": row.rounding.mode.value,
        "tax": row.rounding.tax.value,
        "reminder_days": ", ".join(map(str, row.reminder_days)),
    }


async def _sample(visit: Visit, own: InvoiceSettings | None) -> Invoice:
    now = visit.runtime.clock.now()
    today, currency = day_of(now, visit.organization.time_zone), visit.organization.functional_currency
    vat, rounding, decimals = Tax(rate=Decimal(19)), own.rounding if own else Rounding(), rules.decimals_of(currency)
    items = [
        Item(description="Advice on the treasury, first quarter", quantity=Decimal("12.5"), unit="h", unit_price=Decimal(160), taxes=(vat,)),
        Item(description="Travel", quantity=Decimal(1), unit_price=Decimal(240), discount_percent=Decimal(10), taxes=(vat,)),
    ]
    totals = rules.reckon(items, Terms(decimals, rounding))
    buyer = Party(name="A client of yours Ltd", line1="1 Example Street", postal_code="12345", city="Exampleton", country="GB")
    named = {"client_name": buyer.name, "client_name_folded": "", "client_id": "", "created_by": "", "number": "SAMPLE", "reference": "PO 4711"}
    days = {"issue_date": today, "due_date": today + timedelta(days=30), "terms_days": 30, "created_at": now, "updated_at": now}
    return Invoice(
        id="sample",
        org_id=visit.org_id,
        kind=InvoiceKind.INVOICE,
        status=InvoiceStatus.SENT,
        buyer=buyer,
        seller=await seller_of(visit.organization),
        currency=currency,
        decimals=decimals,
        rounding=rounding,
        items=items,
        totals=totals,
        total=totals.total,
        note=own.default_note if own else "",
        **named,
        **days,
    )
