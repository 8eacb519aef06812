"""Founding, settings, switching and leaving."""

import asyncio
from typing import Any

from crypto_api.identity.documents import Session
from crypto_api.identity.types import Factor
from crypto_api.ledger.documents import Account
from crypto_api.organizations.documents import Membership, Organization
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from tests.http.conftest import PASSWORD, Join, Person
from tests.http.organization_calls import code_of, custom_role, operator, records, told

NEW = {"name": "Second", "functional_currency": "EUR", "time_zone": "Europe/Berlin", "fiscal_year_start": "04-06"}


async def found(person: Person, **changes: Any) -> str:
    answer = await person.http.post("/api/organizations/", json={**NEW, **changes})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_another_organisation_is_founded_with_its_books_and_the_session_stays_where_it_was(join: Join) -> None:
    ada = await join("ada", founds="First")
    answer = await ada.http.post("/api/organizations/", json=NEW)
    second = answer.json()
    assert (answer.status_code, answer.headers["etag"]) == (201, '"1"')
    assert {name: second[name] for name in NEW} == NEW
    assert (second["role"], second["current"], second["suspended"]) == ("ADMIN", False, False)
    assert (await ada.http.get(f"/api/organizations/{second['id']}/")).json() == second
    items = (await ada.http.get("/api/organizations/")).json()["items"]
    assert [(row["name"], row["current"]) for row in items] == [("First", True), ("Second", False)]
    charts = [await Account.find({"org_id": org_id}).count() for org_id in (ada.org_id, second["id"])]
    assert charts[0] == charts[1] > 10
    assert await told(second["id"]) == ["organization.founded"]
    (record,) = await records(second["id"], "organization.")
    assert (record.action, record.actor_id, record.after) == ("organization.founded", ada.user["id"], NEW)


async def test_a_session_without_organisation_acts_in_the_one_that_it_founds(join: Join) -> None:
    ada = await join("ada")
    assert (await ada.http.get("/api/companies/")).status_code == 403
    org_id = await found(ada)
    assert (await ada.http.get("/api/auth/profile/")).json()["organization_id"] == org_id
    assert (await ada.http.get("/api/companies/")).status_code == 200


NOT_A_SETTING: list[tuple[dict[str, Any], str]] = [
    ({"functional_currency": "XXX"}, "functional_currency"),
    ({"functional_currency": "usd"}, "functional_currency"),
    ({"functional_currency": "\uff35SD"}, "functional_currency"),
    ({"time_zone": "Mars/Olympus"}, "time_zone"),
    ({"time_zone": "../../etc/passwd"}, "time_zone"),
    ({"fiscal_year_start": "02-29"}, "fiscal_year_start"),
    ({"fiscal_year_start": "13-01"}, "fiscal_year_start"),
    ({"fiscal_year_start": "1-1"}, "fiscal_year_start"),
    ({"fiscal_year_start": "\uff10\uff11-01"}, "fiscal_year_start"),
    ({"name": "  "}, "name"),
    ({"name": "a\u202eb"}, "name"),
    ({"single_session": "true"}, "single_session"),
    ({"second_factor_roles": ["NOBODY"]}, "second_factor_roles.0"),
    ({"second_factor_roles": ["PLATFORM_ADMIN"]}, "second_factor_roles.0"),
    ({"version": 7}, "version"),
]


async def test_what_a_setting_cannot_be_is_named(join: Join) -> None:
    ada = await join("ada", founds="First")
    for changes, field in NOT_A_SETTING:
        answer = await ada.http.put(f"/api/organizations/{ada.org_id}/", json=changes)
        assert answer.status_code == 422, (changes, answer.text)
        assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_settings_are_changed_on_the_version_that_was_read(join: Join) -> None:
    ada = await join("ada", founds="First")
    path = f"/api/organizations/{ada.org_id}/"
    changed = await ada.http.put(path, json={"name": "Renamed", "time_zone": "Asia/Tokyo", "single_session": True}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"], changed.json()["name"]) == (200, '"2"', "Renamed")
    assert (await ada.http.put(path, json={"name": "Late"}, headers={"If-Match": '"1"'})).status_code == 412
    same = await ada.http.put(path, json={"name": "Renamed"})
    assert (same.status_code, same.headers["etag"]) == (200, '"2"')
    (record,) = await records(ada.org_id, "organization.changed")
    assert record.before == {"name": "First", "time_zone": "UTC", "single_session": False}
    assert record.after == {"name": "Renamed", "time_zone": "Asia/Tokyo", "single_session": True}
    assert (await told(ada.org_id)).count("organization.changed") == 1


async def test_the_functional_currency_is_fixed_once_there_are_entries(join: Join) -> None:
    ada = await join("ada", founds="First")
    path = f"/api/organizations/{ada.org_id}/"
    assert (await ada.http.put(path, json={"functional_currency": "EUR"})).status_code == 200
    lines = [
        {"account_code": "1010", "debit_amount": "1", "credit_amount": "0"},
        {"account_code": "3000", "debit_amount": "0", "credit_amount": "1"},
    ]
    codes = [row["code"] for row in (await ada.http.get("/api/accounts/", params={"limit": 200})).json()["items"]]
    for line, code in zip(lines, codes, strict=False):
        line["account_code"] = code
    entry = await ada.http.post("/api/journal-entries/", json={"date": "2026-11-01", "description": "Opening", "line_items": lines})
    assert entry.status_code == 201, entry.text
    assert code_of(await ada.http.put(path, json={"functional_currency": "USD"})) == (409, "functional_currency_in_use")
    assert (await ada.http.put(path, json={"functional_currency": "EUR", "name": "Same currency"})).status_code == 200


async def test_nobody_locks_themselves_out_with_a_second_factor(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="First")
    path = f"/api/organizations/{ada.org_id}/"
    assert code_of(await ada.http.put(path, json={"second_factor_roles": ["USER", "ADMIN"]})) == (409, "second_factor_first")
    assert (await ada.http.put(path, json={"second_factor_roles": ["USER"]})).status_code == 200
    weak = await join("eva", org_id=ada.org_id, role=Role.USER)
    assert code_of(await weak.http.get("/api/companies/")) == (403, "second_factor_required")
    await Session.find({"user_id": ada.user["id"]}).update({"$set": {"factors": [Factor.PASSWORD, Factor.OTP]}})
    assert (await ada.http.put(path, json={"second_factor_roles": ["ADMIN"]})).json()["second_factor_roles"] == ["ADMIN"]
    assert (await weak.http.get("/api/companies/")).status_code == 200


async def test_only_where_one_acts_one_writes(join: Join) -> None:
    ada, eve = await join("ada", founds="First"), await join("eve", founds="Other")
    second = await found(ada)
    path = f"/api/organizations/{second}/"
    assert (await ada.http.get(path)).status_code == 200
    assert code_of(await ada.http.put(path, json={"name": "x"})) == (403, "switch_organization")
    assert code_of(await ada.http.get(f"{path}members/")) == (403, "switch_organization")
    foreign = await eve.http.put(path, json={"name": "x"}, headers={"X-Request-Id": "same"})
    absent = await eve.http.put("/api/organizations/org_absent/", json={"name": "x"}, headers={"X-Request-Id": "same"})
    assert foreign.status_code == 404
    assert foreign.content == absent.content
    user = await join("uma", org_id=ada.org_id, role=Role.USER)
    assert code_of(await user.http.put(f"/api/organizations/{ada.org_id}/", json={"name": "x"})) == (403, "permission_denied")


async def test_switching_moves_the_session_and_its_approvals_end(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="First")
    second = await found(ada)
    approved = await ada.http.post("/api/auth/confirm-password/", json={"password": PASSWORD})
    assert approved.status_code == 200, approved.text
    answer = await ada.http.post("/api/auth/switch-organization/", json={"organization_id": second})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["session_approved"], body["expires_in"]) == (False, 900)
    assert (body["user"]["organization_id"], body["user"]["role"]) == (second, "ADMIN")
    for token in (body["access"], ada.tokens["access"]):  # the session has moved, not the token
        profile = await ada.http.get("/api/auth/profile/", headers={"Authorization": f"Bearer {token}"})
        assert profile.json()["organization_id"] == second
    rows = await Session.find({"user_id": ada.user["id"]}).to_list()
    assert [row.approvals for row in rows] == [[]]
    (record,) = await records(second, "session.switched")
    assert record.actor_id == ada.user["id"]


async def test_switching_where_one_is_not_is_like_an_absent_organisation(join: Join) -> None:
    ada, eve = await join("ada", founds="First"), await join("eve", founds="Other")
    answers = [
        await eve.http.post("/api/auth/switch-organization/", json={"organization_id": wanted}, headers={"X-Request-Id": "same"})
        for wanted in (ada.org_id, "org_absent")
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content


async def test_a_suspended_place_is_not_entered(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="First")
    second, third = await found(ada), await found(ada, name="Third")
    await Membership.find({"org_id": second}).update({"$set": {"suspended_at": runtime.clock.now()}})
    await Organization.find({"_id": third}).update({"$set": {"suspended_at": runtime.clock.now()}})
    for wanted in (second, third):
        assert code_of(await ada.http.post("/api/auth/switch-organization/", json={"organization_id": wanted})) == (403, "suspended")
    items = (await ada.http.get("/api/organizations/")).json()["items"]
    assert [row["suspended"] for row in items] == [False, True, True]
    assert (await ada.http.get("/api/companies/")).status_code == 200  # it acts where it acted


async def test_single_session_mode_counts_on_the_way_in(join: Join, runtime: Runtime, client: Any) -> None:
    ada = await join("ada", founds="First")
    second = await found(ada)
    await Organization.find({"_id": second}).update({"$set": {"single_session": True}})
    laptop = (await client.post("/api/auth/login/", json={"username": "ada", "password": PASSWORD})).json()
    bearer = {"Authorization": f"Bearer {laptop['access']}"}
    switched = await client.post("/api/auth/switch-organization/", json={"organization_id": second}, headers=bearer)
    assert switched.status_code == 200
    assert (await client.get("/api/auth/profile/", headers=bearer)).status_code == 200
    assert (await ada.http.get("/api/auth/profile/")).status_code == 200  # acts in the first one, which does not mind
    assert (await ada.http.post("/api/auth/switch-organization/", json={"organization_id": second})).status_code == 200
    assert (await client.get("/api/auth/profile/", headers=bearer)).status_code == 401
    ended = await Session.find({"user_id": ada.user["id"], "ended_reason": "single_session"}).to_list()
    assert len(ended) == 1


async def test_of_sessions_that_come_in_at_once_one_stays(join: Join, client: Any) -> None:
    ada = await join("ada", founds="First")
    second = await found(ada)
    await Organization.find({"_id": second}).update({"$set": {"single_session": True}})
    log_ins = [(await client.post("/api/auth/login/", json={"username": "ada", "password": PASSWORD})).json() for _ in range(5)]
    switches = [
        client.post("/api/auth/switch-organization/", json={"organization_id": second}, headers={"Authorization": f"Bearer {tokens['access']}"})
        for tokens in log_ins
    ]
    assert {answer.status_code for answer in await asyncio.gather(*switches)} == {200}
    assert await Session.find({"org_id": second, "ended_at": None}).count() == 1


async def test_leaving_ends_ones_other_sessions_there_and_keeps_the_log(join: Join, client: Any) -> None:
    ada = await join("ada", founds="First")
    bob = await join("bob", org_id=ada.org_id, role=Role.ADMIN)
    other = (await client.post("/api/auth/login/", json={"username": "bob", "password": PASSWORD})).json()
    assert (await bob.http.post(f"/api/organizations/{ada.org_id}/leave/")).status_code == 204
    profile = (await bob.http.get("/api/auth/profile/")).json()
    assert (profile["organization_id"], profile["role"], profile["permissions"]) == (None, None, [])
    gone = await client.get("/api/auth/profile/", headers={"Authorization": f"Bearer {other['access']}"})
    assert gone.status_code == 401
    assert (await bob.http.post(f"/api/organizations/{ada.org_id}/leave/")).status_code == 404
    (record,) = await records(ada.org_id, "member.left")
    assert (record.actor_id, record.subject_id, record.before) == (bob.user["id"], bob.user["id"], {"role": "ADMIN"})
    assert code_of(await ada.http.post(f"/api/organizations/{ada.org_id}/leave/")) == (409, "last_admin")


async def test_a_repeated_founding_founds_once(join: Join) -> None:
    ada = await join("ada", founds="First")
    headers = {"Idempotency-Key": "found-1"}
    answers = await asyncio.gather(*(ada.http.post("/api/organizations/", json=NEW, headers=headers) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert await Organization.find({"name": "Second"}).count() == 1


async def test_an_operator_founds_and_joins_nothing(join: Join) -> None:
    ada, root = await join("ada", founds="First"), await operator(join)
    assert code_of(await root.http.post("/api/organizations/", json=NEW)) == (403, "operator_stays_outside")
    assert (await root.http.post("/api/auth/switch-organization/", json={"organization_id": ada.org_id})).status_code == 404
    assert await Organization.find_all().count() == 1


async def test_a_policy_names_own_roles_until_they_are_deleted(join: Join) -> None:
    ada = await join("ada", founds="First")
    role = await custom_role(ada, "wallets.read")
    path = f"/api/organizations/{ada.org_id}/"
    assert (await ada.http.put(path, json={"second_factor_roles": [role, "USER"]})).status_code == 200
    assert (await ada.http.delete(f"/api/roles/{role}/")).status_code == 204
    assert (await ada.http.get(path)).json()["second_factor_roles"] == ["USER"]
