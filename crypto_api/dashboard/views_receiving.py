"""Where clients pay in crypto: the public key that invoices get their addresses from, and for how long a rate stands."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import Form, version_of
from crypto_api.dashboard.payment_desk import has_confirmed
from crypto_api.dashboard.step_up import confirmation
from crypto_api.dashboard.translation import gettext
from crypto_api.flows.change_receiving import ReceivingDesk, change_receiving
from crypto_api.identity.errors import SessionNotApproved
from crypto_api.identity.types import Purpose
from crypto_api.kit import extended_keys
from crypto_api.kit.errors import CoreError, InvalidInput
from crypto_api.organizations.types import Permission
from crypto_api.receivables import service, store
from crypto_api.receivables.documents import ReceivingSettings
from crypto_api.receivables.types import GAP_LIMIT_MAX, LOCK_MINUTES_MAX

FIELDS = ("extended_key", "lock_minutes", "gap_limit")
SHOWN_ADDRESSES = 3
_KEY_MAX = 200
CONFIRM = confirmation("/invoices/receiving/?confirmed=yes", Purpose.KEYS)  # comes back empty: a link must not bring somebody else's key
SAID = {
    "done": _("Saved. It counts for what is asked for from now on."),
    "confirmed": _("Thank you. Nothing is saved yet: put the key in once more, and save within five minutes."),
}


@page(Permission.INVOICES_WRITE)
async def settings_page(visit: Visit) -> HttpResponse:
    if visit.request.method != "POST":
        return await _shown(visit, flash=next((said for name, said in SAID.items() if visit.request.GET.get(name)), ""))
    form, runtime, versions = Form(visit.request, *FIELDS), visit.runtime, version_of(visit.request)
    fields: dict[str, Any] = {"extended_key": form.line("extended_key", most=_KEY_MAX, needed=False)}
    fields |= {"lock_minutes": _whole(form, "lock_minutes", LOCK_MINUTES_MAX), "gap_limit": _whole(form, "gap_limit", GAP_LIMIT_MAX)}
    if form.errors:
        return await _shown(visit, form=form, status=422)
    try:
        await change_receiving(ReceivingDesk(runtime.uow, runtime.clock, runtime.queue), visit.principal, visit.org_id, fields, versions)
    except SessionNotApproved:
        return redirect(CONFIRM)
    except InvalidInput as error:
        return await _shown(visit, form=form, problem=form.refused(error, FIELDS), status=422)
    except CoreError as error:
        return await _shown(visit, form=form, problem=error.detail, status=error.status)
    return redirect("/invoices/receiving/?done=saved")


def _whole(form: Form, name: str, most: int) -> int:
    typed = form[name]
    if not (typed.isascii() and typed.isdecimal() and 1 <= int(typed[:9]) <= most):
        form.wrong(name, gettext("must be a whole number from 1 to %(n)s") % {"n": most})
        return 0
    return int(typed)


async def _shown(visit: Visit, *, form: Form | None = None, status: int = 200, **values: object) -> HttpResponse:
    row = service.as_kept(visit.org_id, await store.settings(visit.org_id), visit.runtime.clock.now())
    kept = {name: str(getattr(row, name)) for name in FIELDS}
    shown = {
        "given": form.given if form else kept,
        "errors": form.errors if form else {},
        "version": row.version,
        "first": _first_addresses(row),
        "lock_max": LOCK_MINUTES_MAX,
        "gap_max": GAP_LIMIT_MAX,
        "must_confirm": not await has_confirmed(visit),
        "confirm_path": CONFIRM,
    }
    return visit.render("invoices/receiving.html", shown | values, status=status)


def _first_addresses(row: ReceivingSettings) -> list[tuple[str, str]]:
    """(path, address), for a person to compare with what their own wallet shows."""
    if not row.extended_key:
        return []
    key = extended_keys.parse(row.extended_key)
    return [(extended_keys.receiving_path(key, index), extended_keys.receiving_address(key, index)) for index in range(SHOWN_ADDRESSES)]
