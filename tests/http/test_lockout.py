"""Guessing is slow, for the account and for the address of the network it comes from, and never keeps the owner out."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pyotp
import pytest

from crypto_api.adapters.limiter import Limiter
from crypto_api.bootstrap import open_runtime
from crypto_api.flows import guard_attempts
from crypto_api.identity import passwords
from crypto_api.identity.documents import Attempts, Session, Totp, User
from crypto_api.identity.rules import delay_after, hash_token
from crypto_api.kit.errors import TooManyRequests
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from tests.http.conftest import PASSWORD, Join, registration, serve
from tests.http.organization_calls import records
from tests.http.test_accounts import NEW, reset_token


async def log_in(client: httpx.AsyncClient, password: str = PASSWORD, **fields: str) -> httpx.Response:
    named = {} if "email" in fields else {"username": "ada"}
    return await client.post("/api/auth/login/", json=named | {"password": password} | fields)


async def fail(client: httpx.AsyncClient, times: int, **fields: str) -> None:
    for _ in range(times):
        assert (await log_in(client, "wrong", **fields)).status_code == 401


async def let_time_pass(runtime: Runtime) -> None:
    """The doors open as they do by themselves later; the failures stay counted."""
    await Attempts.find({"blocked_until": {"$ne": None}}).update({"$set": {"blocked_until": runtime.clock.now()}})


@pytest.fixture
async def stranger(api: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=api, timeout=60) as opened:
        yield opened


def test_delays_grow_to_a_quarter_of_an_hour() -> None:
    assert [delay_after(failures).total_seconds() for failures in (0, 4, 5, 6, 7, 13, 14, 1_000)] == [0, 0, 2, 4, 8, 512, 900, 900]


async def test_after_five_failures_the_right_password_waits_too(stranger: httpx.AsyncClient, join: Join, runtime: Runtime) -> None:
    await join("ada")
    await fail(stranger, 5)
    refused = await log_in(stranger)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_attempts")
    assert 1 <= int(refused.headers["Retry-After"]) <= 2
    await let_time_pass(runtime)
    await fail(stranger, 1)
    assert 3 <= int((await log_in(stranger)).headers["Retry-After"]) <= 4  # it grows
    await let_time_pass(runtime)
    assert (await log_in(stranger)).status_code == 200
    await fail(stranger, 4)  # a success forgets what was before it


async def test_an_unknown_account_is_locked_like_a_known_one(stranger: httpx.AsyncClient, join: Join) -> None:
    await join("ada")
    for name in ("ada", "nobody"):
        answers = [await log_in(stranger, "wrong", username=name) for _ in range(7)]
        assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2, name
    rows = await Attempts.find_all().to_list()
    assert not any("ada" in row.id or "nobody" in row.id for row in rows)


async def test_strangers_do_not_lock_the_owner_out(stranger: httpx.AsyncClient, client: httpx.AsyncClient, join: Join, runtime: Runtime) -> None:
    await join("ada")
    await join("bob")
    assert (await log_in(client)).status_code == 200  # this device is known from now on
    for _ in range(12):
        await log_in(stranger, "wrong")
        await let_time_pass(runtime)
    await log_in(stranger, "wrong")
    assert (await log_in(stranger)).status_code == 429
    assert (await log_in(client, email="ada@example.com")).status_code == 200
    await fail(client, 5)
    assert (await log_in(client)).status_code == 429  # a known device guesses no faster
    foreign = {"Cookie": f"coffer_device={client.cookies['coffer_device']}"}
    for _ in range(5):
        await stranger.post("/api/auth/login/", json={"username": "bob", "password": "wrong"}, headers=foreign)
    assert (await log_in(stranger, username="bob")).status_code == 429  # ada's device is a strange one to bob


async def test_a_new_password_by_mail_lets_the_owner_in_at_once(
    stranger: httpx.AsyncClient, client: httpx.AsyncClient, join: Join, runtime: Runtime
) -> None:
    await join("ada")
    await fail(stranger, 5)
    assert (await log_in(client)).status_code == 429
    token = await reset_token(client, runtime)
    assert (await client.post("/api/auth/reset-password/", json={"token": token, "new_password": NEW})).status_code == 200
    await fail(stranger, 5)
    assert (await log_in(stranger, NEW)).status_code == 429
    assert (await log_in(client, NEW)).status_code == 200  # the device that opened the link is known


async def test_of_fifty_guesses_at_once_five_are_checked(stranger: httpx.AsyncClient, join: Join, monkeypatch: pytest.MonkeyPatch) -> None:
    await join("ada")
    monkeypatch.setattr(guard_attempts, "AT_ONCE", 50)  # as if each came to a process of its own
    checked, real = 0, passwords.matches

    async def counted(*arguments: Any) -> bool:
        nonlocal checked
        checked += 1
        return await real(*arguments)

    monkeypatch.setattr(passwords, "matches", counted)
    answers = await asyncio.gather(*(log_in(stranger, f"guess-{number}") for number in range(50)))
    assert checked == 5
    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 45


async def test_rightful_log_ins_at_once_all_succeed(client: httpx.AsyncClient, join: Join) -> None:
    ada = await join("ada")
    answers = await asyncio.gather(*(log_in(client) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert await Session.find({"user_id": ada.user["id"], "ended_at": None}).count() == 21


async def test_codes_have_a_count_of_their_own(stranger: httpx.AsyncClient, join: Join, runtime: Runtime) -> None:
    from crypto_api.flows.second_factor import bound_to

    ada, secret = await join("ada"), pyotp.random_base32()
    totp = Totp(sealed_secret=runtime.box.seal(secret.encode(), bound_to(ada.user["id"])), confirmed_at=runtime.clock.now())
    await User.find_one({"_id": ada.user["id"]}).update({"$set": {"totp": totp.model_dump()}})
    asked = await log_in(stranger)
    assert (asked.status_code, asked.json()["code"]) == (401, "otp_required")
    wrong = [await log_in(stranger, otp="000000") for _ in range(5)]
    assert {(answer.status_code, answer.json()["code"]) for answer in wrong} == {(401, "invalid_otp")}
    right = pyotp.TOTP(secret).now()
    assert (await log_in(stranger, otp=right)).status_code == 429
    assert (await log_in(stranger)).json()["code"] == "otp_required"  # the password's own count was forgotten each time
    await let_time_pass(runtime)
    entered = await log_in(stranger, otp=right)
    assert entered.status_code == 200
    row = await Session.find_one({"user_id": ada.user["id"], "factors": "otp"})
    assert row is not None and row.factors == ["password", "otp"]
    assert (await log_in(stranger, otp=right)).json()["code"] == "invalid_otp"  # a code counts once


async def test_failures_are_in_the_audit_log_of_the_organisation(stranger: httpx.AsyncClient, join: Join) -> None:
    from crypto_api.audit.documents import AuditRecord

    ada = await join("ada", founds="Byron Treasury")
    await fail(stranger, 2)
    await fail(stranger, 1, username="nobody")
    refused = await AuditRecord.find({"action": "session.refused"}).to_list()
    assert sorted(row.org_id for row in refused) == sorted([ada.org_id, ada.org_id, "installation"])
    assert "wrong" not in str([row.model_dump(exclude={"summary"}) for row in refused])
    opened = await AuditRecord.find_one({"action": "session.opened", "org_id": ada.org_id})
    assert opened is None or opened.actor_id == ada.user["id"]


# ---- by address of the network ------------------------------------------------------------------------------------------------


async def test_one_address_may_do_only_so_much(make_config: Any, networks: Any) -> None:
    rates = {"limit_failed_log_ins": "3 per minute", "limit_registrations": "2 per minute", "limit_mails": "2 per hour"}
    async with open_runtime(make_config(networks, **rates)) as runtime, serve(runtime) as url, httpx.AsyncClient(base_url=url, timeout=60) as client:
        await fail(client, 1, username="one")
        await fail(client, 1, username="two")
        await fail(client, 1, username="three")
        refused = await log_in(client, username="four")
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        made = [await client.post("/api/auth/register/", json=registration(name)) for name in ("ada", "bob", "eve")]
        assert [answer.status_code for answer in made] == [201, 201, 429]
        asked = [await client.post("/api/auth/forgot-password/", json={"email": f"{name}@example.com"}) for name in ("ada", "no", "eve")]
        assert [answer.status_code for answer in asked] == [202, 202, 429]
        spoofed = await client.post("/api/auth/register/", json=registration("eve"), headers={"X-Forwarded-For": "203.0.113.9"})
        assert spoofed.status_code == 429


async def test_without_valkey_nobody_is_refused_and_guessing_stays_slow(make_config: Any, networks: Any, unused_tcp_port: int) -> None:
    config = make_config(networks, redis_url=f"redis://127.0.0.1:{unused_tcp_port}/0", limit_failed_log_ins="1 per minute")
    async with open_runtime(config) as runtime, serve(runtime) as url, httpx.AsyncClient(base_url=url, timeout=60) as client:
        await client.post("/api/auth/register/", json=registration("ada"))
        await User.find_all().update({"$set": {"email_verified_at": runtime.clock.now()}})
        await fail(client, 4)
        assert (await log_in(client)).status_code == 200
        client.cookies.clear()
        await fail(client, 5)
        assert (await log_in(client)).status_code == 429


async def test_whoever_has_a_network_of_addresses_counts_once(runtime: Runtime) -> None:
    limiter = Limiter(runtime.config.redis_url, {"it": "2 per minute"})
    async with limiter:
        await limiter.take("it", "2001:db8:1:2::1")
        await limiter.take("it", "2001:db8:1:2:ffff::2")
        with pytest.raises(TooManyRequests):
            await limiter.take("it", "2001:db8:1:2::3")
        await limiter.take("it", "2001:db8:1:3::1")
        await limiter.take("it", "::ffff:198.51.100.7")
        await limiter.take("it", "198.51.100.7")
        with pytest.raises(TooManyRequests) as refused:
            await limiter.take("it", "198.51.100.7")
        assert 1 <= refused.value.retry_after_s <= 60
        await limiter.take("it", None)


async def test_a_person_makes_so_many_calls_and_loads_so_many_pages(make_config: Any, networks: list[dict[str, object]]) -> None:
    """Of each person apart, whatever session and address; the answer says how long to wait."""
    config = make_config(networks, limit_calls="3 per hour", limit_pages="2 per hour")
    async with open_runtime(config) as runtime, serve(runtime) as api, httpx.AsyncClient(base_url=api) as client:
        for name in ("ada", "bob"):
            body = registration(name, organization_name=f"House of {name}")
            assert (await client.post("/api/auth/register/", json=body)).status_code == 201
        await User.find_all().update({"$set": {"email_verified_at": runtime.clock.now()}})
        first, second, other = [(await log_in(client, username=name)).json()["access"] for name in ("ada", "ada", "bob")]

        async def status(token: str) -> httpx.Response:
            return await client.get("/api/auth/profile/", headers={"Authorization": f"Bearer {token}"})

        answers = await asyncio.gather(*(status(token) for token in [first, second] * 4))
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert Counter(answer.status_code for answer in answers) == {200: 3, 429: 5}
        assert refused.json()["code"] == "too_many_requests" and refused.headers["content-type"] == "application/problem+json"
        assert 1 <= int(refused.headers["retry-after"]) <= 3_600
        assert (await status(other)).status_code == 200
        session = await Session.find_one({"dashboard_hash": None})
        assert session is not None
        await session.set({"dashboard_hash": hash_token("cookie"), "expires_at": runtime.clock.now() + timedelta(days=1)})
        pages = [await client.get("/profile/", headers={"Cookie": "coffer_session=cookie"}) for _ in range(3)]
        assert [page.status_code for page in pages] == [200, 200, 429]
        assert "Wait" in pages[2].text and 1 <= int(pages[2].headers["retry-after"]) <= 3_600


async def test_without_its_counters_nobody_is_refused(unused_tcp_port: int) -> None:
    async with Limiter(f"redis://127.0.0.1:{unused_tcp_port}/0", {"it": "1 per minute"}) as limiter:
        for _ in range(3):
            await limiter.spend("it", "usr_ada")


async def test_old_failures_are_forgotten(stranger: httpx.AsyncClient, join: Join, runtime: Runtime) -> None:
    await join("ada")
    await fail(stranger, 4)
    await Attempts.find_all().update({"$set": {"expires_at": runtime.clock.now() - timedelta(seconds=1)}})
    await fail(stranger, 4)
    assert (await log_in(stranger)).status_code == 200


async def test_an_administrator_sees_and_lifts_a_lock_out_and_logs_somebody_out(stranger: httpx.AsyncClient, join: Join, runtime: Runtime) -> None:
    bea = await join("bea", founds="Byron Treasury")
    ada, eve = await join("ada", org_id=bea.org_id, role=Role.ACCOUNTANT), await join("eve", founds="Elsewhere")
    house, ada_id = f"/api/organizations/{bea.org_id}", ada.user["id"]
    member = f"{house}/members/{ada_id}"

    async def shown() -> dict[str, Any]:
        answer = await bea.http.get(f"{house}/presence/")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    before = await shown()
    assert [before[name] for name in ("members", "online", "sessions", "locked_out")] == [2, 2, 2, 0]
    assert (await bea.http.delete(f"{member}/lock-out/")).status_code == 204 and await records(bea.org_id, "member.lock_out_lifted") == []
    await fail(stranger, 5)
    await fail(stranger, 5, email="ada@example.com")
    assert (await log_in(stranger)).status_code == 429
    locked = await shown()
    assert locked["locked_out"] == 1 and [row["username"] for row in locked["people"] if row["locked_until"]] == ["ada"]
    for other, code in ((ada, 403), (eve, 404)):
        assert (await other.http.delete(f"{member}/lock-out/")).status_code == code
        assert (await other.http.delete(f"{member}/sessions/")).status_code == code
        assert (await other.http.get(f"{house}/presence/")).status_code == code
    foreign = f"/api/organizations/{eve.org_id}/members/{ada_id}/lock-out/"
    assert (await eve.http.delete(foreign)).status_code == 404 and (await shown())["locked_out"] == 1
    assert (await bea.http.delete(f"{member}/lock-out/")).status_code == 204
    assert (await shown())["locked_out"] == 0 and (await log_in(stranger)).status_code == 200
    for _ in range(2):
        await fail(stranger_of(stranger), 5)
        assert (await bea.http.delete(f"{member}/lock-out/")).status_code == 204
    await fail(stranger_of(stranger), 5)
    refused = await bea.http.delete(f"{member}/lock-out/")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_lifts") and 86_000 < int(refused.headers["Retry-After"]) <= 86_400
    assert (await log_in(stranger_of(stranger))).status_code == 429, "three times a day, and no fourth"
    (first, *others) = await records(bea.org_id, "member.lock_out_lifted")
    assert (first.actor_id, first.subject_id, first.summary, len(others)) == (bea.user["id"], ada_id, "Lifted the lock-out of ada", 2)
    assert (await ada.http.get("/api/auth/profile/")).status_code == 200
    assert (await bea.http.delete(f"{member}/sessions/")).status_code == 204
    assert (await ada.http.get("/api/auth/profile/")).status_code == 401
    assert (await bea.http.get("/api/auth/profile/")).status_code == 200 and (await eve.http.get("/api/auth/profile/")).status_code == 200
    assert (await bea.http.delete(f"{house}/members/usr_absent/sessions/")).status_code == 404


def stranger_of(stranger: httpx.AsyncClient) -> httpx.AsyncClient:
    """The same address, as a device on which nobody has logged in."""
    stranger.cookies.clear()
    return stranger
