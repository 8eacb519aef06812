"""Invoices leave by mail: a real SMTP server takes, delays and refuses them."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from facturx import get_facturx_xml_from_pdf
from pypdf import PdfReader

from crypto_api.adapters.mail import Mailer
from crypto_api.bootstrap import open_runtime
from crypto_api.deliveries import service
from crypto_api.deliveries import store as deliveries
from crypto_api.deliveries.documents import InvoiceDelivery
from crypto_api.deliveries.jobs import SendInvoiceMail
from crypto_api.deliveries.rules import TRIES_MAX
from crypto_api.desks import receiving_of
from crypto_api.flows.remind_clients import remind_clients
from crypto_api.flows.send_invoice_mail import MailRoom, send_invoice_mail
from crypto_api.runtime import Runtime
from tests.factories.clock import MovableClock
from tests.factories.killed import killed_at
from tests.http.conftest import PASSWORD, Join, Person, confirmed
from tests.http.organization_calls import code_of, records, told
from tests.http.test_clients import client_of
from tests.http.test_invoices import PATH, at, draft, post, sent
from tests.http.test_paid_in_crypto import XPUB
from workers import invoices as worker
from workers.schedules import Board


class PostOffice:
    """Says what it was told to, to the recipient and to the letter."""

    def __init__(self) -> None:
        self.letters: list[Any] = []
        self.rcpt, self.data = "250 OK", "250 2.0.0 queued as 4F1A2"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802  # the name that aiosmtpd calls
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.data.startswith("250"):
            self.letters.append(envelope)
        return self.data

    def read(self, number: int = -1) -> EmailMessage:
        return message_from_bytes(self.letters[number].content, policy=policy.default)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def runtime(make_config: Any, networks: list[dict[str, object]], clock: MovableClock) -> Any:
    async with open_runtime(make_config(networks), clock=clock) as opened:
        yield opened


@pytest.fixture
def office(unused_tcp_port: int) -> Iterator[PostOffice]:
    found = PostOffice()
    controller = Controller(found, hostname="127.0.0.1", port=unused_tcp_port)
    controller.start()
    yield found
    controller.stop()


@pytest.fixture
def room(runtime: Runtime, clock: MovableClock, unused_tcp_port: int) -> MailRoom:
    return MailRoom(runtime.uow, clock, Mailer("127.0.0.1", unused_tcp_port, sender="coffer@example.com"), receiving_of(runtime))


async def log_in_again(person: Person) -> None:
    answer = (await person.http.post("/api/auth/login/", json={"username": "ada", "password": PASSWORD})).json()
    person.http.headers["Authorization"] = f"Bearer {answer['access']}"


async def log_of(person: Person, row: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await person.http.get(at(row, "deliveries"))
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_an_invoice_leaves_once_with_its_pdf_and_the_log_tells_it(join: Join, room: MailRoom, office: PostOffice) -> None:
    ada = await join("ada", founds="Byron Treasury")
    client = await client_of(ada, currency=None, language="de")
    await ada.http.put(f"{PATH}settings/", json={"reply_to": "billing@byron.example", "mail_text": "Dear {client}: {total}, {reference}."})
    row = await sent(ada, client_id=client["id"], reference="PO 4711")
    (queued,) = await log_of(ada, row)
    assert (queued["status"], queued["purpose"], queued["to"], queued["attempts"]) == ("queued", "invoice", client["email"], [])
    assert code_of(await ada.http.post(at(row, "deliveries"), json={})) == (409, "delivery_queued")
    outcomes = await asyncio.gather(*(send_invoice_mail(room, ada.org_id, queued["id"]) for _ in range(4)))
    assert sorted(map(str, outcomes)) == ["None", "None", "None", "sent"], "one process has the attempt, the others nothing to do"
    assert await send_invoice_mail(room, ada.org_id, queued["id"]) is None
    (envelope,) = office.letters
    letter = office.read()
    assert (envelope.rcpt_tos, letter["Reply-To"], letter["Message-ID"]) == ([client["email"]], "billing@byron.example", queued["message_id"])
    assert letter["Subject"] == f"Rechnung {row['invoice_number']} von Byron Treasury", "ours is in the language of the client"
    body = letter.get_body(("plain",))
    assert body is not None and body.get_content().strip() == f"Dear {row['client_name']}: 357.00 USD, PO 4711."
    (file,) = letter.iter_attachments()
    content, own = file.get_content(), await ada.http.get(at(row, "pdf"))
    assert (file.get_content_type(), file.get_filename()) == ("application/pdf", f"invoice-{row['invoice_number']}.pdf")
    assert text_of(content) == text_of(own.content) and "357.00" in text_of(content)
    if own.headers["X-E-Invoice"] == "factur-x.xml":
        assert get_facturx_xml_from_pdf(content) == get_facturx_xml_from_pdf(own.content)
    (told_of,) = await log_of(ada, row)
    (attempt,) = told_of["attempts"]
    assert (told_of["status"], told_of["next_attempt_at"], attempt["outcome"]) == ("sent", None, "sent")
    assert "queued as 4F1A2" in attempt["answer"] and told_of["sent_at"] is not None

    again = await post(ada, at(row, "deliveries"), {"to": "boss@engines.example", "message": "As you asked: {number}"})
    assert str(await send_invoice_mail(room, ada.org_id, again["id"])) == "sent"
    assert office.letters[1].rcpt_tos == ["boss@engines.example"]
    assert [entry["purpose"] for entry in await log_of(ada, row)] == ["resend", "invoice"]
    kinds = [kind for kind in await told(ada.org_id) if kind.startswith("invoice_delivery.")]
    assert kinds == ["invoice_delivery.queued", "invoice_delivery.sent"] * 2
    assert [record.action for record in await records(ada.org_id, "invoice_delivery.")] == ["invoice_delivery.queued", "invoice_delivery.sent"] * 2


async def test_what_the_server_says_decides_and_pauses_grow(
    join: Join, runtime: Runtime, room: MailRoom, office: PostOffice, clock: MovableClock
) -> None:
    ada = await join("ada", founds="Byron Treasury")
    row = await sent(ada)
    (queued,) = await log_of(ada, row)
    pauses = []
    office.rcpt = "450 4.2.0 greylisted"
    for number in range(TRIES_MAX):
        if number == 1:
            office.rcpt, office.data = "250 OK", "451 4.3.0 later"
        before = clock.now()
        status = str(await send_invoice_mail(room, ada.org_id, queued["id"]))
        assert await send_invoice_mail(room, ada.org_id, queued["id"]) is None, "not before its pause is over"
        stored = await InvoiceDelivery.get(queued["id"])
        assert stored is not None
        if stored.due_at is not None:
            pauses.append(round((stored.due_at - before).total_seconds() / 60))
            clock.forward(minutes=pauses[-1], seconds=1)
    assert status == "given_up" and pauses == sorted(pauses) and pauses[:3] == [1, 5, 15]
    await log_in_again(ada)
    (log,) = await log_of(ada, row)
    assert len(log["attempts"]) == TRIES_MAX and {attempt["outcome"] for attempt in log["attempts"]} == {"delayed"}
    assert "greylisted" in log["attempts"][0]["answer"] and "451" in log["attempts"][1]["answer"]

    office.rcpt, office.data = "550 5.1.1 no such user", "250 OK"
    again = await post(ada, at(row, "deliveries"), {"to": "nobody@engines.example"})
    assert str(await send_invoice_mail(room, ada.org_id, again["id"])) == "refused"
    refused = (await log_of(ada, row))[0]
    assert (refused["status"], refused["attempts"][0]["answer"]) == ("refused", "550 5.1.1 no such user")
    assert [kind for kind in await told(ada.org_id) if kind == "invoice_delivery.failed"] == ["invoice_delivery.failed"] * 2

    # nobody listens; and a process that dies in the attempt, which another takes up ten minutes later
    third = await post(ada, at(row, "deliveries"), {})
    away = MailRoom(room.uow, clock, Mailer("127.0.0.1", 1, sender="coffer@example.com"), room.receiving)
    assert str(await send_invoice_mail(away, ada.org_id, third["id"])) == "queued"
    clock.forward(seconds=61)
    held = await InvoiceDelivery.get(third["id"])
    assert held is not None
    assert await runtime.uow.run(lambda session: service.begin(session, held, clock.now())) is not None  # and then it dies
    office.rcpt = "250 OK"
    assert await send_invoice_mail(room, ada.org_id, third["id"]) is None
    clock.forward(minutes=10, seconds=1)
    assert str(await send_invoice_mail(room, ada.org_id, third["id"])) == "sent"
    assert len(office.letters) == 1 and office.read()["Message-ID"] == held.message_id
    await log_in_again(ada)
    assert [attempt["outcome"] for attempt in (await log_of(ada, row))[0]["attempts"]] == ["delayed", "interrupted", "sent"]


async def test_what_is_never_sent(join: Join, room: MailRoom, office: PostOffice) -> None:
    ada, eve = await join("ada", founds="Byron Treasury"), await join("eve", founds="Elsewhere")
    row = await draft(ada, client_name="Silent", client_email=None)
    assert code_of(await ada.http.post(at(row, "send"), json={})) == (409, "no_address")
    assert (await ada.http.get(at(row))).json()["status"] == "DRAFT", "neither issued nor mailed"
    assert code_of(await ada.http.post(at(row, "deliveries"), json={})) == (409, "invoice_not_issued")
    by_hand = await ada.http.put(at(row, "status"), json={"status": "SENT"})
    assert by_hand.json()["status"] == "SENT" and await log_of(ada, row) == []
    for method, body in (("GET", None), ("POST", {"to": "eve@example.com"})):
        assert (await eve.http.request(method, at(row, "deliveries"), json=body)).status_code == 404
    gone = await sent(ada)
    (queued,) = await log_of(ada, gone)
    assert (await ada.http.put(at(gone, "status"), json={"status": "CANCELLED"})).status_code == 200
    assert str(await send_invoice_mail(room, ada.org_id, queued["id"])) == "dropped"
    assert code_of(await ada.http.post(at(gone, "deliveries"), json={})) == (409, "wrong_kind")
    assert await send_invoice_mail(room, eve.org_id, queued["id"]) is None
    assert office.letters == []


async def test_reminders_go_on_their_days_once_and_stop_when_it_is_paid(
    join: Join, runtime: Runtime, room: MailRoom, office: PostOffice, clock: MovableClock
) -> None:
    ada = await join("ada", founds="Byron Treasury")
    bad = await ada.http.put(f"{PATH}settings/", json={"mail_text": "{pasword}"})
    assert (bad.status_code, bad.json()["errors"][0]["code"]) == (422, "unknown_placeholder")
    assert (await ada.http.put(f"{PATH}settings/", json={"reminder_days": [1, 1]})).status_code == 422
    kept = await ada.http.put(f"{PATH}settings/", json={"reminder_days": [5, -2], "reminder_text_after": "{days} days late: {due}"})
    assert kept.json()["reminder_days"] == [-2, 5]
    days = clock.now().date()
    due = {"due_date": str(days.fromordinal(days.toordinal() + 10))}
    first, paid = await sent(ada, **due), await sent(ada, **due, client_name="Paid")
    for row in (first, paid):
        for letter in await log_of(ada, row):
            await send_invoice_mail(room, ada.org_id, letter["id"])
    office.letters.clear()

    async def after(days_on: int) -> list[int]:
        """Forward to nine in the morning of that day, and what several who look at the same time queue."""
        goal = clock.now().replace(hour=9, minute=0)
        clock.forward(days=days_on, seconds=int((goal - clock.now()).total_seconds()))
        return [
            sum(await asyncio.gather(*(remind_clients(runtime.uow, clock, runtime.queue) for _ in range(2)))),
            await remind_clients(runtime.uow, clock, runtime.queue),
        ]

    assert await after(7) == [0, 0]
    assert await after(1) == [2, 0]
    await log_in_again(ada)
    await post(ada, at(paid, "payments"), {"amount": "357.00"})
    for row in (first, paid):
        await send_invoice_mail(room, ada.org_id, (await log_of(ada, row))[0]["id"])
    assert [letter.rcpt_tos for letter in office.letters] == [["billing@engines.example"]]
    assert "is due on" in str(office.read().get_body(("plain",))) and office.read()["Subject"].startswith("Reminder: invoice INV-")
    assert [(row["purpose"], row["days"], row["status"]) for row in await log_of(ada, paid)] == [
        ("reminder", -2, "dropped"),
        ("invoice", None, "sent"),
    ]
    await log_in_again(ada)
    await post(ada, at(first, "payments"), {"amount": "100.00"})
    assert await after(7) == [1, 0]
    await log_in_again(ada)
    await send_invoice_mail(room, ada.org_id, (await log_of(ada, first))[0]["id"])
    body = office.read().get_body(("plain",))
    assert body is not None and body.get_content().strip() == "5 days late: 257.00 USD"
    assert await after(9) == [0, 0]


def text_of(content: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(content)).pages)


async def test_the_way_to_pay_online_is_in_the_letter_and_on_the_pdf_and_in_no_log(join: Join, room: MailRoom, office: PostOffice) -> None:
    ada = await join("ada", founds="Byron Treasury")
    assert (await (await confirmed(ada)).http.put(f"{PATH}receiving/", json={"extended_key": XPUB})).status_code == 200
    row = await sent(ada, crypto_currency="ETH")
    assert row["pay_url"] and "/pay/" in row["pay_url"]
    (queued,) = await log_of(ada, row)
    assert "{link}" in queued["text"] and row["pay_url"] not in str(queued)
    assert str(await send_invoice_mail(room, ada.org_id, queued["id"])) == "sent"
    body = office.read().get_body(("plain",))
    assert body is not None and f"    {row['pay_url']}" in body.get_content().splitlines()
    (file,) = office.read().iter_attachments()
    assert row["pay_url"] in text_of(file.get_content()).replace("\n", "")
    plain = await sent(ada)
    (queued,) = await log_of(ada, plain)
    await send_invoice_mail(room, ada.org_id, queued["id"])
    body = office.read().get_body(("plain",))
    assert body is not None and "{" not in body.get_content() and "online" not in body.get_content()


async def test_the_lanes_send_what_a_lost_job_left_and_write_what_recurs(join: Join, runtime: Runtime, clock: MovableClock) -> None:
    ada = await join("ada", founds="Byron Treasury")
    row = await sent(ada)
    (actor,) = [actor for actor in worker.ACTORS if actor.job is SendInvoiceMail]
    items = [{"description": "x", "unit_price": "1"}]
    body = {"client_id": row["client_id"], "items": items, "frequency": "daily", "start_date": str(clock.now().date())}
    await post(ada, f"{PATH}recurring/", body | {"occurrences": 1, "mode": "send"})
    (first,) = await InvoiceDelivery.find({"org_id": ada.org_id}).to_list()
    await actor.run(runtime, SendInvoiceMail(org_id=ada.org_id, delivery_id="dlv_gone"))
    clock.forward(seconds=31)
    board = Board(runtime)
    wanted = [lane for lane in worker.lanes(runtime, board) if lane.name in ("recurring_invoices", "invoice_mails")]
    lanes = [asyncio.create_task(lane.run()) for lane in (board.lane(), *wanted)]
    async with asyncio.timeout(60):
        while await InvoiceDelivery.find({"org_id": ada.org_id, "_id": first.id, "status": "sent"}).count() == 0:
            await asyncio.sleep(0.02)
        while await InvoiceDelivery.find({"org_id": ada.org_id}).count() < 2:
            await asyncio.sleep(0.02)
    for lane in lanes:
        lane.cancel()
    await asyncio.wait(lanes, timeout=30)
    again = next(delivery for delivery in await InvoiceDelivery.find({"org_id": ada.org_id}).to_list() if delivery.id != first.id)
    await actor.run(runtime, SendInvoiceMail(org_id=ada.org_id, delivery_id=again.id))
    stored = await InvoiceDelivery.get(again.id)
    assert stored is not None and str(stored.status) == "sent"


async def test_a_letter_of_a_killed_process_leaves_at_least_once_and_always_as_the_same(
    join: Join, room: MailRoom, office: PostOffice, clock: MovableClock, runtime: Runtime, unused_tcp_port: int, tmp_path: Path
) -> None:
    """The process dies before the server is asked, between its answer and the write, and after the write."""
    ada = await join("ada", founds="Byron Treasury")
    client = await client_of(ada, currency=None)
    imports = "from crypto_api.deliveries.jobs import SendInvoiceMail\nfrom workers.invoices import _send"
    server = {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": str(unused_tcp_port), "EMAIL_MOCK_MODE": "false"}
    for step, by_then, in_the_end in (("begun", 0, 1), ("answered", 1, 2), ("ended", 1, 1)):
        office.letters.clear()
        row = await sent(ada, client_id=client["id"])
        (queued,) = await log_of(ada, row)
        call = f'_send(runtime, SendInvoiceMail(org_id="{ada.org_id}", delivery_id="{queued["id"]}"))'
        await killed_at(runtime.config, tmp_path, f"invoice_mail.{step}", imports, call, **server)
        assert len(office.letters) == by_then, step
        assert await send_invoice_mail(room, ada.org_id, queued["id"]) is None, "whoever has the attempt may still be at it"
        past = {"$set": {"due_at": clock.now() - timedelta(seconds=1)}}  # as if ten minutes had gone by: the clock of the other process stays
        await InvoiceDelivery.get_pymongo_collection().update_many({"org_id": ada.org_id, "due_at": {"$ne": None}}, past)
        for org_id, delivery_id in await deliveries.due(clock.now(), 10):
            await send_invoice_mail(room, org_id, delivery_id)
        assert {office.read(place)["Message-ID"] for place in range(len(office.letters))} == {queued["message_id"]}
        assert (len(office.letters), (await log_of(ada, row))[0]["status"]) == (in_the_end, "sent"), step
        assert await deliveries.due(clock.now(), 10) == []
