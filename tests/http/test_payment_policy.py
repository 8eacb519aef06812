"""The payment policy over HTTP: alone it takes effect at once, with a second ADMIN it waits for that one."""

import asyncio
from typing import Any

import httpx

from crypto_api.organizations.types import Role
from crypto_api.policies.documents import OrganizationPolicy
from tests.http.conftest import PASSWORD, Join, Person
from tests.http.organization_calls import code_of, records, told

PATH = "/api/payment-policy/"
CONFIRM, REJECT = PATH + "confirm/", PATH + "reject/"


async def approved(person: Person) -> Person:
    answer = await person.http.post("/api/auth/confirm-password/", json={"password": PASSWORD, "purpose": "keys"})
    assert answer.status_code == 200, answer.text
    return person


async def two(join: Join) -> tuple[Person, Person]:
    ada = await approved(await join("ada", founds="Byron Treasury"))
    return ada, await approved(await join("bob", org_id=ada.org_id, role=Role.ADMIN))


async def propose(person: Person, **fields: Any) -> httpx.Response:
    return await person.http.put(PATH, json=fields or {"approvals_required": 2})


async def test_a_founder_alone_changes_it_at_once_and_only_after_a_step_up(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    first = await ada.http.get(PATH)
    assert (first.headers["etag"], first.json()["version"], first.json()["updated_at"]) == ('"0"', 0, None)
    strictest = {"payees": "address_book", "cooling_off_hours": 24, "approvals_required": 1, "approval_free_max": "0", "manager_max": "0"}
    assert {name: first.json()[name] for name in strictest} == strictest
    assert code_of(await propose(ada)) == (403, "session_not_approved")
    changed = await propose(await approved(ada), payees="any", transaction_max="50000.5", approval_free_max="500")
    assert changed.status_code == 200, changed.text
    assert (changed.json()["proposal"], changed.json()["transaction_max"], changed.json()["currency"]) == (None, "50000.5", "USD")
    assert changed.headers["etag"] == '"1"'
    unset = await ada.http.put(PATH, json={"transaction_max": None}, headers={"If-Match": '"1"'})
    assert (unset.json()["transaction_max"], unset.json()["approval_free_max"], unset.json()["payees"]) == (None, "500", "any")
    assert (await ada.http.put(PATH, json={"transaction_max": "1"}, headers={"If-Match": '"1"'})).status_code == 412
    assert (await ada.http.put(PATH, json={"transaction_max": None})).headers["etag"] == '"2"', "nothing changed"
    (one, two_) = await records(ada.org_id, "payment_policy.")
    assert (one.action, two_.action, two_.before, two_.after) == (
        *("payment_policy.changed", "payment_policy.changed"),
        *({"transaction_max": "50000.5"}, {"transaction_max": None}),
    )
    assert (await told(ada.org_id)).count("payment_policy.changed") == 2


async def test_with_a_second_admin_it_waits_for_that_one(join: Join) -> None:
    ada, bob = await two(join)
    waiting = await propose(ada)
    assert (waiting.json()["approvals_required"], waiting.json()["proposal"]["approvals_required"]) == (1, 2)
    assert waiting.json()["proposal"]["proposed_by"] == ada.user["id"]
    assert code_of(await propose(bob, approvals_required=0)) == (409, "proposal_waits")
    assert code_of(await ada.http.post(CONFIRM, json={"version": 1})) == (403, "own_proposal")
    assert (await bob.http.post(CONFIRM, json={"version": 7})).status_code == 412
    done = await bob.http.post(CONFIRM, json={"version": 1})
    assert (done.status_code, done.json()["approvals_required"], done.json()["proposal"], done.json()["version"]) == (200, 2, None, 2)
    assert code_of(await bob.http.post(CONFIRM, json={"version": 2})) == (409, "no_proposal")
    actions = [(row.action, row.actor_id) for row in await records(ada.org_id, "payment_policy.")]
    assert actions == [("payment_policy.proposed", ada.user["id"]), ("payment_policy.changed", bob.user["id"])]
    assert [kind for kind in await told(ada.org_id) if kind.startswith("payment_policy.")] == ["payment_policy.proposed", "payment_policy.changed"]


async def test_what_was_proposed_is_rejected_or_withdrawn(join: Join) -> None:
    ada, bob = await two(join)
    for person, version in ((bob, 1), (ada, 3)):
        assert (await propose(ada)).json()["version"] == version
        gone = await person.http.post(REJECT, json={"version": version})
        assert (gone.status_code, gone.json()["proposal"], gone.json()["approvals_required"]) == (200, None, 1)
    assert code_of(await bob.http.post(REJECT, json={"version": 4})) == (409, "no_proposal")
    told_ = [row.summary for row in await records(ada.org_id, "payment_policy.proposal_rejected")]
    assert told_ == ["Rejected the proposed payment policy", "Withdrew the proposed payment policy"]


async def test_of_two_at_the_same_moment_one_comes_too_late(join: Join) -> None:
    ada, bob = await two(join)
    cat = await approved(await join("cat", org_id=ada.org_id, role=Role.ADMIN))
    answers = await asyncio.gather(propose(ada, approvals_required=2), propose(bob, approvals_required=3))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    first, other = (ada, bob) if answers[0].status_code == 200 else (bob, ada)
    both = await asyncio.gather(*(person.http.post(CONFIRM, json={"version": 1}) for person in (other, cat)))
    assert min(answer.status_code for answer in both) == 200
    assert {answer.status_code for answer in both} <= {200, 409, 412}
    row = await OrganizationPolicy.get(ada.org_id)
    assert row is not None
    assert (row.version, row.proposal, row.policy.approvals_required) == (2, None, 2 if first is ada else 3)
    assert len(await records(ada.org_id, "payment_policy.changed")) == 1


async def test_somebody_who_was_suspended_is_no_second_person(join: Join) -> None:
    ada, bob = await two(join)
    await ada.http.put(f"/api/organizations/{ada.org_id}/members/{bob.user['id']}/", json={"suspended": True})
    assert (await propose(ada)).json()["proposal"] is None


NO_POLICY: list[tuple[dict[str, Any], str]] = [
    ({"approvals_required": 11}, "approvals_required"),
    ({"approvals_required": "2"}, "approvals_required"),
    ({"approvals_required": None}, "approvals_required"),
    ({"payees": "everybody"}, "payees"),
    ({"payees": None}, "payees"),
    ({"transaction_max": 500}, "transaction_max"),
    ({"transaction_max": "-1"}, "transaction_max"),
    ({"transaction_max": "0.000000001"}, "transaction_max"),
    ({"transaction_max": "1" * 40}, "transaction_max"),
    ({"cooling_off_hours": 721}, "cooling_off_hours"),
    ({"delay_above": "10"}, "delay_hours"),
    ({"fee_per_gas_max_gwei": 0}, "fee_per_gas_max_gwei"),
    ({"limit": "10"}, "limit"),
]


async def test_what_is_no_policy_is_refused(join: Join) -> None:
    ada = await approved(await join("ada", founds="Byron Treasury"))
    for fields, field in NO_POLICY:
        answer = await propose(ada, **fields)
        assert answer.status_code == 422, (fields, answer.text)
        assert [row["field"] for row in answer.json()["errors"]] == [field]
    assert await OrganizationPolicy.get(ada.org_id) is None
