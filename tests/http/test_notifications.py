"""Notices over HTTP and by real mail: who is told, once, until its cause is gone; and how people choose to be told."""

from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from crypto_api.events import service as events
from crypto_api.events import store as event_log
from crypto_api.events.types import DomainEvent
from crypto_api.flows.relay_events import relay_pass
from crypto_api.flows.write_notices import Post, write_notices
from crypto_api.identity.documents import User
from crypto_api.inbox.events import InboxItemOpened, InboxItemResolved
from crypto_api.kit.errors import Unavailable
from crypto_api.notifications import store
from crypto_api.notifications.documents import Notification, NotificationCursor
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import Membership
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from crypto_api.webhooks.events import WebhookSuspended
from crypto_project.catalogues import ensure_catalogues
from tests.factories.clock import MovableClock
from tests.factories.killed import killed_at
from tests.http.conftest import Join, Person
from workers.notifications import tell_all, write_all

NOTICES = "/api/notifications/"
TELLER = ("from workers.notifications import tell_all", "tell_all(runtime)")


@pytest.fixture
async def ada(join: Join) -> Person:
    return await join("ada", founds="Byron Treasury")


def opened(number: int, title: str = "ETH differs") -> InboxItemOpened:
    return InboxItemOpened(item_id=f"inb_{number}", item_kind="balance", state="open", subject_kind="wallet", subject_id="wal_1", title=title)


def resolved(number: int) -> InboxItemResolved:
    return InboxItemResolved(
        item_id=f"inb_{number}", item_kind="balance", state="resolved", subject_kind="wallet", subject_id="wal_1", title="ETH differs"
    )


async def happen(runtime: Runtime, org_id: str, *facts: DomainEvent, ago: timedelta = timedelta()) -> None:
    at = runtime.clock.now() - ago

    async def work(session: Any) -> None:
        for fact in facts:
            await events.append(session, org_id, fact, at)

    await runtime.uow.run(work)
    await relay(runtime)


async def relay(runtime: Runtime) -> None:
    while await relay_pass(runtime.uow, runtime.clock, runtime.frames):
        pass


async def told(runtime: Runtime) -> None:
    """All logs are read to their end, also what telling itself wrote there."""
    while await tell_all(runtime):
        await relay(runtime)


async def listed(person: Person, **query: str) -> list[dict[str, Any]]:
    answer = await person.http.get(NOTICES, params=query)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["items"]
    return rows


def letters(folder: Path) -> list[tuple[str, str, str]]:
    """(to, subject, text) of what left about notices, in order."""
    found = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in sorted(folder.glob("*.eml"))]
    read = [(str(row["To"]), str(row["Subject"]), row.get_content()) for row in found]  # type: ignore[attr-defined]
    return [row for row in read if "/notifications/preferences/" in row[2]]


async def test_whoever_may_act_is_told_once_until_it_is_done(ada: Person, runtime: Runtime, join: Join) -> None:
    bob = await join("bob", org_id=ada.org_id, role=Role.ACCOUNTANT)
    eve = await join("eve", org_id=ada.org_id, role=Role.AUDITOR)
    mallory = await join("mallory", founds="Other")
    hostile = "Free \u202emoney\r\n<script>{cause}"
    await happen(runtime, ada.org_id, opened(1), opened(1), opened(2, hostile))
    await told(runtime)
    assert [(row["title"], row["topic"], row["priority"], row["path"]) for row in await listed(bob)] == [
        ("Free money <script>{cause}", "inbox", "normal", "/inbox/inb_2/"),
        ("ETH differs", "inbox", "normal", "/inbox/inb_1/"),
    ]
    assert len(await listed(ada)) == 2
    assert await listed(eve) == []  # who may change nothing is asked for nothing
    assert await listed(mallory) == []
    await told(runtime)
    assert await Notification.find_all().count() == 4

    await happen(runtime, ada.org_id, resolved(1))
    await told(runtime)
    rows = await listed(bob)
    assert [row["gone_at"] is None for row in rows] == [True, False]
    assert [row["path"] for row in await listed(bob, unread="true")] == ["/inbox/inb_2/"]
    await happen(runtime, ada.org_id, opened(1))
    await told(runtime)
    assert [row["path"] for row in await listed(bob, unread="true")] == ["/inbox/inb_1/", "/inbox/inb_2/"]  # it holds once more
    first = (await bob.http.get(NOTICES, params={"limit": "2", "count": "true"})).json()
    second = (await bob.http.get(NOTICES, params={"limit": "2", "cursor": first["next_cursor"]})).json()
    assert (len(first["items"]), len(second["items"]), first["total"], second["next_cursor"]) == (2, 1, 3, None)
    assert (await bob.http.get(NOTICES, params={"sort": "title"})).status_code == 422

    read = await bob.http.put(f"{NOTICES}{rows[0]['id']}/read/")
    assert read.json()["read_at"] is not None
    assert (await bob.http.put(f"{NOTICES}{rows[0]['id']}/read/")).json()["read_at"] == read.json()["read_at"]
    assert (await ada.http.put(f"{NOTICES}{rows[0]['id']}/read/")).status_code == 404  # bob's alone
    assert (await bob.http.put(f"{NOTICES}read/")).json() == {"read": 2}
    assert await listed(bob, unread="true") == []
    assert len(await listed(ada, unread="true")) == 2
    assert (await ada.http.delete(f"{NOTICES}{rows[0]['id']}/")).status_code == 404
    assert (await bob.http.delete(f"{NOTICES}{rows[0]['id']}/")).status_code == 204
    assert rows[0]["id"] not in [row["id"] for row in await listed(bob)]


async def test_what_is_old_news_tells_nobody(ada: Person, runtime: Runtime) -> None:
    await happen(runtime, ada.org_id, opened(1), ago=timedelta(days=8))
    await happen(runtime, ada.org_id, opened(2), ago=timedelta(days=6))
    await told(runtime)
    assert [row["path"] for row in await listed(ada)] == ["/inbox/inb_2/"]


async def test_a_teller_killed_before_its_commit_tells_once(ada: Person, runtime: Runtime, make_config: Any, tmp_path: Path) -> None:
    await happen(runtime, ada.org_id, opened(1), opened(2))
    await killed_at(make_config(), tmp_path, "notifications.before_commit", *TELLER)
    assert await Notification.find_all().count() == await NotificationCursor.find_all().count() == 0
    await told(runtime)
    assert sorted(row["path"] for row in await listed(ada)) == ["/inbox/inb_1/", "/inbox/inb_2/"]
    cursor = await NotificationCursor.get(ada.org_id)
    assert cursor is not None
    assert cursor.seq == await event_log.head(ada.org_id)


async def test_letters_leave_as_chosen_and_not_about_what_is_read_or_gone(ada: Person, runtime: Runtime, join: Join) -> None:
    bob = await join("bob", org_id=ada.org_id, role=Role.ACCOUNTANT)
    chosen = {
        "topics": {"inbox": {"mail": "at_once"}, "system": {"mail": "off"}, "prices": {"shown": False}},
        "quiet": {"start": "22:00", "end": "06:00"},
    }
    put = await bob.http.put(f"{NOTICES}preferences/", json=chosen, headers={"If-Match": '"0"'})
    assert put.status_code == 200, put.text
    assert (await bob.http.put(f"{NOTICES}preferences/", json=chosen, headers={"If-Match": '"0"'})).status_code == 412
    shown = (await bob.http.get(f"{NOTICES}preferences/")).json()
    assert (shown["topics"]["inbox"], shown["topics"]["prices"]["shown"], shown["quiet"]) == (
        {"shown": True, "mail": "at_once"},
        False,
        chosen["quiet"],
    )
    await bob.http.put(f"{NOTICES}preferences/", json=chosen | {"quiet": None})

    await happen(
        runtime, ada.org_id, opened(1), opened(2, "USDC differs"), opened(3), WebhookSuspended(webhook_id="whk_1", host="x.example", problem="gone")
    )
    await told(runtime)
    await happen(runtime, ada.org_id, resolved(1))
    await told(runtime)
    third = next(row for row in await listed(bob) if row["path"] == "/inbox/inb_3/")
    await bob.http.put(f"{NOTICES}{third['id']}/read/")
    await write_all(runtime)
    await write_all(runtime)
    folder = runtime.config.log_dir / "mail"
    assert sorted((to, subject) for to, subject, _ in letters(folder)) == [
        ("ada@example.com", "The webhook to x.example is suspended: gone"),  # high: at once; the inbox once a day
        ("bob@example.com", "USDC differs"),
    ]
    assert f"{runtime.config.frontend_url}/inbox/inb_2/" in next(text for to, _, text in letters(folder) if to == "bob@example.com")

    ensure_catalogues()
    changed = await ada.http.put("/api/auth/profile/", json={"language": "es"})
    assert (changed.status_code, changed.json()["language"]) == (200, "es"), changed.text
    assert (await ada.http.put("/api/auth/profile/", json={"language": "fr"})).status_code == 422
    assert (await bob.http.get("/api/auth/profile/")).json()["language"] is None

    tomorrow = MovableClock()
    tomorrow.forward(days=1, minutes=1)
    await write_all(replace(runtime, clock=tomorrow))
    assert [(to, subject) for to, subject, _ in letters(folder)[2:]] == [("ada@example.com", "2 avisos de Byron Treasury")]
    assert "USDC differs" in letters(folder)[2][2] and "Cómo y cuándo se le avisa" in letters(folder)[2][2]
    assert "The webhook to x.example is suspended: gone" in {row["title"] for row in await listed(ada)}, "programs read English"
    await write_all(replace(runtime, clock=tomorrow))
    assert len(letters(folder)) == 3


async def test_a_letter_that_is_not_taken_is_tried_again_and_nobody_who_left_is_written_to(ada: Person, runtime: Runtime, join: Join) -> None:
    bob = await join("bob", org_id=ada.org_id, role=Role.ACCOUNTANT)
    for person in (ada, bob):
        await person.http.put(f"{NOTICES}preferences/", json={"topics": {"inbox": {"mail": "at_once"}}})
    await happen(runtime, ada.org_id, opened(1))
    await told(runtime)

    class Deaf:
        async def send(self, to: str, subject: str, text: str, *, message_id: str) -> object:
            raise Unavailable("The mail server is away.")

    clock = MovableClock()
    post = Post(runtime.uow, clock, Deaf(), "http://x")
    assert not await write_notices(post, ada.org_id, ada.user["id"])
    assert await store.letters_due(clock.now(), 10) == [(ada.org_id, bob.user["id"])]
    await runtime.uow.run(lambda session: organizations.delete_member(session, ada.org_id, bob.user["id"]))
    assert await Membership.find({"user_id": bob.user["id"]}).count() == 0
    clock.forward(minutes=2)
    await write_all(replace(runtime, clock=clock))
    assert [to for to, _, _ in letters(runtime.config.log_dir / "mail")] == ["ada@example.com"]
    assert await store.letters_due(clock.now() + timedelta(days=9), 10) == []


async def test_an_administrator_writes_to_members(ada: Person, runtime: Runtime, join: Join) -> None:
    bob = await join("bob", org_id=ada.org_id, role=Role.USER)
    written = await ada.http.post(NOTICES, json={"title": "The books close on Friday", "text": "Look at your items.", "priority": "high"})
    assert (written.status_code, written.json()) == (201, {"written_to": 2})
    (row,) = await listed(bob)
    assert (row["title"], row["text"], row["topic"], row["path"]) == ("The books close on Friday", "Look at your items.", "messages", "")
    to_one = await ada.http.post(NOTICES, json={"title": "For you", "user_ids": [bob.user["id"]]})
    assert to_one.json() == {"written_to": 1}
    stranger = await ada.http.post(NOTICES, json={"title": "Hello", "user_ids": ["usr_nobody"]})
    assert (stranger.status_code, stranger.json()["errors"][0]["field"]) == (422, "user_ids")
    assert (await bob.http.post(NOTICES, json={"title": "Hello"})).status_code == 403
    assert len(await listed(ada)) == 1
    await write_all(runtime)
    assert sorted(to for to, _, _ in letters(runtime.config.log_dir / "mail")) == ["ada@example.com", "bob@example.com"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"digest_at": "8:00"}, "digest_at"),
        ({"digest_at": "24:00"}, "digest_at"),
        ({"quiet": {"start": "20:00", "end": "26:00"}}, "quiet.end"),
        ({"topics": {"weather": {}}}, "topics.weather"),
        ({"topics": {"inbox": {"mail": "pigeon"}}}, "topics.inbox.mail"),
    ],
)
async def test_wrong_choices_are_named(ada: Person, body: dict[str, Any], field: str) -> None:
    answer = await ada.http.put(f"{NOTICES}preferences/", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"].startswith(field.split(".")[0])) == (422, True)
    assert await User.find_all().count() == 1
