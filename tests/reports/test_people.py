"""Who is shown of an organisation, and what of them: nothing that they did elsewhere, and no session that is over."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from crypto_api.identity.documents import Passkey, Session, User
from crypto_api.organizations.documents import Membership
from crypto_api.organizations.types import Role
from crypto_api.reports import people
from crypto_api.reports.presence import presence
from crypto_api.runtime import Runtime

ORG, OTHER = "org_one", "org_two"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
async def now(runtime: Runtime) -> datetime:
    """Ada and Bob are members of both organisations."""
    now = runtime.clock.now().replace(microsecond=0)
    for user_id in ("ada", "bob"):
        email = f"{user_id}@example.com"
        await User(id=user_id, created_at=now, username=user_id, email=email, first_name=user_id, last_name="", password_hash=None).insert()
        for org_id in (ORG, OTHER):
            await Membership(id=f"{user_id} {org_id}", created_at=now, org_id=org_id, user_id=user_id, role=Role.USER).insert()
    return now


async def logged_in(name: str, user_id: str, org_id: str, at: datetime, **changes: Any) -> None:
    values: dict[str, Any] = {
        "id": name,
        "created_at": at,
        "user_id": user_id,
        "org_id": org_id,
        "refresh_hash": name,
        "last_seen_at": at,
        "expires_at": at + 2 * HOUR,
    }
    await Session(**values | changes).insert()


async def test_nobody_is_seen_elsewhere(now: datetime) -> None:
    await logged_in("here", "ada", ORG, now - HOUR)
    await logged_in("there", "ada", OTHER, now)
    await Passkey(id="key", created_at=now, user_id="ada", name="", public_key=b"", sign_count=0).insert()
    ada, bob = await people.members(ORG)
    assert (ada.user.id, ada.last_seen, ada.second_factor) == ("ada", now - HOUR, True)
    assert (bob.user.id, bob.last_seen, bob.second_factor) == ("bob", None, False)


async def test_one_member_alone_is_looked_up(now: datetime) -> None:
    """What is known of the others is not even read."""
    await logged_in("ada's", "ada", ORG, now)
    await logged_in("bob's", "bob", ORG, now)
    await Passkey(id="key", created_at=now, user_id="ada", name="", public_key=b"", sign_count=0).insert()
    assert await people._last_seen(ORG, ["bob"]) == {"bob": now}
    assert await people._with_passkeys(["bob"]) == set()
    bob = await people.member(ORG, "bob")
    assert bob is not None and (bob.user.id, bob.second_factor) == ("bob", False)
    assert await people.member(ORG, "eve") is None


async def test_who_is_logged_in_acts_here_and_now(now: datetime) -> None:
    await logged_in("live", "ada", ORG, now - MINUTE)
    await logged_in("ended", "ada", ORG, now, ended_at=now, ended_reason="logged_out")
    await logged_in("expired", "ada", ORG, now - 3 * HOUR, last_seen_at=now)
    await logged_in("elsewhere", "ada", OTHER, now)
    await logged_in("bob's, elsewhere", "bob", OTHER, now)
    ada, bob = await presence(ORG, now)
    assert (ada.user.id, ada.sessions, ada.last_seen_at) == ("ada", 1, now - MINUTE)
    assert (bob.user.id, bob.sessions, bob.last_seen_at) == ("bob", 0, None)
