"""Watches what the product really sends to MongoDB: a command on an organisation's collection must name the organisation.

It looks at the driver, below every store, so that a query nobody thought of is seen too. Queries that cross organisations on purpose are
named here, each with the reason.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pymongo import monitoring

from crypto_api.documents import DOCUMENTS

_PRODUCT = str(Path(__file__).resolve().parent.parent / "crypto_api")

TENANT_COLLECTIONS = {document.Settings.name for document in DOCUMENTS if document.TENANT}  # type: ignore[attr-defined]

CROSSING = {
    "custom_roles_among": "open consoles of many organisations check again what their people may",
    "invitation_by_token": "whoever shows the token does not know the organisation yet",
    "invitation_for": "the invited person, by their own address",
    "open_invitations_for": "which organisations have invited this address",
    "invitations_without_mail": "the sweep of mails that have not left",
    "failed_since_by_kind": "how many failed, for the operator of the installation",
    "memberships_of": "which organisations a person may enter",
    "memberships_of_people": "open consoles of many organisations; how many organisations an account has",
    "memberships_by_user": "which organisations these people may enter",
    "pending": "the relay numbers the events of all",
    "oldest_pending": "whether the relay works",
    "running_since_before": "the sweep of tasks that hang",
    "head": "asks by the organisation's own id",
    "heads": "asks by the organisations' own ids",
    "stored_of_network": "ids that begin with the organisation",
    "in_block": "a block concerns everybody in it",
}
CROSSING_SUFFIXES = ("_on_network", "_of_network", "_in_block")  # the follower's, since a chain is the same for all


WATCHED = {"find", "count", "distinct", "findAndModify", "update", "delete", "insert", "aggregate"}


class TenantGuard(monitoring.CommandListener):
    def __init__(self) -> None:
        self.violations: list[str] = []
        self.seen = 0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        command = event.command
        if event.command_name not in WATCHED or command[event.command_name] not in TENANT_COLLECTIONS:
            return
        collection = command[event.command_name]
        asked_by = _asked_by()
        if asked_by is None:
            return  # a test looks by itself
        self.seen += 1
        for selector in _selectors(event.command_name, command):
            if not _names_organisation(selector):
                self.violations.append(f"{asked_by}: {event.command_name} on {collection} with {dict(selector)!r}"[:400])

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


def _asked_by() -> str | None:
    """The function of the product that sent it; None when that is no function of the product, or one that crosses on purpose."""
    frame = sys._getframe(1)
    nearest: str | None = None
    while frame is not None:
        if frame.f_code.co_filename.startswith(_PRODUCT):
            name = frame.f_code.co_name
            if name in CROSSING or name.endswith(CROSSING_SUFFIXES):
                return None
            nearest = nearest or f"{Path(frame.f_code.co_filename).relative_to(_PRODUCT)}:{name}"
        frame = frame.f_back  # type: ignore[assignment]
    return nearest


def _selectors(name: str, command: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    match name:
        case "find" | "count" | "distinct" | "findAndModify":
            yield command.get("filter") or command.get("query") or {}
        case "update":
            yield from (each["q"] for each in command["updates"])
        case "delete":
            yield from (each["q"] for each in command["deletes"])
        case "insert":
            yield from command["documents"]
        case "aggregate":
            first = command["pipeline"][0] if command["pipeline"] else {}
            yield first.get("$match", {})


def _names_organisation(selector: Mapping[str, Any]) -> bool:
    """By `org_id`, at the top or in one of the conditions that all must hold, as one organisation or as a list of them."""
    org = selector.get("org_id")
    if isinstance(org, str) or (isinstance(org, Mapping) and "$in" in org):
        return True
    return any(_names_organisation(part) for part in selector.get("$and", []))


guard = TenantGuard()
monitoring.register(guard)
