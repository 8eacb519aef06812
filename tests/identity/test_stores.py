"""What each query leaves alone: sessions that have ended, tokens of another purpose, rows of another person. Against the stores, because above
them another wall often stands in front of this one."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from crypto_api.identity import account_store as accounts
from crypto_api.identity import factor_store as factors
from crypto_api.identity import store
from crypto_api.identity.documents import (
    Approval,
    Attempts,
    EthereumAccount,
    KnownDevice,
    OneTimePurpose,
    OneTimeToken,
    Passkey,
    Session,
    SigningKey,
    User,
)
from crypto_api.identity.types import Factor, Purpose
from crypto_api.kit.paging import PageRequest
from crypto_api.runtime import Runtime
from mongodb_config.unit_of_work import Session as UnitSession

MINUTE = timedelta(minutes=1)


@pytest.fixture
def now(runtime: Runtime) -> datetime:
    return runtime.clock.now().replace(microsecond=0)


def session_of(name: str, user_id: str, now: datetime, **changes: Any) -> Session:
    values: dict[str, Any] = {
        "id": name,
        "created_at": now - MINUTE,
        "user_id": user_id,
        "org_id": "org_a",
        "refresh_hash": f"refresh of {name}",
        "refresh_used": [f"used by {name}"],
        "factors": [Factor.PASSWORD, Factor.OTP],
        "authenticated_at": now,
        "expires_at": now + MINUTE,
    }
    return Session(**values | changes)


@pytest.fixture
async def sessions(now: datetime) -> None:
    """Ada's: one that is live, one that has ended, one that has run out. And one of Bob's."""
    await session_of("live", "ada", now).insert()
    await session_of("ended", "ada", now, ended_at=now - MINUTE, ended_reason="logged_out").insert()
    await session_of("expired", "ada", now, expires_at=now - MINUTE).insert()
    await session_of("of bob", "bob", now).insert()


async def changed_by(runtime: Runtime, work: Callable[[UnitSession], Awaitable[object]]) -> tuple[object, set[str]]:
    """What it answered, and the sessions that are not as they were."""
    before = {row["_id"]: row async for row in Session.get_pymongo_collection().find({})}
    answer = await runtime.uow.run(work)
    after = {row["_id"]: row async for row in Session.get_pymongo_collection().find({})}
    return answer, {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def approval(now: datetime) -> Approval:
    return Approval(purpose=Purpose.KEYS, org_id="org_a", granted_at=now, until=now + MINUTE)


OF_ONE: dict[str, Callable[[UnitSession, str, datetime], Awaitable[object]]] = {
    "add_factor": lambda session, name, now: factors.add_factor(session, name, Factor.PASSKEY, now),
    "approve": lambda session, name, now: factors.approve(session, name, approval(now), now),
    "revoke_approvals": lambda session, name, now: factors.revoke_approvals(session, name),
    "rotate_refresh": lambda session, name, now: store.rotate_refresh(session, f"refresh of {name}", "the next", "family", now + MINUTE, now),
    "end_family_of": lambda session, name, now: store.end_family_of(session, None, f"used by {name}", "refresh_reused", now),
    "end_session": lambda session, name, now: store.end_session(session, name, "logged_out", now),
    "end_session_row": lambda session, name, now: store.end_session_row(session, name, "logged_out", now),
    "act_in": lambda session, name, now: store.act_in(session, name, "org_b", now),
}
ALSO_EXPIRED = {"revoke_approvals", "end_family_of", "end_session", "end_session_row"}  # taking something away from one that has run out harms nobody


@pytest.mark.parametrize("function", OF_ONE)
@pytest.mark.usefixtures("sessions")
async def test_a_session_that_has_ended_is_over(runtime: Runtime, now: datetime, function: str) -> None:
    for name in ("ended", "expired"):
        answer, changed = await changed_by(runtime, lambda session, name=name: OF_ONE[function](session, name, now))  # type: ignore[misc]
        if name == "ended" or function not in ALSO_EXPIRED:
            assert (answer or None, changed) == (None, set()), name
    assert (await changed_by(runtime, lambda session: OF_ONE[function](session, "live", now)))[1] == {"live"}


@pytest.mark.usefixtures("sessions")
async def test_the_sessions_of_a_person_are_theirs_and_live(runtime: Runtime, now: datetime) -> None:
    assert (await changed_by(runtime, lambda session: factors.withdraw_factor(session, "ada", Factor.OTP)))[1] == {"live", "expired"}
    page = await store.sessions_page("ada", now, PageRequest(limit=10, cursor=None, sort="_id", descending=False, count=True))
    assert ([row.id for row in page.items], page.total) == (["live"], 1)
    assert await store.count_live_sessions(now) == 2  # Bob's as well: it is the operator who asks
    assert await changed_by(runtime, lambda session: store.end_session_row(session, "of bob", "logged_out", now, user_id="ada")) == (None, set())
    assert await changed_by(runtime, lambda session: store.end_sessions(session, "ada", "password_changed", now)) == (1, {"live", "expired"})


@pytest.mark.usefixtures("sessions")
async def test_the_sessions_in_one_organisation_end_there_alone(runtime: Runtime, now: datetime) -> None:
    await session_of("elsewhere", "ada", now, org_id="org_b").insert()
    await session_of("kept", "ada", now).insert()
    ended = await changed_by(runtime, lambda session: store.end_sessions(session, "ada", "removed", now, org_id="org_a", but="kept"))
    assert ended == (1, {"live", "expired"})


@pytest.mark.usefixtures("sessions")
async def test_of_many_sessions_the_live_ones_are_found(now: datetime) -> None:
    assert {row.id for row in await store.live_sessions(["live", "ended", "expired"], now)} == {"live"}


# ---- secrets for one use ---------------------------------------------------------------------------------------------------------


@pytest.fixture
async def tokens(now: datetime) -> None:
    """Ada's, for two purposes, and one that is soon too old; and Bob's. None is too old yet: the database would delete it."""
    for name, user_id, purpose, ends in (
        ("verify", "ada", OneTimePurpose.VERIFY_EMAIL, now + 3 * MINUTE),
        ("reset", "ada", OneTimePurpose.RESET_PASSWORD, now + 3 * MINUTE),
        ("old", "ada", OneTimePurpose.RESET_PASSWORD, now + MINUTE),
        ("of bob", "bob", OneTimePurpose.RESET_PASSWORD, now + 3 * MINUTE),
    ):
        await OneTimeToken(id=name, created_at=now, purpose=purpose, user_id=user_id, expires_at=ends).insert()


@pytest.mark.usefixtures("tokens")
async def test_a_token_is_for_its_purpose_until_it_runs_out(runtime: Runtime, now: datetime) -> None:
    now += 2 * MINUTE
    reset, both = OneTimePurpose.RESET_PASSWORD, (OneTimePurpose.RESET_PASSWORD, OneTimePurpose.SET_PASSWORD)
    for name in ("verify", "old"):
        assert await store.one_time(name, reset, now) is None, name
        assert await store.one_time_of_any(name, both, now) is None, name
        assert await runtime.uow.run(lambda session, name=name: store.take_one_time(session, name, reset, now)) is None, name  # type: ignore[misc]
    for found in (await store.one_time("reset", reset, now), await store.one_time_of_any("reset", both, now)):
        assert found is not None and found.id == "reset"
    taken = await runtime.uow.run(lambda session: store.take_one_time(session, "reset", reset, now))
    assert taken is not None and taken.id == "reset"
    assert {row.id for row in await OneTimeToken.find_all().to_list()} == {"verify", "old", "of bob"}


@pytest.mark.usefixtures("tokens")
async def test_the_tokens_of_one_person_for_one_purpose_are_deleted(runtime: Runtime) -> None:
    await runtime.uow.run(lambda session: store.delete_one_time_of(session, "ada", OneTimePurpose.RESET_PASSWORD))
    assert {row.id for row in await OneTimeToken.find_all().to_list()} == {"verify", "of bob"}


# ---- what belongs to a person ------------------------------------------------------------------------------------------------------


async def test_what_belongs_to_a_person_is_found_and_deleted_for_that_person_alone(runtime: Runtime, now: datetime) -> None:
    for number, user_id in enumerate(("ada", "bob"), 1):
        await User(
            id=user_id, created_at=now, username=user_id, email=f"{user_id}@example.com", first_name="", last_name="", password_hash=None
        ).insert()
        address = f"0x{number:040x}"
        await EthereumAccount(id=f"eip155:1:{address}", created_at=now, user_id=user_id, address=address, chain_id=1).insert()
        await Passkey(id=f"key of {user_id}", created_at=now, user_id=user_id, name="", public_key=b"", sign_count=0).insert()
        await KnownDevice(id=f"device of {user_id}", created_at=now, user_id=user_id, last_used_at=now, expires_at=now + MINUTE).insert()
    assert await factors.count_ethereum_accounts("bob") == await factors.count_passkeys("bob") == 1
    assert [row.user_id for row in await factors.ethereum_accounts_of("bob")] == ["bob"]
    assert [row.user_id for row in await factors.passkeys_of("bob")] == ["bob"]
    bob = await store.user_by_email("bob@example.com")
    assert bob is not None and bob.id == "bob"
    await runtime.uow.run(lambda session: accounts.forget_devices(session, "bob"))
    assert await accounts.known_device("device of bob", now) is None
    assert await accounts.known_device("device of ada", now) is not None
    assert await accounts.known_device("device of ada", now + MINUTE) is None
    assert await runtime.uow.run(lambda session: accounts.remove_second_factors(session, "bob")) == 1
    assert await factors.count_passkeys("ada") == 1


async def test_a_device_goes_on_being_known_for_its_owner_until_it_runs_out(runtime: Runtime, now: datetime) -> None:
    await KnownDevice(id="laptop", created_at=now, user_id="ada", last_used_at=now, expires_at=now + MINUTE).insert()
    later = now + 2 * MINUTE
    for user_id, at, known in (("bob", now, False), ("ada", later, False), ("ada", now, True)):
        found = await runtime.uow.run(lambda session, user_id=user_id, at=at: store.extend_device(session, "laptop", user_id, later, at))  # type: ignore[misc]
        assert found == known, (user_id, at)


async def test_the_newest_claim_is_to_this_address(now: datetime) -> None:
    for number, (user_id, email) in enumerate((("ada", "ada@example.com"), ("bob", "bob@example.com"))):
        at = now + number * MINUTE
        await User(id=user_id, created_at=at, username=user_id, email=email, first_name="", last_name="", password_hash="x").insert()
    claim = await store.newest_claim("ada@example.com")
    assert claim is not None and claim.id == "ada"
    assert await store.newest_claim("nobody@example.com") is None


async def test_failed_tries_are_counted_from_what_was_seen(runtime: Runtime, now: datetime) -> None:
    """A row that ran out and was made anew meanwhile has as many failures as the one that was read, and is another."""
    seen = Attempts(id="door", created_at=now, failures=1, expires_at=now + MINUTE)
    await Attempts(id="door", created_at=now, failures=1, expires_at=now + 2 * MINUTE).insert()
    mine = Attempts(id="door", created_at=now, failures=2, expires_at=now + 3 * MINUTE)
    assert not await runtime.uow.run(lambda session: accounts.put_attempts(session, mine, seen))
    seen = seen.model_copy(update={"expires_at": now + 2 * MINUTE})
    assert await runtime.uow.run(lambda session: accounts.put_attempts(session, mine, seen))
    assert not await runtime.uow.run(lambda session: accounts.put_attempts(session, mine, seen))


# ---- keys that sign ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def keys(now: datetime) -> None:
    for name, retired_at in (("signs", None), ("verifies", now + MINUTE), ("over", now - MINUTE)):
        await SigningKey(id=name, created_at=now, sealed_key="", retired_at=retired_at).insert()


@pytest.mark.usefixtures("keys")
async def test_a_retired_key_verifies_until_then_and_no_longer(now: datetime) -> None:
    assert {row.id for row in await accounts.signing_keys(now)} == {"signs", "verifies"}
    assert {row.id for row in await accounts.signing_keys(now + 2 * MINUTE)} == {"signs"}


@pytest.mark.usefixtures("keys")
async def test_retiring_shortens_and_never_prolongs(runtime: Runtime, now: datetime) -> None:
    assert set(await runtime.uow.run(lambda session: accounts.retire_signing_keys(session, now))) == {"signs", "verifies"}
    assert await accounts.signing_keys(now) == []
    over = await SigningKey.get("over")
    assert over is not None and over.retired_at == now - MINUTE


@pytest.mark.usefixtures("keys")
async def test_only_keys_that_are_long_over_are_deleted(runtime: Runtime, now: datetime) -> None:
    await runtime.uow.run(lambda session: accounts.delete_signing_keys(session, now))
    assert {row.id for row in await SigningKey.find_all().to_list()} == {"signs", "verifies"}
