"""The verbs of clients. Each is part of the caller's unit of work."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from crypto_api.audit import service as audit
from crypto_api.clients import rules, store
from crypto_api.clients.documents import Client
from crypto_api.clients.errors import ClientArchived
from crypto_api.clients.events import ClientAdded, ClientChanged, ClientDeleted, ClientRestored
from crypto_api.clients.events import ClientArchived as ClientWasArchived
from crypto_api.clients.types import NewClient
from crypto_api.events import service as events
from crypto_api.events.types import DomainEvent
from crypto_api.kit.errors import InvalidInput, NotFound, PreconditionFailed
from crypto_api.kit.ids import new_id
from crypto_api.organizations.rules import fold
from mongodb_config.base_document import encoded
from mongodb_config.unit_of_work import Session

SUBJECT = "client"
_TOLD = ("name", "kind", "email", "phone", "contacts", "address", "tax_id", "payment_terms_days", "currency", "language", "note", "archived_at")
Versions = Collection[int] | None


async def add(session: Session, org_id: str, new: NewClient, by: str, now: datetime) -> Client:
    """InvalidInput for a tax id that its country could not have given."""
    number, checked = _tax_id(new.tax_id, new.address.country)
    row = Client(
        id=new_id("cli"),
        created_at=now,
        updated_at=now,
        org_id=org_id,
        created_by=by,
        name_folded=fold(new.name),
        tax_id_checked=checked,
        **{**new.fields(), "tax_id": number, "contacts": list(new.contacts)},
    )
    await store.insert(session, row)
    await _record(session, row, "client.added", f"Added the client {row.name}", now, None, ClientAdded)
    return row


async def change(session: Session, org_id: str, client_id: str, fields: Mapping[str, Any], versions: Versions, now: datetime) -> Client:
    """`fields` of those that a client has; what is left out stays. `archived` takes it off the list or brings it back. NotFound, PreconditionFailed,
    InvalidInput. Nothing is written where nothing changes."""
    before = await _standing(session, org_id, client_id, versions)
    wanted = dict(fields)
    archived = wanted.pop("archived", before.archived_at is not None)
    if (before.archived_at is not None) != archived:
        wanted["archived_at"] = now if archived else None
    if "name" in wanted:
        wanted["name_folded"] = fold(wanted["name"])
    if "tax_id" in wanted or "address" in wanted:
        address = wanted.get("address", before.address)
        wanted["tax_id"], wanted["tax_id_checked"] = _tax_id(wanted.get("tax_id", before.tax_id), address.country)
    changed = {name: value for name, value in wanted.items() if getattr(before, name) != value}
    if not changed:
        return before
    stored = encoded(before.model_copy(update={**changed, "updated_at": now}))
    after = await store.change(session, before, {name: stored[name] for name in (*changed, "updated_at")})
    if after is None:
        raise PreconditionFailed
    await _record(session, after, *_deed(before, after), now, before, _kind(before, after))
    return after


async def remove(session: Session, org_id: str, client_id: str, versions: Versions, now: datetime) -> bool:
    """Deletes it where nothing was ever written for it, archives it otherwise. True when it is gone altogether. NotFound, PreconditionFailed."""
    before = await _standing(session, org_id, client_id, versions)
    if before.written:
        await change(session, org_id, client_id, {"archived": True}, versions, now)
        return False
    if not await store.delete(session, before):
        raise PreconditionFailed
    await events.append(session, org_id, ClientDeleted(client_id=before.id), now)
    summary = f"Deleted the client {before.name}, for whom nothing had been written"
    await audit.record(session, org_id, "client.deleted", summary, now, subject=(SUBJECT, before.id), before=_told(before))
    return True


async def let_in(session: Session, org_id: str, client_id: str, user_id: str, now: datetime) -> None:
    """Somebody who was invited as this client has joined: they see its invoices from now on. NotFound where it was deleted meanwhile."""
    before = await _standing(session, org_id, client_id, None)
    if user_id in before.user_ids:
        return
    after = await store.change(session, before, {"user_ids": [*before.user_ids, user_id], "updated_at": now})
    if after is None:
        raise PreconditionFailed
    await events.append(session, org_id, ClientChanged(client_id=client_id), now)
    summary = f"Somebody may see the invoices of {after.name}"
    await audit.record(session, org_id, "client.let_in", summary, now, subject=(SUBJECT, client_id), after={"user_id": user_id}, actor_id=user_id)


async def write_for(session: Session, org_id: str, client_id: str) -> Client:
    """The client of a document that is being written in this unit of work. NotFound, ClientArchived."""
    row = await store.get(org_id, client_id, session)
    if row is None:
        raise NotFound
    if not await store.note_written(session, org_id, client_id):
        raise ClientArchived
    return row


async def _standing(session: Session, org_id: str, client_id: str, versions: Versions) -> Client:
    row = await store.get(org_id, client_id, session)
    if row is None:
        raise NotFound
    if versions is not None and row.version not in versions:
        raise PreconditionFailed
    return row


def _tax_id(value: str, country: str) -> tuple[str, str]:
    try:
        found = rules.checked_tax_id(value, country)
    except ValueError as error:
        raise InvalidInput.of("tax_id", str(error), "invalid_tax_id") from error
    return found.number, found.checked


def _deed(before: Client, after: Client) -> tuple[str, str]:
    if (before.archived_at is None) == (after.archived_at is None):
        return "client.changed", f"Changed the client {after.name}"
    return (
        ("client.restored", f"Brought back the client {after.name}") if after.archived_at is None else ("client.archived", f"Archived {after.name}")
    )


def _kind(before: Client, after: Client) -> Callable[..., DomainEvent]:
    if (before.archived_at is None) == (after.archived_at is None):
        return ClientChanged
    return ClientRestored if after.archived_at is None else ClientWasArchived


async def _record(
    session: Session, row: Client, action: str, summary: str, now: datetime, before: Client | None, kind: Callable[..., DomainEvent]
) -> None:
    await events.append(session, row.org_id, kind(client_id=row.id), now)
    was = _told(before) if before else None
    await audit.record(session, row.org_id, action, summary, now, subject=(SUBJECT, row.id), before=was, after=_told(row))


def _told(row: Client) -> dict[str, Any]:
    plain = row.model_dump(mode="python")
    return {name: plain[name] for name in _TOLD}
