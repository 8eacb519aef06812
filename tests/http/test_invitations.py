"""Invitations: sent, answered by whoever owns the address, revoked, sent again; each link once, for seven days."""

import asyncio
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from crypto_api.adapters.mail import Mailer
from crypto_api.employees import service as employees
from crypto_api.employees.documents import Employee
from crypto_api.employees.types import EmployeeStatus, NewEmployee
from crypto_api.flows.send_invitation_mail import send_invitation_mail
from crypto_api.identity.documents import User
from crypto_api.kit.errors import Unavailable
from crypto_api.organizations import service
from crypto_api.organizations import store as organization_store
from crypto_api.organizations.documents import Invitation, Membership
from crypto_api.organizations.jobs import SendInvitationMail
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from tests.http.conftest import Join
from tests.http.organization_calls import code_of, custom_role, invite, letter_token, members_of, operator, records, told
from workers import organizations as worker
from workers.jobs import ACTORS


async def age(invitation_id: str, runtime: Runtime, *, left: timedelta) -> None:
    await Invitation.find({"_id": invitation_id}).update({"$set": {"expires_at": runtime.clock.now() + left}})


async def test_the_invited_person_joins_with_the_link(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="First")
    invitation = await invite(ada, "Bob@Example.com", "ACCOUNTANT")
    assert (invitation["email"], invitation["role"], invitation["state"]) == ("bob@example.com", "ACCOUNTANT", "open")
    token = await letter_token(runtime, ada, invitation["id"])
    bob = await join("bob")  # registers only now, with that address
    assert (await bob.http.get("/api/wallets/")).status_code == 403

    accepted = await bob.http.post("/api/invitations/accept/", json={"token": token})
    assert accepted.status_code == 200, accepted.text
    assert accepted.json() == {"organization_id": ada.org_id, "organization_name": "First", "role": "ACCOUNTANT", "current": True}
    assert (await bob.http.get("/api/wallets/")).status_code == 200
    again = await bob.http.post("/api/invitations/accept/", json={"token": token})
    assert (again.status_code, again.json()["errors"][0]["code"]) == (422, "invalid_token")
    (row,) = (await ada.http.get("/api/invitations/")).json()["items"]
    assert row["state"] == "accepted"
    kinds = await told(ada.org_id)
    assert [kind for kind in kinds if kind.startswith(("invitation", "member"))] == ["invitation.sent", "invitation.answered", "member.joined"]
    (record,) = await records(ada.org_id, "member.joined")
    assert (record.actor_id, record.after) == (bob.user["id"], {"role": "ACCOUNTANT"})


async def test_mine_are_listed_and_answered_without_the_link(join: Join) -> None:
    ada, eve, bob = await join("ada", founds="First"), await join("eve", founds="Other"), await join("bob", founds="His own")
    role = await custom_role(ada, "wallets.read", name="Watcher")
    first, second = await invite(ada, "bob@example.com", role), await invite(eve, "bob@example.com", "USER")
    offers = (await bob.http.get("/api/invitations/mine/")).json()["items"]
    assert [(row["organization_name"], row["role_name"], row["invited_by"]) for row in offers] == [
        ("First", "Watcher", "Ada Byron"),
        ("Other", "USER", "Eve Byron"),
    ]
    assert (await ada.http.get("/api/invitations/mine/")).json()["items"] == []
    accepted = await bob.http.post(f"/api/invitations/{first['id']}/accept/")
    assert (accepted.status_code, accepted.json()["current"]) == (200, False)
    assert (await bob.http.post(f"/api/invitations/{second['id']}/decline/")).status_code == 204
    assert (await bob.http.get("/api/invitations/mine/")).json()["items"] == []
    assert code_of(await bob.http.post(f"/api/invitations/{second['id']}/accept/")) == (409, "invitation_closed")
    assert (await eve.http.get("/api/invitations/", params={"state": "declined"})).json()["items"][0]["id"] == second["id"]
    assert await Membership.find({"user_id": bob.user["id"]}).count() == 2
    assert (await told(eve.org_id))[-1] == "invitation.answered"


async def test_a_link_that_was_passed_on_opens_nothing(join: Join, runtime: Runtime) -> None:
    ada, eve = await join("ada", founds="First"), await join("eve")
    invitation = await invite(ada, "bob@example.com")
    token = await letter_token(runtime, ada, invitation["id"])
    for way in ("accept", "decline"):
        assert code_of(await eve.http.post(f"/api/invitations/{way}/", json={"token": token})) == (403, "other_address")
        foreign, absent = [
            await eve.http.post(f"/api/invitations/{wanted}/{way}/", headers={"X-Request-Id": "same"}) for wanted in (invitation["id"], "inv_absent")
        ]
        assert foreign.status_code == 404
        assert foreign.content == absent.content
    bob = await join("bob")
    await User.find({"_id": bob.user["id"]}).update({"$set": {"email_verified_at": None}})
    assert code_of(await bob.http.post("/api/invitations/accept/", json={"token": token})) == (403, "other_address")
    assert (await bob.http.get("/api/invitations/mine/")).json()["items"] == []
    assert await Membership.find({"org_id": ada.org_id}).count() == 1


async def test_after_seven_days_it_is_over_and_the_address_can_be_invited_anew(join: Join, runtime: Runtime) -> None:
    ada, bob = await join("ada", founds="First"), await join("bob")
    invitation = await invite(ada, "bob@example.com")
    token = await letter_token(runtime, ada, invitation["id"])
    assert code_of(await ada.http.post(members_of(ada), json={"email": "BOB@example.com", "role": "USER"})) == (409, "already_invited")
    await age(invitation["id"], runtime, left=timedelta(milliseconds=-1))
    for path, body in (("accept", {"token": token}), (f"{invitation['id']}/accept", None)):
        answer = await bob.http.post(f"/api/invitations/{path}/", json=body)
        assert answer.status_code in (409, 422), answer.text
    assert (await bob.http.get("/api/invitations/mine/")).json()["items"] == []
    assert (await ada.http.get("/api/invitations/")).json()["items"][0]["state"] == "expired"
    await invite(ada, "bob@example.com")
    assert len((await bob.http.get("/api/invitations/mine/")).json()["items"]) == 1


async def test_a_revoked_one_opens_nothing(join: Join, runtime: Runtime) -> None:
    ada, bob = await join("ada", founds="First"), await join("bob")
    invitation = await invite(ada, "bob@example.com")
    token = await letter_token(runtime, ada, invitation["id"])
    path = f"/api/invitations/{invitation['id']}/"
    assert (await ada.http.delete(path, headers={"If-Match": '"9"'})).status_code == 412
    assert (await ada.http.delete(path)).status_code == 204
    assert code_of(await ada.http.delete(path)) == (409, "invitation_closed")
    assert code_of(await ada.http.post(f"{path}resend/")) == (409, "invitation_closed")
    assert (await bob.http.post("/api/invitations/accept/", json={"token": token})).status_code == 422
    assert (await told(ada.org_id))[-1] == "invitation.revoked"
    assert [row.action for row in await records(ada.org_id, "invitation.")] == ["invitation.sent", "invitation.revoked"]


async def test_sending_again_makes_a_new_link(join: Join, runtime: Runtime) -> None:
    ada, bob = await join("ada", founds="First"), await join("bob")
    invitation = await invite(ada, "bob@example.com")
    old = await letter_token(runtime, ada, invitation["id"])
    path = f"/api/invitations/{invitation['id']}/resend/"
    early = await ada.http.post(path)
    assert code_of(early) == (429, "sent_just_now")
    assert 0 < int(early.headers["retry-after"]) <= 61
    await age(invitation["id"], runtime, left=timedelta(days=1))
    resent = await ada.http.post(path)
    assert (resent.status_code, resent.json()["sent_at"]) == (200, None)
    assert resent.json()["expires_at"] > invitation["expires_at"]
    assert (await bob.http.post("/api/invitations/accept/", json={"token": old})).status_code == 422
    new = await letter_token(runtime, ada, invitation["id"])
    assert (await bob.http.post("/api/invitations/accept/", json={"token": new})).status_code == 200


async def test_of_many_answers_one_counts(join: Join, runtime: Runtime) -> None:
    ada, bob = await join("ada", founds="First"), await join("bob")
    invitation = await invite(ada, "bob@example.com")
    token = await letter_token(runtime, ada, invitation["id"])
    answers = await asyncio.gather(
        *(bob.http.post("/api/invitations/accept/", json={"token": token}) for _ in range(5)),
        *(bob.http.post(f"/api/invitations/{invitation['id']}/accept/") for _ in range(5)),
    )
    assert sorted(answer.status_code for answer in answers).count(200) == 1
    assert {answer.status_code for answer in answers} <= {200, 409, 422}
    assert await Membership.find({"user_id": bob.user["id"]}).count() == 1
    assert (await told(ada.org_id)).count("member.joined") == 1


async def test_members_and_operators_are_not_invited(join: Join, runtime: Runtime) -> None:
    ada, bob = await join("ada", founds="First"), await join("bob")
    late = await invite(ada, "root@example.com", "ADMIN")
    token = await letter_token(runtime, ada, late["id"])
    root = await operator(join)
    await ada.http.delete(f"/api/invitations/{late['id']}/")
    await join("uma", org_id=ada.org_id, role=Role.USER)
    assert code_of(await ada.http.post(members_of(ada), json={"email": "uma@example.com", "role": "USER"})) == (409, "already_member")
    refused = await ada.http.post(members_of(ada), json={"email": "ROOT@example.com", "role": "USER"})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "not_invitable")
    await Invitation.find({"_id": late["id"]}).update({"$set": {"state": "open"}})  # invited before they became an operator
    assert code_of(await root.http.post("/api/invitations/accept/", json={"token": token})) == (403, "operator_stays_outside")
    assert code_of(await root.http.post(f"/api/invitations/{late['id']}/accept/")) == (403, "operator_stays_outside")
    assert (await root.http.get("/api/invitations/mine/")).json()["items"] == []
    assert (await bob.http.get("/api/invitations/")).status_code == 403
    assert await Membership.find({"user_id": root.user["id"]}).count() == 0


async def test_what_is_no_address_is_refused(join: Join) -> None:
    ada = await join("ada", founds="First")
    for email in ("", "bob", "bob@", "a b@example.com", "bob@example.com\nBcc: eve@example.com", "x" * 250 + "@example.com"):
        answer = await ada.http.post(members_of(ada), json={"email": email, "role": "USER"})
        assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, ["email"])


async def test_a_repeated_request_invites_once(join: Join) -> None:
    ada = await join("ada", founds="First")
    body, headers = {"email": "bob@example.com", "role": "USER"}, {"Idempotency-Key": "invite-1"}
    answers = await asyncio.gather(*(ada.http.post(members_of(ada), json=body, headers=headers) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {201}
    assert await Invitation.find_all().count() == 1


async def test_secrets_stand_nowhere(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="First")
    invitation = await invite(ada, "bob@example.com")
    token = await letter_token(runtime, ada, invitation["id"])
    listed = (await ada.http.get("/api/invitations/")).text
    row = await Invitation.get(invitation["id"])
    assert row is not None
    assert row.sent_at is not None
    assert token not in str(row.model_dump())
    assert row.token_hash not in listed
    assert token not in str([record.model_dump() for record in await records(ada.org_id, "invitation.")])


async def test_an_employee_who_agrees_waits_for_verification(join: Join, runtime: Runtime) -> None:
    ada, bob = await join("ada", founds="First"), await join("bob")
    now = runtime.clock.now()
    employee = employees.prepare(ada.org_id, NewEmployee(email="bob@example.com", first_name="Bob", last_name="Byron"), EmployeeStatus.INVITED, now)
    invitation = service.prepare_invitation(ada.org_id, "bob@example.com", "USER", ada.user["id"], now, employee_id=employee.id)

    async def work(session: Any) -> None:
        await employees.add(session, employee, now)
        await service.invite(session, invitation, now)

    await runtime.uow.run(work)
    assert (await bob.http.post(f"/api/invitations/{invitation.id}/accept/")).status_code == 200
    row = await Employee.get(employee.id)
    assert row is not None
    assert (row.status, row.user_id) == (EmployeeStatus.PENDING, bob.user["id"])


# ---- the mail --------------------------------------------------------------------------------------------------------------------


class Inbox:
    def __init__(self) -> None:
        self.envelopes: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # the name that aiosmtpd calls
        self.envelopes.append(envelope)
        return "250 OK"


async def test_the_letter_arrives_over_smtp(join: Join, runtime: Runtime, unused_tcp_port: int) -> None:
    ada = await join("ada", founds="Byron & Söhne")
    invitation = await invite(ada, "grace@example.com", "APPROVER")
    mail, inbox = Mailer("127.0.0.1", unused_tcp_port, sender="coffer@example.com"), Inbox()

    async def send() -> bool:
        return await send_invitation_mail(runtime.uow, runtime.clock, mail, "https://coffer.example", ada.org_id, invitation["id"])

    with pytest.raises(Unavailable):
        await send()
    assert (await organization_store.invitation(ada.org_id, invitation["id"])).sent_at is None  # type: ignore[union-attr]
    controller = Controller(inbox, hostname="127.0.0.1", port=unused_tcp_port)
    controller.start()
    try:
        assert await send()
        assert not await send()  # it has left
    finally:
        controller.stop()
    (envelope,) = inbox.envelopes
    text = message_from_bytes(envelope.content, policy=policy.default).get_content()
    assert envelope.rcpt_tos == ["grace@example.com"]
    for part in ("Ada Byron (ada@example.com)", 'join "Byron & Söhne"', "as APPROVER", "https://coffer.example/invitations/accept/?token="):
        assert part in text


async def test_a_lost_job_is_made_up_for(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="First")
    late, fresh = await invite(ada, "late@example.com"), await invite(ada, "fresh@example.com")
    await age(late["id"], runtime, left=timedelta(days=6, hours=23))
    (actor,) = [actor for actor in ACTORS if actor.job is SendInvitationMail]
    sweeping = asyncio.create_task(worker.sweep(runtime))
    async with asyncio.timeout(60):
        while not await sent(late["id"]):
            await asyncio.sleep(0.01)
    sweeping.cancel()
    await asyncio.wait({sweeping}, timeout=30)
    assert not await sent(fresh["id"])  # its job is still on its way
    await actor.run(runtime, SendInvitationMail(org_id=ada.org_id, invitation_id=fresh["id"]))
    assert await sent(fresh["id"])
    await actor.run(runtime, SendInvitationMail(org_id=ada.org_id, invitation_id="inv_gone"))


async def sent(invitation_id: str) -> bool:
    row = await Invitation.get(invitation_id)
    return row is not None and row.sent_at is not None
