"""The overview beside what is held: what waits, what is owed, how long it lasts; its files; what it costs; and how it looks."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from playwright.async_api import expect

from crypto_api.dashboard.overview_charts import slices
from crypto_api.flows.age_receivables import age_receivables
from crypto_api.flows.read_overview import Overview, attention, held_and_runway, owed_now, pay_due, read_overview
from crypto_api.invoices.documents import Invoice, InvoicePayment
from crypto_api.invoices.types import AgeBucket, InvoiceKind, InvoiceStatus, PaymentMethod, Rounding, Totals
from crypto_api.kit.amounts import divide
from crypto_api.kit.ids import new_id
from crypto_api.ledger.types import AccountCode, Line
from crypto_api.organizations.documents import CustomRole, Membership
from crypto_api.organizations.types import Permission, Role
from crypto_api.payroll.documents import PayrollPeriod, Payslip
from crypto_api.payroll.types import PayrollStatus
from crypto_api.prices.types import Pricing
from crypto_api.reports import overview
from crypto_api.reports.overview import AssetPosition, Valuation, valuation
from crypto_api.runtime import Runtime
from crypto_api.transactions.types import Booking, Direction, Finality
from tests.dashboard.conftest import Window
from tests.dashboard.desk import Desk, Sits, admin_of, sits
from tests.dashboard.test_portfolio_pages import LONG, fill
from tests.factories.treasury import PASSWORD, Treasury, new_treasury
from tests.tenant_guard import guard

__all__ = ["sits"]

D = Decimal


async def owe(treasury: Treasury, number: int, booked: str, settled: str, due_in: int, status: InvoiceStatus = InvoiceStatus.SENT) -> None:
    day, zero = treasury.now.date(), D(0)
    row = Invoice(
        id=new_id("inv"),
        created_at=treasury.now,
        updated_at=treasury.now,
        org_id=treasury.org_id,
        kind=InvoiceKind.INVOICE,
        status=status,
        number=f"INV-{number}",
        client_id="cli_one",
        client_name="Nordwind Handels GmbH",
        client_name_folded="nordwind handels gmbh",
        currency="USD",
        decimals=2,
        rounding=Rounding(),
        items=[],
        totals=Totals(lines=(), taxes=(), subtotal=D(booked), discount=zero, tax=zero, total=D(booked)),
        total=D(booked),
        terms_days=14,
        due_date=day + timedelta(days=due_in),
        issue_date=day - timedelta(days=100),
        booked=D(booked),
        settled=D(settled),
        booked_on=day - timedelta(days=100),
        created_by=treasury.admin.id,
    )
    await row.insert()
    if settled != "0":
        await paid(treasury, row, D(settled))


async def paid(treasury: Treasury, row: Invoice, amount: Decimal) -> None:
    payment = InvoicePayment(
        id=new_id("ivp"),
        created_at=treasury.now,
        org_id=treasury.org_id,
        invoice_id=row.id,
        amount=amount,
        currency="USD",
        date=treasury.now.date(),
        method=PaymentMethod.BANK,
        account_code="1010",
        rate=D(1),
        rate_source="same",
        received=amount,
        settled=amount,
        entry_id="ent_none",
        booked_on=treasury.now.date(),
        created_by=treasury.admin.id,
    )
    await payment.insert()


async def spend(treasury: Treasury, value: str, days: float) -> None:
    wallet = treasury.wallets["Operations"]
    moved = [treasury.movement(wallet, Direction.OUT, value, "USDC", value=value, other="landlord")]
    at = treasury.now - timedelta(days=days)
    row = treasury.transaction(moved, at, booking=Booking.DONE, category="expense", finality=Finality.CONFIRMED)
    lines = [
        Line(account_code="5300", debit=D(value)),
        Line(account_code=AccountCode.CRYPTO, credit=D(value), asset="USDC", quantity=-D(value), wallet_id=wallet.id),
    ]
    await treasury.post("Rent", lines, at, transaction=await treasury.record(row))


async def payroll(treasury: Treasury, title: str, days: int, nets: list[str], status: PayrollStatus = PayrollStatus.APPROVED) -> None:
    day = treasury.now.date()
    fields: dict[str, Any] = {"created_at": treasury.now, "updated_at": treasury.now, "org_id": treasury.org_id, "currency": "USD"}
    days_of = {"start_date": day - timedelta(days=30), "end_date": day, "pay_date": day + timedelta(days=days)}
    period = PayrollPeriod(id=new_id("pay"), title=title, status=status, created_by=treasury.admin.id, **days_of, **fields)
    await period.insert()
    for place, net in enumerate(nets):
        money: dict[str, Any] = {"gross": D(net), "taxable": D(net), "tax": D(0), "net": D(net)}
        about: dict[str, Any] = {"employee_id": f"emp_{place}", "employee_name": "Ida", "employee_name_folded": "ida", "period_id": period.id}
        await Payslip(id=new_id("psl"), earnings=[], deductions=[], shares=[], prepared_by="usr_one", **about, **money, **days_of, **fields).insert()


async def owing(treasury: Treasury) -> None:
    await owe(treasury, 1, "1000.50", "0", 5)
    await owe(treasury, 2, "2000", "500.25", -3, InvoiceStatus.OVERDUE)
    await owe(treasury, 3, "70", "0", -95, InvoiceStatus.OVERDUE)
    await owe(treasury, 4, "9000", "9000", -40, InvoiceStatus.PAID)
    await payroll(treasury, "November", 3, ["2500.10", "1200"])
    await payroll(treasury, "October", -20, ["99"], PayrollStatus.PAID)
    await payroll(treasury, "January", 40, ["99"])


async def test_many_who_ask_at_once_share_what_is_read_and_see_what_was_posted_before_they_asked(
    runtime: Runtime, treasury: Treasury, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(runtime, treasury)
    readings, free = 0, asyncio.Event()

    async def slowly(org_id: str, *rest: Any) -> Valuation:
        nonlocal readings
        readings += 1
        found = await valuation(org_id, *rest)
        await asyncio.wait_for(free.wait(), 60)
        return found

    monkeypatch.setattr(overview, "valuation", slowly)
    pricing = Pricing.of(runtime.networks.values(), runtime.prices.settings)

    def asked(of: Treasury = treasury) -> "asyncio.Task[Overview]":
        return asyncio.create_task(read_overview(runtime.reads, of.organization, admin_of(of), treasury.now, pricing, 90))

    first = asked()
    async with asyncio.timeout(60):
        while readings == 0:
            await asyncio.sleep(0.01)
    await spend(treasury, "3000", 9)
    rest = [asked() for _ in range(9)]
    other = asked(await new_treasury(runtime.uow, name="Elsewhere", first="Eve", last="Stranger", now=treasury.now))
    async with asyncio.timeout(60):
        while readings < 2:  # another organisation waits for nobody
            await asyncio.sleep(0.01)
    free.set()
    before, *after = await asyncio.gather(first, *rest)
    assert readings == 3, "one for the first, one for the nine who came meanwhile, one elsewhere"
    assert {found.held.total for found in after} == {before.held.total - 2997} and all(found.held == after[0].held for found in after)
    assert {found.runway.spent_a_month if found.runway else None for found in after} == {D(1000)}
    assert (await other).held.positions == []


async def test_what_is_owed_and_due_and_how_long_it_lasts(runtime: Runtime, treasury: Treasury) -> None:
    await fill(runtime, treasury)
    await owing(treasury)
    await spend(treasury, "3000", 9)
    await spend(treasury, "600", 50)
    organization, now = treasury.organization, treasury.now
    owed = await owed_now(organization, now)
    told = {row.bucket: (row.amount, row.invoices) for row in owed.rows if row.invoices}
    assert told == {AgeBucket.NOT_DUE: (D("1000.50"), 1), AgeBucket.DAYS_1_30: (D("1499.75"), 1), AgeBucket.OVER_90: (D(70), 1)}
    assert (owed.total, owed.overdue, owed.overdue_invoices) == (D("2570.25"), D("1569.75"), 2)
    whole = await age_receivables(runtime.uow, runtime.clock, treasury.org_id, now.date())
    assert {row.bucket: row.amount for row in owed.rows} == whole.buckets, "as the report says, which reads every payment"
    [due] = await pay_due(organization, now)
    assert (due.period.title, due.people, due.net, due.days) == ("November", 2, D("3700.10"), 3)
    pricing = Pricing.of(runtime.networks.values(), runtime.prices.settings)
    held, runway = await held_and_runway(runtime.reads, organization, now, pricing, 10)
    assert held == await valuation(treasury.org_id, "USD", now, pricing)
    months = (held.total / 9000).quantize(D("0.1"))
    assert (runway.spent_a_month, runway.net_a_month, runway.shocks[0].value, runway.shocks[0].months) == (D(9000), D(9000), held.total, months)
    found = await attention(runtime.reads, organization, admin_of(treasury), now)
    assert found.owed == owed and found.pay == [due] and found.anything
    blind = replace(admin_of(treasury), permissions=frozenset({Permission.DASHBOARD_READ}))
    nothing = await attention(runtime.reads, organization, blind, now)
    assert (nothing.approvals, nothing.inbox, nothing.owed, nothing.pay) == (None, None, None, None) and not nothing.anything
    other = await new_treasury(runtime.uow, name="Elsewhere", first="Eve", last="Stranger", now=now)
    assert (await owed_now(other.organization, now)).invoices == 0 and await pay_due(other.organization, now) == []


async def test_the_page_and_its_files_and_what_it_costs(runtime: Runtime, treasury: Treasury, sits: Sits) -> None:
    await fill(runtime, treasury)
    await owing(treasury)
    await spend(treasury, "3000", 10)
    ada = await sits("ada.okafor")
    page = await ada.text("/")
    for said in ("overdue, $1,569.75", "payroll due", "$2,570.25", "November", "$3,700.10", "in 3 days", "Cash runway", "ETH"):
        assert said in page, said
    assert "October" not in page.split("Payroll due")[1].split("Balances")[0], "it is paid"
    lines = (await ada.get("/overview/export/", what="receivables")).text.split("\r\n")
    assert lines[:3] == ["days_past_due,owed,invoices,currency", "not_due,1000.5,1,USD", "1-30,1499.75,1,USD"]
    assert (await ada.get("/overview/export/", what="allocation")).text.startswith(
        "asset,quantity,rate,value,cost,share,currency\r\nETH,52.5,2800,147000"
    )
    assert (await ada.get("/overview/export/", what="runway")).text.count("\r\n") == 5
    assert (await ada.get("/overview/export/", what="value", range="30d")).text.count("\r\n") == 33
    assert (await ada.get("/overview/export/", what="../secrets")).status_code == 404
    ada.http.cookies.set("coffer_period", "7d")
    assert "pace of the last 7 days" in await ada.text("/fragments/overview/runway/")
    assert 'data-period="7d" href="/portfolio/?span=7d" aria-current="page"' in await ada.text("/portfolio/")
    assert 'data-period="7d" href="/insights/?days=7" aria-current="page"' in await ada.text("/insights/")
    ada.http.cookies.set("coffer_period", "<script>")
    assert "pace of the last 90 days" in await ada.text("/fragments/overview/runway/")
    few = await commands_of(ada)
    for number in range(40):
        await owe(treasury, 100 + number, "10", "10", -50, InvoiceStatus.PAID)
        await spend(treasury, "1", 20 + number / 100)
    assert await commands_of(ada) == few, "the page asks the database as often with forty more of everything"


async def test_a_program_is_told_what_the_page_says(runtime: Runtime, treasury: Treasury, sits: Sits) -> None:
    await fill(runtime, treasury)
    await owing(treasury)
    await spend(treasury, "3000", 9)
    ada = await program(await sits(), "ada.okafor")
    answer = await ada.get("/api/dashboard/", range="7d", runway_days="10")
    found = answer.json()
    eth, usdc = D("52.5") * 2800, D("22000.5") * D("0.9990")
    assert (found["currency"], found["value"]["value"]) == ("USD", format((eth + usdc).normalize(), "f"))
    assert found["value"]["gain"] == format((eth + usdc - D(found["value"]["cost"])).normalize(), "f")
    assert found["value"]["unpriced"] == ["DAI", LONG] and found["counts"]["wallets"] == 2
    lead = found["allocation"][0]
    assert [lead[name] for name in ("asset", "quantity", "rate", "value", "cost", "wallets")] == ["ETH", "52.5", "2800", "147000", "157250", 2]
    assert [row["asset"] for row in found["allocation"] if row["value"] is None] == ["DAI", LONG]
    points = found["history"]["points"]
    assert (found["history"]["range"], len(points), points[-1]["value"]) == ("7d", 120, found["value"]["value"])
    assert D(found["history"]["change"]) == D(points[-1]["value"]) - D(points[0]["value"]) != 0
    assert (found["runway"]["spent_a_month"], found["runway"]["shocks"][0]["value"]) == ("9000", found["value"]["value"])
    owed = found["receivables"]
    assert [owed[name] for name in ("total", "overdue", "invoices", "overdue_invoices")] == ["2570.25", "1569.75", 3, 2]
    assert [row["amount"] for row in owed["ages"] if row["invoices"]] == ["1000.5", "1499.75", "70"] and len(owed["ages"]) == 5
    [pay] = found["payroll_due"]
    assert [pay[name] for name in ("name", "status", "days", "people", "net", "currency")] == ["November", "APPROVED", 3, 2, "3700.1", "USD"]
    assert found["needs"]["approvals"] == 0 and found["needs"]["inbox"] > 0
    assert [row["asset"] for row in found["latest_transactions"]][:3] == [LONG, "DAI", "USDC"]
    assert len(found["latest_transactions"]) == 6
    same = {"range": "7d", "runway_days": "10"}
    kept = await ada.http.get("/api/dashboard/", params=same, headers={"If-None-Match": f'"x", {answer.headers["etag"]}'})
    assert (kept.status_code, kept.content, kept.headers["etag"]) == (304, b"", answer.headers["etag"])
    await owe(treasury, 9, "1", "0", -4, InvoiceStatus.OVERDUE)
    fresh = await ada.http.get("/api/dashboard/", params=same, headers={"If-None-Match": answer.headers["etag"]})
    assert (fresh.status_code, fresh.json()["receivables"]["total"]) == (200, "2571.25") and fresh.headers["etag"] != answer.headers["etag"]
    for wrong in ({"range": "2d"}, {"runway_days": "0"}, {"runway_days": "1_0"}):
        assert (await ada.get("/api/dashboard/", **wrong)).status_code == 422, wrong


async def test_what_a_role_may_not_see_is_null_and_elsewhere_there_is_nothing(runtime: Runtime, treasury: Treasury, sits: Sits) -> None:
    await fill(runtime, treasury)
    await owing(treasury)
    who = await treasury.member("Cleo", "Clerk", Role.USER)
    made = {"created_at": treasury.now, "updated_at": treasury.now}
    clerk = CustomRole(id=new_id("rol"), org_id=treasury.org_id, name="Clerk", name_folded="clerk", permissions=[Permission.DASHBOARD_READ], **made)
    await clerk.insert()
    await Membership.find({"org_id": treasury.org_id, "user_id": who.id}).set({"role": clerk.id})
    found = (await (await program(await sits(), "cleo.clerk")).get("/api/dashboard/")).json()
    assert [found[name] for name in ("runway", "receivables", "payroll_due", "latest_transactions")] == [None] * 4
    assert found["needs"] == {"approvals": None, "inbox": None} and found["value"]["value"] != "0" and found["allocation"]
    await new_treasury(runtime.uow, name="Elsewhere", first="Eve", last="Stranger", now=treasury.now)
    theirs = (await (await program(await sits(), "eve.stranger")).get("/api/dashboard/")).json()
    assert (theirs["value"]["value"], theirs["allocation"], theirs["latest_transactions"], theirs["payroll_due"]) == ("0", [], [], [])
    assert (theirs["receivables"]["total"], theirs["history"]["points"], theirs["history"]["change"]) == ("0", [], None)


async def program(desk: Desk, name: str) -> Desk:
    """The same, logged in as a program is."""
    answer = await desk.http.post("/api/auth/login/", json={"username": name, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    desk.http.headers["Authorization"] = f"Bearer {answer.json()['access']}"
    return desk


async def commands_of(desk: Desk) -> int:
    """How often the product asks the database of an organisation's rows to make the page."""
    before = guard.seen
    await desk.text("/")
    return guard.seen - before


@pytest.mark.parametrize("window", [{"width": 1360}, {"width": 390, "theme": "dark"}], indirect=True, ids=["wide", "phone"])
async def test_it_looks_right(runtime: Runtime, treasury: Treasury, relay: None, window: Window) -> None:
    await window.log_in()
    await expect(window.page.get_by_text("No balances yet")).to_be_visible()
    await window.picture(f"overview-empty-{window.width}")
    await fill(runtime, treasury)
    await owing(treasury)
    await payroll(treasury, "The whole team of the foundation in Zürich and Buenos Aires, with bonuses, " * 2, -2, ["123456789.01"])
    await spend(treasury, "3000", 9)
    await window.go("/")
    await window.is_live()
    await expect(window.page.locator("#owed-total")).to_have_text("$2,570.25")
    await expect(window.page.locator(".ring circle")).to_have_count(2)
    assert await window.sideways_scroll() <= 0
    assert await window.grave_findings() == []
    await window.picture(f"overview-full-{window.width}")
    await owe(treasury, 9, "1000", "0", -4, InvoiceStatus.OVERDUE)
    await window.page.evaluate("document.body.dispatchEvent(new CustomEvent('coffer:invoice'))")
    await expect(window.page.locator("#need-overdue")).to_have_text("3")
    await expect(window.page.locator("#owed-total")).to_have_text("$3,570.25")
    if await window.page.locator("[data-range='7d']").is_visible():
        await window.page.click("[data-range='7d']")
        assert str(await window.page.locator("#value-export").get_attribute("href")).endswith("range=7d")
        await window.go("/portfolio/")
        await expect(window.page.locator("[data-period='7d']")).to_have_attribute("aria-current", "page")


def test_the_ring_takes_shares_that_never_end() -> None:
    sevenths = [divide(Decimal(part), Decimal(21)) for part in (6, 5, 4, 3, 2, 1)]
    held = [AssetPosition(f"A{number}", Decimal(1), Decimal(1), None, Decimal(1), share, 1) for number, share in enumerate(sevenths)]
    found = slices([*held, AssetPosition("unpriced", Decimal(1), Decimal(1), None, None, None, 1)])
    assert [(row.asset, row.length, row.offset) for row in found] == [
        ("A0", "28.571", "-0.000"),
        ("A1", "23.810", "-28.571"),
        ("A2", "19.048", "-52.381"),
        ("A3", "14.286", "-71.428"),
        ("A4", "9.524", "-85.714"),
        ("", "4.762", "-95.238"),
    ]
