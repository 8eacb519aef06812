"""Webhooks as an administrator keeps them: forms that do and refuse, a log that says why, and pages that fit."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.async_api import expect

from crypto_api.adapters.webhook_receivers import WebhookReceivers
from crypto_api.audit.documents import AuditRecord
from crypto_api.desks import webhook_desk_of
from crypto_api.events import service as events
from crypto_api.flows.deliver_webhooks import deliver_stretch
from crypto_api.flows.relay_events import relay_pass
from crypto_api.identity.documents import Session
from crypto_api.organizations.events import CompanyChanged
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from crypto_api.webhooks.documents import Webhook, WebhookDelivery
from tests.dashboard.conftest import Window
from tests.dashboard.desk import Sits, sits
from tests.factories.clock import MovableClock
from tests.factories.treasury import Treasury
from tests.factories.webhook_receiver import WebhookReceiver, webhook_receiver

__all__ = ["sits"]


@pytest.fixture
async def receiver() -> AsyncIterator[WebhookReceiver]:
    async with webhook_receiver() as running:
        yield running


async def test_a_webhook_is_added_tried_changed_and_deleted_by_forms_that_refuse_in_words(runtime: Runtime, treasury: Treasury, sits: Sits) -> None:
    ada = await sits("ada.okafor")
    assert "No program is told anything yet" in await ada.text("/webhooks/")
    for fields, said in (
        ({"url": ""}, "The address is needed"),
        ({"url": "http://example.com/"}, "The address would be asked without TLS"),
        ({"url": "https://10.0.0.1/"}, "The address is no address of the open internet"),
        ({"url": "https://example.com/", "kinds": "invoice.payed"}, "No event is called invoice.payed"),
    ):
        assert said in await ada.refused(422, "/webhooks/add/", **fields), fields
    assert await Webhook.find_all().count() == 0
    at = await ada.does("/webhooks/add/", url="https://localhost/hook", kinds="invoice.*\npayment.*, company.changed", description="Books elsewhere")
    (row,) = await Webhook.find_all().to_list()
    assert (at, row.kinds) == (f"/webhooks/{row.id}/?done=added", ["invoice.*", "payment.*", "company.changed"])
    path = f"/webhooks/{row.id}/"
    assert await ada.does(f"{path}test/") == f"{path}?done=refused"
    page = await ada.text(path, done="refused")
    assert "Sent, and not taken" in page and "Localhost is no address of the open internet." in page and "Books elsewhere" in page
    (delivery,) = await WebhookDelivery.find_all().to_list()
    assert await ada.does(f"/webhooks/deliveries/{delivery.id}/replay/") == f"{path}?done=refused"
    assert "whsec_" not in page
    assert "whsec_" in (await ada.post(f"{path}secret/")).text
    assert await ada.does(f"{path}rotate/", at_once="on") == f"{path}?done=rotated"
    assert await ada.does(f"{path}edit/", url="https://example.com/other", kinds="", description="") == f"{path}?done=changed"
    assert "must be the number of an event" in await ada.refused(422, f"{path}resume/", after_seq="soon")
    assert "must be from 0 to" in await ada.refused(422, f"{path}resume/", after_seq="100000")
    assert await ada.does(f"{path}pause/") == f"{path}?done=paused"
    assert "Paused" in await ada.text("/webhooks/")
    assert await ada.does(f"{path}resume/") == f"{path}?done=resumed"
    grace = await treasury.member("Grace", "Hopper", Role.AUDITOR) and await sits("grace.hopper")
    assert "everything" in await grace.text("/webhooks/") and "Show the secret" not in await grace.text(path)
    await grace.refused(403, f"{path}secret/")
    await Session.find_all().update({"$set": {"authenticated_at": runtime.clock.now() - timedelta(minutes=6)}})
    assert await ada.does(f"{path}secret/") == f"/confirm/?purpose=security&next=%2Fwebhooks%2F{row.id}%2F"
    assert await AuditRecord.find({"action": "webhook.secret_read"}).count() == 1
    assert await ada.does(f"{path}delete/") == "/webhooks/?done=deleted"
    assert (await ada.get(path)).status_code == 404


async def tell(runtime: Runtime, treasury: Treasury, count: int) -> None:
    async def work(session):  # type: ignore[no-untyped-def]
        for number in range(count):
            await events.append(session, treasury.org_id, CompanyChanged(company_id=f"com_{number}", active=True), runtime.clock.now())

    await runtime.uow.run(work)
    while await relay_pass(runtime.uow, runtime.clock, runtime.frames):
        pass


@pytest.mark.browser
async def test_the_pages_fit(runtime: Runtime, treasury: Treasury, window: Window, receiver: WebhookReceiver) -> None:
    await window.log_in(path="/webhooks/")
    await window.is_live()
    assert await window.unfit("webhooks-empty") == []
    await window.page.fill("#url", "https://accounting-of-the-foundation.subsidiary.example.com/integrations/coffer/v1/events?tenant=" + "a" * 60)
    await window.page.fill("#kinds", "company.*")
    await window.page.fill("#description", "The accounting system of the foundation in Zürich")
    await window.page.click("text=Add the webhook")
    await expect(window.page.locator("h1")).to_contain_text("accounting-of-the-foundation")
    assert await window.unfit("webhooks-added") == []
    clock = MovableClock()
    async with WebhookReceivers(["127.0.0.1"]) as receivers:
        desk = replace(webhook_desk_of(runtime), receivers=receivers, clock=clock)
        (row,) = await Webhook.find_all().to_list()
        await Webhook.find_all().update({"$set": {"url": receiver.url}})
        await tell(runtime, treasury, 3)
        receiver.answers, receiver.body = [200, 200, 503, 503, 503], b"<html><body>Upstream is away: " + b"x" * 400
        while True:
            row = await Webhook.get(row.id)  # type: ignore[assignment]
            if not await deliver_stretch(desk, row):
                if row.tries == 3 or len(receiver.received) >= 5:
                    break
                clock.forward(minutes=10)
    await window.page.click("text=Show the secret")
    await expect(window.page.locator(".notice")).to_contain_text("whsec_")
    await expect(window.page.locator("#webhook-log")).to_contain_text("It answers 503")
    await window.page.click("#webhook-log .log-row >> nth=0")
    assert await window.unfit("webhooks-failing") == []
    await window.go("/webhooks/")
    await expect(window.page.locator("#webhook-rows")).to_contain_text("Trying again")
    assert await window.unfit("webhooks-list") == []
