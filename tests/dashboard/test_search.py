"""The palette: what is found by whom, what never is, and how it is driven by keys alone."""

from dataclasses import replace
from decimal import Decimal

import pytest
from playwright.async_api import expect

from crypto_api.address_book.documents import Payee
from crypto_api.clients.documents import Client
from crypto_api.clients.types import ClientKind
from crypto_api.contracts.documents import Contract
from crypto_api.employees.documents import Employee
from crypto_api.employees.types import EmployeeStatus
from crypto_api.flows.search import FoundKind, search
from crypto_api.invoices.types import InvoiceStatus
from crypto_api.kit.ids import new_id
from crypto_api.migrations import MIGRATIONS
from crypto_api.organizations.types import Permission, Role
from crypto_api.payments.documents import Payment
from crypto_api.payments.rules import transfer_call
from crypto_api.payments.types import Origin, PaymentKind, Way
from crypto_api.runtime import Runtime
from crypto_api.transactions.documents import Transaction
from mongodb_config.migrations import COLLECTION, deploy
from tests.dashboard.conftest import Window
from tests.dashboard.desk import Sits, admin_of, sits
from tests.dashboard.test_overview import owe
from tests.dashboard.test_portfolio_pages import fill
from tests.factories.treasury import CHAIN_ID, NETWORK, Treasury, address_of, hash_of, new_treasury

__all__ = ["sits"]

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
        id=new_id("emp"),
        email="ida@coffer.example",
        first_name="Ida",
        last_name="Lund",
        name_folded="lund ida",
        first_folded="ida",
        status=EmployeeStatus.ACTIVE,
        **made,
    ).insert()
    await owe(treasury, 42, "10", "0", 5, InvoiceStatus.SENT)
    await owe(treasury, 43, "10", "0", 5, InvoiceStatus.SENT)
    for number, fields in enumerate(({"description": "Rent of November", "description_folded": "rent of november"}, {"hash": PAID})):
        await payment(treasury, f"pay_{number}", **fields).insert()
    address = address_of("vault of the token")
    read = {"read_block_number": 1, "read_block_hash": hash_of("1"), "read_at": treasury.now, "code_hash": hash_of("code"), "code_size": 7}
    named = {"name": "Vesting", "name_folded": "vesting", "created_by": treasury.admin.id}
    await Contract(id=new_id("ctr"), network=NETWORK, chain_id=CHAIN_ID, address=address, **named, **read, **made).insert()


PAID = "0x" + "ab12cd34" * 8


def payment(treasury: Treasury, payment_id: str, **fields: str) -> Payment:
    to = address_of("landlord")
    return Payment(
        id=payment_id,
        created_at=treasury.now,
        updated_at=treasury.now,
        org_id=treasury.org_id,
        origin=Origin(kind="manual", id=payment_id),
        kind=PaymentKind.TRANSFER,
        way=Way.SIGNER,
        network=NETWORK,
        chain_id=CHAIN_ID,
        wallet_id="wal_one",
        from_address=address_of("Operations"),
        payee_address=to,
        payee_name="Landlord",
        asset="ETH",
        decimals=18,
        raw_amount="250000000000000000",
        amount=Decimal("0.25"),
        call=transfer_call(to, 1, None),
        value_currency="USD",
        prepared_by=treasury.admin.id,
        due_at=None,
        **fields,  # type: ignore[arg-type]
    )


async def test_each_finds_what_they_may_see_and_nothing_else(runtime: Runtime, treasury: Treasury, sits: Sits) -> None:
    await fill(runtime, treasury)
    await people(treasury)
    ada = admin_of(treasury)

    async def names(text: str, who: object = ada) -> list[tuple[FoundKind, str]]:
        return [(row.kind, row.name) for row in await search(who, text)]  # type: ignore[arg-type]

    assert await names("BÄCKER") == [(FoundKind.CLIENT, "bäcker & söhne"), (FoundKind.CLIENT, "Bäckerei Jöllenbeck")]
    assert await names("land") == [(FoundKind.PAYEE, "Landlord")]
    assert await names(address_of("landlord").lower()) == [(FoundKind.PAYEE, "Landlord")], "however its letters are written"
    for text in ("lund", "ida@", "ID", "ida lu", "Lund I"):
        assert await names(text) == [(FoundKind.EMPLOYEE, "Ida Lund")], text
    assert await names("inv-42") == [(FoundKind.INVOICE, "INV-42")]
    assert await names("NORDW") == [(FoundKind.INVOICE, "INV-43"), (FoundKind.INVOICE, "INV-42")], "of one client the latest first"
    assert await names("Rent of N") == await names("pay_0") == [(FoundKind.PAYMENT, "Rent of November")] and await names("pay_") == []
    assert await names(PAID[:12].upper().replace("0X", "0x")) == [(FoundKind.PAYMENT, "Landlord")] and await names(PAID[:7]) == []
    assert await names("vest") == await names(address_of("vault of the token")) == [(FoundKind.CONTRACT, "Vesting")]
    assert await names("vault") == [(FoundKind.WALLET, "Cold storage of the foundation in Zürich, second vault")]
    assert await names(address_of("Operations")[:12]) == [(FoundKind.WALLET, "Operations")]
    row = await Transaction.find({"org_id": treasury.org_id}).first_or_none()
    assert row is not None
    assert await names(row.hash) == await names(row.hash[:14].upper().replace("0X", "0x")) == [(FoundKind.TRANSACTION, row.hash)]
    assert await names(row.hash[:7]) == [], "five digits are too few"
    other = await new_treasury(runtime.uow, name="Elsewhere", first="Eve", last="Stranger", now=treasury.now)
    for text in ("bäcker", "land", address_of("landlord"), "lund", "ida", "ida@", "inv-", "nordw", "vault", "rent", "pay_0", PAID, "vest", row.hash):
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


async def test_people_and_payments_from_before_are_found_after_the_deploy_step(runtime: Runtime, treasury: Treasury) -> None:
    await people(treasury)
    ada, database = admin_of(treasury), runtime.database
    await database["employees"].update_many({"org_id": treasury.org_id}, {"$unset": {"first_folded": ""}})
    await database["payments"].update_many({"org_id": treasury.org_id}, {"$unset": {"description_folded": ""}})
    assert await search(ada, "ida lund") == await search(ada, "rent") == []
    await database[COLLECTION].update_one({"_id": "schema"}, {"$set": {"position": 13, "fingerprint": ""}}, upsert=True)
    report = await deploy(database.client, database.name, [Employee, Payment], migrations=MIGRATIONS, verify=True)
    assert report.migrations == [f"{row.number} {row.name}" for row in MIGRATIONS[13:]]
    row, paid = await Employee.find_one({"org_id": treasury.org_id}), await Payment.find_one({"_id": "pay_0", "org_id": treasury.org_id})
    assert row is not None and row.first_folded == "ida" and row.version == 1
    assert paid is not None and paid.description_folded == "rent of november" and paid.version == 1
    assert [found.name for found in await search(ada, "rent")] == ["Rent of November"]


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
    await window.picture(f"search-found-{window.width}")
    assert await window.grave_findings() == []
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("#palette [aria-selected=true]")).to_contain_text("Bäckerei")
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_contain_text("Bäckerei")
    await window.is_live()  # the scripts of the new page are there
    await page.keyboard.press("?")
    await expect(page.locator("#help-sheet")).to_be_visible()
    await window.picture(f"search-keys-{window.width}")
    await page.keyboard.press("Escape")
    await expect(page.locator("#help-sheet")).to_be_hidden()  # a key before that is still the sheet's
    for attempt in range(4):  # the second key belongs to the first for a moment only, which a machine that does other things may let pass
        await page.keyboard.press("g")
        await page.keyboard.press("w")
        try:
            await expect(page.locator("h1")).to_have_text("Wallets", timeout=20_000)
            break
        except AssertionError:
            assert attempt < 3
    await window.is_live()
    await page.keyboard.press("/")
    await page.keyboard.type("nothing like it")
    await expect(page.locator("#palette-results")).to_contain_text("Search all transactions")
    await page.keyboard.press("Escape")
    await expect(page.locator("#palette")).to_be_hidden()
    assert await window.sideways_scroll() <= 0
