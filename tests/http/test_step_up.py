"""Step-up over HTTP: what was approved counts in one session, in one organisation, for one purpose, for five minutes."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from crypto_api.audit.documents import AuditRecord
from crypto_api.bootstrap import open_runtime
from crypto_api.flows.step_up import require_approval
from crypto_api.identity.documents import Session, User
from crypto_api.identity.errors import SessionNotApproved
from crypto_api.identity.types import Purpose
from crypto_api.organizations import service as organizations
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from tests.factories.clock import MovableClock
from tests.http.conftest import PASSWORD, Join, Person
from tests.http.test_second_factors import set_up

NEW_PASSWORD = "twelve-green-kites-over-9-hills"


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def runtime(make_config: Any, networks: list[dict[str, object]], clock: MovableClock) -> AsyncIterator[Runtime]:
    async with open_runtime(make_config(networks), clock=clock) as opened:
        yield opened


def told(response: httpx.Response) -> tuple[int, str | None]:
    return response.status_code, response.json().get("code") if response.content else None


async def confirm(person: Person, purpose: str | None = None, **body: Any) -> httpx.Response:
    named = {"purpose": purpose} if purpose else {}
    return await person.http.post("/api/auth/confirm-password/", json={"password": PASSWORD, **named, **body})


async def approvals(person: Person) -> list[tuple[str, bool]]:
    answer = await person.http.get("/api/auth/approvals/")
    assert answer.status_code == 200, answer.text
    return sorted((row["purpose"], row["by_log_in"]) for row in answer.json()["items"])


async def session_approved(person: Person) -> bool:
    approved: bool = (await person.http.get("/api/auth/profile/")).json()["session_approved"]
    return approved


async def may_change_security(person: Person) -> bool:
    """Whether an operation that needs it is let through."""
    answer = await person.http.post("/api/auth/mfa/recovery-codes/")
    assert told(answer) in ((403, "session_not_approved"), (409, "totp_not_set_up")), answer.text
    return answer.status_code != 403


async def keys_may_be_used(runtime: Runtime, person: Person) -> bool:
    """What every operation that uses a key asks first."""
    row = await Session.find({"user_id": person.user["id"], "ended_at": None}).sort("_id").first_or_none()
    assert row is not None
    try:
        await require_approval(row.id, row.org_id, Purpose.KEYS, runtime.clock.now())
    except SessionNotApproved:
        return False
    return True


async def test_a_password_approves_for_keys_and_for_nothing_else(join: Join, runtime: Runtime, clock: MovableClock) -> None:
    ada = await join("ada", founds="Byron Treasury")
    clock.forward(minutes=6)
    assert (await approvals(ada), await session_approved(ada), await keys_may_be_used(runtime, ada)) == ([], False, False)
    before = clock.now()
    approved = await confirm(ada)
    assert approved.status_code == 200, approved.text
    read = approved.json()
    assert (read["session_approved"], read["purpose"]) == (True, "keys")
    assert 299 <= (datetime.fromisoformat(read["approved_until"]) - before).total_seconds() <= 305
    assert (await approvals(ada), await session_approved(ada), await keys_may_be_used(runtime, ada)) == ([("keys", False)], True, True)
    assert not await may_change_security(ada)
    refreshed = await ada.http.post("/api/auth/refresh/", json={"refresh": ada.tokens["refresh"]})
    assert refreshed.json()["session_approved"] is True

    clock.forward(minutes=5, seconds=1)
    assert (await approvals(ada), await session_approved(ada), await keys_may_be_used(runtime, ada)) == ([], False, False)
    row = await AuditRecord.find_one({"action": "session.approved"})
    assert row is not None
    assert (row.org_id, row.actor_id, (row.after or {})["purpose"]) == (ada.org_id, ada.user["id"], "keys")


async def test_for_security_and_for_nothing_else(join: Join, runtime: Runtime, clock: MovableClock) -> None:
    ada = await join("ada", founds="Byron Treasury")
    clock.forward(minutes=6)
    assert not await may_change_security(ada)
    assert (await confirm(ada, "security")).json()["purpose"] == "security"
    assert await may_change_security(ada)
    assert (await session_approved(ada), await keys_may_be_used(runtime, ada)) == (False, False)


async def test_a_fresh_log_in_counts_for_security_until_it_is_revoked(join: Join, runtime: Runtime, clock: MovableClock) -> None:
    ada = await join("ada", founds="Byron Treasury")
    assert ada.tokens["session_approved"] is False
    assert await approvals(ada) == [("security", True)]
    assert await may_change_security(ada)
    assert not await keys_may_be_used(runtime, ada)
    assert (await confirm(ada)).status_code == 200
    assert (await ada.http.delete("/api/auth/confirm-password/")).status_code == 204
    assert (await approvals(ada), await session_approved(ada), await keys_may_be_used(runtime, ada)) == ([], False, False)
    assert not await may_change_security(ada)
    assert (await ada.http.delete("/api/auth/confirm-password/")).status_code == 204
    actions = [row.action for row in await AuditRecord.find({"subject_kind": "session"}).to_list()]
    assert actions.count("session.approval_revoked") == 1


async def test_it_counts_in_its_session_only(client: httpx.AsyncClient, join: Join, clock: MovableClock) -> None:
    ada = await join("ada", founds="Byron Treasury")
    again = await client.post("/api/auth/login/", json={"username": "ada", "password": PASSWORD})
    client.headers["Authorization"] = f"Bearer {again.json()['access']}"
    other = Person(ada.user, client, again.json())
    clock.forward(minutes=6)
    for purpose in ("keys", "security"):
        assert (await confirm(ada, purpose)).status_code == 200
    assert await approvals(ada) == [("keys", False), ("security", False)]
    assert (await approvals(other), await session_approved(other), await may_change_security(other)) == ([], False, False)
    assert (await other.http.delete("/api/auth/confirm-password/")).status_code == 204
    assert len(await approvals(ada)) == 2


async def test_it_counts_in_its_organisation_only(join: Join, runtime: Runtime, clock: MovableClock) -> None:
    ada, bob = await join("ada", founds="Byron Treasury"), await join("bob", founds="Bob's")
    await runtime.uow.run(lambda session: organizations.add_member(session, bob.org_id, ada.user["id"], Role.AUDITOR, clock.now()))
    clock.forward(minutes=6)
    for purpose in ("keys", "security"):
        assert (await confirm(ada, purpose)).status_code == 200

    async def go(org_id: str) -> None:
        answer = await ada.http.post("/api/auth/switch-organization/", json={"organization_id": org_id})
        assert answer.status_code == 200, answer.text
        assert answer.json()["session_approved"] is False

    await go(bob.org_id)
    assert (await approvals(ada), await session_approved(ada), await keys_may_be_used(runtime, ada)) == ([], False, False)
    assert not await may_change_security(ada)
    assert (await confirm(ada)).status_code == 200
    await go(ada.org_id)
    assert (await approvals(ada), await session_approved(ada), await keys_may_be_used(runtime, ada)) == ([], False, False)
    # even where an approval of another organisation were left in the row
    row = await Session.find_one({"user_id": ada.user["id"]})
    assert row is not None
    foreign = {"purpose": "keys", "org_id": bob.org_id, "granted_at": clock.now(), "until": clock.now().replace(year=2099)}
    await Session.get_pymongo_collection().update_one({"_id": row.id}, {"$set": {"approvals": [foreign]}})
    assert (await approvals(ada), await session_approved(ada), await keys_may_be_used(runtime, ada)) == ([], False, False)


async def test_another_password_ends_it(join: Join, runtime: Runtime, clock: MovableClock) -> None:
    ada = await join("ada", founds="Byron Treasury")
    for purpose in ("keys", "security"):
        assert (await confirm(ada, purpose)).status_code == 200
    changed = await ada.http.post("/api/auth/change-password/", json={"current_password": PASSWORD, "new_password": NEW_PASSWORD})
    assert changed.status_code == 200, changed.text
    assert (await approvals(ada), await session_approved(ada), await keys_may_be_used(runtime, ada)) == ([], False, False)
    assert not await may_change_security(ada)
    assert told(await confirm(ada)) == (401, "invalid_credentials")
    assert (await confirm(ada, password=NEW_PASSWORD)).status_code == 200


async def test_it_ends_with_the_session(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="Byron Treasury")
    assert (await confirm(ada)).status_code == 200
    row = await Session.find_one({"user_id": ada.user["id"]})
    assert row is not None
    await require_approval(row.id, ada.org_id, Purpose.KEYS, runtime.clock.now())
    assert (await ada.http.post("/api/auth/logout/")).status_code == 204
    with pytest.raises(SessionNotApproved):
        await require_approval(row.id, ada.org_id, Purpose.KEYS, runtime.clock.now())


async def test_wrong_passwords_are_counted_and_keep_nobody_else_out(client: httpx.AsyncClient, join: Join, clock: MovableClock) -> None:
    ada, bob = await join("ada", founds="Byron Treasury"), await join("bob", founds="Bob's")
    answers = [await confirm(ada, password="wrong") for _ in range(8)]
    assert told(answers[0]) == (401, "invalid_credentials")
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert (await confirm(ada)).status_code == 429  # also for the right one
    assert await approvals(ada) == [("security", True)]
    assert (await confirm(bob)).status_code == 200
    assert (await client.post("/api/auth/login/", json={"username": "ada", "password": PASSWORD})).status_code == 200
    clock.forward(minutes=10)
    assert (await confirm(ada)).status_code == 200
    refused = await AuditRecord.find({"action": "session.approval_refused", "outcome": "refused", "org_id": ada.org_id}).count()
    assert refused >= 5


async def test_of_many_wrong_ones_at_once_few_are_checked(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    answers = await asyncio.gather(*(confirm(ada, password=f"wrong {number}") for number in range(20)))
    assert sum(answer.status_code == 401 for answer in answers) <= 6
    assert {answer.status_code for answer in answers} == {401, 429}


async def test_who_has_a_second_factor_gives_it(join: Join, clock: MovableClock) -> None:
    ada = await join("ada", founds="Byron Treasury")
    app, codes = await set_up(ada, clock)
    assert told(await confirm(ada)) == (401, "otp_required")
    assert told(await confirm(ada, otp=app.wrong())) == (401, "invalid_otp")
    assert told(await confirm(ada, otp=app.fresh(), password="wrong")) == (401, "invalid_credentials")
    assert await session_approved(ada) is False
    code = app.fresh()
    answers = await asyncio.gather(*(confirm(ada, otp=code) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401]
    assert (await confirm(ada, "security", otp=codes[0])).status_code == 200
    assert told(await confirm(ada, otp=codes[0])) == (401, "invalid_otp")
    wrong = [await confirm(ada, otp=app.wrong()) for _ in range(8)]
    assert wrong[-1].status_code == 429


async def test_a_code_makes_a_session_strong_that_was_open_before(client: httpx.AsyncClient, join: Join, clock: MovableClock) -> None:
    ada = await join("ada", founds="Byron Treasury")
    again = await client.post("/api/auth/login/", json={"username": "ada", "password": PASSWORD})
    client.headers["Authorization"] = f"Bearer {again.json()['access']}"
    app, _ = await set_up(ada, clock)
    assert (await client.get("/api/auth/mfa/")).json()["session_strong"] is False
    assert (await confirm(Person(ada.user, client, again.json()), otp=app.fresh())).status_code == 200
    assert (await client.get("/api/auth/mfa/")).json()["session_strong"] is True


async def test_who_has_no_password_cannot_confirm_one(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    await User.get_pymongo_collection().update_one({"_id": ada.user["id"]}, {"$set": {"password_hash": None}})
    assert told(await confirm(ada)) == (401, "invalid_credentials")


WRONG_BODIES: list[tuple[dict[str, Any], str]] = [
    ({}, "password"),
    ({"password": ""}, "password"),
    ({"password": 7}, "password"),
    ({"password": {"$ne": None}}, "password"),
    ({"password": PASSWORD, "purpose": "everything"}, "purpose"),
    ({"password": PASSWORD, "purpose": None}, "purpose"),
    ({"password": PASSWORD, "otp": 123456}, "otp"),
    ({"password": PASSWORD, "otp": "1" * 41}, "otp"),
    ({"password": PASSWORD, "minutes": 600}, "minutes"),
]


async def test_a_wrong_body_names_the_field(join: Join) -> None:
    ada = await join("ada")
    for body, field in WRONG_BODIES:
        answer = await ada.http.post("/api/auth/confirm-password/", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), body
    assert await approvals(ada) == [("security", True)]


async def test_nobody_is_approved_without_a_log_in(client: httpx.AsyncClient) -> None:
    for method, path in (("POST", "confirm-password"), ("DELETE", "confirm-password"), ("GET", "approvals")):
        assert (await client.request(method, f"/api/auth/{path}/", json={"password": PASSWORD})).status_code == 401
