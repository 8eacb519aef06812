"""Webhooks over real HTTP, on both sides: what is asked of us, and what a receiver is told."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from crypto_api.adapters import webhook_receivers
from crypto_api.audit.documents import AuditRecord
from crypto_api.bootstrap import open_runtime
from crypto_api.desks import webhook_desk_of
from crypto_api.events import store as events
from crypto_api.flows import deliver_webhooks
from crypto_api.flows.deliver_webhooks import send_test
from crypto_api.flows.keep_webhooks import Desk
from crypto_api.flows.relay_events import relay_pass
from crypto_api.identity.documents import Session
from crypto_api.kit.cancel import cancel_and_wait
from crypto_api.kit.ids import new_id
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from crypto_api.webhooks.documents import Webhook, WebhookDelivery
from tests.factories.clock import MovableClock
from tests.factories.killed import killed_at
from tests.factories.webhook_receiver import WebhookReceiver, webhook_receiver
from tests.http.conftest import Join, Person
from workers import webhooks as lane
from workers.webhooks import Senders

HOOKS = "/api/webhooks/"
LOG = "/api/webhook-deliveries/"
SENDER = (
    """
from crypto_api.desks import webhook_desk_of
from crypto_api.flows.deliver_webhooks import deliver_stretch
from crypto_api.webhooks.documents import Webhook
""",
    "deliver_stretch(webhook_desk_of(runtime), await Webhook.find_one({}))",
)


@pytest.fixture
async def runtime(make_config: Any) -> AsyncIterator[Runtime]:
    """The operator allows receivers on this machine."""
    async with open_runtime(make_config(webhook_private_hosts=["127.0.0.1"])) as opened:
        yield opened


@pytest.fixture
async def clock() -> MovableClock:
    """Of the sender alone: people stay logged in."""
    return MovableClock()


@pytest.fixture
async def desk(runtime: Runtime, clock: MovableClock) -> Desk:
    return replace(webhook_desk_of(runtime), clock=clock)


@pytest.fixture
async def ada(join: Join) -> Person:
    return await join("ada", founds="Byron Treasury")


@pytest.fixture
async def receiver() -> AsyncIterator[WebhookReceiver]:
    async with webhook_receiver() as running:
        yield running


async def added(person: Person, url: str, **more: Any) -> dict[str, Any]:
    answer = await person.http.post(HOOKS, json={"url": url, **more})
    assert answer.status_code == 201, answer.text
    row: dict[str, Any] = answer.json()
    return row


async def happen(runtime: Runtime, person: Person, count: int) -> list[int]:
    """So many companies come into being; the numbers of these events."""
    for _ in range(count):
        body = {"legal_name": new_id("Company"), "country": "GB"}
        assert (await person.http.post("/api/companies/", json=body)).status_code == 201
    while await relay_pass(runtime.uow, runtime.clock, runtime.frames):
        pass
    head = await events.head(person.org_id)
    return list(range(head - count + 1, head + 1))


async def deliver(desk: Desk) -> None:
    """What the lane does with one look, to its end."""
    senders = Senders(desk)
    while True:
        await senders._start_due()
        if not senders._busy:
            return
        await asyncio.gather(*senders._busy.values())


async def shown(person: Person, webhook_id: str) -> dict[str, Any]:
    row: dict[str, Any] = (await person.http.get(f"{HOOKS}{webhook_id}/")).json()
    return row


async def log_of(person: Person, webhook_id: str, **query: str) -> list[dict[str, Any]]:
    answer = await person.http.get(f"{HOOKS}{webhook_id}/deliveries/", params=query)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["items"]
    return rows


# ---- what a receiver is told -----------------------------------------------------------------------------------------------------


async def test_a_receiver_is_told_what_happens_from_then_on_in_order_once_and_signed(
    ada: Person, runtime: Runtime, desk: Desk, receiver: WebhookReceiver, join: Join
) -> None:
    await happen(runtime, ada, 2)  # before there was a webhook
    hook = await added(ada, receiver.url, kinds=["company.*"], description="Books elsewhere")
    everything = await added(ada, receiver.url + "?all=1")
    eve = await join("eve", founds="Other")
    await happen(runtime, eve, 1)
    seqs = await happen(runtime, ada, 3)
    await deliver(desk)

    own = [one for one in receiver.received if one.told["organization_id"] == ada.org_id]
    assert own == receiver.received  # nothing of anybody else's
    secret = (await ada.http.get(f"{HOOKS}{hook['id']}/secret/")).json()["secret"]
    companies = [one for one in receiver.received if one.kind.startswith("company.") and _signed_by(secret, one.body, one.headers)]
    assert [one.told["seq"] for one in companies] == seqs
    stored = await events.after(ada.org_id, seqs[0] - 1, 3)
    assert [one.told["id"] for one in companies] == [one.headers["webhook-id"] for one in companies] == [row.id for row in stored]
    assert [one.told["data"] for one in companies] == [row.data for row in stored]
    assert {one.headers["Content-Type"] for one in companies} == {"application/json"}

    others = [one for one in receiver.received if one not in companies]
    assert [one.told["seq"] for one in others] == list(range(everything["done_seq"] + 1, seqs[-1] + 1))  # all, without a gap
    assert "webhook.added" in [one.kind for one in others]

    row = await shown(ada, hook["id"])
    assert (row["status"], row["done_seq"], row["tries"], row["problem"], row["failing_since"]) == ("active", seqs[-1], 0, "", None)
    log = await log_of(ada, hook["id"], count="true")
    assert [(line["seq"], line["status"], line["tries"], line["purpose"]) for line in log] == [(seq, "delivered", 1, "event") for seq in seqs[::-1]]
    assert [(line["attempts"][0]["status"], line["attempts"][0]["problem"]) for line in log] == [(204, "")] * 3
    sent = len(receiver.received)
    await deliver(desk)
    assert len(receiver.received) == sent


def _signed_by(secret: str, body: bytes, headers: dict[str, str]) -> bool:
    try:
        Verifier(secret).verify(body, headers)
    except Exception:  # the library tells no two reasons apart
        return False
    return True


async def test_what_fails_holds_back_what_comes_behind_it_and_nothing_is_lost(
    ada: Person, runtime: Runtime, desk: Desk, receiver: WebhookReceiver, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_receivers, "TIMEOUT_S", 0.3)
    hook = await added(ada, receiver.url, kinds=["company.*"])
    seqs = await happen(runtime, ada, 3)
    receiver.answers, receiver.body = [200, 500], b"no \x1b[31mroom"
    await deliver(desk)
    assert receiver.seqs == seqs[:2]
    row = await shown(ada, hook["id"])
    assert (row["tries"], row["done_seq"], row["problem"]) == (1, seqs[0], "it answers 500")
    await deliver(desk)
    assert len(receiver.received) == 2  # not before its time

    receiver.answers, receiver.headers = [302], {"Location": "http://127.0.0.1:1/elsewhere", "Retry-After": "600"}
    clock.forward(seconds=6)
    await deliver(desk)
    clock.forward(seconds=590)
    await deliver(desk)
    assert receiver.seqs == [seqs[0], seqs[1], seqs[1]]  # it asked for ten minutes
    receiver.headers, receiver.hangs = {}, True
    clock.forward(seconds=20)
    await deliver(desk)
    receiver.hangs = False
    clock.forward(minutes=5)
    await deliver(desk)
    assert receiver.seqs == [seqs[0], *[seqs[1]] * 4, seqs[2]]
    assert len({one.headers["webhook-id"] for one in receiver.received[1:5]}) == len({one.body for one in receiver.received[1:5]}) == 1
    log = await log_of(ada, hook["id"])
    assert [(line["seq"], line["status"], line["tries"]) for line in log] == [
        (seqs[2], "delivered", 1),
        (seqs[1], "delivered", 4),
        (seqs[0], "delivered", 1),
    ]
    assert [(line["status"], line["problem"], line["answer"]) for line in log[1]["attempts"]] == [
        (500, "it answers 500", "no [31mroom"),
        (302, "it answers 302 and points elsewhere, which is not followed", "no [31mroom"),
        (None, "127.0.0.1 did not answer within 0.3 s", ""),
        (204, "", ""),
    ]
    assert (await shown(ada, hook["id"]))["failing_since"] is None


async def test_after_72_hours_it_is_suspended_and_goes_on_from_there_when_a_person_says_so(
    ada: Person, runtime: Runtime, desk: Desk, receiver: WebhookReceiver, clock: MovableClock
) -> None:
    hook = await added(ada, receiver.url, kinds=["company.*"])
    seqs = await happen(runtime, ada, 2)
    receiver.status = 503
    for _ in range(40):
        await deliver(desk)
        clock.forward(hours=4, minutes=30)
    assert receiver.seqs == [seqs[0]] * 17  # one every four and a half hours, the last when 72 were over
    row = await shown(ada, hook["id"])
    assert (row["status"], row["done_seq"], row["problem"], row["retry_at"]) == ("suspended", seqs[0] - 1, "it answers 503", None)
    while await relay_pass(runtime.uow, runtime.clock, runtime.frames):
        pass
    told = [event for event in await events.latest(ada.org_id, 5) if event.kind == "webhook.suspended"]
    assert [(event.data["webhook_id"], event.data["problem"]) for event in told] == [(hook["id"], "it answers 503")]
    assert len(await log_of(ada, hook["id"], status="waiting")) == 1

    receiver.status = 200
    await deliver(desk)
    assert len(receiver.received) == 17
    resumed = await ada.http.post(f"{HOOKS}{hook['id']}/resume/", json={})
    assert (resumed.status_code, resumed.json()["status"]) == (200, "active")
    await deliver(desk)
    assert receiver.seqs[17:] == seqs
    # and once more from the beginning, since the receiver lost everything
    await ada.http.post(f"{HOOKS}{hook['id']}/resume/", json={"after_seq": seqs[0] - 1})
    await deliver(desk)
    assert receiver.seqs[19:] == seqs
    ahead = await ada.http.post(f"{HOOKS}{hook['id']}/resume/", json={"after_seq": 10_000})
    assert (ahead.status_code, ahead.json()["errors"][0]["field"]) == (422, "after_seq")


async def test_one_that_is_gone_is_suspended_at_once(ada: Person, runtime: Runtime, desk: Desk, receiver: WebhookReceiver) -> None:
    hook = await added(ada, receiver.url)
    receiver.status = 410
    await happen(runtime, ada, 1)
    await deliver(desk)
    assert (len(receiver.received), (await shown(ada, hook["id"]))["status"]) == (1, "suspended")


async def test_a_receiver_that_hangs_delays_nobody_else(ada: Person, runtime: Runtime, desk: Desk, receiver: WebhookReceiver) -> None:
    async with webhook_receiver() as dead:
        dead.hangs = True
        await added(ada, dead.url, kinds=["company.*"])
        await added(ada, receiver.url, kinds=["company.*"])
        seqs = await happen(runtime, ada, 3)
        senders = asyncio.create_task(Senders(desk).run())
        try:
            async with asyncio.timeout(60):
                while receiver.seqs != seqs:
                    await asyncio.sleep(0.02)
            assert dead.seqs == seqs[:1]
        finally:
            senders.cancel()
            await asyncio.wait([senders])


async def test_late_answers_an_hour_of_death_and_a_restart_lose_nothing(
    ada: Person,
    runtime: Runtime,
    desk: Desk,
    clock: MovableClock,
    receiver: WebhookReceiver,
    make_config: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What waits is in the database: any sender goes on from there, and nobody else waits with it."""
    monkeypatch.setenv("WEBHOOK_PRIVATE_HOSTS", "127.0.0.1")
    hook = await added(ada, receiver.url, kinds=["company.*"])
    secret = Verifier((await ada.http.get(f"{HOOKS}{hook['id']}/secret/")).json()["secret"])
    seqs = await happen(runtime, ada, 2)
    with monkeypatch.context() as hasty:
        hasty.setattr(webhook_receivers, "TIMEOUT_S", 0.3)
        receiver.late_s = 60.0  # it takes the event, and says so when nobody listens any more
        await deliver(desk)
    assert receiver.seqs == seqs[:1]
    receiver.late_s = 0.0
    clock.forward(seconds=6)
    await deliver(desk)
    assert receiver.seqs == [seqs[0], *seqs]

    async with webhook_receiver() as other:
        await added(ada, other.url, kinds=["company.*"])
        await receiver.stop()
        missed: list[int] = []
        for minutes in range(0, 60, 10):
            missed += await happen(runtime, ada, 1)
            await deliver(desk)
            assert other.seqs == missed
            clock.forward(minutes=10)
            if minutes == 30:
                imports, call = SENDER
                await killed_at(make_config(), tmp_path, "webhook.answered", imports, call.replace("{}", repr({"_id": hook["id"]})))
        row = await shown(ada, hook["id"])
        assert (row["status"], row["done_seq"], row["problem"]) == ("active", missed[0] - 1, "127.0.0.1 is not reachable (ClientConnectorError)")
        assert 4 <= row["tries"] <= 6
        await receiver.start()
        clock.forward(minutes=40)  # longer than the pause that it had come to
        await deliver(desk)
        assert receiver.seqs == [seqs[0], *seqs, *missed]
        assert other.seqs == missed
    for one in receiver.received:
        at = datetime.fromtimestamp(int(one.headers["webhook-timestamp"]), UTC)
        assert secret.sign(one.headers["webhook-id"], at, one.body.decode()) == one.headers["webhook-signature"]
    first, last = (int(receiver.received[place].headers["webhook-timestamp"]) for place in (0, -1))
    assert last - first > 60 * 60  # signed with the time of the attempt: no receiver has to believe an old one
    log = await log_of(ada, hook["id"], status="delivered")
    assert [line["seq"] for line in log[::-1]] == seqs + missed


async def test_neither_those_that_hang_nor_those_with_much_to_come_hold_the_places_of_others(
    ada: Person, runtime: Runtime, desk: Desk, clock: MovableClock, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "AT_ONCE", 1)
    monkeypatch.setattr(lane, "RETRIED_AT_ONCE", 1)
    monkeypatch.setattr(webhook_receivers, "TIMEOUT_S", 0.2)
    async with webhook_receiver() as dead:
        for number in range(3):
            await added(ada, f"{dead.url}?{number}", kinds=["company.*"])
        await happen(runtime, ada, 1)
        dead.hangs = True
        await deliver(desk)
        assert len(dead.received) == 3
        clock.forward(seconds=10)

        monkeypatch.setattr(webhook_receivers, "TIMEOUT_S", 600.0)  # three that hang, for as long as this takes
        monkeypatch.setattr(deliver_webhooks, "STRETCH_S", 0.0)
        urls = [f"{receiver.url}?{number}" for number in range(2)]
        for url in urls:
            await added(ada, url, kinds=["company.*"])
        seqs = await happen(runtime, ada, 3)
        senders = asyncio.create_task(Senders(desk).run())
        try:
            async with asyncio.timeout(60):
                while len(receiver.received) < 6:
                    await asyncio.sleep(0.02)
            assert len(dead.received) == 4
        finally:
            await cancel_and_wait(senders)
        assert [one.told["seq"] for one in receiver.received] == [seq for seq in seqs for _ in urls]  # by turns


async def test_a_sender_killed_after_the_answer_sends_once_more_and_passes_over_nothing(
    ada: Person, runtime: Runtime, desk: Desk, receiver: WebhookReceiver, make_config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBHOOK_PRIVATE_HOSTS", "127.0.0.1")
    await added(ada, receiver.url, kinds=["company.*"])
    seqs = await happen(runtime, ada, 3)
    for step in ("webhook.answered", "webhook.noted"):
        await killed_at(make_config(), tmp_path, step, *SENDER)
    assert receiver.seqs == [seqs[0], seqs[0]]  # answered and not noted: again; noted: not again
    await deliver(desk)
    assert receiver.seqs == [seqs[0], *seqs]
    assert receiver.received[0].body == receiver.received[1].body
    assert await WebhookDelivery.find({"status": "delivered", "tries": 1}).count() == 3


async def test_what_a_person_changes_meanwhile_stands(ada: Person, runtime: Runtime, desk: Desk, receiver: WebhookReceiver) -> None:
    """The answer of the old address says nothing of the new one."""
    hook = await added(ada, receiver.url, kinds=["company.*"])
    seqs = await happen(runtime, ada, 2)
    async with webhook_receiver() as other:
        receiver.hangs = True
        delivering = asyncio.create_task(deliver(desk))
        async with asyncio.timeout(60):
            while not receiver.received:
                await asyncio.sleep(0.01)
        changed = await ada.http.put(f"{HOOKS}{hook['id']}/", json={"url": other.url})
        assert changed.status_code == 200, changed.text
        receiver.hangs = False
        await delivering
        await deliver(desk)
        assert (receiver.seqs, other.seqs) == (seqs[:1], seqs)


# ---- secrets, tests and replays --------------------------------------------------------------------------------------------------


async def test_after_a_rotation_both_secrets_sign_for_a_day(
    ada: Person, runtime: Runtime, desk: Desk, receiver: WebhookReceiver, clock: MovableClock
) -> None:
    hook = await added(ada, receiver.url)
    path = f"{HOOKS}{hook['id']}/"
    assert "secret" not in hook
    old = (await ada.http.get(f"{path}secret/")).json()["secret"]
    assert (await ada.http.post(f"{path}rotate-secret/", json={})).status_code == 200
    new = (await ada.http.get(f"{path}secret/")).json()["secret"]
    assert old != new
    row = await Webhook.get(hook["id"])
    assert row is not None
    assert old not in row.model_dump_json()
    assert new not in row.model_dump_json()

    async def signing() -> list[bool]:
        sent = await ada.http.post(f"{path}test/")
        assert sent.json()["status"] == "delivered", sent.text
        last = receiver.received[-1]
        return [_signed_by(secret, last.body, last.headers) for secret in (old, new)]

    assert await signing() == [True, True]
    clock.forward(hours=24)  # the library would refuse that time, as it should
    await send_test(desk, ada.org_id, hook["id"], ada.user["id"])
    assert len(receiver.received[-1].headers["webhook-signature"].split(" ")) == 1
    assert await AuditRecord.find({"action": "webhook.secret_read", "subject_id": hook["id"]}).count() == 2


async def test_an_old_secret_may_end_at_once(ada: Person, receiver: WebhookReceiver) -> None:
    path = f"{HOOKS}{(await added(ada, receiver.url))['id']}/"
    old = (await ada.http.get(f"{path}secret/")).json()["secret"]
    await ada.http.post(f"{path}rotate-secret/", json={"at_once": True})
    await ada.http.post(f"{path}test/")
    assert not _signed_by(old, receiver.received[0].body, receiver.received[0].headers)


async def test_a_test_and_a_replay_are_sent_now_and_change_nothing_of_the_order(
    ada: Person, runtime: Runtime, desk: Desk, receiver: WebhookReceiver
) -> None:
    hook = await added(ada, receiver.url, kinds=["company.*"])
    path = f"{HOOKS}{hook['id']}/"
    seqs = await happen(runtime, ada, 2)
    await deliver(desk)
    (_, first) = await log_of(ada, hook["id"])
    receiver.status = 500
    tested, again = (await ada.http.post(f"{path}test/")).json(), (await ada.http.post(f"{LOG}{first['id']}/replay/")).json()
    assert [(row["purpose"], row["status"], row["seq"], row["event_kind"]) for row in (tested, again)] == [
        ("test", "failed", None, "webhook.test"),
        ("replay", "failed", seqs[0], "company.changed"),
    ]
    assert receiver.received[3].body == receiver.received[0].body
    assert again["event_id"] == first["event_id"]
    assert tested["requested_by"] == again["requested_by"] == ada.user["id"]
    receiver.status = 200
    retested = (await ada.http.post(f"{LOG}{tested['id']}/replay/")).json()
    assert (retested["status"], retested["event_kind"]) == ("delivered", "webhook.test")
    row = await shown(ada, hook["id"])
    assert (row["done_seq"], row["tries"]) == (seqs[-1], 0)
    assert len(await log_of(ada, hook["id"], purpose="event")) == 2
    one = (await ada.http.get(f"{LOG}{first['id']}/")).json()
    assert one == first


async def test_a_paused_one_is_sent_everything_afterwards(ada: Person, runtime: Runtime, desk: Desk, receiver: WebhookReceiver) -> None:
    path = f"{HOOKS}{(await added(ada, receiver.url, kinds=['company.*']))['id']}/"
    tag = (await ada.http.get(path)).headers["ETag"]
    paused = await ada.http.put(path, json={"paused": True}, headers={"If-Match": tag})
    assert paused.json()["status"] == "paused"
    assert (await ada.http.put(path, json={"paused": False}, headers={"If-Match": tag})).status_code == 412
    seqs = await happen(runtime, ada, 2)
    await deliver(desk)
    assert receiver.received == []
    assert (await ada.http.get(f"{HOOKS}?status=paused&count=true")).json()["total"] == 1
    assert (await ada.http.get(f"{HOOKS}?status=active")).json()["items"] == []
    await ada.http.put(path, json={"paused": False})
    await deliver(desk)
    assert receiver.seqs == seqs
    assert (await ada.http.delete(path)).status_code == 204
    assert (await ada.http.get(path)).status_code == 404
    assert await WebhookDelivery.find_all().count() == 0


# ---- what is refused -------------------------------------------------------------------------------------------------------------


async def test_receivers_inside_and_without_tls_are_refused(ada: Person, runtime: Runtime) -> None:
    inside = ("https://10.0.0.7/", "https://[::1]/", "https://169.254.169.254/latest/", "https://[::ffff:127.0.0.1]/", "https://100.64.0.1/")
    for url in (*inside, "http://example.com/", "https://user:word@example.com/", "not an address"):
        answer = await ada.http.post(HOOKS, json={"url": url})
        assert (answer.status_code, [row["field"] for row in answer.json()["errors"]]) == (422, ["url"]), url
    kinds = await ada.http.post(HOOKS, json={"url": "https://example.com/", "kinds": ["invoice.payed"]})
    assert (kinds.status_code, kinds.json()["errors"]) == (
        422,
        [{"field": "kinds", "message": "no event is called invoice.payed", "code": "unknown_kind"}],
    )
    assert await Webhook.find_all().count() == 0

    hook = await added(ada, "https://localhost/")  # a name: what it leads to is looked at with each connection
    sent = (await ada.http.post(f"{HOOKS}{hook['id']}/test/")).json()
    assert (sent["status"], sent["attempts"][0]["status"]) == ("failed", None)
    assert sent["attempts"][0]["problem"] == "localhost is no address of the open internet"


async def test_twenty_are_enough_and_the_kinds_are_told(ada: Person, runtime: Runtime) -> None:
    kinds = (await ada.http.get(f"{HOOKS}event-kinds/")).json()["items"]
    paid = next(row for row in kinds if row["kind"] == "invoice.paid")
    assert "invoice_id" in paid["data_schema"]["properties"]
    assert len(kinds) > 100
    for number in range(20):
        await added(ada, f"https://example.com/{number}")
    beyond = await ada.http.post(HOOKS, json={"url": "https://example.com/20"})
    assert (beyond.status_code, beyond.json()["code"]) == (409, "too_many_webhooks")
    first = (await ada.http.get(HOOKS, params={"limit": "15", "count": "true"})).json()
    second = (await ada.http.get(HOOKS, params={"limit": "15", "cursor": first["next_cursor"]})).json()
    assert [row["url"] for row in first["items"] + second["items"]] == [f"https://example.com/{number}" for number in range(19, -1, -1)]
    assert first["total"] == 20


async def test_a_step_up_is_asked_for_before_anything_is_told_to_a_program(ada: Person, runtime: Runtime, join: Join) -> None:
    path = f"{HOOKS}{(await added(ada, 'https://example.com/'))['id']}/"
    auditor = await join("bob", org_id=ada.org_id, role=Role.AUDITOR)
    await Session.find_all().update({"$set": {"authenticated_at": runtime.clock.now() - timedelta(minutes=6)}})
    asked = [
        await ada.http.post(HOOKS, json={"url": "https://example.com/2"}),
        await ada.http.put(path, json={"url": "https://example.com/2"}),
        await ada.http.get(f"{path}secret/"),
        await ada.http.post(f"{path}rotate-secret/", json={}),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in asked] == [(403, "session_not_approved")] * 4
    assert (await shown(auditor, path.split("/")[-2]))["url"] == "https://example.com/"
    assert (await auditor.http.get(f"{path}secret/")).status_code == 403
