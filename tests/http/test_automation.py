"""What works by itself, over HTTP: schedules are seen, stopped, started and run, tasks cancelled and done again, dead letters dealt with."""

from typing import Any

import httpx

from crypto_api.audit.documents import AuditRecord
from crypto_api.identity.documents import User
from crypto_api.kit.ids import new_id
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from crypto_api.tasks import service, store
from crypto_api.tasks.documents import DeadLetter, Task
from crypto_api.tasks.types import INSTALLATION, JobRef, TaskStatus
from tests.http.conftest import Join, Person

SYSTEM = "/api/system"


def schedule(answer: httpx.Response, name: str) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return next(row for row in answer.json()["schedules"] if row["name"] == name)


async def bury(runtime: Runtime, org_id: str) -> DeadLetter:
    ref = JobRef(id=new_id("job"), name="send_invoice_mail", payload={"delivery_id": "dlv_1", "org_id": org_id})
    await runtime.uow.run(lambda session: service.bury(session, org_id, ref, 3, "OSError: refused", None, runtime.clock.now()))
    (row,) = await DeadLetter.find({"org_id": org_id, "job.id": ref.id}).to_list()
    return row


async def failed_task(runtime: Runtime, org_id: str) -> Task:
    row = Task(
        id=new_id("tsk"), created_at=runtime.clock.now(), org_id=org_id, kind="prices", status=TaskStatus.FAILED, schedule="prices", summary="50% off"
    )
    await row.insert()
    return row


async def test_an_organisation_operates_its_schedules(join: Join, runtime: Runtime) -> None:
    ada, grace = await join("ada", founds="Byron Treasury"), await join("grace", founds="Hopper Books")
    bob = await join("bob", org_id=ada.org_id, role=Role.AUDITOR)
    status = await bob.http.get(f"{SYSTEM}/automation/status/")
    assert status.json()["running"] is True
    assert "news" not in {row["name"] for row in status.json()["schedules"]}  # the installation's alone
    # Stopped by one organisation, it is stopped there alone.
    assert (await bob.http.post(f"{SYSTEM}/automation/stop/", json={"schedule": "prices"})).status_code == 403
    stopped = await ada.http.post(f"{SYSTEM}/automation/stop/", json={"schedule": "prices"})
    assert (stopped.json()["running"], schedule(stopped, "prices")["running"]) == (False, False)
    assert schedule(stopped, "receipts")["running"] is True
    assert schedule(await grace.http.get(f"{SYSTEM}/automation/status/"), "prices")["running"] is True
    assert await store.stopped_schedules() == [(ada.org_id, "prices")]
    everything = await ada.http.post(f"{SYSTEM}/automation/stop/", json={})
    assert {row["running"] for row in everything.json()["schedules"]} == {False}
    started = await ada.http.post(f"{SYSTEM}/automation/start/", json={})
    assert started.json()["running"] is True
    assert await store.stopped_schedules() == []
    actions = [row.action for row in await AuditRecord.find({"org_id": ada.org_id, "subject_kind": "schedule"}).to_list()]
    assert (actions.count("schedule.stopped"), actions.count("schedule.started")) == (9, 9)  # each once, whatever was asked
    # What is not an organisation's, or not there.
    for path, body in (("stop", {"schedule": "news"}), ("start", {"schedule": "payrolls"})):
        refused = await ada.http.post(f"{SYSTEM}/automation/{path}/", json=body)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "schedule")
    assert (await ada.http.post(f"{SYSTEM}/automation/stop/", json={"schedule": "nothing"})).status_code == 422


async def test_runs_are_asked_for_cancelled_and_done_again(join: Join, runtime: Runtime) -> None:
    ada, grace = await join("ada", founds="Byron Treasury"), await join("grace", founds="Hopper Books")
    key = {"Idempotency-Key": "once"}
    asked = [await ada.http.post(f"{SYSTEM}/run-tasks/", json={"task": "prices"}, headers=key) for _ in range(2)]
    assert [one.status_code for one in asked] == [202, 202] and asked[0].json() == asked[1].json()
    task = asked[0].json()
    assert (task["status"], task["schedule"], task["cancellable"], task["requested_by"]) == ("queued", "prices", True, ada.user["id"])
    again = await ada.http.post(f"{SYSTEM}/run-tasks/", json={"task": "prices"})
    assert (again.status_code, again.json()["code"]) == (409, "run_already_asked")
    assert (await grace.http.post(f"{SYSTEM}/tasks/{task['id']}/cancel/")).status_code == 404
    cancelled = await ada.http.post(f"{SYSTEM}/tasks/{task['id']}/cancel/")
    assert (cancelled.status_code, cancelled.json()["status"], cancelled.json()["retriable"]) == (200, "cancelled", True)
    twice = await ada.http.post(f"{SYSTEM}/tasks/{task['id']}/cancel/")
    assert (twice.status_code, twice.json()["code"]) == (409, "task_not_cancellable")
    retried = await ada.http.post(f"{SYSTEM}/tasks/{task['id']}/retry/")
    assert (retried.status_code, retried.json()["retry_of"], retried.json()["status"]) == (202, task["id"], "queued")
    # A running one is marked, and its worker ends it; one that nobody can do again says so.
    await runtime.uow.run(lambda session: service.begin(session, ada.org_id, retried.json()["id"], runtime.clock.now()))
    marked = await ada.http.post(f"{SYSTEM}/tasks/{retried.json()['id']}/cancel/")
    assert (marked.json()["status"], marked.json()["cancellable"]) == ("running", False) and marked.json()["cancel_requested_at"]
    backfill = await runtime.uow.run(lambda session: service.start(session, ada.org_id, "backfill", runtime.clock.now()))
    for act, code in (("cancel", "task_not_cancellable"), ("retry", "task_not_retriable")):
        refused = await ada.http.post(f"{SYSTEM}/tasks/{backfill.id}/{act}/")
        assert (refused.status_code, refused.json()["code"]) == (409, code)
    # Found by what it says, character by character.
    own = await failed_task(runtime, ada.org_id)
    found = await ada.http.get(f"{SYSTEM}/tasks/", params={"q": "50% o"})
    assert [row["id"] for row in found.json()["items"]] == [own.id]
    assert (await ada.http.get(f"{SYSTEM}/tasks/", params={"q": ".*"})).json()["items"] == []


async def test_dead_letters_are_replayed_or_discarded_once(join: Join, runtime: Runtime) -> None:
    ada, grace = await join("ada", founds="Byron Treasury"), await join("grace", founds="Hopper Books")
    one, other = await bury(runtime, ada.org_id), await bury(runtime, ada.org_id)
    listed = await ada.http.get(f"{SYSTEM}/dead-letters/", params={"open": "true", "count": "true"})
    assert ([row["id"] for row in listed.json()["items"]], listed.json()["total"]) == ([other.id, one.id], 2)
    assert (await grace.http.get(f"{SYSTEM}/dead-letters/")).json()["items"] == []
    assert (await grace.http.post(f"{SYSTEM}/dead-letters/{one.id}/replay/")).status_code == 404
    replayed = await ada.http.post(f"{SYSTEM}/dead-letters/{one.id}/replay/")
    assert (replayed.status_code, replayed.json()["kind"], replayed.json()["status"]) == (202, "send_invoice_mail", "queued")
    closed = (await ada.http.get(f"{SYSTEM}/dead-letters/{one.id}/")).json()
    assert (closed["open"], closed["closed_as"], closed["replay_task_id"]) == (False, "replayed", replayed.json()["id"])
    discarded = await ada.http.post(f"{SYSTEM}/dead-letters/{other.id}/discard/")
    assert (discarded.json()["open"], discarded.json()["closed_as"]) == (False, "discarded")
    for act in ("replay", "discard"):
        refused = await ada.http.post(f"{SYSTEM}/dead-letters/{other.id}/{act}/")
        assert (refused.status_code, refused.json()["code"]) == (409, "dead_letter_done")
    # Caches: nothing of record is touched, and every process will see that they were to be cleared.
    before = await store.clearings()
    cleared = await ada.http.post(f"{SYSTEM}/clear-cache/")
    assert cleared.status_code == 200 and set(cleared.json()["cleared"]) == {"price_questions", "methods_not_offered"}
    assert await store.clearings() == before + 1


async def test_the_operator_switches_it_for_everybody(join: Join, runtime: Runtime) -> None:
    ada, root = await join("ada", founds="Byron Treasury"), await join("root")
    await User.get_pymongo_collection().update_one({"_id": root.user["id"]}, {"$set": {"platform_admin": True}})
    status = await root.http.get("/api/platform/automation/status/")
    assert len(status.json()["schedules"]) == 13
    essential = await root.http.post("/api/platform/automation/stop/", json={"schedule": "payrolls"})
    assert (essential.status_code, essential.json()["code"]) == (409, "schedule_essential")
    stopped = await root.http.post("/api/platform/automation/stop/", json={"schedule": "receipts"})
    assert schedule(stopped, "receipts")["running"] is False
    own = schedule(await ada.http.post(f"{SYSTEM}/automation/start/", json={"schedule": "receipts"}), "receipts")
    assert (own["running"], own["stopped_by_installation"]) == (False, True)
    asked = await root.http.post("/api/platform/run-tasks/", json={"task": "news"})
    assert (asked.status_code, asked.json()["status"]) == (202, "queued")
    listed = await root.http.get("/api/platform/tasks/")
    assert [row["id"] for row in listed.json()["items"]] == [asked.json()["id"]]
    assert (await ada.http.get(f"{SYSTEM}/tasks/")).json()["items"] == []
    letter = await bury(runtime, INSTALLATION)
    assert (await ada.http.get(f"{SYSTEM}/dead-letters/{letter.id}/")).status_code == 404
    assert (await root.http.post(f"/api/platform/dead-letters/{letter.id}/replay/")).status_code == 202
    assert await refused_to(ada) == {403}


async def refused_to(person: Person) -> set[int]:
    paths = ("automation/status/", "tasks/", "dead-letters/")
    return {(await person.http.get(f"/api/platform/{path}")).status_code for path in paths}
