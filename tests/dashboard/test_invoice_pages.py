"""Pages of invoices over plain HTTP, and as they look."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from crypto_api.clients import service as clients
from crypto_api.deliveries import store as deliveries
from crypto_api.desks import receiving_of
from crypto_api.flows.issue_invoice import Counter, issue_invoice
from crypto_api.flows.price_at import Prices
from crypto_api.flows.recur_invoices import add_recurring
from crypto_api.flows.send_invoice_mail import MailRoom, send_invoice_mail
from crypto_api.flows.write_invoice import Wish, Writing, wish_of, write_invoice
from crypto_api.invoices import store
from crypto_api.invoices.documents import Invoice
from crypto_api.invoices.types import InvoiceStatus, Item, Tax
from crypto_api.organizations.types import Role
from crypto_api.recurring_invoices.types import Frequency, RecurringMode, Schedule
from crypto_api.runtime import Runtime
from tests.browser import Faults
from tests.dashboard.conftest import Window
from tests.dashboard.desk import Sits, said, sits
from tests.factories.treasury import Treasury

__all__ = ["sits"]
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft " * 2


async def drafted(runtime: Runtime, treasury: Treasury, name: str = "Engines <b>", count: int = 1, email: str = "billing@example.com") -> Invoice:
    one = Item(description="Analysis of the engine", quantity=Decimal("2.5"), unit_price=Decimal(120), unit="h", taxes=(Tax(rate=Decimal(19)),))
    wish = Wish(items=(one,) * count, client_name=name, client_email=email, reference="PO 4711", note="Thank you.")
    return await write_invoice(Writing(runtime.uow, runtime.clock, treasury.org_id, treasury.admin.id), wish)


async def issued(runtime: Runtime, treasury: Treasury, name: str = "Engines <b>") -> Invoice:
    row = await drafted(runtime, treasury, name)
    counter = Counter(runtime.uow, runtime.clock, treasury.org_id, treasury.admin.id, Prices(runtime.networks, runtime.prices))
    return await issue_invoice(counter, row.id, None)


async def stored_by(path: str) -> Invoice:
    found = await Invoice.get(path.split("/")[2])
    assert found is not None
    return found


async def stored(row: Invoice) -> Invoice:
    found = await store.get(row.org_id, row.id)
    assert found is not None
    return found


async def test_an_invoice_is_issued_paid_in_parts_credited_and_cancelled(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    ada = await sits("ada.okafor")
    assert "No invoices yet" in await ada.text("/invoices/")
    row = await drafted(runtime, treasury)
    path = f"/invoices/{row.id}/"
    assert "no number yet" in await ada.text("/invoices/") and "Engines <b>" in await ada.text("/invoices/", q="4711")
    assert "357.00" in await ada.text(path)
    assert "The client has no e-mail address" in await ada.refused(
        409, f"/invoices/{(await drafted(runtime, treasury, email='')).id}/send/", mail="yes"
    )
    assert "The address is not an e-mail address." in await ada.refused(422, path + "send/", mail="yes", to="x")
    assert await ada.does(path + "send/", version="1", mail="yes", message="For {client}") == path + "?done=mailed"
    assert "On its way" in await ada.text(path) and "billing@example.com" in await ada.text(path)
    assert "on its way already" in await ada.refused(409, path + "mail/")
    (letter,) = await deliveries.of_invoice(treasury.org_id, row.id)
    assert letter.letter.text == "For Engines <b>\n"
    await send_invoice_mail(MailRoom(runtime.uow, runtime.clock, runtime.mail, receiving_of(runtime)), treasury.org_id, letter.id)
    assert "kept in a file" in await ada.text(path)
    assert await ada.does(path + "mail/", to="boss@example.com") == path + "?done=resent"
    row = await stored(row)
    assert row.status is InvoiceStatus.SENT and str(row.number) in await ada.text(path)
    assert "It was issued" in await ada.refused(409, path + "send/")
    told = await ada.refused(422, path + "pay/", amount="x", method="gold")
    assert "The amount is not an amount such as 1234.50." in told
    assert "No more than 357 USD is due." in await ada.refused(409, path + "pay/", amount="357.01", method="bank")
    assert await ada.does(path + "pay/", amount="100", method="bank", reference="RF18") == path + "?done=paid"
    assert (await stored(row)).due == Decimal("257.00")
    page = await ada.text(path)
    assert "Partly paid" in page and "RF18" in page and "Cancel it" not in page
    assert "257.00" in await ada.text("/invoices/") and "Partly paid" in await ada.text("/invoices/", view="open")
    assert "something of it was paid" in await ada.refused(409, path + "cancel/")
    assert "No more than 257" in await ada.refused(409, path + "credit/")
    other = await issued(runtime, treasury)
    note = await ada.does(f"/invoices/{other.id}/credit/")
    assert note.endswith("?done=credit")
    assert await ada.does(note.partition("?")[0] + "send/") == note.partition("?")[0] + "?done=sent"
    assert (await stored(other)).status is InvoiceStatus.PAID
    third = await issued(runtime, treasury)
    assert await ada.does(f"/invoices/{third.id}/cancel/") == f"/invoices/{third.id}/?done=cancelled"
    assert "Nothing is due" in await ada.text(f"/invoices/{third.id}/")
    file = await ada.get(path + "pdf/")
    assert file.headers["content-type"] == "application/pdf" and file.content.startswith(b"%PDF-")
    assert (await ada.get("/invoices/inv_nothing/")).status_code == 404


async def test_an_invoice_is_written_changed_and_reckoned_on_its_page(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    ada = await sits("ada.okafor")
    client_id = (await drafted(runtime, treasury)).client_id
    head: dict[str, str | list[str]] = {
        "client_id": client_id,
        "currency": "EUR",
        "reference": "PO 1",
        "discount_whole": "10 %",
        "due_date": "2027-01-31",
    }
    lines: dict[str, str | list[str]] = {
        "description": ["Analysis", "", "Licence"],
        "quantity": ["2.5", "", ""],
        "unit": ["h", "", ""],
        "price": ["120", "", "1,000.00"],
        "discount": ["", "", "50.00"],
        "taxes": ["VAT 19, City 2", "VAT 19", "0 AE"],
    }
    shown = await ada.post("/fragments/invoices/preview/", **head, **lines)
    text = said(shown)
    assert shown.status_code == 200 and "1,250.00" in text and "VAT 19 % of 270.00" in text and "51.30" in text and "City 2 % of 270.00" in text
    assert "1,181.70" in text and await Invoice.find({"org_id": treasury.org_id}).count() == 1
    told = said(await ada.post("/fragments/invoices/preview/", **head, **lines | {"price": ["x", "", "1"], "taxes": ["19 AE", "", ""]}))
    assert "Line 1: Price is not a number such as 1234.50" in told and "Line 1: Taxes are not such as VAT 19" in told and "Total" not in told
    for wrong, words in (
        ({"client_id": "cli_nothing"}, "The client is not one of those offered."),
        ({"discount_whole": "2000"}, "The discount is more than what it is taken off."),
        ({"price": ["1.005", "", "1"]}, "has more decimals than the currency"),
        ({"discount": ["301", "", ""]}, "is more than what it is taken off"),
        ({"quantity": ["0", "", ""]}, "must be more than zero"),
        ({"description": ["", "", "Licence"]}, "is needed"),
    ):
        page = await ada.refused(422, "/invoices/new/", **head | lines | wrong)
        assert words in page and 'aria-invalid="true"' in page and "Licence" in page, words
    assert "It needs a line." in await ada.refused(422, "/invoices/new/", **head)
    where = await ada.does("/invoices/new/", **head, **lines)
    assert where.endswith("?done=drafted")
    path = where.partition("?")[0]
    row = await stored_by(path)
    assert (row.total, row.currency, str(row.due_date), len(row.items), row.discount_percent) == (
        Decimal("1181.70"),
        "EUR",
        "2027-01-31",
        2,
        Decimal(10),
    )
    page = await ada.text(path + "edit/")
    assert 'value="VAT 19, City 2"' in page and 'value="VAT 0 AE"' in page and 'value="10 %"' in page and 'value="50.00"' in page
    assert await ada.does(path + "edit/", **head | lines | {"discount_whole": ""}, version="1") == path + "?done=edited"
    assert (await stored_by(path)).total == Decimal("1313.00")
    assert "was changed since" in await ada.refused(412, path + "edit/", **head, **lines, version="1")
    assert await ada.does(path + "delete/", version="2") == "/invoices/"
    assert (await ada.get(path)).status_code == 404

    quote = (await ada.does("/invoices/new/", **head, **lines, kind="quote")).partition("?")[0]
    assert await ada.does(quote + "send/") == quote + "?done=sent"
    made = await ada.does(quote + "invoice/")
    assert made.endswith("?done=drafted") and await ada.does(quote + "invoice/") == made
    assert "Make an invoice of it" not in await ada.text(quote)
    await ada.does(made.partition("?")[0] + "send/", rate="1.1")
    note = (await ada.does(made.partition("?")[0] + "credit/")).partition("?")[0]
    smaller = lines | {"description": ["Analysis", "", ""], "price": ["10", "", ""], "discount": ["", "", ""], "taxes": ["19", "", ""]}
    assert await ada.does(note + "edit/", **head | smaller | {"discount_whole": "", "kind": "credit_note"}) == note + "?done=edited"
    assert (await stored_by(note)).total == Decimal("29.75")
    about = await ada.text(f"/clients/{client_id}/")
    assert "1,181.70 EUR" in about and "INV-" in about and "Owed" in about
    assert "Q-" in await ada.text("/invoices/", client=client_id) and "Nothing matches" in await ada.text("/invoices/", client="cli_nothing")


async def test_how_they_are_written_is_set_on_a_page(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    ada = await sits("ada.okafor")
    path = "/invoices/settings/"
    assert "INV-{year}-{number:05}" in await ada.text(path)
    whole = {
        "template": "banner",
        "accent": "#0B5CAD",
        "mode": "half_even",
        "tax": "per_line",
        "reminder_days": "14, -3 1",
        "iban": "DE89 3704 0044 0532 0130 00",
    }
    whole |= {"pattern_invoice": "R{number:04}", "pattern_credit_note": "G{number}", "pattern_quote": "A{number}", "mail_text": "Hello {client}"}
    bad = {"accent": "#FFFF00", "iban": "DE00", "reminder_days": "soon", "mail_text": "{secret}", "pattern_quote": "A", "reply_to": "x"}
    for name, value in bad.items():
        said = await ada.refused(422, path, **whole | {name: value})
        assert 'aria-invalid="true"' in said and value in said, name
    assert await ada.does(path, **whole, version="0") == path + "?done=saved"
    assert "It was changed since it was read" in await ada.refused(412, path, **whole, version="0")
    own = await store.settings(treasury.org_id)
    assert own is not None and (own.reminder_days, own.iban, own.template) == ([-3, 1, 14], "DE89370400440532013000", "banner")
    assert own.number_patterns["invoice"] == "R{number:04}" and own.rounding.mode == "half_even"
    sample = await ada.get(path + "sample/")
    assert sample.content.startswith(b"%PDF-") and await Invoice.find_all().count() == 0
    assert "Choose a file." in await ada.refused(422, path + "logo/put/")


async def test_an_invoice_is_made_to_recur_paused_and_ended(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    ada = await sits("ada.okafor")
    assert "Nothing recurs yet" in await ada.text("/invoices/recurring/")
    row = await drafted(runtime, treasury)
    path = f"/invoices/{row.id}/repeat/"
    when = {
        "frequency": "quarterly",
        "interval": "1",
        "start_date": "2030-11-30",
        "month_end": "on",
        "ends": "count",
        "occurrences": "3",
        "mode": "send",
    }
    for wrong, words in (
        ({"interval": "0"}, "must be a number from 1 to 99"),
        ({"start_date": ""}, "The first day is needed."),
        ({"ends": "date", "end_date": "2030-01-01"}, "is before the first day"),
        ({"occurrences": "many"}, "must be a number from 1 to 1200"),
    ):
        assert words in await ada.refused(422, path, **when | wrong), words
    wallet = await treasury.wallet("Income")
    ways = {"asset": f"{wallet.network}|ETH", "place": wallet.id, "also": f"{wallet.network}|USDC"}
    assert "Choose…" not in await ada.text(path) and "No crypto" in await ada.text(path)
    assert "is no wallet of this organisation" in await ada.refused(422, path, **when, **ways | {"place": "wal_nobody"})
    made = (await ada.does(path, **when, **ways)).partition("?")[0]
    page = await ada.text(made)
    assert "ETH or USDC on " in page and "at Income" in page
    assert "Every quarter, on the last day of the month" in page and "30 Nov 2030" in page and "28 Feb 2031" in page and "31 May 2031" in page
    assert "Issue and mail it at once" in page and "31 Aug 2031" not in page
    assert "Engines <b>" in await ada.text("/invoices/recurring/")
    assert await ada.does(made + "pause/") == made + "?done=paused" and "Go on" in await ada.text(made)
    assert await ada.does(made + "resume/") == made + "?done=resumed"
    assert await ada.does(made + "end/") == "/invoices/recurring/", "nothing was made by it"
    assert (await ada.get(made)).status_code == 404


async def test_a_client_sees_what_was_issued_to_it_on_pages_of_its_own(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    ada = await sits("ada.okafor")
    row, other = await issued(runtime, treasury), await issued(runtime, treasury, "Another")
    carl = await treasury.member("Carl", "Client", Role.CLIENT)
    await runtime.uow.run(lambda session: clients.let_in(session, treasury.org_id, row.client_id, carl.id, runtime.clock.now()))
    desk = await sits("carl.client")
    assert "/my-invoices/" in await desk.text("/") and "/invoices/" not in (await desk.text("/")).replace("/my-invoices/", "")
    page = await desk.text("/my-invoices/")
    assert str(row.number) in page and str(other.number) not in page and "357.00" in page
    assert "357.00 USD due" in await desk.text(f"/my-invoices/{row.id}/")
    assert (await desk.get(f"/my-invoices/{row.id}/pdf/")).content.startswith(b"%PDF-")
    for path, code in ((f"/my-invoices/{other.id}/", 404), (f"/my-invoices/{other.id}/pdf/", 404), (f"/invoices/{row.id}/", 403), ("/clients/", 403)):
        assert (await desk.get(path)).status_code == code, path
    assert "/my-invoices/" not in await ada.text("/"), "who sees all has no list of their own"
    path = f"/clients/{row.client_id}/"
    assert "1 person has one" in await ada.text(path)
    assert await ada.does(path + "invite/", email="dora@example.com") == path + "?done=invited"
    assert "sees the invoices of this client" in await ada.text(path, done="invited")
    assert await ada.does(path + "invite/", email="dora@example.com") == path + "?done=no-invitation"


async def test_a_reader_is_offered_no_change(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    row = await issued(runtime, treasury)
    await treasury.member("Cora", "Reads", Role.AUDITOR)
    cora = await sits("cora.reads")
    page = await cora.text(f"/invoices/{row.id}/")
    assert "Book the payment" not in page and "Cancel it" not in page
    assert (await cora.post(f"/invoices/{row.id}/pay/", amount="1", method="bank")).status_code == 403


@pytest.mark.browser
async def test_they_are_legible_at_any_width(window: Window, treasury: Treasury, runtime: Runtime) -> None:
    await window.log_in(path="/invoices/")
    row = await issued(runtime, treasury, LONG)
    await drafted(runtime, treasury, "Engines")
    desk = Writing(runtime.uow, runtime.clock, treasury.org_id, treasury.admin.id)
    schedule = Schedule(frequency=Frequency.MONTHLY, start_date=date(2030, 1, 31))
    recurring = f"/invoices/recurring/{(await add_recurring(desk, replace(wish_of(row), due_date=None), schedule, RecurringMode.SEND)).id}/"
    for number, path in enumerate(
        (
            "/invoices/",
            "/invoices/recurring/",
            "/invoices/settings/",
            "/invoices/new/",
            f"/invoices/{row.id}/repeat/",
            recurring,
            f"/invoices/{row.id}/",
            "/clients/",
            f"/clients/{row.client_id}/",
            "/clients/add/",
        )
    ):
        await window.go(path)
        assert await window.unfit(f"invoices-{number}") == [], path


@pytest.mark.browser
async def test_own_invoices_are_legible_at_any_width(window: Window, treasury: Treasury, runtime: Runtime) -> None:
    row, carl = await issued(runtime, treasury, LONG), await treasury.member("Carl", "Client", Role.CLIENT)
    await window.log_in("carl.client", path="/my-invoices/")
    for number, path in enumerate(("/my-invoices/", "/my-invoices/", f"/my-invoices/{row.id}/")):
        if number == 1:  # empty before
            await runtime.uow.run(lambda session: clients.let_in(session, treasury.org_id, row.client_id, carl.id, runtime.clock.now()))
        await window.go(path)
        assert await window.unfit(f"own-invoices-{number}") == [], path


@pytest.mark.browser
async def test_it_is_written_by_keyboard_and_reckoned_while_one_types(window: Window, treasury: Treasury, runtime: Runtime, faults: Faults) -> None:
    row = await drafted(runtime, treasury, "Engines")
    await window.log_in(path="/invoices/new/")
    page = window.page
    await page.select_option("#client_id", row.client_id)
    await page.get_by_label("Description of line 1").fill("Analysis")
    for typed in ("2.5", "h", "120", "10 %", "VAT 19"):
        await page.keyboard.press("Enter")
        await page.keyboard.type(typed)
    await page.locator("#invoice-preview", has_text="321.30").wait_for(timeout=30_000)
    for _ in range(4 * 6 - 5):  # to the end of the lines, and one more
        await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.getAttribute('aria-label')") == "Description of line 5"
    await page.keyboard.type("Travel")
    await page.locator("#invoice-preview", has_text="Line 2: price is needed").wait_for(timeout=30_000)
    await page.keyboard.press("Control+Enter")
    await page.locator("[aria-invalid=true]").first.wait_for(timeout=30_000)
    assert await window.unfit("editor-wrong") == []
    faults.found.clear()  # the console tells of the refusal
    await page.get_by_label("Price of line 2").fill("100")
    await page.keyboard.press("Control+Enter")
    await page.wait_for_url("**/?done=drafted", timeout=30_000)
    assert "421.30" in await page.inner_text("#invoice-facts")
