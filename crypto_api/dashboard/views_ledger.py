"""The trial balance and the general ledger, as of two times, with the head of the chain of seals."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.translation import gettext_lazy as _

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.translation import gettext
from crypto_api.flows.export_seals import export_seals
from crypto_api.kit.amounts import add_exactly, change_of
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.paging import PageRequest
from crypto_api.ledger import anchor_store, rules, seal_store
from crypto_api.ledger import store as ledger
from crypto_api.ledger.documents import Account
from crypto_api.ledger.types import AsOf
from crypto_api.organizations.types import Permission
from crypto_api.reports import activity, as_of

TEXT_MAX = 120
FIELDS = ("account", "wallet", "asset", "date_from", "date_to", "at", "known_at", "compare_to")
_WRONG = {"known_at": _("must be a time such as 2026-11-21T09:30")}


@dataclass(frozen=True, slots=True)
class LedgerFilter:
    """Read from the address of the page and written back into it. What cannot be read is told, and does not narrow."""

    given: Mapping[str, str]
    zone: ZoneInfo

    @classmethod
    def of(cls, request: HttpRequest, zone: ZoneInfo) -> "LedgerFilter":
        return cls({name: text for name in FIELDS if (text := request.GET.get(name, "").strip()[:TEXT_MAX])}, zone)

    def __getitem__(self, name: str) -> str:
        if name not in FIELDS:
            raise KeyError(name)
        return self.given.get(name, "")

    @property
    def errors(self) -> dict[str, str]:
        unread = {name for name in ("date_from", "date_to", "at", "compare_to") if self[name] and self.day(name) is None}
        unread |= {"known_at"} if self["known_at"] and self.known_at() is None else set()
        wrong = {name: str(_WRONG.get(name, _("must be a date such as 2026-11-21"))) for name in unread}
        at, compared = self.day("at"), self.day("compare_to")
        return wrong | ({"compare_to": gettext("must lie before the day of the trial balance")} if at and compared and compared >= at else {})

    def query_string(self) -> str:
        return urlencode(dict(self.given))

    def day(self, name: str) -> date | None:
        try:
            return date.fromisoformat(self[name])
        except ValueError:
            return None

    def known_at(self) -> datetime | None:
        """As typed, in the zone of whoever reads."""
        try:
            moment = datetime.fromisoformat(self["known_at"])
            return (moment if moment.tzinfo else moment.replace(tzinfo=self.zone)).astimezone(UTC)
        except (ValueError, OverflowError):
            return None


# ---- trial balance ---------------------------------------------------------------------------------------------------------------


@page(Permission.LEDGER_READ)
async def trial_balance_page(visit: Visit) -> HttpResponse:
    return visit.render("journal/trial_balance.html", await _trial_balance(visit))


@page(Permission.LEDGER_READ)
async def trial_balance_fragment(visit: Visit) -> HttpResponse:
    return visit.render("journal/trial_balance_table.html", await _trial_balance(visit))


@dataclass(frozen=True, slots=True)
class Compared:
    """An account on two days: now, and earlier where that was asked for."""

    account: Account
    debit: Decimal
    credit: Decimal
    debit_before: Decimal
    credit_before: Decimal

    @property
    def change(self) -> Decimal:
        """Debit less credit, of what came since then."""
        return add_exactly([self.debit, self.credit.copy_negate(), self.debit_before.copy_negate(), self.credit_before])

    @property
    def part(self) -> Decimal | None:
        """Of what stood there on the earlier day, on whichever side; None where nothing did."""
        before = add_exactly([self.debit_before, self.credit_before.copy_negate()])
        return change_of(add_exactly([before, self.change]), before)


async def _trial_balance(visit: Visit) -> dict[str, object]:
    wanted = LedgerFilter.of(visit.request, visit.zone)
    before = wanted.day("compare_to") if "compare_to" not in wanted.errors else None
    rows = await _compared(visit, wanted, before)
    debit, credit, debit_before, credit_before = (
        add_exactly([getattr(row, name) for row in rows]) for name in ("debit", "credit", "debit_before", "credit_before")
    )
    told = {"rows": rows, "total_debit": debit, "total_credit": credit, "balanced": debit == credit, "filter": wanted, "before": before}
    told |= {"total_debit_before": debit_before, "total_credit_before": credit_before}
    return told | {"known_at": wanted.known_at()} | await _seal(visit)


async def _compared(visit: Visit, wanted: LedgerFilter, before: date | None) -> list[Compared]:
    """In the order of the chart, also what stood on the earlier day alone."""
    days = [wanted.day("at"), *([before] if before is not None else [])]
    found = [{row.account.code: row for row in await as_of.standings(visit.org_id, visit.runtime.uow, AsOf(day, wanted.known_at()))} for day in days]
    chart = {code: row.account for part in found for code, row in part.items()}

    def sides(at: int, code: str) -> tuple[Decimal, Decimal]:
        row = found[at].get(code) if at < len(found) else None
        return (row.debit, row.credit) if row is not None else (as_of.ZERO, as_of.ZERO)

    return [Compared(chart[code], *sides(0, code), *sides(1, code)) for code in sorted(chart)]


async def _seal(visit: Visit) -> dict[str, object]:
    head, waiting = await seal_store.head(visit.org_id), await seal_store.waiting(visit.org_id)
    return {"seal": head, "unsealed": waiting, "anchor": await anchor_store.latest(visit.org_id)}


# ---- general ledger --------------------------------------------------------------------------------------------------------------


@page(Permission.LEDGER_READ)
async def general_ledger_page(visit: Visit) -> HttpResponse:
    wanted = LedgerFilter.of(visit.request, visit.zone)
    offered = {"accounts_offered": await ledger.accounts(visit.org_id), "wallets_offered": await activity.wallet_names(visit.org_id)}
    return visit.render("journal/general_ledger.html", await _general_ledger(visit, wanted) | offered | await _seal(visit))


@page(Permission.LEDGER_READ)
async def general_ledger_fragment(visit: Visit) -> HttpResponse:
    return visit.render("journal/general_ledger_rows.html", await _general_ledger(visit, LedgerFilter.of(visit.request, visit.zone)))


async def _general_ledger(visit: Visit, wanted: LedgerFilter) -> dict[str, object]:
    """Without an account nothing but the choice."""
    if not wanted["account"]:
        return {"filter": wanted, "lines": [], "first_page": True}
    request = PageRequest(limit=rows_wanted(visit.request), cursor=visit.request.GET.get("cursor") or None, sort="date")
    scope = as_of.LedgerScope(
        wanted["account"], wanted["wallet"] or None, wanted["asset"] or None, wanted.day("date_from"), AsOf(wanted.day("date_to"), wanted.known_at())
    )
    try:
        found = await as_of.general_ledger(visit.org_id, visit.runtime.uow, scope, request)
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    return {
        "filter": wanted,
        "lines": found.lines,
        "next_cursor": found.next_cursor,
        "first_page": request.cursor is None,
        "opening": rules.less(found.opening.debit, found.opening.credit),
        "closing": rules.less(found.closing.debit, found.closing.credit),
        "wallets": await activity.wallet_names(visit.org_id),
        "known_at": wanted.known_at(),
    }


@page(Permission.LEDGER_READ)
async def export(visit: Visit) -> StreamingHttpResponse:
    """The chain of seals, for whoever verifies it without this installation."""
    body = await export_seals(visit.runtime.uow, visit.runtime.clock, visit.org_id)
    response = StreamingHttpResponse(body, content_type="application/x-ndjson")
    response["Content-Disposition"] = 'attachment; filename="ledger-seals.ndjson"'
    return response
