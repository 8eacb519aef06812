"""The consoles as an administrator sees them: each follows its own socket, and what is done there is done."""

from datetime import timedelta

import pytest
from playwright.async_api import expect

from crypto_api.flows.relay_events import relay_pass
from crypto_api.identity.documents import Attempts, Session
from crypto_api.identity.rules import lift_bucket, log_in_bucket
from crypto_api.kit.ids import new_id
from crypto_api.organizations.types import Role
from crypto_api.reports.presence import presence
from crypto_api.runtime import Runtime
from crypto_api.tasks import service, store
from crypto_api.tasks.documents import DeadLetter, Task
from crypto_api.tasks.types import JobRef, TaskStatus
from tests.dashboard.conftest import Window
from tests.dashboard.desk import Sits, sits
from tests.factories.treasury import Treasury

__all__ = ["sits"]

LONG = "OSError: the mail server of the subsidiary in Zürich refused the letter to " + "accounts-payable-" * 8 + "@example.com"


async def relayed(runtime: Runtime) -> None:
    while await relay_pass(runtime.uow, runtime.clock, runtime.frames):
        pass


async def fail(runtime: Runtime, org_id: str) -> Task:
    """A job that failed three times."""
    ref = JobRef(id=new_id("job"), name="send_invoice_mail", payload={"org_id": org_id, "delivery_id": new_id("dlv")})

    async def work(session):  # type: ignore[no-untyped-def]
        now = runtime.clock.now()
        task = await service.begin_attempt(session, org_id, ref, 3, 3, "Letter about an invoice", now)
        assert task is not None
        await service.progress(session, org_id, task.id, 40, now, summary="Letter about an invoice: the PDF is made")
        await service.finish(session, org_id, task.id, now + timedelta(seconds=2), summary=task.summary, error=LONG)
        await service.bury(session, org_id, ref, 3, LONG, task.id, now)
        return task

    task: Task = await runtime.uow.run(work)
    await relayed(runtime)
    return task


async def test_what_is_done_on_the_consoles_is_done(runtime: Runtime, treasury: Treasury, sits: Sits) -> None:
    ada = await sits("ada.okafor")
    assert await ada.does("/automation/switch/", schedule="prices", stop="true") == "/automation/?done=stopped"
    assert "Stopped" in await ada.text("/automation/")
    assert await store.stopped_schedules() == [(treasury.org_id, "prices")]
    assert await ada.does("/automation/switch/") == "/automation/?done=started"
    assert await store.stopped_schedules() == []
    assert await ada.does("/automation/run/", schedule="prices") == "/automation/?done=asked"
    assert "A run of this schedule was asked for" in await ada.refused(409, "/automation/run/", schedule="prices")
    assert (await ada.post("/automation/run/", schedule="news")).status_code == 404
    assert await ada.does("/automation/clear-cache/") == "/automation/?done=cleared"
    asked = (await Task.find({"org_id": treasury.org_id, "schedule": "prices"}).to_list())[0]
    assert await ada.does(f"/tasks/{asked.id}/cancel/") == "/tasks/?done=cancelled"
    assert "has ended" in await ada.refused(409, f"/tasks/{asked.id}/cancel/")
    assert await ada.does(f"/tasks/{asked.id}/retry/") == "/tasks/?done=retried"
    task = await fail(runtime, treasury.org_id)
    page = await ada.text("/tasks/", status="failed", q="refused the letter")
    assert "Letter about an invoice" in page and "Attempt" not in page and LONG[:60] in page
    assert "Nothing fits" in await ada.text("/tasks/", kind="backfill")
    letters = await DeadLetter.find({"org_id": treasury.org_id}).to_list()
    assert [row.task_id for row in letters] == [task.id]
    assert await ada.does(f"/dead-letters/{letters[0].id}/replay/") == "/dead-letters/?done=replayed"
    assert "was dealt with already" in await ada.refused(409, f"/dead-letters/{letters[0].id}/discard/")
    assert "Nothing failed for good" in await ada.text("/dead-letters/") and "Replayed" in await ada.text("/dead-letters/", show="all")
    # Somebody is logged out here, and asks for nothing any more; whoever may not do it, does not.
    grace_id = (await treasury.member("Grace", "Hopper", Role.MANAGER)).id
    grace = await sits("grace.hopper")
    assert "Grace" in await grace.text("/users-online/") and "End sessions" not in await grace.text("/users-online/")
    await grace.refused(403, f"/users-online/{grace_id}/end-sessions/")
    assert "Lift the lock-out" not in await ada.text("/users-online/")
    now, bucket = runtime.clock.now(), log_in_bucket("username", "grace.hopper", None)
    until = now + timedelta(minutes=5)
    await Attempts(id=bucket, created_at=now, failures=9, blocked_until=until, expires_at=until).insert()
    assert "Lift the lock-out" in await ada.text("/users-online/") and "Lift the lock-out" not in await grace.text("/users-online/")
    await grace.refused(403, f"/users-online/{grace_id}/lift-lock-out/")
    assert await ada.does(f"/users-online/{grace_id}/lift-lock-out/") == "/users-online/?done=lifted"
    assert await Attempts.find({"_id": bucket}).count() == 0 and "Lift the lock-out" not in await ada.text("/users-online/")
    await Attempts(id=bucket, created_at=now, failures=9, blocked_until=until, expires_at=until).insert()
    await Attempts.find({"_id": lift_bucket(grace_id)}).update({"$set": {"failures": 3}})
    assert "often enough for one day" in await ada.refused(429, f"/users-online/{grace_id}/lift-lock-out/")
    assert (await ada.post("/users-online/usr_absent/lift-lock-out/")).status_code == 404
    assert await ada.does(f"/users-online/{grace_id}/end-sessions/") == "/users-online/?done=ended"
    assert await Session.find({"user_id": grace_id, "org_id": treasury.org_id, "ended_at": None}).count() == 0
    assert (await grace.get("/users-online/")).status_code == 302
    assert (await ada.post("/users-online/usr_absent/end-sessions/")).status_code == 404


@pytest.mark.browser
@pytest.mark.parametrize("window", [{}, {"theme": "dark"}, {"width": 390}], indirect=True, ids=["light", "dark", "narrow"])
async def test_the_consoles_follow_and_fit(runtime: Runtime, treasury: Treasury, window: Window, request: pytest.FixtureRequest) -> None:
    async def shoot(name: str) -> None:
        assert await window.sideways_scroll() <= 0, name
        assert await window.grave_findings() == [], name
        await window.picture(f"console-{name}-{request.node.callspec.id}")

    org_id, page = treasury.org_id, window.page
    await window.log_in(path="/tasks/")
    await window.is_live()
    # A long task is followed on the task log's own socket while it goes on.
    task = await runtime.uow.run(lambda session: service.start(session, org_id, "backfill", runtime.clock.now(), summary="Reading the history"))
    await relayed(runtime)
    await expect(page.locator(f"#task-{task.id}")).to_contain_text("Reading the history")
    await runtime.uow.run(lambda session: service.progress(session, org_id, task.id, 42, runtime.clock.now(), summary="Block 4,200 of 10,000"))
    await relayed(runtime)
    await expect(page.locator(f"#task-{task.id} summary")).to_contain_text("42 %")
    failed = await fail(runtime, org_id)
    await expect(page.locator(f"#task-{failed.id}")).to_contain_text("Failed")
    await page.click(f"#task-{failed.id} summary")
    await expect(page.locator(f"#task-{failed.id}")).to_contain_text("the PDF is made")
    await shoot("tasks")
    # Statistics and people are told as a state, by sockets of their own.
    await window.go("/statistics/")
    await window.is_live()
    await expect(page.locator("#stat-letters")).to_have_text("1")
    await fail(runtime, org_id)
    await expect(page.locator("#stat-letters")).to_have_text("2", timeout=60_000)
    await shoot("statistics")
    await treasury.member("Maximiliana", "Hohenstein-Witt", Role.AUDITOR)
    await window.go("/users-online/")
    await window.is_live()
    await expect(page.locator("#users-members")).to_have_text(str(await members(runtime, org_id)))
    grace, now = await treasury.member("Grace", "Hopper", Role.MANAGER), runtime.clock.now()
    await expect(page.locator("#users")).to_contain_text("Grace", timeout=60_000)
    until = now + timedelta(hours=1)
    await Attempts(id=log_in_bucket("username", grace.username, None), created_at=now, failures=9, blocked_until=until, expires_at=until).insert()
    await expect(page.locator("#users-locked")).to_have_text("1", timeout=60_000)
    await shoot("users")
    await page.get_by_role("button", name="Lift the lock-out").click()
    await expect(page.locator("#users-locked")).to_have_text("0", timeout=60_000)
    await store.set_installation_schedule(None, "receipts", runtime.clock.now(), {"run_at": runtime.clock.now(), "next_at": runtime.clock.now()})
    stopped = {"stopped_at": runtime.clock.now(), "failures": 3, "failed_at": runtime.clock.now(), "error": LONG}
    await store.set_organization_schedule(None, org_id, "prices", runtime.clock.now(), stopped)
    await window.go("/automation/")
    await window.is_live()
    await page.click("#schedule-receipts >> text=Run now")
    await expect(page.locator(".notice")).to_contain_text("A worker takes it up")
    assert await Task.find({"org_id": org_id, "schedule": "receipts", "status": TaskStatus.QUEUED}).count() == 1
    await shoot("automation")
    await window.go("/dead-letters/")
    await window.is_live()
    await shoot("letters")
    await page.locator("#dead-letters").get_by_role("button", name="Discard").first.click()
    await expect(page.locator(".notice")).to_contain_text("Discarded")


async def members(runtime: Runtime, org_id: str) -> int:
    return len(await presence(org_id, runtime.clock.now()))
