"""What the guide shows. Most pictures are of a page as somebody finds it; the others are taken on the way of a journey."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from playwright.async_api import Locator, expect

from crypto_project.demo import cast
from tests.guide.company import Company
from tests.guide.studio import APPROVER, CONTROLLER, EMPLOYEE, FOUNDER, HEIGHT, Studio

TALL = 1080
PAYEE = cast.SUPPLIERS[1].name


@dataclass(frozen=True)
class Shown:
    """A page, or with `row` what a list has under that name; with `row` empty, what it has first."""

    person: cast.Person | None
    path: str
    row: str | None = None
    height: int = HEIGHT


PAGES: dict[str, Shown] = {
    "log-in": Shown(None, "/login/", height=700),
    "overview": Shown(FOUNDER, "/", height=TALL),
    "security": Shown(FOUNDER, "/security/"),
    "wallets": Shown(FOUNDER, "/wallets/"),
    "wallet": Shown(FOUNDER, "/wallets/", "Operations", TALL),
    "wallet-add": Shown(FOUNDER, "/wallets/add/"),
    "transactions": Shown(CONTROLLER, "/transactions/"),
    "transaction": Shown(CONTROLLER, "/transactions/?q=Nimbus", "", TALL),
    "address-book": Shown(FOUNDER, "/address-book/", height=620),
    "payment-policy": Shown(FOUNDER, "/payment-policy/", height=700),
    "payment-policy-change": Shown(FOUNDER, "/payment-policy/change/", height=TALL),
    "invoices": Shown(CONTROLLER, "/invoices/"),
    "receipts": Shown(CONTROLLER, "/receipts/", height=620),
    "receipt": Shown(CONTROLLER, "/receipts/", "Alpine"),
    "payroll": Shown(CONTROLLER, "/payroll/", "November"),
    "my-pay": Shown(EMPLOYEE, "/my-pay/", height=700),
    "payslip": Shown(EMPLOYEE, "/my-pay/", "", TALL),
    "review": Shown(CONTROLLER, "/review/"),
    "rule": Shown(CONTROLLER, "/classification-rules/new/", height=TALL),
    "journal": Shown(CONTROLLER, "/journal/"),
    "entry": Shown(CONTROLLER, "/journal/?q=Expense", ""),
    "trial-balance": Shown(CONTROLLER, "/trial-balance/", height=700),
    "closing": Shown(CONTROLLER, "/closing/", "", TALL),
    "lot-policy": Shown(CONTROLLER, "/lot-policy/", height=560),
    "portfolio": Shown(CONTROLLER, "/portfolio/", height=TALL),
    "insights": Shown(CONTROLLER, "/insights/", height=TALL),
    "exports": Shown(CONTROLLER, "/exports/", height=TALL),
    "inbox": Shown(CONTROLLER, "/inbox/"),
    "inbox-item": Shown(CONTROLLER, "/inbox/", ""),
    "members": Shown(FOUNDER, "/members/"),
    "roles": Shown(FOUNDER, "/roles/"),
    "notices": Shown(FOUNDER, "/notifications/preferences/"),
    "task-log": Shown(FOUNDER, "/tasks/", height=620),
    "statistics": Shown(FOUNDER, "/statistics/", height=700),
    "automation": Shown(FOUNDER, "/automation/"),
    "users-online": Shown(FOUNDER, "/users-online/", height=620),
    "audit-log": Shown(FOUNDER, "/audit-log/"),
}

Journey = Callable[[Studio, Company], Awaitable[None]]
JOURNEYS: list[tuple[tuple[str, ...], Journey]] = []


def makes(*names: str) -> Callable[[Journey], Journey]:
    def note(journey: Journey) -> Journey:
        JOURNEYS.append((names, journey))
        return journey

    return note


def names() -> list[str]:
    """Of every picture."""
    return [*PAGES, *(name for several, _ in JOURNEYS for name in several)]


async def show(studio: Studio, name: str) -> None:
    shown = PAGES[name]
    desk = await studio.desk(shown.person)
    await (desk.go(shown.path) if shown.row is None else desk.open(shown.path, shown.row))
    await desk.confirm()
    await desk.take(name, height=shown.height)


# ---- journeys --------------------------------------------------------------------------------------------------------------------------


@makes("payment-new", "payment-review", "payment-waits", "approvals", "payment-approve", "payment-paid")
async def pay_somebody(studio: Studio, company: Company) -> None:
    """Prepared by the controller, approved by the head of finance, paid by the workers."""
    desk = await studio.desk(CONTROLLER)
    await desk.go("/payments/new/")
    await _choose(desk.page.locator("#wallet_id"), cast.PAYOUTS.name)
    await desk.quiet()
    await _choose(desk.page.locator("#payee_id"), PAYEE)
    await desk.page.fill("#amount", "1850")
    await desk.page.select_option("#asset", value="USDC")
    await desk.page.fill("#description", "Review of the half year, invoice 2026-118")
    await desk.take("payment-new", height=700)
    await desk.press("Review")
    await expect(desk.page.locator("h1")).to_have_text("Is everything right?")
    await desk.take("payment-review", height=700)
    await desk.page.locator(".review button[name=step][value=submit]").click()
    await expect(desk.page.locator("#payment-state")).to_contain_text("Needs approval")
    await desk.take("payment-waits")
    approver = await studio.desk(APPROVER)
    await approver.go("/approvals/")
    await approver.take("approvals", height=620)
    await approver.page.get_by_role("link", name=PAYEE).first.click()
    await approver.quiet()
    if await approver.page.get_by_role("link", name="Confirm that it is you, then decide").count():
        await approver.press("Confirm that it is you, then decide")
        await approver.confirm()
    await approver.take("payment-approve")
    await approver.press("Approve")
    await company.until_mined(approver.page.locator("#payment-state"), "Paid")
    await desk.go(urlsplit(desk.page.url).path)
    await desk.take("payment-paid", height=TALL)


@makes("payee-verify")
async def compare_an_address(studio: Studio, company: Company) -> None:
    desk = await studio.desk(FOUNDER)
    await desk.open("/address-book/", cast.PAYEE_TO_VERIFY.name)
    await desk.press("Verify this address")
    await desk.confirm()
    await desk.take("payee-verify")


@makes("invoice-new", "invoice", "payer-page")
async def be_paid_in_crypto(studio: Studio, company: Company) -> None:
    desk = await studio.desk(CONTROLLER)
    await desk.go("/invoices/new/")
    await desk.page.select_option("#client_id", label="Maple Grid Inc.")
    await desk.page.fill("#reference", "R-2214")
    for number, (text, count, price) in enumerate((("Custody workshop, days", "2", "1850"), ("Travel", "1", "640"))):
        for name, value in (("description", text), ("quantity", count), ("price", price), ("taxes", "Sales tax 8.25")):
            await desk.page.locator(f"[name={name}]").nth(number).fill(value)
    await expect(desk.page.locator("#invoice-preview")).to_contain_text("USD")
    await desk.take("invoice-new", height=TALL)
    await desk.open("/invoices/?view=open", "Alpine Robotics GmbH")
    form = desk.page.locator("form[action$='/crypto/']")
    await _choose(form.locator("#asset"), "USDC")
    await _choose(form.locator("#place"), cast.RECEIVABLES.name)
    await form.locator("button[type=submit]").click()
    await desk.quiet()
    link = await desk.page.locator("a[href*='/pay/']").first.get_attribute("href")
    await desk.take("invoice", height=TALL)
    assert link is not None
    payer = await studio.desk(None)
    await payer.go(link)
    await expect(payer.page.locator("body")).to_contain_text("locked for")
    await payer.take("payer-page", height=TALL)


@makes("tax-report")
async def tell_gains(studio: Studio, company: Company) -> None:
    desk = await studio.desk(CONTROLLER)
    await desk.go("/tax/")
    await desk.press("Make the report")
    await desk.open("/tax/")
    await expect(desk.page.locator("main")).to_contain_text("Net gain or loss")
    await desk.take("tax-report", height=TALL)


@makes("statement")
async def state(studio: Studio, company: Company) -> None:
    desk = await studio.desk(CONTROLLER)
    await desk.go("/statements/")
    await desk.page.get_by_label("Statement", exact=True).select_option(label="Income statement")
    await desk.press("Make the statement")
    await desk.open("/statements/", "Income statement")
    await desk.take("statement", height=TALL)


@makes("entry-new")
async def write_an_entry(studio: Studio, company: Company) -> None:
    desk = await studio.desk(CONTROLLER)
    await desk.go("/journal/new/")
    await desk.page.fill("#description", "Rent of the office, November")
    for number, (account, debit, credit) in enumerate((("5300 Suppliers and services", "2400.00", ""), ("1010 Cash at bank", "", "2400.00"))):
        for name, value in (("account", account), ("debit", debit), ("credit", credit)):
            await desk.page.locator(f"[name={name}]").nth(number).fill(value)
    await desk.take("entry-new", height=620)


@makes("webhook")
async def tell_a_program(studio: Studio, company: Company) -> None:
    desk = await studio.desk(FOUNDER)
    await desk.go("/webhooks/")
    await desk.page.fill("#url", "https://accounting.northwind.example/coffer")
    await desk.page.fill("#kinds", "invoice.*\npayment.confirmed")
    await desk.page.fill("#description", "Our accounting system")
    await desk.take("webhook", height=620)


async def _choose(select: Locator, part: str) -> None:
    """The first choice that has it in its words."""
    labels = await select.locator("option").all_inner_texts()
    await select.select_option(index=next(number for number, label in enumerate(labels) if part in label))
