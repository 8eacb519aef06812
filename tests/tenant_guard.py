"""Watches what the product really sends to MongoDB, in every test: a command on an organisation's collection must name the organisation, no
command may move a row to another one, and nothing updates or deletes the audit log.

It looks at the driver, below every store, so that a query nobody thought of is seen too, whichever task or thread it comes from. Queries that
cross organisations on purpose are named here, each with the reason.

What it cannot see: processes that a test starts (they have drivers of their own), a driver's coroutine that is started as a task without any
function of the product around it, and the pages of a cursor after the first (`getMore`), which belong to a query that was looked at.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pymongo import monitoring

from crypto_api.documents import DOCUMENTS

_ROOT = Path(__file__).resolve().parent.parent
_PRODUCT = tuple(str(_ROOT / folder) + "/" for folder in ("crypto_api", "workers", "signer", "crypto_project", "mongodb_config"))

COLLECTIONS = {str(document.Settings.name) for document in DOCUMENTS}  # type: ignore[attr-defined]
TENANT_COLLECTIONS = {document.Settings.name for document in DOCUMENTS if document.TENANT}  # type: ignore[attr-defined]
APPEND_ONLY = {"audit_records", "audit_seals", "entry_seals", "period_certificates", "seal_anchors"}

# Functions of a slice's store, or of reports/: a function of the same name elsewhere does not cross.
CROSSING = {
    "audit:queued": "the seals of the audit log are made for all",
    "invoices:fell_due": "the lane of what is overdue",
    "invoices:organizations_that_remind": "the lane of reminders",
    "recurring_invoices:due": "the lane of recurring invoices",
    "deliveries:due": "the lane of letters",
    "receivables:request_by_token": "whoever has the link to pay does not know the organisation",
    "receivables:waiting": "the lane that matches what came",
    "receivables:refunding": "the lane that looks what became of refunds",
    "ledger:unsealed": "entries are sealed for all",
    "audit:sealed_organizations": "which chains there are, for the operator's verification",
    "organizations:custom_roles_among": "open consoles of many organisations check again what their people may",
    "organizations:invitation_by_token": "whoever shows the token does not know the organisation yet",
    "organizations:invitation_for": "the invited person, by their own address",
    "organizations:open_invitations_for": "which organisations have invited this address",
    "organizations:invitations_without_mail": "the sweep of mails that have not left",
    "ledger:organizations_with_a_chart": "the deploy step adds an account to the chart of each",
    "ledger:add_held_days": "the deploy step adds the sums of each",
    "tasks:failed_since_by_kind": "how many failed, for the operator of the installation",
    "organizations:memberships_of": "which organisations a person may enter",
    "organizations:memberships_of_people": "open consoles of many organisations; how many organisations an account has",
    "events:pending": "the relay numbers the events of all",
    "events:oldest_pending": "whether the relay works",
    "contract_audits:due": "workers run what was ordered, whoever ordered it",
    "long_reports:due": "workers make what was ordered, whoever ordered it",
    "long_reports:expired": "the sweep of what was kept for long enough",
    "recurring:due": "the lane of what has its day",
    "payroll:steps_due": "the lane of payrolls that are being paid",
    "payroll:payslip_by_token": "whoever holds a payslip asks whether it is genuine",
    "payroll:statement_keys_behind": "keys of all are sealed anew after SECRET_KEY was changed",
    "payroll:statement_key_at": "whoever holds a statement asks whose key signed it",
    "contracts:unfinished_before": "the sweep of verifications whose job was lost",
    "tasks:due_of_kind": "the lane that works off what was asked for, whoever asked",
    "tasks:queued": "workers look for what waits, whoever asked for it",
    "saved_views:name_their_list": "the deploy step says of the views of all which list they are of",
    "tasks:stopped_schedules": "workers pass over whoever stopped a schedule",
    "tasks:running_since_before": "the sweep of tasks that hang",
    "events:head": "asks by the organisation's own id",
    "events:heads": "asks by the organisations' own ids",
    "events:all_heads": "the sweep of the inboxes of all asks where anything happened",
    "notifications:cursors": "the lane that reads the logs of all",
    "notifications:letters_due": "the lane of letters about notices",
    "webhooks:count_failing_and_suspended": "figures of the installation",
    "inbox:count_open_by_kind": "figures of the installation",
    "tasks:count_open_dead_letters": "figures of the installation",
    "webhooks:active": "the lane that tells webhooks what happened",
    "transactions:said_by_people": "the deploy step learns what people said before it was remembered",
    "transactions:stored_of_network": "ids that begin with the organisation",
    "transactions:in_block": "a block concerns everybody in it",
}
CROSSING_SUFFIXES = ("_on_network", "_of_network", "_in_block")  # the follower's, since a chain is the same for all

# Files that work on whole collections, whoever's rows are in them.
WHOLE = {
    "mongodb_config/migrations.py": "the deploy step: collections, validators, indexes, numbered migrations",
    "mongodb_config/backup.py": "the whole database, into a file and back",
    "mongodb_config/probe.py": "its own collections, made and dropped",
    "crypto_project/demo/database_census.py": "counts what a run left, to compare it with what it should have",
}

WATCHED = {"find", "count", "distinct", "findAndModify", "update", "delete", "insert", "aggregate", "drop"}
_CHANGES = {"findAndModify", "update", "delete", "drop"}
_WRITES = _CHANGES | {"insert"}
_ALTERING = {"createIndexes", "dropIndexes", "collMod"}
_JOINS = {"$lookup": "from", "$graphLookup": "from", "$unionWith": "coll"}
_SETS = ("$set", "$unset", "$rename", "$inc", "$mul", "$min", "$max", "$push", "$addFields", "$project", "$replaceWith", "$replaceRoot")

Command = Mapping[str, Any]


class TenantGuard(monitoring.CommandListener):
    def __init__(self) -> None:
        self.violations: list[str] = []
        self.seen = 0
        self.changes = 0  # commands that may change a row, since a test got its database
        self.altered: set[str] = set()  # databases whose indexes or validators somebody may have changed

    def take(self) -> list[str]:
        """What was found since the last time."""
        found, self.violations = self.violations, []
        return found

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name in _ALTERING:
            self.altered.add(event.database_name)
        commands = list(single(event.command_name, event.command))
        self.changes += any(name in _WRITES and command[name] in COLLECTIONS for name, command in commands)
        if not any(_concerns(name, command) for name, command in commands):
            return
        asked_by, crosses = _asked_by()
        if asked_by is None:
            return  # a test looks by itself
        self.seen += 1
        self.violations += [f"{asked_by}: {fault}"[:400] for name, command in commands for fault in faults_of(name, command, crosses=crosses)]

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


def single(name: str, command: Command) -> Iterator[tuple[str, Command]]:
    """A command as commands on one collection each: `bulkWrite` (MongoDB 8) holds several."""
    if name != "bulkWrite":
        yield name, command
        return
    names = [info["ns"].partition(".")[2] for info in command["nsInfo"]]
    for operation in command["ops"]:
        kind = next(kind for kind in ("insert", "update", "delete") if kind in operation)
        collection = names[operation[kind]]
        match kind:
            case "insert":
                yield kind, {kind: collection, "documents": [operation["document"]]}
            case "update":
                yield kind, {kind: collection, "updates": [{"q": operation["filter"], "u": operation["updateMods"]}]}
            case "delete":
                yield kind, {kind: collection, "deletes": [{"q": operation["filter"]}]}


def _concerns(name: str, command: Command) -> bool:
    if name not in WATCHED:
        return False
    return command[name] in TENANT_COLLECTIONS or (name == "aggregate" and any(_touched(command["pipeline"])))


def faults_of(name: str, command: Command, *, crosses: bool = False) -> list[str]:
    """What is wrong with a command. `crosses`: it reaches over organisations on purpose; the audit log is append-only even then."""
    collection, faults = command[name], []
    if collection in APPEND_ONLY and name in _CHANGES:
        faults.append(f"{name} on {collection}, which is append-only")
    if name == "aggregate":
        faults += _faults_of_stages(command["pipeline"], crosses=crosses)
    if crosses or collection not in TENANT_COLLECTIONS or name == "drop":
        return faults
    for selector, change in _parts(name, command):
        if not _names_organisation(selector):
            faults.append(f"{name} on {collection} with {dict(selector)!r}")
        if _moves(selector, change):
            faults.append(f"{name} on {collection} may change org_id: {change!r}")
    return faults


def _faults_of_stages(pipeline: Sequence[Command], *, crosses: bool) -> Iterator[str]:
    """Beyond the first stage: what is joined has to name the organisation too, and what is written goes through a store."""
    for stage in pipeline:
        for operator, value in stage.items():
            if operator in ("$out", "$merge"):
                yield f"aggregate writes by {operator} into {_target(value)}"
            elif operator in _JOINS:
                yield from _faults_of_join(operator, value, crosses=crosses)
            elif operator == "$facet":
                for inner in value.values():
                    yield from _faults_of_stages(inner, crosses=crosses)


def _faults_of_join(operator: str, value: Any, *, crosses: bool) -> Iterator[str]:
    joined = value if isinstance(value, str) else value.get(_JOINS[operator])
    inner = [] if isinstance(value, str) else value.get("pipeline", [])
    if joined in TENANT_COLLECTIONS and not crosses:
        first = value.get("restrictSearchWithMatch", {}) if operator == "$graphLookup" else inner[0].get("$match", {}) if inner else {}
        if not _names_organisation(first):
            yield f"aggregate joins {joined} by {operator} with {dict(first)!r}"
    yield from _faults_of_stages(inner, crosses=crosses)


def _touched(pipeline: Sequence[Command]) -> Iterator[bool]:
    for stage in pipeline:
        for operator, value in stage.items():
            if operator in ("$out", "$merge"):
                yield True
            elif operator in _JOINS:
                inner = [] if isinstance(value, str) else value.get("pipeline", [])
                yield (value if isinstance(value, str) else value.get(_JOINS[operator])) in TENANT_COLLECTIONS or any(_touched(inner))
            elif operator == "$facet":
                yield any(any(_touched(inner)) for inner in value.values())


def _target(value: Any) -> str:
    into = value.get("into", value) if isinstance(value, Mapping) else value
    return str(into.get("coll") if isinstance(into, Mapping) else into)


@cache
def _place(file: str) -> str | None:
    """Of the product, below the root; None of anything else."""
    return Path(file).relative_to(_ROOT).as_posix() if file.startswith(_PRODUCT) else None


@cache
def _crosses(place: str, name: str) -> bool:
    if not (place.endswith(("/store.py", "_store.py")) or place.startswith("crypto_api/reports/")):
        return False
    return f"{Path(place).parent.name}:{name}" in CROSSING or name.endswith(CROSSING_SUFFIXES)


def _asked_by() -> tuple[str | None, bool]:
    """(the function of the product that sent it, whether it crosses on purpose); None when that is no function of the product."""
    frame = sys._getframe(1)
    nearest: str | None = None
    crosses = False
    while frame is not None:
        place = _place(frame.f_code.co_filename)
        if place is not None:
            name = frame.f_code.co_name
            if place in WHOLE:
                return None, True
            crosses = crosses or _crosses(place, name)
            if nearest is None or nearest.startswith("mongodb_config/"):
                nearest = f"{place.removeprefix('crypto_api/')}:{name}"
        frame = frame.f_back  # type: ignore[assignment]
    return nearest, crosses


def _parts(name: str, command: Command) -> Iterator[tuple[Command, Any]]:
    """(what selects rows, what is done to them)."""
    match name:
        case "find" | "count" | "distinct" | "findAndModify":
            yield command.get("filter") or command.get("query") or {}, command.get("update")
        case "update":
            yield from ((each["q"], each["u"]) for each in command["updates"])
        case "delete":
            yield from ((each["q"], None) for each in command["deletes"])
        case "insert":
            yield from ((document, None) for document in command["documents"])
        case "aggregate":
            first = command["pipeline"][0] if command["pipeline"] else {}
            yield first.get("$match", {}), None


def _names_organisation(selector: Command) -> bool:
    """By `org_id`, at the top or in one of the conditions that all must hold, as one organisation or as a list of them."""
    org = selector.get("org_id")
    if isinstance(org, str) or (isinstance(org, Mapping) and set(org) <= {"$in", "$eq"} and org):
        return True
    return any(_names_organisation(part) for part in selector.get("$and", []))


def _moves(selector: Command, change: Any) -> bool:
    """Whether an update could leave a row in another organisation than the one that it was found in."""
    if isinstance(change, Mapping):
        if change and not next(iter(change)).startswith("$"):  # the whole document anew
            return bool(change.get("org_id") != selector.get("org_id"))
        return any("org_id" in _renamed(operator, fields) for operator, fields in change.items() if operator in _SETS)
    if isinstance(change, Sequence):  # a pipeline
        return any("org_id" in str(stage) or operator in ("$replaceWith", "$replaceRoot") for stage in change for operator in stage)
    return False


def _renamed(operator: str, fields: Any) -> set[str]:
    return set(fields) | (set(fields.values()) if operator == "$rename" else set())


guard = TenantGuard()
monitoring.register(guard)
