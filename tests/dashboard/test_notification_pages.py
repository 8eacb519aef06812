"""Notices as people meet them: a bell that counts by itself, a list that leads on, and a form for how one wants to be told."""

import pytest
from playwright.async_api import expect

from crypto_api.notifications import store
from crypto_api.notifications.documents import Notification
from crypto_api.notifications.types import MailChoice, MailState, Priority, QuietHours, Topic
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from crypto_api.webhooks.events import WebhookSuspended
from tests.dashboard.conftest import Window
from tests.dashboard.desk import Sits, sits
from tests.factories.treasury import Treasury
from tests.http.test_notifications import happen, opened, resolved, told

__all__ = ["sits"]


async def test_notices_lead_on_and_choices_are_kept_or_refused_in_words(runtime: Runtime, treasury: Treasury, sits: Sits) -> None:
    ada = await sits("ada.okafor")
    assert "Nothing concerns you at the moment" in await ada.text("/notifications/")
    await happen(runtime, treasury.org_id, opened(1), opened(2, "USDC <b>differs</b>"))
    await told(runtime)
    page = await ada.text("/notifications/")
    assert "ETH differs" in page and "USDC &lt;b&gt;differs" in (await ada.get("/notifications/")).text
    assert ">2<span" in await ada.text("/fragments/notifications-badge/")
    second = await Notification.find_one({"user_id": treasury.admin.id, "path": "/inbox/inb_2/"})
    assert second is not None
    assert await ada.does(f"/notifications/{second.id}/open/") == "/inbox/inb_2/"
    assert ">1<span" in await ada.text("/fragments/notifications-badge/")
    waiting = {"user_id": treasury.admin.id, "mail": MailState.WAITING.value}
    letters = await Notification.find(waiting).count()
    assert letters > 0
    done = await ada.does("/notifications/read/")
    assert done.startswith("/notifications/?done=read&at=") and await Notification.find(waiting).count() == 0
    at = done.rpartition("=")[2]
    assert "unread" not in await ada.text("/fragments/notifications-badge/")
    assert f'name="at" value="{at}"' in await ada.text(done)
    assert await ada.does("/notifications/unread/", at=str(int(at) - 600_001)) == "/notifications/", "too long ago"
    assert await ada.does("/notifications/unread/", at="soon") == "/notifications/"
    assert await ada.does("/notifications/unread/", at=at) == "/notifications/?done=unread"
    assert ">1<span" in await ada.text("/fragments/notifications-badge/"), "the other one had been read before, and stays so"
    assert await Notification.find(waiting).count() == letters, "letters that had not left are wanted again"
    assert await ada.does("/notifications/read/") != "/notifications/?done=read"
    assert await ada.does("/notifications/read/") == "/notifications/?done=read", "nothing was unread: nothing to undo"
    assert await ada.does(f"/notifications/{second.id}/delete/") == "/notifications/"
    assert (await ada.post(f"/notifications/{second.id}/open/")).status_code == 404

    form = {f"mail_{topic}": "" for topic in Topic} | {f"shown_{topic}": "on" for topic in Topic} | {"digest_at": "07:30"}
    path = "/notifications/preferences/"
    assert "must be a time of day" in await ada.refused(422, path, **form | {"digest_at": "soon"})
    assert "needs both a beginning and an end" in await ada.refused(422, path, **form | {"quiet_start": "20:00"})
    assert await store.choices(treasury.org_id, treasury.admin.id) is None
    wanted = form | {"mail_inbox": "at_once", "shown_prices": "", "quiet_start": "20:00", "quiet_end": "07:00"}
    assert await ada.does(path, **wanted) == f"{path}?done=saved"
    kept = await store.choices(treasury.org_id, treasury.admin.id)
    assert kept is not None
    assert (kept.choices.topics[Topic.INBOX].mail, kept.choices.topics[Topic.PRICES].shown) == (MailChoice.AT_ONCE, False)
    assert (kept.choices.quiet, kept.choices.digest_at) == (QuietHours(start="20:00", end="07:00"), "07:30")
    assert 'value="07:30"' in await ada.text(path)
    await treasury.member("Grace", "Hopper", Role.AUDITOR)
    assert "ETH differs" not in await (await sits("grace.hopper")).text("/notifications/")


@pytest.mark.browser
async def test_the_bell_counts_by_itself_and_the_pages_fit(runtime: Runtime, treasury: Treasury, window: Window, relay: None) -> None:
    await window.log_in(path="/notifications/")
    await window.is_live()
    assert await window.unfit("notices-empty") == []
    long = "The balance of the cold storage of the foundation in Zürich, second vault, differs by 0.000000000000000001 ETH from what the books say"
    suspended = WebhookSuspended(webhook_id="whk_1", host="accounting.subsidiary.example.com", problem="it answers 503")
    await happen(runtime, treasury.org_id, opened(1), opened(2, long), suspended, opened(3, "0xabc" + "d" * 80))
    await told(runtime)
    await expect(window.page.locator(".bell .rail-badge")).to_contain_text("4")
    await expect(window.page.locator("#notice-rows")).to_contain_text("is suspended: it answers 503")
    await happen(runtime, treasury.org_id, resolved(1))
    await told(runtime)
    await expect(window.page.locator(".bell .rail-badge")).to_contain_text("3")
    await expect(window.page.locator("#notice-rows")).to_contain_text("done")
    assert await window.unfit("notices-list") == []
    await window.go("/notifications/preferences/")
    await window.is_live()
    assert await window.unfit("notices-preferences") == []
    rows = await Notification.find({"user_id": treasury.admin.id, "priority": Priority.HIGH.value}).to_list()
    assert [row.topic for row in rows] == [Topic.SYSTEM]
