"""The journal with its filters."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.translation import gettext
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.paging import PageRequest
from crypto_api.ledger import journal_store
from crypto_api.ledger import store as ledger
from crypto_api.ledger.types import SourceKind
from crypto_api.organizations.types import Permission
from crypto_api.reports import activity
from mongodb_config import pages

TEXT_MAX = 100
FIELDS = ("status", "account", "source", "date_from", "date_to", "q")
STATUSES = {"draft": _("Drafts"), "posted": _("Posted"), "reversed": _("Reversed")}
FLASHES = {"deleted": _("The draft was deleted. What it said stands in the audit log.")}


@dataclass(frozen=True, slots=True)
class JournalFilter:
    """Read from the address of the page and written back into it. What is not offered, or cannot be read, does not narrow."""

    given: Mapping[str, str]

    @classmethod
    def of(cls, request: HttpRequest) -> "JournalFilter":
        given = {name: text for name in FIELDS if (text := request.GET.get(name, "").strip()[:TEXT_MAX])}
        known = {"status": STATUSES, "source": [kind.value for kind in SourceKind]}
        return cls({name: text for name, text in given.items() if name not in known or text in known[name]})

    def __getitem__(self, name: str) -> str:
        if name not in FIELDS:
            raise KeyError(name)
        return self.given.get(name, "")

    @property
    def narrows(self) -> bool:
        return bool(self.given)

    @property
    def errors(self) -> dict[str, str]:
        return {name: gettext("must be a date such as 2026-11-21") for name in ("date_from", "date_to") if self[name] and self._day(name) is None}

    def query_string(self) -> str:
        return urlencode(dict(self.given))

    def where(self) -> dict[str, Any]:
        stored = {"status": "status", "account": "lines.account_code", "source": "source_kind"}
        query: dict[str, Any] = {field: self[name] for name, field in stored.items() if self[name]}
        bounds = {"$gte": self._day("date_from"), "$lte": self._day("date_to")}
        if days := {operator: ledger.day_as_stored(day) for operator, day in bounds.items() if day is not None}:
            query["date"] = days
        if self["q"]:
            query["$or"] = [{field: pages.contains(self["q"])} for field in ("description", "reference", "transaction_hash")]
        return query

    def _day(self, name: str) -> date | None:
        try:
            return date.fromisoformat(self[name])
        except ValueError:
            return None


@page(Permission.LEDGER_READ)
async def list_page(visit: Visit) -> HttpResponse:
    wanted = JournalFilter.of(visit.request)
    values = {
        "accounts_offered": await ledger.accounts(visit.org_id),
        "statuses": STATUSES.items(),
        "sources": [kind.value for kind in SourceKind],
        "may_write": visit.may(Permission.LEDGER_WRITE),
        "flash": FLASHES.get(visit.request.GET.get("done", ""), ""),
    }
    return visit.render("journal/list.html", await _rows(visit, wanted) | values)


@page(Permission.LEDGER_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("journal/rows.html", await _rows(visit, JournalFilter.of(visit.request)))


async def _rows(visit: Visit, wanted: JournalFilter) -> dict[str, object]:
    request = PageRequest(limit=rows_wanted(visit.request), cursor=visit.request.GET.get("cursor") or None, sort="date")
    try:
        found = await journal_store.page(visit.org_id, wanted.where(), request)
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    return {
        "filter": wanted,
        "entries": found.items,
        "next_cursor": found.next_cursor,
        "accounts": await activity.account_names(visit.org_id),
        "first_page": request.cursor is None,
        "lots_wait": any(entry.cost_provisional for entry in found.items),
        "approval": visit.organization.entry_approval,
    }
