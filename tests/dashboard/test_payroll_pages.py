"""Pages of payroll: from what somebody earns to the employee's own payslip and the public page that says that it is genuine."""

from datetime import timedelta

import pytest
from playwright.async_api import expect

from crypto_api.organizations.types import Role
from crypto_api.payroll.documents import PayProfile, PayrollPeriod, Payslip
from crypto_api.payroll.types import PayMethod, ShareRule
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


async def test_a_payroll_goes_through_its_pages(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
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
    to = await ada.does("/recurring-payments/add/", **body)
    path = to.partition("?")[0]
    assert "Grace Hopper" in await ada.text(path) and "Nothing yet." in await ada.text(path)
    listed = await ada.text("/recurring-payments/")
    assert "In the next 31 days" in listed and "Operations" in listed
    assert await ada.does(path + "pause/", paused="true") == path + "?done=changed"
    assert "In the next 31 days" not in await ada.text("/recurring-payments/") and "Go on" in await ada.text(path)
    assert await ada.does(path + "end/") == "/recurring-payments/?done=ended"
    assert "has ended" in await ada.refused(409, path + "end/")


@pytest.mark.browser
@pytest.mark.parametrize("window", [{"width": 390}], indirect=True)
async def test_a_run_is_prepared_on_a_phone(window: Window, treasury: Treasury) -> None:
    await people(treasury, "usr_nobody")
    await window.log_in(path="/payroll/add/")
    for name, value in DAYS.items():
        if name != "currency":
            await window.page.fill(f"#{name}", value)
    await window.page.click("text=Open it")
    await window.page.click("text=Prepare the payslips")
    await expect(window.page.locator(".payslips tbody tr")).to_have_count(2)
    assert await window.sideways_scroll() == 0
    assert await window.grave_findings() == []
