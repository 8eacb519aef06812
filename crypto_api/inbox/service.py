"""The verbs of the inbox. Items are opened and closed by what is true; a person may only waive one, or do something about it."""

from datetime import datetime
from typing import Any

from crypto_api.audit import service as audit
from crypto_api.events import service as events
from crypto_api.inbox import store
from crypto_api.inbox.documents import InboxItem
from crypto_api.inbox.errors import ItemClosed
from crypto_api.inbox.events import InboxItemOpened, InboxItemResolved, InboxItemUpdated, InboxItemWaived
from crypto_api.inbox.types import OPEN_STATES, Attempt, Finding, ItemState
from crypto_api.kit.errors import NotFound
from crypto_api.kit.ids import new_id
from mongodb_config.unit_of_work import Session

TEXT_MAX = 500


async def note(session: Session, org_id: str, finding: Finding, now: datetime) -> InboxItem:
    """What was found is in the inbox, once. An item that is there takes over what changed; one that was waived opens again when what was
    waived is no longer what is found."""
    item = await store.live_with_key(org_id, finding.key, session)
    if item is None:
        return await _open(session, org_id, finding, now)
    if item.fingerprint == finding.fingerprint and (item.kind, item.cause) == (finding.kind, finding.cause):
        return item
    if item.state is ItemState.WAIVED and item.fingerprint == finding.fingerprint:
        return item
    changes: dict[str, Any] = {**_told(finding), "updated_at": now}
    reopened = item.state is ItemState.WAIVED
    if reopened:
        changes |= {"state": ItemState.OPEN, "closed_at": None, "closed_by": None, "closed_reason": ""}
    tried = Attempt(at=now, by=None, what="waived", outcome="It has changed since it was waived.") if reopened else None
    changed = await _changed(session, item, changes, tried)
    await events.append(session, org_id, (InboxItemOpened if reopened else InboxItemUpdated)(**_fields(changed)), now)
    return changed


async def settle(session: Session, org_id: str, key: str, now: datetime, reason: str) -> InboxItem | None:
    """It no longer holds. A waived item goes quietly; None when there is none."""
    item = await store.live_with_key(org_id, key, session)
    if item is None:
        return None
    if item.state is ItemState.WAIVED:
        return await _changed(session, item, {"live": False, "updated_at": now})
    changes = {"live": False, "state": ItemState.RESOLVED, "closed_at": now, "closed_reason": reason[:TEXT_MAX], "updated_at": now}
    closed = await _changed(session, item, changes)
    await events.append(session, org_id, InboxItemResolved(**_fields(closed)), now)
    return closed


async def tried(session: Session, org_id: str, item_id: str, now: datetime, what: str, outcome: str, by: str | None) -> InboxItem:
    """Something was done about it, which may have closed it already: then the log of that item says so."""
    item = await store.get(org_id, item_id, session)
    if item is None:
        raise NotFound
    attempt = Attempt(at=now, by=by, what=what, outcome=outcome[:TEXT_MAX])
    changes: dict[str, Any] = {"updated_at": now}
    if item.state is ItemState.OPEN:
        changes["state"] = ItemState.IN_PROGRESS
    changed = await _changed(session, item, changes, attempt)
    await events.append(session, org_id, InboxItemUpdated(**_fields(changed)), now)
    if by is not None:
        summary = f"{what.replace('_', ' ').capitalize()}: {item.title}. {outcome}"
        told = {"remedy": what, "outcome": outcome[:TEXT_MAX]}
        await audit.record(session, org_id, "inbox.remedied", summary, now, subject=("inbox_item", item.id), after=told)
    return changed


async def waive(session: Session, org_id: str, item_id: str, now: datetime, reason: str, by: str) -> InboxItem:
    """NotFound, or ItemClosed when it does not stand open."""
    item = await store.get(org_id, item_id, session)
    if item is None:
        raise NotFound
    if not item.live or item.state not in OPEN_STATES:
        raise ItemClosed
    changes = {"state": ItemState.WAIVED, "closed_at": now, "closed_by": by, "closed_reason": reason, "updated_at": now}
    waived = await _changed(session, item, changes, Attempt(at=now, by=by, what="waive", outcome=reason[:TEXT_MAX]))
    await events.append(session, org_id, InboxItemWaived(**_fields(waived)), now)
    before, after = ({"state": row.state, "reason": row.closed_reason} for row in (item, waived))
    await audit.record(session, org_id, "inbox.waived", f"{item.title}: {reason}", now, subject=("inbox_item", item.id), before=before, after=after)
    return waived


async def _open(session: Session, org_id: str, finding: Finding, now: datetime) -> InboxItem:
    item = InboxItem(id=new_id("inb"), created_at=now, org_id=org_id, key=finding.key, updated_at=now, **_told(finding))
    await store.insert(session, item)
    await events.append(session, org_id, InboxItemOpened(**_fields(item)), now)
    return item


async def _changed(session: Session, item: InboxItem, changes: dict[str, Any], attempt: Attempt | None = None) -> InboxItem:
    changed = await store.change(session, item.org_id, item.id, item.version, changes, attempt)
    assert changed is not None, "it was read in this unit of work"
    return changed


def _told(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "subject_kind": finding.subject[0],
        "subject_id": finding.subject[1],
        "title": finding.title,
        "cause": finding.cause,
        "fingerprint": finding.fingerprint,
        "facts": dict(finding.facts),
    }


def _fields(item: InboxItem) -> dict[str, Any]:
    return {
        "item_id": item.id,
        "item_kind": item.kind.value,
        "state": item.state.value,
        "title": item.title,
        "subject_kind": item.subject_kind,
        "subject_id": item.subject_id,
    }
