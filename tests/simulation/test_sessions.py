"""A short run of the simulator of sessions, and bugs that are planted for it to find. The long run: `manage.py simulate --of sessions`."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from crypto_api.identity import service as identity
from crypto_api.kit.session_spans import Spans
from tests.simulation.proving import expect_found, traces_of
from tests.simulation.session_rows import Rows
from tests.simulation.sessions import Schedule
from tests.simulation.units import Unit

SCHEDULES = 100
TO_FIND = 400


def test_a_token_has_one_successor_and_nothing_outlives_what_ends_it() -> None:
    for seed in range(SCHEDULES):
        Schedule(seed).run()


def test_the_same_seed_gives_the_same_trace() -> None:
    first, _ = traces_of(Schedule, 5)
    assert any(row.startswith("die ") for row in first)


# ---- the simulator proves itself ---------------------------------------------------------------------------------------------------


async def _nobody_is_a_thief(self: Rows, *_: Any) -> None:
    return None


def _whoever_comes_late_writes(self: Unit, kind: str, key: str, row: Any) -> None:
    self.written[kind, key] = row


def _as_long_as_it_is_used(self: Spans, opened_at: datetime, used_at: datetime, way: str) -> datetime:
    return used_at + timedelta(days=14)


async def _suspended_and_nothing_ends(session: Any, user: Any, now: Any, rows: Any) -> Any:
    return await rows.set_suspended(session, user, now), 0


async def _coming_in_writes_nothing(self: Rows, session: Any, user_id: str, password_changed_at: Any, now: Any) -> bool:
    """What it read may have changed since."""
    self._shown[user_id] = password_changed_at
    user = session.get("user", user_id)
    return user.suspended_at is None and user.password_changed_at == password_changed_at


async def _what_has_run_out_may_stay(self: Rows, session: Any, user_id: str, reason: str, now: Any, **only: Any) -> int:
    gone = [row.id for _, row in session.of("session") if row.expires_at <= now]
    kept = [session._seen.pop(("session", key)) for key in gone]
    ended = await _END_SESSIONS(self, session, user_id, reason, now, **only)
    session._seen.update({("session", row.id): row for row in kept})
    return ended


async def _told_of_later(self: Rows, *_: Any, **__: Any) -> None:
    return None


async def _the_newest_is_a_used_one(self: Rows, session: Any, family_hash: Any, used_hash: str, reason: str, now: Any) -> str | None:
    return await _END_FAMILY(self, session, family_hash, "", reason, now)


_END_SESSIONS, _END_FAMILY = Rows.end_sessions, Rows.end_family_of

PLANTED = {
    "a used token is only refused": (Rows, "end_family_of", _nobody_is_a_thief),
    "whoever comes late writes": (Unit, "put", _whoever_comes_late_writes),
    "a session lasts as long as it is used": (Spans, "ends", _as_long_as_it_is_used),
    "a suspension ends nothing": (identity, "suspend", _suspended_and_nothing_ends),
    "a log-in does not meet a suspension": (Rows, "mark_logged_in", _coming_in_writes_nothing),
    "what has run out is left when all is to end": (Rows, "end_sessions", _what_has_run_out_may_stay),
    "a family ends and no record tells of it": (Rows, "record", _told_of_later),
    "the newest token of one that has run out is taken for a used one": (Rows, "end_family_of", _the_newest_is_a_used_one),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_bug_is_found(planted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, name, bug = PLANTED[planted]
    monkeypatch.setattr(place, name, bug)
    expect_found(planted, Schedule, TO_FIND)
