"""The audit log: who did what, when and from where. Read and taken along, never changed."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import orjson
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.translation import gettext_lazy as _

from crypto_api.audit.documents import AuditRecord
from crypto_api.audit.types import AuditFilter, Outcome
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.translation import gettext
from crypto_api.flows.read_audit_log import AuditLine, audit_export, audit_page
from crypto_api.flows.verify_audit_log import AuditReport, verify_audit_log
from crypto_api.kit.csv_text import csv_line
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.paging import PageRequest
from crypto_api.organizations.types import Permission
from crypto_api.reports import people

TOPICS = ("organization", "member", "invitation", "role", "company", "employee", "wallet", "transaction", "journal-entry")
"""Subjects of events that come with a record: what the open page looks again for."""
TEXT_MAX = 100
_ACTION = re.compile(r"[a-z_.]{1,60}", re.ASCII)
ABOUT = {
    "session.": _("Log-ins and sessions"),
    "passkey.": _("Passkeys"),
    "totp.": _("Authenticator apps"),
    "member.": _("Members"),
    "invitation.": _("Invitations"),
    "role.": _("Roles"),
    "organization.": _("Settings and policies"),
    "company.": _("Companies"),
    "employee.": _("Team"),
    "wallet.": _("Wallets"),
    "transaction.": _("Transactions"),
    "journal_entry.": _("Journal entries"),
    "ledger_seal.": _("Seals"),
    "account.": _("Accounts"),
    "exchange_rate.": _("Exchange rates"),
    "audit.": _("This log"),
}
"""How an action begins, in words."""
_FIELDS = ("q", "actor", "action", "outcome", "since", "until", "ip", "request", "subject")
_COLUMNS = (
    "created_at",
    "actor_name",
    "action",
    "outcome",
    "summary",
    "subject_kind",
    "subject_id",
    "ip",
    "device",
    "request_id",
    "session_id",
    "actor_id",
    "before",
    "after",
    "id",
)


@dataclass(frozen=True, slots=True)
class Filter:
    """As it stands in the address. Days are those of the reader."""

    q: str = ""
    actor: str = ""
    action: str = ""
    outcome: str = ""
    since: str = ""
    until: str = ""
    ip: str = ""
    request: str = ""
    subject: str = ""

    @classmethod
    def of(cls, request: HttpRequest) -> "Filter":
        given = {name: request.GET.get(name, "").replace("\0", "").strip()[:TEXT_MAX] for name in _FIELDS}
        if not _ACTION.fullmatch(given["action"]):
            given["action"] = ""
        if given["outcome"] not in list(Outcome):
            given["outcome"] = ""
        for name in ("since", "until"):
            given[name] = given[name] if _day(given[name]) else ""
        return cls(**given)

    @property
    def narrows(self) -> bool:
        return any(getattr(self, name) for name in _FIELDS)

    @property
    def narrows_more(self) -> bool:
        return bool(self.ip or self.request or self.subject)

    def query_string(self) -> str:
        return urlencode({name: getattr(self, name) for name in _FIELDS if getattr(self, name)})

    def wanted(self, zone: ZoneInfo) -> AuditFilter:
        since, until = _day(self.since), _day(self.until)
        return AuditFilter(
            q=self.q or None,
            actor_id=self.actor or None,
            action=self.action or None,
            outcome=Outcome(self.outcome) if self.outcome else None,
            ip=self.ip or None,
            request_id=self.request or None,
            subject_id=self.subject or None,
            since=_midnight(since, zone) if since else None,
            before=_midnight(until + timedelta(days=1), zone) if until else None,
        )


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1970 < day.year < 9999 else None


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Change:
    """One field of what changed."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class LogRow:
    record: AuditRecord
    actor: str
    about: str
    changes: list[Change]
    has_before: bool
    has_after: bool


def _row(line: AuditLine) -> LogRow:
    before, after = line.record.before or {}, line.record.after or {}
    names = dict.fromkeys([*before, *after])
    return LogRow(
        record=line.record,
        actor=line.actor_name,
        about=ABOUT.get(f"{line.record.action.split('.')[0]}.", ""),
        changes=[
            Change(name, before.get(name), after.get(name)) for name in names if not (_is_blank(before.get(name)) and _is_blank(after.get(name)))
        ],
        has_before=bool(before),
        has_after=bool(after),
    )


def _is_blank(value: object) -> bool:
    return value is None or value in ("", [], {})


@page(Permission.AUDIT_READ)
async def log_page(visit: Visit) -> HttpResponse:
    wanted = Filter.of(visit.request)
    members = [(row.user.id, row.name) for row in await people.members(visit.org_id)]
    if wanted.actor and wanted.actor not in dict(members):
        members.append((wanted.actor, (await people.names_of({wanted.actor})).get(wanted.actor, gettext("Somebody who is no member"))))
    values = {
        "actor_choices": members,
        "about_choices": list(ABOUT.items()) + ([] if not wanted.action or wanted.action in ABOUT else [(wanted.action, wanted.action)]),
        "outcome_choices": [(Outcome.DONE.value, gettext("Done")), (Outcome.REFUSED.value, gettext("Refused"))],
        "report": await _checked(visit),
        "topics": TOPICS,
    }
    return visit.render("audit/log.html", await _rows(visit, wanted) | values)


async def _checked(visit: Visit) -> AuditReport | None:
    """The seals of the whole log, for whoever asks: it takes a moment where it is long."""
    return await verify_audit_log(visit.org_id) if visit.request.GET.get("check") == "seals" else None


@page(Permission.AUDIT_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("audit/rows.html", await _rows(visit, Filter.of(visit.request)))


async def _rows(visit: Visit, wanted: Filter) -> dict[str, object]:
    request = PageRequest(limit=rows_wanted(visit.request), cursor=visit.request.GET.get("cursor") or None, sort="created_at")
    try:
        found = await audit_page(visit.org_id, wanted.wanted(visit.zone), request)
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    rows = [_row(line) for line in found.items]
    return {"filter": wanted, "rows": rows, "next_cursor": found.next_cursor, "first_page": request.cursor is None}


@page(Permission.AUDIT_READ)
async def export(visit: Visit) -> HttpResponse:
    """A file with what the filters let through, newest first. That it was taken is itself recorded."""
    form = visit.request.GET.get("format", "csv")
    if form not in ("csv", "json"):
        raise Http404
    wanted = Filter.of(visit.request).wanted(visit.zone)
    batches = await audit_export(visit.runtime.uow, visit.runtime.clock, visit.org_id, wanted, form=form, user_id=visit.user.id)
    body, kind = (_csv(batches), "text/csv; charset=utf-8") if form == "csv" else (_json(batches), "application/json")
    response = StreamingHttpResponse(body, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="audit-log.{form}"'
    return response


async def _csv(batches: AsyncIterator[list[AuditLine]]) -> AsyncIterator[bytes]:
    yield csv_line(_COLUMNS).encode()
    async for lines in batches:
        yield "".join(csv_line(_text(value) for value in _values(line).values()) for line in lines).encode()


async def _json(batches: AsyncIterator[list[AuditLine]]) -> AsyncIterator[bytes]:
    yield b'{"items":['
    between = b""
    async for lines in batches:
        yield between + b",".join(orjson.dumps(_values(line)) for line in lines)
        between = b","
    yield b"]}"


def _values(line: AuditLine) -> dict[str, Any]:
    row = {name: getattr(line.record, name) for name in _COLUMNS} | {"actor_name": line.actor_name}
    return row | {"created_at": line.record.created_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")}


def _text(value: object) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
