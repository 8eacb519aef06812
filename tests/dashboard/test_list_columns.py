"""Which columns of a list somebody sees: theirs alone, on every device, also in what arrives later; never in what is exported, nor on a phone."""

import re
from pathlib import Path

from playwright.async_api import expect

from crypto_api.classification.types import Category
from crypto_api.dashboard.columns import LISTS
from crypto_api.identity import store as identity
from crypto_api.organizations.types import Role
from crypto_api.transactions.types import Direction
from tests.dashboard.conftest import PHONE, Window
from tests.dashboard.desk import Sits, sits
from tests.factories.treasury import Treasury

__all__ = ["sits"]

TEMPLATES = Path(__file__).resolve().parents[2] / "crypto_api" / "dashboard" / "templates" / "dashboard"
_TABLE = re.compile(r'of_list:"([\w-]+)".*?<thead><tr>(.*?)</tr></thead>', re.DOTALL)
_UNMARKED = re.compile(r'{%\s*translate "([^"]+)"(?: context "[^"]+")?\s*%}')


def heads() -> dict[str, list[list[str]]]:
    """By list: the texts of its columns, once for each template that has it."""
    found: dict[str, list[list[str]]] = {}
    for path in TEMPLATES.rglob("*.html"):
        for name, head in _TABLE.findall(path.read_text()):
            text = re.sub(r"{% if filter.spam %}.*?{% else %}", "", _UNMARKED.sub(r"\1", head))
            cells = [re.sub(r"<.*?>|{[%{].*?[%}]}", "", cell).strip() for cell in re.split(r"<th\b", text)[1:]]
            found.setdefault(name, []).append([re.sub(r"^[^>]*>", "", cell).strip() for cell in cells])
    return found


def test_every_list_has_the_columns_that_can_be_chosen() -> None:
    found = heads()
    assert found.keys() == LISTS.keys()
    assert {name: [list(columns)] * len(found[name]) for name, columns in LISTS.items()} == found
    assert all(len(columns) <= 9 for columns in LISTS.values()), "as many as coffer.css hides"


async def test_a_column_is_hidden_for_one_person_and_stays_so(window: Window, treasury: Treasury, relay: None, sits: Sits) -> None:
    wallet = await treasury.wallet("Operations")

    async def moves(units: str) -> None:
        movement = treasury.movement(wallet, Direction.IN, units, "USDC", other="Acme", value=units)
        await treasury.record(treasury.transaction([movement], treasury.now, category=Category.UNCLASSIFIED), tell=True)

    await moves("5")
    await window.log_in(path="/transactions/")
    await window.is_live()
    page = window.page
    value = page.locator("#transaction-rows tr .value-col")
    await expect(value).to_be_visible()
    await page.locator(".columns-choice summary").focus()
    await page.keyboard.press("Enter")
    box = page.get_by_role("checkbox", name="Value")
    assert await window.grave_findings() == []
    async with page.expect_response("**/lists/transactions/columns/") as answer:
        await box.focus()
        await page.keyboard.press("Space")
    assert (await answer.value).status == 204
    await expect(value).to_be_hidden()
    await page.keyboard.press("Escape")
    await expect(box).to_be_hidden()
    await moves("7")
    await expect(page.locator("#transaction-rows tr[data-key]")).to_have_count(2)
    assert [await cell.is_visible() for cell in await value.all()] == [False, False]
    await page.reload()
    await expect(page.locator("thead th", has_text="Value")).to_be_hidden()
    await expect(page.locator("thead th", has_text="Category")).to_be_visible()
    assert await window.unfit("columns") == []
    await page.set_viewport_size({"width": PHONE, "height": 800})
    await expect(value.first).to_be_visible()
    desk = await sits("ada.okafor")
    assert (
        "Value" in (await desk.get("/transactions/export/", format="csv")).text.split("\n")[0]
        or "value" in (await desk.get("/transactions/export/", format="csv")).text.split("\n")[0]
    )
    assert 'class="sheet rows no-4"' in (await desk.get("/transactions/")).text
    await treasury.member("Bo", "Larsen", Role.AUDITOR)
    other = await sits("bo.larsen")
    assert "no-4" not in (await other.get("/transactions/")).text


async def test_what_is_ticked_is_all_that_is_shown(treasury: Treasury, sits: Sits) -> None:
    desk = await sits("ada.okafor")
    assert await desk.does("/lists/payments/columns/", shown=["2", "5", "99", "x"], next="/payments/?view=done") == "/payments/?view=done"
    kept = await identity.user(treasury.admin.id)
    assert kept is not None and kept.hidden_columns == {"payments": [3, 4]} and kept.version == treasury.admin.version
    assert 'class="sheet rows payments no-3 no-4"' in (await desk.get("/payments/")).text
    assert await desk.does("/lists/payments/columns/", shown=["2", "3", "4", "5"], next="https://elsewhere.example/") == "/"
    assert 'class="sheet rows payments "' in (await desk.get("/payments/")).text
    assert (await desk.post("/lists/users.x/columns/")).status_code == 404
    assert (await desk.get("/lists/payments/columns/")).status_code == 404
