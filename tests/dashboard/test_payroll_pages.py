"""Pages of payroll: from what somebody earns to the employee's own payslip and the public page that says that it is genuine."""

from datetime import timedelta
from decimal import Decimal

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from playwright.async_api import expect

from crypto_api.dashboard import views_payroll
from crypto_api.organizations.types import Role
from crypto_api.payroll.documents import PayProfile, PayrollPeriod, Payslip
from crypto_api.payroll.types import PayMethod, ShareRule
from crypto_api.recurring.documents import RecurringPayment
from crypto_api.runtime import Runtime
from crypto_api.wallets.documents import WalletType
from tests.dashboard.conftest import Window
from tests.dashboard.desk import Sits, sits
from tests.dashboard.test_payment_browser import confirm
from tests.factories.payrolls import ALL_ETH, employed
from tests.factories.treasury import Treasury, address_of

__all__ = ["sits"]
DAYS = {"name": "November 2026", "start_date": "2026-11-01", "end_date": "2026-11-30", "pay_date": "2026-11-30", "currency": "USD"}
LONG = "Wilhelmina Alexandrina von Hohenberg-Steinfurt zu Altenkirchen"


async def people(treasury: Treasury, *user_ids: str) -> list[str]:
    now = treasury.now - timedelta(days=2)
    bank = (ShareRule(method=PayMethod.BANK, percent=ALL_ETH[0].percent),)
    rows = [
        await employed(treasury.org_id, address_of("grace"), now, basic="6200.50", tax_table="EXAMPLE", name=LONG),
        await employed(treasury.org_id, address_of("edsger"), now, basic="5000", shares=bank, name="Edsger", user_id=user_ids[0]),
    ]
    return [row.employee_id for row in rows]


async def test_a_payroll_goes_through_its_pages(sits: Sits, treasury: Treasury, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    await treasury.member("Paul", "Pays", Role.APPROVER)
    employee = await treasury.member("Edsger", "Works", Role.USER)
    _, edsger_id = await people(treasury, employee.id)
    ada, paul, edsger = await sits("ada.okafor"), await sits("paul.pays"), await sits("edsger.works")
    assert "No payrolls yet" in await ada.text("/payroll/")
    told = await ada.refused(422, "/payroll/add/", **DAYS | {"name": "", "pay_date": ""})
    assert "The name is needed." in told and "The day of payment is needed." in told
    to = await ada.does("/payroll/add/", **DAYS)
    period = await PayrollPeriod.find_one({"org_id": treasury.org_id})
    assert period is not None and to == f"/payroll/{period.id}/?done=opened"
    path = f"/payroll/{period.id}/"
    assert "Nobody has said what they earn" not in await ada.text(path)
    assert await ada.does(path + "process/") == path + "?done=processed"
    shown = await ada.text(path)
    assert LONG[:50] in shown and "10,360.40" in shown, "6200.50 less 840.10 of tax, and 5000"
    with monkeypatch.context() as few:
        few.setattr(views_payroll, "_SHOWN", 1)
        page = await ada.text(path)
        assert "Edsger Hopper" in page and LONG[:50] not in page and "1 to 1 of 2" in page and "10,360.40" in page, "the sums are of everybody"
        assert f"{path}?from=1" in page and f"/fragments{path}?from=0" in page and ">Earlier<" not in page
        for shown_from in ("1", "999"):
            page = await ada.text(f"{path}?from={shown_from}")
            assert LONG[:50] in page and "Edsger Hopper" not in page and "2 to 2 of 2" in page and ">Later<" not in page
        assert "1 to 1 of 2" in await ada.text(f"{path}?from=-1")
    assert "Nobody approves what they prepared" in (await ada.post(path + "approve/")).text
    assert (await edsger.get(path)).status_code == 403 and (await paul.post(path + "process/")).status_code == 403
    assert await paul.does(path + "approve/") == path + "?done=approved"
    mine = await Payslip.find_one({"employee_id": edsger_id})
    assert mine is not None and mine.verify_token is not None
    assert "Book the payment" in await ada.text(f"/payslips/{mine.id}/")
    assert await ada.does(f"/payslips/{mine.id}/paid/", reference="SEPA 1") == f"/payslips/{mine.id}/?done=paid"
    assert "paid already" in await ada.refused(409, f"/payslips/{mine.id}/paid/")
    assert await ada.does(f"/payslips/{mine.id}/send/") == f"/payslips/{mine.id}/?done=mailed"
    own = await edsger.text("/my-pay/")
    assert "5,000.00" in own and "Years" in own and "Get the text to sign" in own
    assert "Net USD" in await edsger.text(f"/my-pay/{mine.id}/")
    file = await edsger.get(f"/my-pay/{mine.id}/download/")
    assert (file.status_code, file.content[:5]) == (200, b"%PDF-")
    assert (await ada.get(f"/my-pay/{mine.id}/download/")).status_code == 404, "for the employee alone"
    nobody = await sits()
    public = await nobody.get(f"/payslips/verify/{mine.verify_token}/")
    assert public.status_code == 200 and "This payslip is genuine" in public.text and public.headers["referrer-policy"] == "no-referrer"
    assert (await nobody.get("/payslips/verify/other/")).status_code == 404
    asked = await edsger.post("/my-pay/wallet/", address=address_of("edsger"))
    assert "The text to sign" in asked.text and treasury.org_id in asked.text
    profile = f"/pay-profiles/{edsger_id}/"
    split = {"basic": "5100", "currency": "USD", "method_0": "crypto", "asset_0": "ETH", "percent_0": "60", "method_1": "bank"}
    assert "exactly 100 per cent" in await ada.refused(422, profile, **split, percent_1="39")
    assert await ada.does(profile, **split, percent_1="40") == profile + "?done=saved"
    row = await PayProfile.get(edsger_id)
    assert row is not None and [(share.method, share.asset) for share in row.shares] == [("crypto", "ETH"), ("bank", None)]
    assert (await paul.post(profile, **split)).status_code == 403


async def test_a_draft_is_adjusted_and_tables_are_added_by_their_day(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    employee = await treasury.member("Edsger", "Works", Role.USER)
    _, edsger_id = await people(treasury, employee.id)
    ada = await sits("ada.okafor")
    page = await ada.text("/payroll/tax-tables/")
    assert "No tables of your own" in page and "An example" in page and "of no country; not for use" in page
    table = {"code": "WAGE-1", "name": "Wage <tax>", "currency": "USD", "effective_from": "2026-01-01"}
    for wrong, words in (
        ({"code": "wage"}, "must be up to 30 capital letters"),
        ({"code": "EXAMPLE"}, "is that of the example"),
        ({"effective_from": ""}, "The day is needed."),
        ({"above": "500"}, "must begin with a bracket above 0"),
        ({"percent": "101"}, "row 1 is not"),
    ):
        assert words in await ada.refused(422, "/payroll/tax-tables/add/", **{**table, "above": "0", "percent": "10"} | wrong), words
    for day, percent in (("2026-01-01", "10"), ("2026-11-01", "12.5"), ("2099-01-01", "99")):
        made = await ada.does("/payroll/tax-tables/add/", **table | {"effective_from": day}, above="0", percent=percent)
        assert made == "/payroll/tax-tables/?done=added"
    page = await ada.text("/payroll/tax-tables/")
    assert [page.count(f">{word}<") for word in ("Replaced", "In force", "Not yet", "An example")] == [1, 1, 1, 1] and "Wage <tax>" in page
    profile = {"basic": "5000", "currency": "USD", "overtime_rate": "40", "tax_table": "WAGE-1", "method_0": "bank", "percent_0": "100"}
    kept = await PayProfile.find_one({"_id": edsger_id})
    assert kept is not None
    items = {"earning_name": "Travel", "earning_amount": "100", "earning_flag": "0", "deduction_name": "Pension", "deduction_amount": "200"}
    path = f"/pay-profiles/{edsger_id}/"
    assert "The amount must be a number" in await ada.refused(422, path, **profile, **items | {"earning_amount": "x"}, version=str(kept.version))
    assert await ada.does(path, **profile, **items, deduction_flag="0", version=str(kept.version)) == path + "?done=saved"
    assert 'value="Travel"' in await ada.text(path) and 'value="Pension"' in await ada.text(path)
    run = (await ada.does("/payroll/add/", **DAYS)).partition("?")[0]
    await ada.does(run + "process/")
    mine = await Payslip.find_one({"employee_id": edsger_id})
    assert mine is not None and (mine.gross, mine.taxable, mine.tax, mine.net) == (5100, 4800, 600, 4300), (
        "12.5 % of 5000 less 200; travel is untaxed"
    )
    path = f"/payslips/{mine.id}/"
    assert "Only this period" in await ada.text(path)
    own = {"earning_kind": "bonus", "earning_name": "Launch", "earning_amount": "1,000", "overtime_hours": "2.5", "note": "Thank you."}
    refused = await ada.refused(422, path + "adjust/", **own | {"earning_name": ""}, version="1")
    assert "The name is needed." in refused and 'value="1,000"' in refused, "what was typed is still there"
    assert "is too large" in await ada.refused(422, path + "adjust/", **own | {"overtime_hours": "10001"}, version="1")
    assert "changed" in await ada.refused(412, path + "adjust/", **own, version="99")
    assert await ada.does(path + "adjust/", **own, version=str(mine.version)) == path + "?done=adjusted"
    after = await Payslip.get(mine.id)
    assert after is not None and (after.gross, after.tax, after.net, after.note) == (6200, Decimal("737.50"), Decimal("5262.50"), "Thank you.")
    assert [(row.kind, row.amount) for row in after.own_earnings] == [("bonus", 1000)] and after.overtime_hours == Decimal("2.5")
    await treasury.member("Paul", "Pays", Role.APPROVER)
    other = await sits("paul.pays")
    assert "Only this period" not in await other.text(path) and (await other.post(path + "adjust/")).status_code == 403
    await other.does(run + "approve/")
    assert "Only this period" not in await ada.text(path)
    assert (await ada.post(path + "adjust/", **own, version="9")).status_code in (409, 412), "once it is approved it stands"


async def test_what_recurs_is_written_paused_and_ended(sits: Sits, treasury: Treasury) -> None:
    ada = await sits("ada.okafor")
    assert "Nothing recurs yet" in await ada.text("/recurring-payments/")
    assert (await ada.get("/recurring-payments/add/")).status_code == 302, "it is confirmed first"
    await confirm(treasury, treasury.admin.id)
    row = await employed(treasury.org_id, address_of("grace"), treasury.now - timedelta(days=2), name="Grace")
    wallet = await treasury.wallet("Operations", wallet_type=WalletType.METAMASK)
    start = (treasury.now + timedelta(days=3)).date().isoformat()
    body = {
        "name": "Rent",
        "wallet_id": wallet.id,
        "payee_id": row.payee_id,
        "asset": "ETH",
        "amount": "0.5",
        "frequency": "weekly",
        "start_date": start,
    }
    told = await ada.refused(422, "/recurring-payments/add/", **body | {"name": "", "amount": "x", "start_date": ""})
    assert "The name is needed." in told and "must be a number" in told and "The first day is needed." in told
    rules = {"interval": "2", "count": "6", "holidays": "2030-12-25, 2030-12-26\n2031-01-01", "business_day": "following"}
    told = await ada.refused(422, "/recurring-payments/add/", **body, **rules | {"interval": "0", "count": "x", "holidays": "Christmas"})
    assert told.count("must be a whole number from 1 to") == 2 and "must be days such as 2026-12-25" in told
    body |= rules
    to = await ada.does("/recurring-payments/add/", **body)
    path = to.partition("?")[0]
    kept = await RecurringPayment.find_one({"org_id": treasury.org_id})
    assert kept is not None and (kept.interval, kept.count_max, kept.business_day) == (2, 6, "following")
    assert sorted(day.isoformat() for day in kept.holidays) == ["2030-12-25", "2030-12-26", "2031-01-01"]
    assert "Grace Hopper" in await ada.text(path) and "Nothing yet." in await ada.text(path)
    listed = await ada.text("/recurring-payments/")
    assert "In the next 31 days" in listed and "Operations" in listed
    assert await ada.does(path + "pause/", paused="true") == path + "?done=changed"
    assert "In the next 31 days" not in await ada.text("/recurring-payments/") and "Go on" in await ada.text(path)
    assert await ada.does(path + "end/") == "/recurring-payments/?done=ended"
    assert "has ended" in await ada.refused(409, path + "end/")


@pytest.mark.browser
async def test_a_run_is_prepared_in_a_browser(window: Window, treasury: Treasury) -> None:
    await people(treasury, "usr_nobody")
    await window.log_in(path="/payroll/add/")
    for name, value in DAYS.items():
        if name != "currency":
            await window.page.fill(f"#{name}", value)
    await window.page.click("text=Open it")
    await window.page.click("text=Prepare the payslips")
    await expect(window.page.locator(".payslips tbody tr")).to_have_count(2)
    assert await window.unfit("payroll") == []
    payslip = await Payslip.find_one({"org_id": treasury.org_id})
    assert payslip is not None
    places = (f"/payslips/{payslip.id}/", f"/pay-profiles/{payslip.employee_id}/", "/payroll/tax-tables/", "/payroll/tax-tables/add/")
    for number, place in enumerate(places):
        await window.go(place)
        assert await window.unfit(f"payroll-{number}") == [], place


WALLET = """
window.ethereum = { request: async ({ method, params }) => {
  if (method === "eth_requestAccounts") return ["%s"];
  if (method === "personal_sign") return await window.signs(params[0]);
} };
"""


@pytest.mark.browser
async def test_an_employee_signs_with_the_wallet_of_the_browser(window: Window, treasury: Treasury) -> None:
    employee, account = await treasury.member("Edsger", "Works", Role.USER), Account.create()
    await people(treasury, employee.id)
    page = window.page

    async def signs(hexed: str) -> str:
        return "0x" + account.sign_message(encode_defunct(hexstr=hexed)).signature.hex().removeprefix("0x")

    await page.expose_function("signs", signs)
    await page.add_init_script(WALLET % account.address)
    await window.log_in("edsger.works", path="/my-pay/")
    await page.fill("#address", account.address)
    await page.click("text=Get the text to sign")
    assert await window.unfit("my-pay-wallet") == []
    await page.click("text=Sign with the wallet in this browser")
    await expect(page.locator("body")).to_contain_text("Proved by you")
    kept = await PayProfile.find_one({"org_id": treasury.org_id, "wallet_address": account.address})
    assert kept is not None and kept.wallet_proved_at is not None
