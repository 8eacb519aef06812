"""Pages of invoices over plain HTTP, and as they look."""

import os
from decimal import Decimal
from pathlib import Path

import pytest

from crypto_api.deliveries import store as deliveries
from crypto_api.flows.issue_invoice import Counter, issue_invoice
from crypto_api.flows.price_at import Prices
from crypto_api.flows.send_invoice_mail import MailRoom, send_invoice_mail
from crypto_api.flows.write_invoice import Wish, Writing, write_invoice
from crypto_api.invoices import store
from crypto_api.invoices.documents import Invoice
from crypto_api.invoices.types import InvoiceStatus, Item, Tax
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from tests.dashboard.conftest import Window
from tests.dashboard.desk import Sits, sits
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
    await send_invoice_mail(MailRoom(runtime.uow, runtime.clock, runtime.mail), treasury.org_id, letter.id)
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


async def test_a_reader_is_offered_no_change(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    row = await issued(runtime, treasury)
    await treasury.member("Cora", "Reads", Role.AUDITOR)
    cora = await sits("cora.reads")
    page = await cora.text(f"/invoices/{row.id}/")
    assert "Book the payment" not in page and "Cancel it" not in page
    assert (await cora.post(f"/invoices/{row.id}/pay/", amount="1", method="bank")).status_code == 403


@pytest.mark.browser
@pytest.mark.parametrize("window", [{}, {"theme": "dark"}, {"width": 390}], indirect=True, ids=["light", "dark", "phone"])
async def test_they_are_legible_at_any_width(window: Window, treasury: Treasury, runtime: Runtime, request: pytest.FixtureRequest) -> None:
    await window.log_in(path="/invoices/")
    row = await issued(runtime, treasury, LONG)
    await drafted(runtime, treasury, "Engines")
    for number, path in enumerate(("/invoices/", f"/invoices/{row.id}/", "/clients/", f"/clients/{row.client_id}/", "/clients/add/")):
        await window.go(path)
        if where := os.environ.get("COFFER_PICTURES"):
            await window.page.screenshot(path=Path(where) / f"{request.node.callspec.id}-{number}.png", full_page=True)
        assert await window.grave_findings() == [] and await window.sideways_scroll() == 0, path
