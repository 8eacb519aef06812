"""When a session was last used, to the minute: noted in memory as requests come, written for all of them together a few seconds later. A session
of the pages ends so long after its last use; one of a program after its last refresh, which is none of this."""

from datetime import datetime

from crypto_api.identity import store as identities
from crypto_api.identity.documents import Session
from crypto_api.identity.types import SEEN_EVERY
from crypto_api.kit.session_spans import Spans
from mongodb_config.unit_of_work import Session as UnitSession
from mongodb_config.unit_of_work import UnitOfWork

WRITE_S = 5.0
_seen: dict[str, datetime] = {}
_opened: dict[str, datetime] = {}
"""Of those in `_seen` that are sessions of the pages: when they were opened."""


def note_seen(session: Session, now: datetime) -> None:
    if session.last_seen_at is None or now - session.last_seen_at >= SEEN_EVERY:
        _seen[session.id] = now
        if session.dashboard_hash is not None:
            _opened[session.id] = session.created_at


async def write_seen(uow: UnitOfWork, spans: Spans) -> int:
    """How many sessions it wrote. What it could not write is written the next time."""
    noted = dict(_seen)
    if not noted:
        return 0
    now = max(noted.values())
    ends: dict[datetime, list[str]] = {}
    for session_id, opened_at in _opened.items():
        if session_id in noted:
            ends.setdefault(spans.ends(opened_at, now, "dashboard"), []).append(session_id)

    async def work(session: UnitSession) -> None:
        await identities.mark_seen(session, noted.keys(), now)
        for until, session_ids in ends.items():  # one for all but those that are near the end of their longest life
            await identities.extend_sessions(session, session_ids, until, now)

    await uow.run(work)
    for session_id, at in noted.items():
        if _seen.get(session_id) == at:
            del _seen[session_id]
            _opened.pop(session_id, None)
    return len(noted)
