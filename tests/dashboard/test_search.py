"""The palette: what is found by whom, what never is, and how it is driven by keys alone."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import expect

from crypto_api.address_book.documents import Payee
from crypto_api.clients.documents import Client
from crypto_api.clients.types import ClientKind
from crypto_api.employees.documents import Employee
from crypto_api.employees.types import EmployeeStatus
from crypto_api.flows.search import FoundKind, search
from crypto_api.invoices.types import InvoiceStatus
from crypto_api.kit.ids import new_id
from crypto_api.organizations.types import Permission, Role
from crypto_api.runtime import Runtime
from crypto_api.transactions.documents import Transaction
from tests.dashboard.conftest import Window
from tests.dashboard.desk import Sits, admin_of, sits
from tests.dashboard.test_overview import owe
from tests.dashboard.test_portfolio_pages import fill
from tests.factories.treasury import Treasury, address_of, new_treasury

__all__ = ["sits"]

SHOTS = os.environ.get("COFFER_SHOTS")
HOSTILE = (
    "$where",
    "{$ne:1}",
    ".*",
    "(a+)+$",
    "\\",
    "%00",
    "\ud7ff\U0010ffff",
    "'; drop",
    "<script>alert(1)</script>",
    "0x",
    "0xZZ",
    "#",
    "9" * 300,
    "a" * 5_000,
)


async def people(treasury: Treasury) -> None:
    made = {"created_at": treasury.now, "updated_at": treasury.now, "org_id": treasury.org_id}
    for name in ("Bäckerei Jöllenbeck", "bäcker & söhne", "Zimmerei"):
        await Client(id=new_id("cli"), kind=ClientKind.COMPANY, name=name, name_folded=name.casefold(), created_by=treasury.admin.id, **made).insert()
    await Payee(
        id=new_id("pye"),
        name="Landlord",
        name_folded="landlord",
        address=address_of("landlord"),
        created_by=treasury.admin.id,
        address_changed_by=treasury.admin.id,
        address_changed_at=treasury.now,
        **made,
    ).insert()
    await Employee(
        id=new_id("emp"), email="ida@coffer.example", first_name="Ida", last_name="Lund", name_folded="lund ida", status=EmployeeStatus.ACTIVE, **made
    ).insert()
    await owe(treasury, 42, "10", "0", 5, InvoiceStatus.SENT)


async def test_each_finds_what_they_may_see_and_nothing_else(runtime: Runtime, treasury: Treasury, sits: Sits) -> None:
    await fill(runtime, treasury)
    await people(treasury)
    ada = admin_of(treasury)

    async def names(text: str, who: object = ada) -> list[tuple[FoundKind, str]]:
        return [(row.kind, row.name) for row in await search(who, text)]  # type: ignore[arg-type]

    assert await names("BÄCKER") == [(FoundKind.CLIENT, "bäcker & söhne"), (FoundKind.CLIENT, "Bäckerei Jöllenbeck")]
    assert await names("land") == [(FoundKind.PAYEE, "Landlord")]
    assert await names(address_of("landlord").lower()) == [(FoundKind.PAYEE, "Landlord")], "however its letters are written"
    assert await names("lund") == await names("ida@") == [(FoundKind.EMPLOYEE, "Ida Lund")]
    assert await names("inv-4") == [(FoundKind.INVOICE, "INV-42")]
    assert await names("vault") == [(FoundKind.WALLET, "Cold storage of the foundation in Zürich, second vault")]
    assert await names(address_of("Operations")[:12]) == [(FoundKind.WALLET, "Operations")]
    row = await Transaction.find({"org_id": treasury.org_id}).first_or_none()
    assert row is not None
    assert await names(row.hash) == await names(row.hash[:14].upper().replace("0X", "0x")) == [(FoundKind.TRANSACTION, row.hash)]
    assert await names(row.hash[:7]) == [], "five digits are too few"
    other = await new_treasury(runtime.uow, name="Elsewhere", first="Eve", last="Stranger", now=treasury.now)
    for text in ("bäcker", "land", address_of("landlord"), "lund", "ida@", "inv-", "vault", row.hash):
        assert await names(text, admin_of(other)) == [], text
        assert await names(text, replace(ada, permissions=frozenset({Permission.ORGANIZATION_READ}))) == [], text
    assert await names("bäcker", replace(ada, permissions=frozenset({Permission.CLIENTS_READ}))) != []
    desk = await sits("ada.okafor")
    for text in HOSTILE:
        answer = await desk.get("/fragments/search/", q=text)
        page = answer.text
        assert answer.status_code == 200 and "<script>" not in page and "Bäckerei" not in page, text
    assert (await desk.get("/fragments/search/", q="\x00")).status_code == 400, "at the door, as everywhere"
    assert "New payment" in await desk.text("/fragments/search/", q="new pay")
    assert "Bäckerei Jöllenbeck" in await desk.text("/fragments/search/", q="bäck")
    await treasury.member("Uma", "User", Role.USER)
    uma = await sits("uma.user")
    page = await uma.text("/fragments/search/")
    assert "Profile" in page and "/transactions/" not in page and "New payment" not in page
    assert "Bäckerei" not in await uma.text("/fragments/search/", q="bäck")
    assert "Nothing found" in await uma.text("/fragments/search/", q="zzz")


@pytest.mark.parametrize("window", [{"width": 1360}, {"width": 390, "theme": "dark"}], indirect=True, ids=["wide", "phone"])
async def test_it_is_driven_by_keys(runtime: Runtime, treasury: Treasury, window: Window) -> None:
    await fill(runtime, treasury)
    await people(treasury)
    await window.log_in()
    page = window.page
    await window.is_live()
    await page.keyboard.press("Control+k")
    await expect(page.locator("#palette [role=option]").first).to_have_attribute("aria-selected", "true")
    await page.keyboard.type("bäck")
    await expect(page.locator("#palette [aria-selected=true]")).to_contain_text("bäcker & söhne")
    await shot(window, "found")
    assert await window.grave_findings() == []
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("#palette [aria-selected=true]")).to_contain_text("Bäckerei")
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_contain_text("Bäckerei")
    await window.is_live()  # the scripts of the new page are there
    await page.keyboard.press("?")
    await expect(page.locator("#help-sheet")).to_be_visible()
    await shot(window, "keys")
    await page.keyboard.press("Escape")
    await expect(page.locator("#help-sheet")).to_be_hidden()  # a key before that is still the sheet's
    await page.keyboard.press("g")
    await page.keyboard.press("w")
    await expect(page.locator("h1")).to_have_text("Wallets")
    await window.is_live()
    await page.keyboard.press("/")
    await page.keyboard.type("nothing like it")
    await expect(page.locator("#palette-results")).to_contain_text("Search all transactions")
    await page.keyboard.press("Escape")
    await expect(page.locator("#palette")).to_be_hidden()
    assert await window.sideways_scroll() <= 0


async def shot(window: Window, name: str) -> None:
    if SHOTS:
        assert window.page.viewport_size is not None
        await window.page.screenshot(path=Path(SHOTS) / f"search-{name}-{window.page.viewport_size['width']}.png")
