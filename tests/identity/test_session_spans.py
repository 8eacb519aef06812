"""A session ends: of a program however often it is refreshed, of the pages when they idle; and a used refresh token is found without a list."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from crypto_api.audit.documents import AuditRecord
from crypto_api.audit.types import Outcome
from crypto_api.flows import note_seen as seen
from crypto_api.flows.operate_accounts import create_admin, new_password
from crypto_api.flows.sign_in import Credentials, Door, sign_in
from crypto_api.http.auth import door_of, tokens_of
from crypto_api.identity import passwords
from crypto_api.identity import service as identity
from crypto_api.identity import store as identities
from crypto_api.identity.documents import Session, User
from crypto_api.identity.errors import InvalidCredentials, InvalidToken, ReusedToken
from crypto_api.identity.rules import hash_token
from crypto_api.identity.types import Device, Factor, NewUser
from crypto_api.kit.clock import FixedClock
from crypto_api.kit.session_spans import Spans, Way
from crypto_api.runtime import Runtime

DAY, MADE = timedelta(days=1), new_password()
SPANS = Spans(program=30 * DAY, program_idle=14 * DAY, dashboard=10 * DAY, dashboard_idle=DAY)


@pytest.fixture
async def ada(runtime: Runtime) -> User:
    person = NewUser("ada", "ada@example.com", "Ada", "Lovelace")
    user = await identity.prepare(person, "a long enough pass phrase 7", 4, runtime.clock.now())
    return await runtime.uow.run(lambda session: identity.register(session, user))


async def opened(runtime: Runtime, user: User, now: datetime, way: Way) -> tuple[Session, str]:
    device = Device("127.0.0.1", "x")
    return await runtime.uow.run(lambda session: identity.open_session(session, user, None, device, [Factor.PASSWORD], now, way=way, spans=SPANS))


async def test_a_program_must_log_in_again_however_often_it_refreshed(runtime: Runtime, ada: User) -> None:
    start = runtime.clock.now()
    row, token = await opened(runtime, ada, start, "api")
    assert row.expires_at == start + 14 * DAY
    for day in (10, 20, 29):
        row, token = await identity.refresh(runtime.uow, token, start + day * DAY, SPANS)
        assert row.expires_at == min(start + (day + 14) * DAY, start + 30 * DAY)
    assert await identities.live_session(row.id, start + 30 * DAY - timedelta(seconds=1)) is not None
    assert await identities.live_session(row.id, start + 30 * DAY) is None
    with pytest.raises(InvalidToken) as refused:
        await identity.refresh(runtime.uow, token, start + 30 * DAY, SPANS)
    assert not isinstance(refused.value, ReusedToken)


async def test_a_session_from_before_ends_by_its_log_in_too(runtime: Runtime, ada: User) -> None:
    """Written by a version that gave it 14 more days at each refresh, and kept what was used of it."""
    start = runtime.clock.now()
    row, _ = await opened(runtime, ada, start, "api")
    old = {"refresh_hash": hash_token("token"), "family_hash": None, "refresh_used": [hash_token("used")], "expires_at": start + 40 * DAY}
    await Session.get_pymongo_collection().update_one({"_id": row.id}, {"$set": old})
    with pytest.raises(InvalidToken):
        await identity.refresh(runtime.uow, "token", start + 31 * DAY, SPANS)
    again, successor = await identity.refresh(runtime.uow, "token", start + 29 * DAY, SPANS)
    assert (again.id, again.expires_at, again.family_hash) == (row.id, start + 30 * DAY, hash_token(successor.partition(".")[0]))
    with pytest.raises(ReusedToken):
        await identity.refresh(runtime.uow, "used", start + 29 * DAY, SPANS)
    assert await identities.live_session(row.id, start + 29 * DAY) is None


async def test_a_used_token_is_found_though_none_is_kept(runtime: Runtime, ada: User) -> None:
    start = runtime.clock.now()
    row, first = await opened(runtime, ada, start, "api")
    other, _ = await opened(runtime, ada, start, "api")
    token = first
    for _ in range(20):
        _, token = await identity.refresh(runtime.uow, token, start, SPANS)
    stored = await Session.get_pymongo_collection().find_one({"_id": row.id})
    assert stored is not None and stored["refresh_used"] == [] and all(part not in str(stored) for part in token.split("."))
    with pytest.raises(InvalidToken) as refused:  # a family that nobody has: nothing ends
        await identity.refresh(runtime.uow, f"nobody.{token.partition('.')[2]}", start, SPANS)
    assert not isinstance(refused.value, ReusedToken) and await identities.live_session(row.id, start) is not None
    with pytest.raises(ReusedToken) as reused:
        await identity.refresh(runtime.uow, first, start, SPANS)
    assert reused.value.session_id == row.id
    (told,) = await AuditRecord.find({"action": "session.ended", "subject_id": row.id}).to_list()  # in the same unit of work
    assert (told.outcome, told.after) == (Outcome.REFUSED, {"reason": "refresh_reused"})
    with pytest.raises(InvalidToken):
        await identity.refresh(runtime.uow, token, start, SPANS)
    assert await identities.live_session(other.id, start) is not None


async def test_what_ends_sessions_ends_one_that_a_late_refresh_would_lengthen(runtime: Runtime, ada: User) -> None:
    """The refresh read its clock before the session ran out, and comes to the database after a new password. Found by the simulator of sessions."""
    start = runtime.clock.now()
    for end in ("all", "one"):
        row, token = await opened(runtime, ada, start, "api")
        before, after = row.expires_at - timedelta(milliseconds=1), row.expires_at + timedelta(milliseconds=1)
        if end == "all":
            assert await runtime.uow.run(lambda session: identities.end_sessions(session, ada.id, "password_changed", after)) == 0  # noqa: B023
        else:
            assert await runtime.uow.run(lambda session: identities.end_session_row(session, row.id, "logged_out", after)) is not None  # noqa: B023
        with pytest.raises(InvalidToken):
            await identity.refresh(runtime.uow, token, before, SPANS)
        assert await identities.live_session(row.id, before) is None


async def test_a_password_that_was_made_up_counts_for_three_days_unless_it_is_changed(runtime: Runtime) -> None:
    def door(later: timedelta) -> Door:
        return replace(door_of(runtime), clock=FixedClock(runtime.clock.now() + later))

    for name in ("grace", "hedy"):
        person = NewUser(name, f"{name}@example.com", name.title(), "Byron")
        made = await create_admin(runtime.uow, runtime.clock, person, MADE, organization_name=None, bcrypt_cost=4, made_up=name == "grace")
        assert (made.user.password_until is None) is (name == "hedy")
        tokens, given = tokens_of(runtime), Credentials(None, name, MADE)
        signed = await sign_in(door(3 * DAY - timedelta(minutes=1)), tokens, given, Device(None, None))
        with pytest.raises(InvalidCredentials) if name == "grace" else nullcontext():
            await sign_in(door(3 * DAY + timedelta(minutes=1)), tokens, given, Device(None, None))
        changed = await passwords.hash_password("another river of 9 stones", 4)
        await runtime.uow.run(
            lambda session, user=signed.user, changed=changed: identity.set_password(  # type: ignore[misc]
                session, user, changed, runtime.clock.now(), by_mail=False, kept_session=None
            )
        )
        await sign_in(door(9 * DAY), tokens, Credentials(None, name, "another river of 9 stones"), Device(None, None))


async def test_the_pages_end_by_idling_and_at_last(runtime: Runtime, ada: User) -> None:
    start = runtime.clock.now()
    idle, cookie = await opened(runtime, ada, start, "dashboard")
    used, used_cookie = await opened(runtime, ada, start, "dashboard")
    program, _ = await opened(runtime, ada, start, "api")
    assert idle.expires_at == start + DAY
    await seen.write_seen(runtime.uow, SPANS)  # what another test of this process noted
    for hours in range(20, 240, 20):
        now = start + timedelta(hours=hours)
        found = await identities.live_session_by_dashboard(hash_token(used_cookie), now)
        assert found is not None, hours
        for row in (found, program):
            seen.note_seen(row, now)
        assert await seen.write_seen(runtime.uow, SPANS) == 2
        ends = {row.id: row.expires_at async for row in Session.find_all()}
        assert ends == {idle.id: start + DAY, used.id: min(now + DAY, start + 10 * DAY), program.id: start + 14 * DAY}
    assert await identities.live_session_by_dashboard(hash_token(cookie), start + DAY) is None
    assert await identities.live_session_by_dashboard(hash_token(used_cookie), start + 10 * DAY) is None
    seen.note_seen(idle, start + 2 * DAY)  # a use that was noted too late opens nothing again
    await seen.write_seen(runtime.uow, SPANS)
    assert (await Session.find_one({"_id": idle.id})).expires_at == start + DAY  # type: ignore[union-attr]
