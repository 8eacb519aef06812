"""Registration, log-in, tokens: the way in, and everybody who is refused."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from crypto_api.identity.documents import OneTimeToken, Session, User
from crypto_api.ledger.documents import Account
from crypto_api.organizations.documents import Membership, Organization
from crypto_api.runtime import Runtime
from tests.http.conftest import PASSWORD, Join, newest_letter, registration, verification_token


async def test_a_founder_registers_verifies_and_logs_in(client: httpx.AsyncClient, runtime: Runtime) -> None:
    registered = await client.post("/api/auth/register/", json=registration("ada", organization_name="Byron Treasury"))
    assert registered.status_code == 201
    user = registered.json()
    assert user["role"] == "ADMIN"
    assert user["email_verified"] is False
    assert "password" not in registered.text
    assert await Account.find({"org_id": user["organization_id"]}).count() > 10  # the chart of accounts is there

    early = await client.post("/api/auth/login/", json={"email": "ada@example.com", "password": PASSWORD})
    assert (early.status_code, early.json()["code"]) == (403, "email_not_verified")

    token = await verification_token(runtime, user["id"])
    assert (await client.post("/api/auth/verify-email/", json={"token": token})).status_code == 200
    again = await client.post("/api/auth/verify-email/", json={"token": token})
    assert (again.status_code, again.json()["errors"][0]["code"]) == (422, "invalid_token")

    logged_in = await client.post("/api/auth/login/", json={"email": "ADA@example.com", "password": PASSWORD})
    assert logged_in.status_code == 200
    tokens = logged_in.json()
    assert tokens["expires_in"] == 900
    assert tokens["session_approved"] is False
    profile = await client.get("/api/auth/profile/", headers={"Authorization": f"Bearer {tokens['access']}"})
    assert profile.status_code == 200
    assert profile.json()["role"] == "ADMIN"
    assert "wallets.write" in profile.json()["permissions"]
    assert profile.json()["created_at"].endswith("Z")


async def test_registration_keeps_no_password_and_the_letter_alone_holds_the_token(client: httpx.AsyncClient, runtime: Runtime) -> None:
    user = (await client.post("/api/auth/register/", json=registration("ada"))).json()
    token = await verification_token(runtime, user["id"])
    row = await User.get(user["id"])
    assert row is not None
    assert row.password_hash.startswith("$2b$")
    assert await OneTimeToken.get(token) is None  # only its hash is stored
    assert newest_letter(runtime).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"password": "short1!"}, "password", "too_short"),
        ({"password": "password1"}, "password", "too_weak"),
        ({"password": "ada@example.com"}, "password", "too_weak"),
        ({"password": "é" * 40}, "password", "too_long"),
        ({"email": "nobody"}, "email", "invalid"),
        ({"email": "a\x00b@example.com"}, "email", "invalid"),
        ({"username": "a b"}, "username", "invalid"),
        ({"username": "аda"}, "username", "invalid"),  # a Cyrillic letter
        ({"first_name": ""}, "first_name", "string_too_short"),
        ({"first_name": "A\u202eda"}, "first_name", "invalid"),
        ({"first_name": None}, "first_name", "string_type"),
        ({"organisation_name": "typo"}, "organisation_name", "unknown_field"),
        ({"organization_name": 7}, "organization_name", "string_type"),
        ({"password": {"$ne": None}}, "password", "string_type"),
    ],
)
async def test_a_wrong_registration_names_the_field(client: httpx.AsyncClient, changes: dict[str, object], field: str, code: str) -> None:
    answer = await client.post("/api/auth/register/", json=registration("ada", **changes))
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]
    assert await User.find_all().count() == 0


async def test_a_taken_name_leaves_nothing_behind(client: httpx.AsyncClient) -> None:
    await client.post("/api/auth/register/", json=registration("ada", organization_name="First"))
    same_mail = await client.post("/api/auth/register/", json=registration("bob", email="Ada@Example.com", organization_name="Second"))
    same_name = await client.post("/api/auth/register/", json=registration("ADA", email="other@example.com", organization_name="Third"))
    assert same_mail.status_code == 201  # as for everybody: tests/http/test_accounts.py
    assert (same_name.status_code, same_name.json()["code"]) == (409, "username_taken")
    assert [row.name for row in await Organization.find_all().to_list()] == ["First"]
    assert await Membership.find_all().count() == 1


async def test_of_many_who_register_the_same_name_at_once_one_does(client: httpx.AsyncClient) -> None:
    bodies = [registration("ada", email=f"ada{number}@example.com", organization_name=f"Org {number}") for number in range(8)]
    answers = await asyncio.gather(*(client.post("/api/auth/register/", json=body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert await User.find_all().count() == await Organization.find_all().count() == 1


async def test_unknown_name_and_wrong_password_answer_alike(client: httpx.AsyncClient, join: Join) -> None:
    await join("ada")
    headers = {"X-Request-Id": "same"}
    answers = [
        await client.post("/api/auth/login/", json=body, headers=headers)
        for body in (
            {"username": "ada", "password": "wrong"},
            {"username": "nobody", "password": "wrong"},
            {"email": "nobody@example.com", "password": PASSWORD},
            {"username": "ada", "password": PASSWORD + "\x00"},
            {"username": "ada", "password": "x" * 1000},
        )
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["code"] == "invalid_credentials"


async def test_a_log_in_needs_one_name(client: httpx.AsyncClient) -> None:
    for body in ({"password": "x"}, {"password": "x", "email": "a@b.c", "username": "ada"}):
        assert (await client.post("/api/auth/login/", json=body)).status_code == 422


async def test_a_refresh_token_works_once_and_its_reuse_ends_the_session(client: httpx.AsyncClient, join: Join) -> None:
    ada = await join("ada")
    first = await client.post("/api/auth/refresh/", json={"refresh": ada.tokens["refresh"]})
    assert first.status_code == 200
    assert first.json()["refresh"] != ada.tokens["refresh"]
    assert (await ada.http.get("/api/auth/profile/")).status_code == 200

    stolen = await client.post("/api/auth/refresh/", json={"refresh": ada.tokens["refresh"]})
    assert (stolen.status_code, stolen.json()["code"]) == (401, "invalid_token")
    assert (await client.post("/api/auth/refresh/", json={"refresh": first.json()["refresh"]})).status_code == 401
    assert (await ada.http.get("/api/auth/profile/")).status_code == 401


async def test_of_many_refreshes_of_one_token_at_most_one_succeeds(client: httpx.AsyncClient, join: Join) -> None:
    ada = await join("ada")
    answers = await asyncio.gather(*(client.post("/api/auth/refresh/", json={"refresh": ada.tokens["refresh"]}) for _ in range(20)))
    assert sorted({answer.status_code for answer in answers}) == [200, 401]
    assert sum(answer.status_code == 200 for answer in answers) == 1
    session = await Session.find_one({"user_id": ada.user["id"]})
    assert session is not None
    assert session.ended_reason == "refresh_reused"


async def test_log_out_ends_access_refresh_and_tickets(client: httpx.AsyncClient, join: Join) -> None:
    ada = await join("ada")
    assert (await ada.http.post("/api/auth/logout/")).status_code == 204
    assert (await ada.http.get("/api/auth/profile/")).status_code == 401
    assert (await client.post("/api/auth/refresh/", json={"refresh": ada.tokens["refresh"]})).status_code == 401


async def test_a_ticket_is_for_thirty_seconds_and_one_use(join: Join, runtime: Runtime) -> None:
    from crypto_api.flows.authenticate import authenticate_ticket
    from crypto_api.identity.errors import InvalidToken

    ada = await join("ada", founds="Byron Treasury")
    ticket = (await ada.http.post("/api/auth/ws-ticket/")).json()
    assert ticket["expires_in"] == 30
    principal = await authenticate_ticket(runtime.uow, ticket["ticket"], runtime.clock.now())
    assert (principal.user_id, principal.org_id) == (ada.user["id"], ada.org_id)
    with pytest.raises(InvalidToken):
        await authenticate_ticket(runtime.uow, ticket["ticket"], runtime.clock.now())
    late = (await ada.http.post("/api/auth/ws-ticket/")).json()["ticket"]
    with pytest.raises(InvalidToken):
        await authenticate_ticket(runtime.uow, late, runtime.clock.now() + timedelta(seconds=31))
