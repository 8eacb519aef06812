"""Addresses on pages: their names, their pictures, and that no two of them can be taken for one another."""

import re
from datetime import timedelta

import pytest

from crypto_api.address_book import store as payees
from crypto_api.address_book.documents import Payee
from crypto_api.address_book.types import PayeeState
from crypto_api.classification.documents import Counterparty
from crypto_api.classification.types import Category, CounterpartyKind
from crypto_api.contracts.documents import Contract
from crypto_api.dashboard.identicons import identicon, pattern
from crypto_api.employees.documents import Employee
from crypto_api.employees.types import EmployeeStatus
from crypto_api.flows.known_addresses import AddressKind, names_of
from crypto_api.kit.ethereum import checksummed
from crypto_api.kit.ids import new_id
from crypto_api.organizations.types import Permission, Principal, Role
from crypto_api.payroll.documents import PayProfile
from crypto_api.runtime import Runtime
from crypto_api.transactions.types import Direction
from tests.dashboard.conftest import Window
from tests.factories.treasury import CHAIN_ID, NETWORK, Treasury, address_of, hash_of

DRAWN = {  # by the package ethereum-blockies-base64 1.0.2
    "0x52908400098527886E0F7030069857D2E4169EE7": (
        ("#a2eb7e", "#7ea6e5", "#e830e8"),
        ["11100111", "11111111", "00111100", "00011000", "00011000", "02100120", "11000011", "11011011"],
    ),
    "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48": (
        ("#78f1c1", "#1b9602", "#baf8be"),
        ["01100110", "01011010", "00000000", "00100100", "20000002", "01200210", "10000001", "12211221"],
    ),
}


def test_the_picture_is_the_one_that_people_know_from_elsewhere() -> None:
    for address, drawn in DRAWN.items():
        assert pattern(address) == pattern(address.lower()) == drawn
        svg = identicon(address)
        assert len(svg) < 1200 and "style" not in svg and svg.count("<path") == 3
    assert len({identicon(address_of(str(number))) for number in range(50)}) == 50


async def payee(treasury: Treasury, address: str, name: str, state: PayeeState = PayeeState.VERIFIED, network: str | None = NETWORK) -> Payee:
    row = Payee(
        id=new_id("pay"),
        created_at=treasury.now,
        updated_at=treasury.now,
        org_id=treasury.org_id,
        name=name,
        name_folded=name.casefold(),
        address=address,
        network=network,
        state=state,
        created_by=treasury.admin.id,
        address_changed_by=treasury.admin.id,
        address_changed_at=treasury.now,
    )
    await row.insert()
    return row


async def contract(treasury: Treasury, address: str, name: str) -> None:
    await Contract(
        id=new_id("con"),
        created_at=treasury.now,
        updated_at=treasury.now,
        org_id=treasury.org_id,
        network=NETWORK,
        chain_id=CHAIN_ID,
        address=address,
        name=name,
        name_folded=name.casefold(),
        code_hash=hash_of(name),
        code_size=2,
        read_block_number=1,
        read_block_hash=hash_of("1"),
        read_at=treasury.now,
        created_by=treasury.admin.id,
    ).insert()


async def employee(treasury: Treasury, first: str, address: str) -> None:
    row = Employee(
        id=new_id("emp"),
        created_at=treasury.now,
        updated_at=treasury.now,
        org_id=treasury.org_id,
        email=f"{first}@coffer.example",
        first_name=first,
        last_name="Adeyemi",
        status=EmployeeStatus.ACTIVE,
    )
    await row.insert()
    await PayProfile(
        id=row.id,
        created_at=treasury.now,
        updated_at=treasury.now,
        org_id=treasury.org_id,
        currency="USD",
        basic="1",
        shares=[],
        wallet_address=address,
        updated_by=treasury.admin.id,
    ).insert()


def reader(treasury: Treasury, *permissions: Permission) -> Principal:
    return Principal(treasury.admin.id, treasury.org_id, Role.ADMIN, frozenset(permissions), "ses_of_the_test", treasury.now + timedelta(days=1))


async def test_names_are_told_by_kind_network_and_permission(treasury: Treasury, runtime: Runtime) -> None:
    wallet = await treasury.wallet("Operations")
    await treasury.wallet("Old", active=False)
    await payee(treasury, wallet.address, "Ourselves")
    await payee(treasury, address_of("Acme"), "Acme GmbH")
    await payee(treasury, address_of("New"), "Newcomer", PayeeState.UNVERIFIED, None)
    await payee(treasury, address_of("Gone"), "Gone", PayeeState.REMOVED)
    await contract(treasury, address_of("Vault"), "Vault")
    await employee(treasury, "Bisi", address_of("Bisi"))
    await Counterparty(
        id=new_id("cpt"), created_at=treasury.now, org_id=treasury.org_id, address=address_of("Kraken"), name="Kraken", kind=CounterpartyKind.EXCHANGE
    ).insert()
    await Payee.get_pymongo_collection().insert_one(
        (await Payee.find_one({"name": "Acme GmbH"})).model_dump(by_alias=True)
        | {"_id": "pay_other", "org_id": "org_other", "address": address_of("Foreign")}  # type: ignore[union-attr]
    )
    wanted = [wallet.address, *map(address_of, ("Old", "Acme", "New", "Gone", "Vault", "Bisi", "Kraken", "Foreign")), checksummed("0x" + "a1" * 20)]
    found = await names_of(reader(treasury, *Permission), runtime.networks, wanted)
    told = [(row.name, row.kind) if (row := found.of(address, NETWORK)) else None for address in wanted]
    assert told == [
        ("Operations", AddressKind.WALLET),
        None,
        ("Acme GmbH", AddressKind.PAYEE),
        ("Newcomer", AddressKind.UNVERIFIED),
        None,
        ("Vault", AddressKind.CONTRACT),
        ("Bisi Adeyemi", AddressKind.EMPLOYEE),
        ("Kraken", AddressKind.COUNTERPARTY),
        None,
        ("USDC", AddressKind.LISTED),
    ]
    assert [found.of(address_of(name), "elsewhere") is None for name in ("Acme", "New", "Vault")] == [True, False, True]
    nothing = await names_of(reader(treasury, Permission.DASHBOARD_READ), runtime.networks, wanted)
    assert [address for address in wanted if nothing.of(address)] == [checksummed("0x" + "a1" * 20)], "what the operator lists, and nothing else"
    books = await names_of(reader(treasury, Permission.WALLETS_READ), runtime.networks, wanted)
    assert [row.name for row in map(books.of, wanted) if row] == ["Operations", "USDC"]


async def test_a_page_names_its_addresses_at_once_and_keeps_look_alikes_apart(
    window: Window, treasury: Treasury, monkeypatch: pytest.MonkeyPatch
) -> None:
    wallet = await treasury.wallet("Operations")
    supplier = address_of("Acme")
    twin = checksummed(supplier[:6].lower() + "0" * 32 + supplier[-4:].lower())
    await payee(treasury, supplier, "Acme Deliveries & Logistics <GmbH>")
    await payee(treasury, address_of("Nova"), "Nova", PayeeState.UNVERIFIED)
    for name, changes in (("Acme", {}), ("Twin", {"to_address": twin}), ("Nova", {}), ("Stranger", {})):
        movement = treasury.movement(wallet, Direction.OUT, "5", "USDC", other=name, value="5", **changes)
        await treasury.record(treasury.transaction([movement], treasury.now, category=Category.UNCLASSIFIED))
    asked: list[list[str]] = []
    at_any = payees.at_any

    async def counted(org_id: str, addresses: set[str]) -> list[Payee]:
        asked.append(sorted(addresses))
        return await at_any(org_id, addresses)

    monkeypatch.setattr(payees, "at_any", counted)
    await window.log_in()
    asked.clear()
    await window.go("/transactions/")
    assert asked == [sorted([supplier, twin, address_of("Nova"), address_of("Stranger")])], "once, for all rows"
    cells = {await cell.locator(".addr-digits").get_attribute("title"): cell for cell in await window.page.locator("#transaction-rows .addr").all()}
    assert "Acme Deliveries & Logistics <GmbH>" in await cells[supplier].inner_text() and supplier in await cells[supplier].inner_text()
    assert await cells[twin].locator(".addr-name").count() == 0 and twin in await cells[twin].inner_text()
    assert [await cells[one].get_by_text("look-alike").count() for one in (supplier, twin, address_of("Nova"))] == [1, 1, 0]
    assert "not verified" in await cells[address_of("Nova")].inner_text()
    stranger = cells[address_of("Stranger")]
    assert re.fullmatch(r"0x\w{4}…\w{4}", (await stranger.locator(".addr-digits").inner_text()))
    assert await stranger.locator("[data-copy]").get_attribute("data-copy") == address_of("Stranger")
    assert await stranger.locator("a").get_attribute("href") == f"https://explorer.example/address/{address_of('Stranger')}"
    assert "<!--address:" not in await window.page.content()
    assert await window.unfit("addresses") == []
    await window.go("/wallets/")
    assert await window.page.locator(f"[data-copy='{wallet.address}']").count() == 1
    assert await window.unfit("addresses-wallets") == []
    transaction = window.page.locator("#transaction-rows .row-target").first
    await window.go("/transactions/")
    await transaction.click()
    await window.page.wait_for_selector("dl.facts .addr")
    assert await window.unfit("addresses-transaction") == []
