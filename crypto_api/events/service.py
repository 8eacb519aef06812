"""Writing facts into the log of an organisation."""

from collections.abc import Iterable
from datetime import datetime

from crypto_api.events import store
from crypto_api.events.documents import Event
from crypto_api.events.types import DomainEvent
from crypto_api.kit.ids import next_id
from mongodb_config.unit_of_work import Session
from mongodb_config.writes import Writes, write_all


async def append(session: Session, org_id: str, event: DomainEvent, now: datetime, *, event_id: str | None = None) -> Event:
    """Writes the fact in the unit of work that made it true. It has no number yet: the relay gives it one after the commit, so that
    writers of one organisation never queue behind a counter. With `event_id` of the caller's own, a second append is a duplicate key."""
    row = _row(org_id, event, now, event_id or next_id("evt"))
    await store.insert(session, row)
    return row


async def append_all(session: Session, facts: Iterable[tuple[str, DomainEvent]], now: datetime) -> None:
    """Many at once, each with its organisation, in their order."""
    await write_all(session, [to_append(facts, now)])


def to_append(facts: Iterable[tuple[str, DomainEvent]], now: datetime) -> Writes:
    """`append_all`, for a unit of work that writes it together with what made it true."""
    return store.insertions([_row(org_id, event, now, next_id("evt")) for org_id, event in facts])


def _row(org_id: str, event: DomainEvent, now: datetime, event_id: str) -> Event:
    return Event(id=event_id, created_at=now, org_id=org_id, kind=event.kind, permission=str(event.permission), data=event.model_dump(mode="json"))
