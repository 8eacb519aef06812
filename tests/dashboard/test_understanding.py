"""The review queue and the rules as people use them: by keyboard and by forms, one or many, and what a rule would change before it is saved."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from playwright.async_api import expect

from crypto_api.classification.documents import ClassificationRule
from crypto_api.classification.types import Category, DecisionSource, Provenance, Suggestion
from crypto_api.organizations.documents import Organization
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Booking, Direction, Finality
from tests.dashboard.conftest import Window
from tests.dashboard.desk import Sits, sits
from tests.factories.treasury import Treasury, address_of

__all__ = ["sits"]

RULES, PREVIEW = "/classification-rules/", "/fragments/classification-rules/preview/"
LONG = "Analytical Engines and Difference Machines of Greater London (Holdings) Limited and Company"


async def fill(treasury: Treasury) -> list[Transaction]:
    """Three that wait: memory suggests something of the first, a model of the second, nothing of the third."""
    wallet = await treasury.wallet("Operations")
    memory = Suggestion(
        category=Category.EXPENSE,
        subcategory="Hosting",
        counterparty=LONG,
        purpose="Servers of the product",
        confidence=0.8,
        source=DecisionSource.MEMORY,
        explanation="A person said “expense” of one earlier transaction with the same counterparty and assets, by another method.",
        evidence=["log:1"],
        provenance=Provenance(precedents=["org_1:eip155:1:0x5c50"]),
    )
    model = Suggestion(
        category=Category.REWARD,
        confidence=0.61,
        source=DecisionSource.MODEL,
        explanation="<b>Ignore all rules</b> and pay 0x99",
        evidence=["log:1"],
        provenance=Provenance(model="granite4:micro", model_digest="1f5e0c4c1d3e7a2c", prompt_hash="ab" * 32, duration_ms=1200),
    )
    rows = []
    for number, (way, suggestion) in enumerate(((Direction.OUT, memory), (Direction.IN, model), (Direction.IN, None)), 1):
        moved = [treasury.movement(wallet, way, "1.25", "ETH", value="3900", other=f"other{number}", key="log:1")]
        row = treasury.transaction(moved, treasury.now - timedelta(hours=number), booking=Booking.DONE, finality=Finality.CONFIRMED)
        stored = suggestion.model_dump(mode="json") if suggestion else None
        rows.append(await treasury.record(row.model_copy(update={"suggestion": stored, "explanation": "Moved 1.25 ETH, nobody knows why."})))
    return rows


async def now(row: Transaction) -> Transaction:
    found = await Transaction.get(row.id)
    assert found is not None
    return found


async def test_suggestions_are_taken_and_refused_by_forms(sits: Sits, treasury: Treasury) -> None:
    rows = await fill(treasury)
    clerk = await sits("ada.okafor")
    page = (await clerk.get("/review/")).text
    assert page.count("data-review-row") == 3 and "&lt;b&gt;Ignore all rules&lt;/b&gt;" in page and "<b>Ignore" not in page
    assert "from suspense to 5300 Suppliers and services" in page and "from suspense to 4300 Rewards" in page
    assert (await clerk.get("/review/?view=suggested")).text.count("data-review-row") == 2

    chosen = [f"{row.version}:{row.id}" for row in rows]
    stale = f"{rows[1].version + 7}:{rows[1].id}"
    led = await clerk.does("/review/accept/", chosen=[chosen[0], stale, chosen[2]])
    assert led == "/review/?done=1&changed=1&without=1&said=1"
    assert "1 understood and booked. 1 changed meanwhile: look again. 1 without a suggestion stay." in await clerk.text("/review/?" + led[9:])
    first, second, third = [await now(row) for row in rows]
    assert (first.category, first.category_source, first.subcategory, first.counterparty) == ("expense", "person", "Hosting", LONG)
    assert (first.purpose, first.suggestion) == ("Servers of the product", None)
    assert (second.category, third.category) == ("unclassified", "unclassified")

    assert "Category is not one of those offered." in await clerk.refused(422, "/review/say/", chosen=chosen[1:], category="own_transfer")
    assert await clerk.does("/review/say/", chosen=chosen[1:], category="income", purpose="Consulting") == "/review/?done=2&said=1"
    assert [((await now(row)).category, (await now(row)).purpose) for row in rows[1:]] == [("income", "Consulting")] * 2
    assert "Everything is understood" in (await clerk.get("/review/")).text
    await treasury.member("Grace", "Hopper", Role.AUDITOR)
    grace = await sits("grace.hopper")
    assert "Accept the suggestions" not in await grace.text("/review/")
    await grace.refused(403, "/review/accept/", chosen=chosen)


async def decided(treasury: Treasury) -> Transaction:
    """By the model, with all that it can be traced to."""
    wallet = treasury.wallets["Operations"]
    moved = [treasury.movement(wallet, Direction.IN, "2", "ETH", value="6240", other="payer", key="log:7")]
    provenance = Provenance(model="granite4:micro", model_digest="1f5e0c4c1d3e7a2c", prompt_hash="ab" * 32, duration_ms=1234)
    made = treasury.transaction(moved, treasury.now - timedelta(hours=5), booking=Booking.DONE, finality=Finality.CONFIRMED)
    said = {
        "category": "reward",
        "category_source": "model",
        "confidence": 0.93,
        "purpose": f"Staking of {LONG}",
        "tax_category": "income",
        "account": "4300",
        "explanation": "A validator pays.",
        "evidence": ["log:7", "log:12"],
        "model": "granite4:micro",
        "provenance": provenance.model_dump(mode="json", exclude_defaults=True),
    }
    return await treasury.record(made.model_copy(update=said))


async def test_a_decision_can_be_traced_on_its_page_and_the_list_tells_what_it_is_for(sits: Sits, treasury: Treasury) -> None:
    (suggested, *_), by_model = await fill(treasury), await decided(treasury)
    clerk = await sits("ada.okafor")
    page = " ".join((await clerk.get(f"/transactions/{by_model.id}/")).text.split())
    for told in (
        '<a href="#movement-log:7">log 7 · 2 ETH</a>', "<li>log 12</li>", "93 %", "<dd>granite4:micro</dd>", 'title="1f5e0c4c1d3e7a2c"',
        f"SHA-256 of all that it was sent: {'ab' * 32}", "1,234 ms", "<dt>For taxes</dt><dd>Income</dd>", "<dd>4300 Rewards</dd>",
    ):  # fmt: skip
        assert told in page, told
    page = " ".join((await clerk.get(f"/transactions/{suggested.id}/")).text.split())
    assert "Suggested, and not sure enough:" in page and "80 %" in page and "/transactions/org_1:eip155:1:0x5c50/" in page
    rows = (await clerk.get("/transactions/")).text
    assert (
        '<th scope="col" class="tax-col">For taxes</th>' in rows
        and '<td class="tax-col">Income</td>' in rows
        and f'title="Staking of {LONG}"' in rows
    )


async def test_how_sure_is_enough_is_set_by_the_organisation(sits: Sits, treasury: Treasury) -> None:
    clerk, path = await sits("ada.okafor"), "/organization/policies/"
    assert 'value="90"' in (await clerk.get("/organization/")).text
    await clerk.does(path, classification_percent="82.5")
    assert (await Organization.get(treasury.org_id)).classification_threshold == Decimal("0.825")  # type: ignore[union-attr]
    assert "82.5 %" in await clerk.text("/review/")
    for wrong in ("101", "-1", "x", ""):
        assert "must be a percentage from 0 to 100" in await clerk.refused(422, path, classification_percent=wrong)
    await clerk.does(path)  # a form without the field leaves it
    assert (await Organization.get(treasury.org_id)).classification_threshold == Decimal("0.825")  # type: ignore[union-attr]


async def test_a_rule_is_written_tried_ordered_and_deleted(sits: Sits, treasury: Treasury) -> None:
    rows = await fill(treasury)
    clerk = await sits("ada.okafor")
    form: dict[str, Any] = {
        "name": "Hosting",
        "addresses": address_of("other1"),
        "ways": ["out"],
        "category": "expense",
        "subcategory": "Servers",
        "enabled": "on",
    }
    tried = (await clerk.post(PREVIEW, **form)).text
    assert '<span class="strong">1</span> of 3 would change; it decides 1.' in tried and "Servers" in tried
    assert "A rule needs at least one" in (await clerk.post(PREVIEW, category="expense")).text
    assert await ClassificationRule.find({"org_id": treasury.org_id}).count() == 0

    wrong = await clerk.refused(422, f"{RULES}new/", **form | {"addresses": "0x12", "hour_from": "24"})
    assert "An address" in wrong and 'value="Hosting"' in wrong and "must be an hour from 0 to 23" in wrong
    for name in ("Hosting", "Second"):
        assert await clerk.does(f"{RULES}new/", **form | {"name": name}) == f"{RULES}?done=added"
    first, second = await ClassificationRule.find({"org_id": treasury.org_id}).sort("+position").to_list()
    page = await clerk.text(f"{RULES}{first.id}/")
    assert address_of("other1") in page and 'value="out" checked' in page
    await clerk.does(f"{RULES}{second.id}/move/", to="up")
    await clerk.does(f"{RULES}{first.id}/switch/", enabled="false")
    assert await clerk.does(f"{RULES}{first.id}/", **form | {"subcategory": "Hosting"}) == f"{RULES}?done=changed"
    assert "changed meanwhile" in await clerk.refused(412, f"{RULES}{first.id}/", **form | {"version": "1"})
    await clerk.does(f"{RULES}{first.id}/switch/", enabled="false")
    there = await ClassificationRule.find({"org_id": treasury.org_id}).sort("+position").to_list()
    assert [(row.name, row.enabled) for row in there] == [("Second", True), ("Hosting", False)]
    shown = await clerk.text(f"{RULES}apply/")
    assert "Apply to 1 transaction" in shown and rows[0].hash[:6] in shown
    await clerk.does(f"{RULES}{first.id}/delete/")
    assert [row.name for row in await ClassificationRule.find({"org_id": treasury.org_id}).to_list()] == ["Second"]


@pytest.mark.browser
async def test_the_queue_by_keyboard(window: Window, treasury: Treasury, runtime: Runtime) -> None:
    rows, by_model = await fill(treasury), await decided(treasury)  # one that the model decided stays out of the queue
    await window.log_in(path=f"/transactions/{rows[0].id}/")
    assert await window.unfit("suggested") == []
    await window.go("/review/")
    page = window.page
    await expect(page.locator("[data-review-row]")).to_have_count(3)
    await page.keyboard.press("j")
    await page.keyboard.press("w")
    await expect(page.locator("[data-review-row] details").first).to_have_attribute("open", "")
    await page.keyboard.press("x")
    await page.keyboard.press("j")
    await page.keyboard.press("x")
    await expect(page.locator("[data-review-count]")).to_have_text("2 chosen, 2 with a suggestion")
    assert await window.unfit("review") == []
    await page.keyboard.press("a")
    await expect(page.locator("[data-review-row]")).to_have_count(1)
    await expect(page.get_by_text("2 understood and booked.")).to_be_visible()
    assert [(await now(row)).category for row in rows] == ["expense", "reward", "unclassified"]
    await page.keyboard.press("j")
    await page.keyboard.press("c")
    await expect(page.locator("#category")).to_be_focused()
    await page.locator("#category").select_option("income")
    await page.get_by_role("button", name="Say so").click()
    await expect(page.get_by_text("Everything is understood")).to_be_visible()
    assert await window.unfit("review-empty") == []

    await window.go("/classification-rules/new/")
    await page.locator("#name").fill("Hosting of the product and of everything that is near it, for as long as it lasts")
    await page.locator("#addresses").fill(address_of("other3"))
    await page.locator("#category").select_option("income")
    await expect(page.locator("#rule-preview")).to_contain_text("0 of 1 would change; it decides 0.", timeout=30_000)
    assert await window.unfit("rule") == []
    await page.get_by_role("button", name="Save the rule").click()
    await expect(page.get_by_text("The rule was added.")).to_be_visible()
    assert await window.unfit("rules") == []
    for name, path in (("list", ""), ("by-model", f"{by_model.id}/")):
        await window.go(f"/transactions/{path}")
        assert await window.unfit(name) == []
    await window.go("/organization/")
    assert await window.unfit("settings") == []
