"""Portfolio and prices as people use them: figures that are the reader's, forms that do and refuse, and pages that fit and change by themselves."""

from datetime import timedelta
from decimal import Decimal

import pytest
from playwright.async_api import expect

from crypto_api.flows.inbox_sweep import sweep_inbox
from crypto_api.ledger.types import AccountCode, Line
from crypto_api.organizations.types import Role
from crypto_api.price_alerts import service as alerts
from crypto_api.price_alerts.documents import PriceAlert
from crypto_api.prices import service as prices
from crypto_api.prices import store
from crypto_api.prices.documents import ManualPrice
from crypto_api.prices.types import PriceSource, Quote, Tried
from crypto_api.runtime import Runtime
from crypto_api.transactions.types import Booking, Direction, Finality
from crypto_api.wallets.documents import Wallet
from tests.dashboard.conftest import Window
from tests.dashboard.desk import Sits, sits
from tests.factories.treasury import Treasury, new_treasury

__all__ = ["sits"]

D = Decimal
LONG = "eip155:31337/erc20:0x" + "abcdef" * 6 + "abcd"


async def receive(treasury: Treasury, wallet: Wallet, quantity: str, asset: str, value: str, days: float) -> None:
    at = treasury.now - timedelta(days=days)
    moved = [treasury.movement(wallet, Direction.IN, quantity, asset, value=value if value != "0" else None, other="payer")]
    row = treasury.transaction(moved, at, booking=Booking.DONE, category="income", finality=Finality.CONFIRMED, unpriced=value == "0")
    lines = [
        Line(account_code=AccountCode.CRYPTO, debit=D(value), asset=asset, quantity=D(quantity), wallet_id=wallet.id),
        Line(account_code=AccountCode.REVENUE, credit=D(value), asset=asset, quantity=-D(quantity)),
    ]
    await treasury.post("Income from the sale of services", lines, at, transaction=await treasury.record(row), unpriced=value == "0")


async def fill(runtime: Runtime, treasury: Treasury) -> None:
    """Forty days of ether between 2,800 and 3,400, a stablecoin, one asset without a price and one of a long name."""
    main, cold = await treasury.wallet("Operations"), await treasury.wallet("Cold storage of the foundation in Zürich, second vault")
    for day in range(41, -1, -1):
        at = treasury.now - timedelta(days=day, hours=1)
        await treasury.rate("ETH", str(2800 + (day * 37) % 600), at, 1_000 + 41 - day)
        await treasury.rate("USDC", f"0.999{day % 10}", at, 1_000 + 41 - day)
    await receive(treasury, main, "12.5", "ETH", "36250", 35)
    await receive(treasury, cold, "40", "ETH", "121000", 30)
    await receive(treasury, main, "25000.5", "USDC", "24999.25", 12)
    await receive(treasury, main, "1500", "DAI", "0", 6)
    await receive(treasury, cold, "7", LONG, "0", 5)
    await sweep_inbox(runtime.uow, runtime.clock, treasury.org_id, runtime.networks)
    tried = [Tried("manual", "nobody entered a price of DAI in USD from before then"), Tried("coingecko", "DAI/USD: it answers 429")]
    await store.note_gap(treasury.org_id, "DAI", "USD", treasury.now - timedelta(days=6), tried, treasury.now)


async def test_the_portfolio_page_says_what_the_books_and_the_rates_say(runtime: Runtime, treasury: Treasury, sits: Sits) -> None:
    await fill(runtime, treasury)
    ada = await sits("ada.okafor")
    page = await ada.text("/portfolio/", span="30d")
    ether, coin = D("52.5") * 2800, (D("25000.5") * D("0.9990")).quantize(D("0.01"))
    assert f"${ether + coin:,.2f}" in page and "$182,249.25" in page, "value and cost of what is priced"
    assert "Held and in no value here, for want of a price: " in page and "DAI" in page
    assert "Left out of the returns:" in page and "Time-weighted" in page and "none" not in page.split("Time-weighted")[1][:80]
    movements = await ada.text("/portfolio/movements/", asset="ETH")
    assert "52.5 ETH, cost $157,250.00" in movements and movements.count("Income from the sale of services") == 2
    points = (await ada.get("/fragments/portfolio/series/", span="30d")).json()["points"]
    assert (points[-1]["value"], points[-1]["unpriced"][0]) == (f"{ether + coin:.2f}", "DAI")
    assert len(points) in (31, 32)
    assert "Nothing of it was booked" in await ada.text("/portfolio/movements/", asset="DOGE")
    await new_treasury(runtime.uow, name="Elsewhere", first="Eve", last="Stranger", now=runtime.clock.now())
    eve = await sits("eve.stranger")
    assert "Nothing is held yet" in await eve.text("/portfolio/")
    assert "Income from" not in await eve.text("/portfolio/movements/", asset="ETH")


async def test_prices_are_entered_and_alerts_kept_by_forms_that_refuse_in_words(runtime: Runtime, treasury: Treasury, sits: Sits) -> None:
    await fill(runtime, treasury)
    ada = await sits("ada.okafor")
    page = await ada.text("/prices/")
    assert "feed ETH/USD on Local chain" in page and "no source tells one that is fresh enough" in page
    for fields, said in (
        ({"asset": "D AI", "rate": "1"}, "must be the name of an asset"),
        ({"asset": "DAI", "rate": "a lot"}, "must be a number"),
        ({"asset": "DAI", "rate": "0"}, "must be more than zero"),
        ({"asset": "DAI", "rate": "1", "at": "2999-01-01T00:00"}, "must not be in the future"),
        ({"asset": "DAI", "rate": "1", "at": "yesterday"}, "is not a time"),
    ):
        assert said in await ada.refused(422, "/prices/enter/", quote="USD", **fields), fields
    assert await ManualPrice.find({"org_id": treasury.org_id}).count() == 0
    when = f"{treasury.now - timedelta(days=20):%Y-%m-%dT%H:%M}"
    assert await ada.does("/prices/enter/", asset="DAI", quote="USD", rate="0.998", at=when, reason="Broker") == "/prices/?done=entered"
    (row,) = await ManualPrice.find({"org_id": treasury.org_id}).to_list()
    assert (row.rate, row.set_by) == (D("0.998"), treasury.admin.id)
    assert "0.998" in await ada.text("/prices/") and "Broker" in await ada.text("/prices/")
    worklist = await ada.text("/prices/unpriced/")
    assert "coingecko" in worklist and "DAI/USD: it answers 429" in worklist and "No price for DAI" in worklist
    assert await ada.does("/prices/unpriced/retry/") == "/prices/unpriced/?done=retried"
    assert "must be more than zero" in await ada.refused(422, "/prices/alerts/add/", asset="ETH", quote="USD", condition="above", threshold="0")
    await ada.refused(422, "/prices/alerts/add/", asset="ETH", quote="USD", condition="sideways", threshold="1")
    assert await ada.does("/prices/alerts/add/", asset="ETH", quote="USD", condition="above", threshold="4000", note="Sell") == (
        "/prices/alerts/?done=alert"
    )
    assert "ETH is above 4000 USD" in await ada.text("/prices/alerts/")
    (alert,) = await PriceAlert.find({"org_id": treasury.org_id}).to_list()
    path = f"/prices/alerts/{alert.id}/"
    assert 'value="4000"' in await ada.text(path)
    below = {"condition": "below", "threshold": "2500", "hysteresis": "2", "note": "Buy", "mail": "on"}
    assert "must be more than zero" in await ada.refused(422, path, **below | {"threshold": "0"})
    assert "was changed meanwhile" in await ada.refused(412, path, **below, version="9")
    assert await ada.does(path, **below, version="1") == "/prices/alerts/?done=changed"
    listed = await ada.text("/prices/alerts/")
    assert "ETH is below 2500 USD" in listed and "By a letter to Ada Okafor as well" in listed
    assert await ada.does(f"{path}pause/", paused="true", version="2") == "/prices/alerts/?done=paused"
    assert '<span class="chip">paused</span>' in await ada.text("/prices/alerts/")
    assert await ada.does(f"{path}pause/", paused="false", version="3") == "/prices/alerts/?done=resumed"
    assert "ETH is below" not in await ada.text("/")
    alert = (await PriceAlert.find({"org_id": treasury.org_id}).to_list())[0]
    for minute, rate in ((1, "2600"), (2, "2400")):
        quote = Quote(rate=D(rate), at=treasury.now + timedelta(minutes=minute), source=PriceSource.MANUAL, origin="by hand")
        await runtime.uow.run(lambda session, quote=quote: alerts.see(session, treasury.org_id, alert.id, quote, treasury.now))  # type: ignore[misc]
    assert "ETH is below 2500 USD" in await ada.text("/") and "$2,400.00" in await ada.text("/fragments/overview/alerts/")
    await treasury.member("Mary", "Reader", Role.AUDITOR)
    mary = await sits("mary.reader")
    assert "ETH is below 2500 USD" in await mary.text("/") and "Noted" not in await mary.text("/fragments/overview/alerts/")
    assert await ada.does(f"{path}acknowledge/", **{"from": "overview"}) == "/"
    assert "ETH is below 2500 USD" not in await mary.text("/")
    assert (await ada.get("/prices/alerts/pal_nobody/")).status_code == 404
    await treasury.member("Grace", "Hopper", Role.AUDITOR)
    grace = await sits("grace.hopper")
    assert "Enter a price" not in await grace.text("/prices/") and "Look all up again" not in await grace.text("/prices/unpriced/")
    await grace.refused(403, "/prices/enter/", asset="DAI", quote="USD", rate="1")


@pytest.mark.browser
async def test_the_pages_fit_and_change_by_themselves(runtime: Runtime, treasury: Treasury, window: Window, relay: None) -> None:
    await fill(runtime, treasury)
    org_id, ada, now = treasury.org_id, treasury.admin.id, runtime.clock.now()
    await window.log_in(path="/portfolio/?span=90d")
    await window.is_live()
    await expect(window.page.locator("#portfolio-table tr").first).to_be_attached()
    assert await window.page.locator("#portfolio-table tr").count() >= 35
    assert await window.unfit("portfolio") == []
    wallet = next(iter(treasury.wallets.values()))
    before = await window.page.locator("#worth").inner_text()
    await receive(treasury, wallet, "1", "ETH", "2800", 0)
    await expect(window.page.locator("#worth")).not_to_have_text(before)
    for path, name in (("/portfolio/movements/?asset=ETH", "movements"), ("/prices/", "prices"), ("/prices/unpriced/", "unpriced")):
        await window.go(path)
        await window.is_live()
        assert await window.unfit(name) == [], path
    await window.go("/prices/alerts/")
    await window.is_live()
    await expect(window.page.locator("#alert-rows")).to_contain_text("No alerts yet")
    await window.page.fill("#asset", "ETH")
    await window.page.fill("#threshold", "4000")
    await window.page.click("text=Add the alert")
    await expect(window.page.locator("#alert-rows")).to_contain_text("ETH is above 4000 USD")
    assert await window.unfit("alerts") == []
    (alert,) = await PriceAlert.find({"org_id": org_id}).to_list()
    for minute, rate in ((1, "3900"), (2, "4100")):
        quote = Quote(rate=D(rate), at=now + timedelta(minutes=minute), source=PriceSource.MANUAL, origin="by hand")
        await runtime.uow.run(lambda session, quote=quote: alerts.see(session, org_id, alert.id, quote, now))  # type: ignore[misc]
    await expect(window.page.locator("#alert-rows")).to_contain_text("new")
    assert await window.sideways_scroll() <= 0 and await window.grave_findings() == []
    await window.go("/")
    await expect(window.page.locator("#alert-notices")).to_contain_text("ETH is above 4000 USD")
    assert await window.sideways_scroll() <= 0 and await window.grave_findings() == []
    await window.page.click("#alert-notices >> text=Noted")
    await expect(window.page.locator("#alert-notices")).not_to_contain_text("ETH")
    await window.go("/prices/alerts/")
    assert await window.sideways_scroll() <= 0
    assert await window.grave_findings() == []
    await runtime.uow.run(
        lambda session: prices.set_manual(session, org_id, asset="ETH", quote="USD", at=now, rate=D(1), reason="", user_id=ada, now=now)
    )
