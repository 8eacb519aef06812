"""What the tests of organisations do again and again."""

from email import message_from_bytes, policy
from typing import Any

import httpx

from crypto_api.audit.documents import AuditRecord
from crypto_api.events.documents import Event
from crypto_api.flows.send_invitation_mail import send_invitation_mail
from crypto_api.identity.documents import User
from crypto_api.runtime import Runtime
from tests.http.conftest import Join, Person, newest_letter


def members_of(person: Person, user_id: str = "") -> str:
    return f"/api/organizations/{person.org_id}/members/" + (f"{user_id}/" if user_id else "")


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def invite(person: Person, email: str, role: str = "USER") -> dict[str, Any]:
    answer = await person.http.post(members_of(person), json={"email": email, "role": role})
    assert answer.status_code == 201, answer.text
    invitation: dict[str, Any] = answer.json()
    return invitation


async def letter_token(runtime: Runtime, person: Person, invitation_id: str) -> str:
    """Sends the mail as the worker does, and reads the token out of the letter."""
    sent = await send_invitation_mail(runtime.uow, runtime.clock, runtime.mail, runtime.config.frontend_url, person.org_id, invitation_id)
    assert sent
    letter = message_from_bytes(newest_letter(runtime).read_bytes(), policy=policy.default)
    (link,) = [word for word in letter.get_content().split() if "?token=" in word]
    return str(link.split("token=")[1])


async def custom_role(person: Person, *permissions: str, name: str = "Helper") -> str:
    answer = await person.http.post("/api/roles/", json={"name": name, "permissions": list(permissions)})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def give(person: Person, user_id: str, role: str) -> None:
    answer = await person.http.put(members_of(person, user_id), json={"role": role})
    assert answer.status_code == 200, answer.text


async def operator(join: Join) -> Person:
    """A PLATFORM_ADMIN: `create_admin` makes them; here an account becomes one."""
    person = await join("root")
    await User.find_one(User.id == person.user["id"]).update({"$set": {"platform_admin": True}})
    return person


async def told(org_id: str) -> list[str]:
    """The kinds of event in the organisation's log."""
    return [event.kind for event in await Event.find({"org_id": org_id}).sort("+_id").to_list()]


async def records(org_id: str, prefix: str) -> list[AuditRecord]:
    rows = await AuditRecord.find({"org_id": org_id}).sort("+_id").to_list()
    return [row for row in rows if row.action.startswith(prefix)]
