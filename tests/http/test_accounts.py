"""Accounts over HTTP: nothing tells which there are; passwords, addresses, sessions, and the mails that go with them."""

import asyncio
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import httpx
import pytest

from crypto_api.audit.documents import AuditRecord
from crypto_api.flows.note_seen import write_seen
from crypto_api.flows.send_due_mail import send_due_mail
from crypto_api.http.auth import door_of
from crypto_api.identity import account_store, passwords
from crypto_api.identity import store as identities
from crypto_api.identity.documents import DueMail, KnownDevice, OneTimeToken, Session, User
from crypto_api.identity.rules import device_name
from crypto_api.identity.types import DEVICE_COOKIE
from crypto_api.organizations.documents import Membership, Organization
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from tests.http.conftest import PASSWORD, Join, Person, registration, verification_token
from tests.identity.test_access_tokens import forge_of

NEW = "seven-herons-on-a-lake"


async def letter_to(runtime: Runtime, address: str) -> str:
    """Sends what is owed, as the worker does; the newest letter to this address."""
    rows = await DueMail.find({"sent_at": None, "to": address}).sort("_id").to_list()
    assert rows, f"nothing is owed to {address}"
    for row in rows:
        await send_due_mail(runtime.uow, runtime.clock, runtime.mail, runtime.config.frontend_url, row.id, runtime.box)
    letters = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in sorted((runtime.config.log_dir / "mail").glob("*.eml"))]
    return str([letter for letter in letters if letter["To"] == address][-1].get_content())


def token_in(letter: str) -> str:
    (link,) = [word for word in letter.split() if "?token=" in word]
    return link.split("token=")[1]


async def log_in(client: httpx.AsyncClient, password: str = PASSWORD, **fields: str) -> httpx.Response:
    return await client.post("/api/auth/login/", json={"username": "ada", "password": password} | fields)


async def reset_token(client: httpx.AsyncClient, runtime: Runtime) -> str:
    assert (await client.post("/api/auth/forgot-password/", json={"email": "ada@example.com"})).status_code == 202
    return token_in(await letter_to(runtime, "ada@example.com"))


# ---- what is told, and what is not -------------------------------------------------------------------------------------------------


async def test_a_known_address_registers_like_any_other_and_its_owner_is_told(client: httpx.AsyncClient, join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="Byron Treasury")
    fresh = await client.post("/api/auth/register/", json=registration("bob", organization_name="Second"))
    known = await client.post("/api/auth/register/", json=registration("eve", email="ADA@example.com", organization_name="Second"))
    assert (fresh.status_code, known.status_code) == (201, 201)
    assert fresh.json().keys() == known.json().keys()
    assert [len(value) for value in fresh.json().values() if isinstance(value, str) and "_" in value] == [
        len(value) for value in known.json().values() if isinstance(value, str) and "_" in value
    ]
    assert {name: known.json()[name] for name in ("username", "email", "role", "email_verified")} == {
        "username": "eve", "email": "ada@example.com", "role": "ADMIN", "email_verified": False,
    }  # fmt: skip
    assert await identities.user(known.json()["id"]) is None
    assert await Organization.get(known.json()["organization_id"]) is None
    assert await identities.count_users() == 2 and await Organization.find_all().count() == 2
    assert "You have one already; its user name is ada." in " ".join((await letter_to(runtime, "ada@example.com")).split())
    assert (await ada.http.get("/api/auth/profile/")).status_code == 200


async def test_who_made_an_account_with_a_strangers_address_does_not_keep_it(client: httpx.AsyncClient, runtime: Runtime) -> None:
    await client.post("/api/auth/register/", json=registration("mallory", email="ada@example.com"))
    await client.post("/api/auth/register/", json=registration("ada"))
    token = token_in(await letter_to(runtime, "ada@example.com"))
    assert (await client.post("/api/auth/reset-password/", json={"token": token, "new_password": NEW})).status_code == 200
    assert (await log_in(client, PASSWORD, username="mallory")).status_code == 401
    assert (await log_in(client, NEW, username="mallory")).status_code == 200  # whoever reads the mail owns the account


async def test_asking_for_mails_tells_nothing(client: httpx.AsyncClient, join: Join, runtime: Runtime) -> None:
    await join("ada")
    await client.post("/api/auth/register/", json=registration("bob"))
    for path in ("/api/auth/forgot-password/", "/api/auth/resend-verification/"):
        answers = [await client.post(path, json={"email": f"{name}@example.com"}) for name in ("ada", "bob", "nobody")]
        assert {(answer.status_code, answer.content) for answer in answers} == {(202, answers[0].content)}
    assert {(row.kind, row.to) for row in await DueMail.find({"sent_at": None}).to_list()} == {
        ("reset_password", "ada@example.com"), ("reset_password", "bob@example.com"), ("verify_email", "bob@example.com"),
    }  # fmt: skip
    assert await account_store.mails_due(runtime.clock.now() + timedelta(minutes=1), 10)  # the sweep finds what a lost job left


async def test_an_address_gets_three_mails_an_hour(client: httpx.AsyncClient, join: Join) -> None:
    await join("ada")
    answers = await asyncio.gather(*(client.post("/api/auth/forgot-password/", json={"email": "ada@example.com"}) for _ in range(12)))
    assert {answer.status_code for answer in answers} == {202}
    assert await DueMail.find({"to": "ada@example.com"}).count() == 3


async def test_an_unverified_person_with_the_right_password_gets_the_mail_again(client: httpx.AsyncClient, runtime: Runtime) -> None:
    await client.post("/api/auth/register/", json=registration("ada"))
    assert (await log_in(client, "wrong")).status_code == 401
    assert await DueMail.find_all().count() == 0
    refused = await log_in(client)
    assert (refused.status_code, refused.json()["code"]) == (403, "email_not_verified")
    token = token_in(await letter_to(runtime, "ada@example.com"))
    assert (await client.post("/api/auth/verify-email/", json={"token": token})).status_code == 200
    assert (await log_in(client)).status_code == 200


async def test_a_suspended_person_learns_it_only_with_the_right_password(client: httpx.AsyncClient, join: Join, runtime: Runtime) -> None:
    ada = await join("ada")
    await User.find_one({"_id": ada.user["id"]}).update({"$set": {"suspended_at": runtime.clock.now()}})
    assert (await log_in(client, "wrong")).json()["code"] == "invalid_credentials"
    refused = await log_in(client)
    assert (refused.status_code, refused.json()["code"]) == (403, "suspended")
    assert (await client.post("/api/auth/refresh/", json={"refresh": ada.tokens["refresh"]})).status_code == 401
    assert await Session.find({"ended_at": None}).count() == 0
    token = await client.post("/api/auth/forgot-password/", json={"email": "ada@example.com"})
    assert token.status_code == 202
    (due,) = await DueMail.find({"kind": "reset_password"}).to_list()
    assert await send_due_mail(runtime.uow, runtime.clock, runtime.mail, "http://x", due.id, runtime.box) is False


async def test_an_invited_person_has_no_password_to_guess(client: httpx.AsyncClient, join: Join, runtime: Runtime) -> None:
    from crypto_api.flows.set_password import invite_to_set_password

    await join("ada")
    await User.find_one({"username": "ada"}).update({"$set": {"password_hash": None}})
    for guess in ("", " ", "None", PASSWORD):
        assert (await log_in(client, guess or "x")).json()["code"] == "invalid_credentials"
    user = await User.find_one({"username": "ada"})
    assert user is not None
    await runtime.uow.run(lambda session: invite_to_set_password(session, user, runtime.clock.now()))
    token = token_in(await letter_to(runtime, "ada@example.com"))
    assert (await client.post("/api/auth/reset-password/", json={"token": token, "new_password": NEW})).status_code == 200
    assert (await log_in(client, NEW)).status_code == 200


# ---- passwords -----------------------------------------------------------------------------------------------------------------


async def test_a_forgotten_password_is_replaced_once_and_every_session_ends(client: httpx.AsyncClient, join: Join, runtime: Runtime) -> None:
    ada = await join("ada")
    older, token = await reset_token(client, runtime), await reset_token(client, runtime)
    body = {"new_password": NEW}
    assert (await client.post("/api/auth/reset-password/", json=body | {"token": older})).json()["errors"][0]["code"] == "invalid_token"
    weak = await client.post("/api/auth/reset-password/", json={"token": token, "new_password": "ada@example.com"})
    assert weak.json()["errors"][0]["field"] == "new_password"  # and the token is still good
    many = await asyncio.gather(*(client.post("/api/auth/reset-password/", json=body | {"token": token}) for _ in range(6)))
    assert sorted(answer.status_code for answer in many) == [200] + [422] * 5
    assert {name for answer in many for name in answer.cookies} <= {DEVICE_COOKIE}, "a letter is no way in"
    assert not any({"access", "refresh"} & answer.json().keys() for answer in many)
    assert await Session.find({"ended_at": None}).count() == 0
    assert (await ada.http.get("/api/auth/profile/")).status_code == 401
    assert (await client.post("/api/auth/refresh/", json={"refresh": ada.tokens["refresh"]})).status_code == 401
    assert (await log_in(client)).status_code == 401
    assert (await log_in(client, NEW)).status_code == 200
    assert "was set by a link" in await letter_to(runtime, "ada@example.com")
    assert await AuditRecord.find({"action": "password.reset", "subject_id": ada.user["id"]}).count() == 1


async def test_a_link_for_a_new_password_ends_after_an_hour(client: httpx.AsyncClient, join: Join, runtime: Runtime) -> None:
    await join("ada")
    token = await reset_token(client, runtime)
    await OneTimeToken.find_all().update({"$set": {"expires_at": runtime.clock.now()}})
    late = await client.post("/api/auth/reset-password/", json={"token": token, "new_password": NEW})
    assert (late.status_code, late.json()["errors"][0]["field"]) == (422, "token")


async def test_changing_the_password_ends_the_other_sessions(client: httpx.AsyncClient, join: Join, runtime: Runtime) -> None:
    ada = await join("ada")
    other = (await log_in(client)).json()

    async def change(current: str, new: str) -> httpx.Response:
        return await ada.http.post("/api/auth/change-password/", json={"current_password": current, "new_password": new})

    wrong = await change("wrong", NEW)
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "current_password")
    same = await change(PASSWORD, PASSWORD)
    assert (same.status_code, same.json()["errors"][0]["code"]) == (422, "same_password")
    weak = await change(PASSWORD, "password1")
    assert weak.json()["errors"][0]["message"].startswith("is too weak: This is a very common password. Add another word or two.")
    assert (await change(PASSWORD, NEW)).status_code == 200
    assert (await ada.http.get("/api/auth/profile/")).status_code == 200
    assert (await client.post("/api/auth/refresh/", json={"refresh": other["refresh"]})).status_code == 401
    assert (await log_in(client)).status_code == 401
    assert (await log_in(client, NEW)).status_code == 200
    assert "was changed" in await letter_to(runtime, "ada@example.com")
    for _ in range(5):
        await change("wrong", NEW)
    assert (await change(NEW, PASSWORD)).status_code == 429


async def test_a_password_gets_the_cost_of_the_settings_at_the_next_log_in(client: httpx.AsyncClient, join: Join) -> None:
    await join("ada")
    await User.find_one({"username": "ada"}).update({"$set": {"password_hash": await passwords.hash_password(PASSWORD, 5)}})
    assert (await log_in(client, "wrong")).status_code == 401
    assert (await log_in(client)).status_code == 200
    row = await User.find_one({"username": "ada"})
    assert row is not None and row.password_hash is not None
    assert passwords.cost_of(row.password_hash) == 4
    assert (await log_in(client)).status_code == 200


# ---- the profile ---------------------------------------------------------------------------------------------------------------


async def test_a_profile_is_changed_on_the_version_that_was_seen(join: Join, runtime: Runtime) -> None:
    ada, _ = await join("ada", founds="Byron Treasury"), await join("bob")
    seen = await ada.http.get("/api/auth/profile/")
    assert seen.json()["has_password"] is True
    assert seen.json()["second_factor"] == {"totp": False, "recovery_codes_left": 0, "passkeys": 0, "ethereum_accounts": 0}
    assert (seen.json()["platform_admin"], seen.json()["denied"], seen.json()["pending_email"]) == (False, None, None)
    headers = {"If-Match": seen.headers["ETag"]}
    changed = await ada.http.put("/api/auth/profile/", json={"first_name": "Augusta", "username": "Countess"}, headers=headers)
    assert (changed.status_code, changed.json()["first_name"], changed.json()["username"]) == (200, "Augusta", "countess")
    assert (await ada.http.put("/api/auth/profile/", json={"first_name": "Ada"}, headers=headers)).status_code == 412
    taken = await ada.http.put("/api/auth/profile/", json={"username": "bob"})
    assert (taken.status_code, taken.json()["code"]) == (409, "username_taken")
    assert (await ada.http.put("/api/auth/profile/", json={"password_hash": "x"})).status_code == 422
    record = await AuditRecord.find_one({"action": "profile.changed"})
    assert record is not None
    assert (record.before, record.after) == ({"first_name": "Ada", "username": "ada"}, {"first_name": "Augusta", "username": "countess"})


async def test_another_address_counts_when_its_link_is_opened(client: httpx.AsyncClient, join: Join, runtime: Runtime) -> None:
    ada = await join("ada")
    asked = await ada.http.put("/api/auth/profile/", json={"email": "Countess@example.com"})
    assert (asked.json()["email"], asked.json()["pending_email"]) == ("ada@example.com", "countess@example.com")
    assert "asked to give your account another e-mail address" in " ".join((await letter_to(runtime, "ada@example.com")).split())
    stale = await reset_token(client, runtime)
    token = token_in(await letter_to(runtime, "countess@example.com"))
    assert (await client.post("/api/auth/verify-email/", json={"token": token})).status_code == 200
    assert (await ada.http.get("/api/auth/profile/")).json()["email"] == "countess@example.com"
    assert (await client.post("/api/auth/verify-email/", json={"token": token})).status_code == 422
    old_link = await client.post("/api/auth/reset-password/", json={"token": stale, "new_password": NEW})
    assert old_link.status_code == 422  # it was sent to the address that is no longer theirs


async def test_another_address_needs_a_step_up_and_tells_nothing_of_strangers(client: httpx.AsyncClient, join: Join, runtime: Runtime) -> None:
    ada, _ = await join("ada"), await join("bob")
    asked = await ada.http.put("/api/auth/profile/", json={"email": "bob@example.com"})
    assert (asked.status_code, asked.json()["pending_email"]) == (200, "bob@example.com")
    assert "?token=" not in await letter_to(runtime, "bob@example.com")
    await Session.find({"user_id": ada.user["id"]}).update({"$set": {"authenticated_at": runtime.clock.now() - timedelta(minutes=6)}})
    refused = await ada.http.put("/api/auth/profile/", json={"email": "eve@example.com"})
    assert (refused.status_code, refused.json()["code"]) == (403, "session_not_approved")
    assert (await ada.http.put("/api/auth/profile/", json={"first_name": "Augusta"})).status_code == 200


# ---- sessions ------------------------------------------------------------------------------------------------------------------


FIREFOX = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


async def test_people_see_and_end_their_own_sessions(client: httpx.AsyncClient, join: Join, runtime: Runtime) -> None:
    ada, bob = await join("ada", founds="Byron Treasury"), await join("bob")
    other = (await client.post("/api/auth/login/", json={"username": "ada", "password": PASSWORD}, headers=FIREFOX)).json()
    rows = (await ada.http.get("/api/auth/sessions/")).json()["items"]
    assert [row["current"] for row in rows] == [False, True]
    assert (rows[0]["device"], rows[0]["organization_name"], rows[0]["factors"]) == ("Firefox on Linux", "Byron Treasury", ["password"])
    assert rows[0]["approved_until"] is None and rows[0]["ip"] == "127.0.0.1"
    foreign = await bob.http.delete(f"/api/auth/sessions/{rows[0]['id']}/", headers={"X-Request-Id": "same"})
    absent = await bob.http.delete("/api/auth/sessions/ses_none/", headers={"X-Request-Id": "same"})
    assert (foreign.status_code, foreign.content) == (404, absent.content)
    await Session.find({"user_id": ada.user["id"]}).update({"$set": {"authenticated_at": runtime.clock.now() - timedelta(minutes=6)}})
    for path in ("/api/auth/sessions/", f"/api/auth/sessions/{rows[0]['id']}/"):  # a session that somebody took ends none of its owner's
        refused = await ada.http.delete(path)
        assert (refused.status_code, refused.json()["code"]) == (403, "session_not_approved")
    assert len((await ada.http.get("/api/auth/sessions/")).json()["items"]) == 2
    shown = await ada.http.post("/api/auth/confirm-password/", json={"password": PASSWORD, "purpose": "security"})
    assert shown.status_code == 200, shown.text
    assert (await ada.http.delete(f"/api/auth/sessions/{rows[0]['id']}/")).status_code == 204
    assert (await client.post("/api/auth/refresh/", json={"refresh": other["refresh"]})).status_code == 401

    third = (await log_in(client)).json()
    assert (await ada.http.delete("/api/auth/sessions/")).status_code == 204
    assert (await client.get("/api/auth/profile/", headers={"Authorization": f"Bearer {third['access']}"})).status_code == 401
    assert [row["current"] for row in (await ada.http.get("/api/auth/sessions/")).json()["items"]] == [True]
    assert (await bob.http.get("/api/auth/profile/")).status_code == 200


async def test_the_last_use_is_kept_to_the_minute(join: Join, runtime: Runtime) -> None:
    ada, before = await join("ada"), runtime.clock.now()
    await Session.find_all().update({"$set": {"last_seen_at": before - timedelta(seconds=50)}})
    await ada.http.get("/api/auth/profile/")
    await write_seen(runtime.uow, runtime.config.spans())
    assert (await _last_seen(ada)) < before  # not for every request
    await Session.find_all().update({"$set": {"last_seen_at": before - timedelta(minutes=2)}})
    await ada.http.get("/api/auth/profile/")
    await write_seen(runtime.uow, runtime.config.spans())
    assert (await _last_seen(ada)) >= before


async def _last_seen(person: Person) -> Any:
    row = await Session.find_one({"user_id": person.user["id"]})
    assert row is not None
    return row.last_seen_at


async def test_one_session_for_each_person_where_the_organisation_wants_it(client: httpx.AsyncClient, join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    await Organization.find_one({"_id": ada.org_id}).update({"$set": {"single_session": True}})
    bob = await join("bob", org_id=ada.org_id, role=Role.AUDITOR)
    answers = await asyncio.gather(*(log_in(client) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    live = await Session.find({"user_id": ada.user["id"], "ended_at": None}).to_list()
    assert len(live) == 1
    assert (await ada.http.get("/api/auth/profile/")).status_code == 401
    assert (await bob.http.get("/api/auth/profile/")).status_code == 200
    assert {row.ended_reason for row in await Session.find({"ended_at": {"$ne": None}}).to_list()} == {"single_session"}


async def test_who_was_removed_cannot_refresh(client: httpx.AsyncClient, join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    bob = await join("bob", org_id=ada.org_id, role=Role.AUDITOR)
    await Membership.find({"user_id": bob.user["id"]}).delete()
    assert (await client.post("/api/auth/refresh/", json={"refresh": bob.tokens["refresh"]})).status_code == 401
    row = await Session.find_one({"user_id": bob.user["id"]})
    assert row is not None and row.ended_at is not None


async def test_of_two_hundred_refreshes_of_one_token_one_or_none_leads_on(api: str, join: Join, runtime: Runtime) -> None:
    ada = await join("ada")
    limits = httpx.Limits(max_connections=50)
    async with httpx.AsyncClient(base_url=api, timeout=60, limits=limits) as many:
        answers = await asyncio.gather(*(many.post("/api/auth/refresh/", json={"refresh": ada.tokens["refresh"]}) for _ in range(200)))
        assert {answer.status_code for answer in answers} <= {200, 401}
        successors = [answer.json()["refresh"] for answer in answers if answer.status_code == 200]
        assert len(successors) == 1
        session = await Session.find_one({"user_id": ada.user["id"]})
        assert session is not None and session.ended_reason == "refresh_reused"
        assert (await many.post("/api/auth/refresh/", json={"refresh": successors[0]})).status_code == 401
        assert (await ada.http.get("/api/auth/profile/")).status_code == 401
    assert await AuditRecord.find({"action": "session.ended", "subject_id": session.id}).count() >= 1


async def test_only_an_access_token_is_one(client: httpx.AsyncClient, join: Join, runtime: Runtime) -> None:
    from crypto_api.flows.sign_in import Credentials, sign_in_to_dashboard
    from crypto_api.http.auth import tokens_of
    from crypto_api.identity.types import Device

    ada, bob = await join("ada", founds="Byron Treasury"), await join("bob")
    _, opened = await sign_in_to_dashboard(door_of(runtime), Credentials("ada@example.com", None, PASSWORD), Device(None, None))
    forge = await forge_of(tokens_of(runtime), runtime)
    forge.claims |= {"sub": ada.user["id"], "sid": opened.row.id}
    assert (await client.get("/api/auth/profile/", headers={"Authorization": f"Bearer {forge.token()}"})).status_code == 200
    ticket = (await ada.http.post("/api/auth/ws-ticket/")).json()["ticket"]
    others = {
        "refresh": ada.tokens["refresh"], "ticket": ticket, "dashboard cookie": opened.cookie or "", "device": opened.device,
        "verification": await _verification(client, runtime), "session id": opened.row.id,
        "ada in bob's session": forge.token(claims={"sid": "ses_none"}), "bob in ada's session": forge.token(claims={"sub": bob.user["id"]}),
    }  # fmt: skip
    corpus = others | {name: token for name, token in forge.corpus() if token.isascii() and token.isprintable()}
    for name, token in corpus.items():
        answer = await client.get("/api/auth/profile/", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code in (400, 401, 431), (name, answer.status_code)
        assert "ada@example.com" not in answer.text, name
    for header in ("Basic YTpi", "Bearer", f"Token {ada.tokens['access']}", ""):
        assert (await client.get("/api/auth/profile/", headers={"Authorization": header})).status_code == 401, header
    assert (await client.get("/api/auth/profile/", headers={"Authorization": f"bearer {ada.tokens['access']}"})).status_code == 200
    assert (await client.post("/api/auth/refresh/", json={"refresh": ada.tokens["access"]})).status_code == 401


async def _verification(client: httpx.AsyncClient, runtime: Runtime) -> str:
    user = (await client.post("/api/auth/register/", json=registration("eve"))).json()
    return await verification_token(runtime, user["id"])


async def test_a_log_in_makes_the_device_known(client: httpx.AsyncClient, join: Join) -> None:
    ada = await join("ada")
    first = await log_in(client)
    cookie = first.headers["set-cookie"]
    assert cookie.startswith("coffer_device=") and "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie
    again = await log_in(client)  # this client sends it
    assert again.headers["set-cookie"].split(";")[0] == cookie.split(";")[0]
    assert await KnownDevice.find({"user_id": ada.user["id"]}).count() == 2  # that of `join`, and this one


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (FIREFOX["User-Agent"], "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 Edg/126.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36", "Chrome on Android"),
        ("python-httpx/0.28", "python-httpx"),
        ("", "Unknown device"),
        (None, "Unknown device"),
    ],
)
def test_devices_have_names(agent: str | None, name: str) -> None:
    assert device_name(agent) == name
