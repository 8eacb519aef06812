"""Pages of an organisation in Chromium: two people at two windows see what the other does, and every page can be used by everybody."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from playwright.async_api import Browser, expect

from crypto_api.employees.types import EmployeeDecision, NewEmployee
from crypto_api.flows.edit_employee import add_record
from crypto_api.flows.verify_employee import verify_employee
from crypto_api.organizations import service as organizations
from crypto_api.organizations.documents import Invitation
from crypto_api.organizations.types import Permission, Role
from crypto_api.runtime import Runtime
from tests.browser import REPORT_VIOLATIONS, Faults
from tests.dashboard.conftest import Site, Window
from tests.dashboard.desk import admin_of, invited, letter_token, person
from tests.factories.treasury import PASSWORD, Treasury, new_treasury

pytestmark = [pytest.mark.browser]

LONG = "Maximiliane-Theodora von und zu Hohenlohe-Waldenburg-Schillingsfürst, Beauftragte für grenzüberschreitende Treuhandangelegenheiten"
SHELL = "nav[aria-label=Pages]"
Opens = Callable[..., Awaitable[Window]]


@pytest.fixture
async def opens(chromium: Browser, site: Site, faults: Faults) -> AsyncIterator[Opens]:
    """`await opens("ada.okafor", "/members/")`: a window of somebody's own, logged in where there is a name."""
    async with AsyncExitStack() as stack:

        async def make(name: str, path: str = "/", *, width: int = 1360, theme: str = "light") -> Window:
            context = await stack.enter_async_context(
                await chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=theme, locale="en-GB")  # type: ignore[arg-type]
            )
            await context.add_init_script(REPORT_VIOLATIONS)
            page = await context.new_page()
            page.set_default_timeout(15_000)
            faults.watch(page)
            window = Window(context, page, site, faults)
            if name:
                await window.log_in(name, path)
            return window

        yield make


async def employee(runtime: Runtime, treasury: Treasury, first: str, manager: str | None = None, title: str = "Analyst") -> str:
    new = NewEmployee(f"{first}@northwind.example".lower()[:60], first, "Person", title, "Finance", manager)
    return (await add_record(runtime.uow, runtime.clock, treasury.org_id, new)).id


async def populate(runtime: Runtime, treasury: Treasury) -> dict[str, str]:
    """A little of everything, also very long; the addresses of pages of single things."""
    maker, now = admin_of(treasury), runtime.clock.now()
    grace = await treasury.member("Grace", "Hopper", Role.ACCOUNTANT)
    role = await runtime.uow.run(
        lambda session: organizations.create_role(session, maker, treasury.org_id, LONG[:80], LONG, [Permission.WALLETS_READ], now)
    )
    await invited(runtime, treasury, f"{'very.long.' * 6}address@{'long-' * 8}company.example", role.id)
    await runtime.uow.run(lambda session: organizations.create_company(session, treasury.org_id, {"legal_name": LONG, "tax_id": "X" * 60}, now))
    boss = await employee(runtime, treasury, "Sofia", title=LONG[:120])
    await verify_employee(runtime.uow, runtime.clock, maker, boss, EmployeeDecision.APPROVE, "Met in person.")
    await employee(runtime, treasury, LONG[:80], boss)
    return {"member": f"/members/{grace.id}/", "role": f"/roles/{role.id}/", "employee": f"/team/{boss}/"}


PATHS = [
    "/members/",
    "/members/invite/",
    "/roles/",
    "/roles/add/",
    "/team/",
    "/team/?view=tree",
    "/team/add/",
    "/team/add-existing/",
    "/team/verification/",
    "/audit-log/",
    "/organization/",
    "/organization/companies/add/",
    "/organizations/",
    "/organizations/new/",
]

DARK = {"/members/", "/roles/add/", "/team/?view=tree", "/team/verification/", "/audit-log/", "/organization/"}


@pytest.mark.parametrize(("width", "theme"), [(1360, "light"), (390, "dark")], ids=["wide light", "phone dark"])
async def test_every_page_can_be_used_by_everybody(opens: Opens, treasury: Treasury, runtime: Runtime, width: int, theme: str) -> None:
    """No fault, nothing that axe finds grave, and no sideways scrolling. In the dark it looks at one page of each kind."""
    single = await populate(runtime, treasury)
    window = await opens("ada.okafor", "/members/", width=width, theme=theme)
    for path in [*PATHS, *single.values()]:
        await window.go(path)
        await window.is_live()
        if path == "/audit-log/":
            await window.page.locator(".log-row summary").first.click()
        assert await window.sideways_scroll() == 0, path
        if theme == "light" or path in DARK:
            assert await window.grave_findings() == [], path
        assert await window.page.locator("h1").count() == 1, path


async def test_the_console_of_the_installation_can_be_used_by_everybody(opens: Opens, treasury: Treasury, runtime: Runtime) -> None:
    await person(runtime, "Root", "Operator", platform_admin=True)
    window = await opens("root.operator", "/", width=390)
    for path in ("/platform/", "/platform/organizations/", "/platform/users/"):
        await window.go(path)
        assert await window.sideways_scroll() == 0 and await window.grave_findings() == [], path
    await window.go("/platform/organizations/")
    await window.page.click("text=Suspend…")
    await window.page.click("text=Yes, suspend it")
    await expect(window.page.locator("#organization-rows")).to_contain_text("Suspended")
    await window.page.click("button:has-text('Resume')")
    await expect(window.page.locator("#organization-rows")).to_contain_text("Active")


async def test_who_is_invited_appears_among_the_members_by_themselves(opens: Opens, treasury: Treasury, runtime: Runtime, relay: None) -> None:
    await person(runtime, "Nora", "Quist")
    ada = await opens("ada.okafor", "/members/")
    watching = await ada.context.new_page()
    ada.faults.watch(watching)
    await watching.goto(f"{ada.site.url}/members/")
    await watching.wait_for_selector("[data-live][data-state=live]")
    await watching.evaluate("window.notReloaded = true")

    await ada.page.click("text=Invite")
    await ada.page.fill("#email", "nora.quist@coffer.example")
    await ada.page.check("input[value=ACCOUNTANT]")
    await ada.page.click("text=Send the invitation")
    await expect(ada.page.locator("main")).to_contain_text("The invitation is on its way.")
    await expect(watching.locator("#invitation-rows")).to_contain_text("nora.quist@coffer.example")

    row = await Invitation.find_one({"org_id": treasury.org_id})
    assert row is not None
    nora = await _answers(opens, await letter_token(runtime, row))
    await expect(nora.page.locator(SHELL)).to_contain_text("Journal")
    await expect(watching.locator("#member-rows")).to_contain_text("Nora Quist")
    await expect(watching.locator("#member-rows tr.row-fresh")).to_have_count(1)
    await expect(watching.locator("#invitation-rows")).to_contain_text("Accepted")
    assert await watching.evaluate("window.notReloaded") is True


async def _answers(opens: Opens, secret: str) -> Window:
    """Nora has the letter: she logs in from its page, comes back to it, and accepts."""
    window = await opens("")
    await window.go(f"/invitations/accept/?token={secret}")
    assert await window.grave_findings() == []
    await window.page.get_by_role("link", name="Log in").click()
    await window.page.fill("#name", "nora.quist")
    await window.page.fill("#password", PASSWORD)
    await window.page.click("form button[type=submit]")
    await window.page.click("text=Accept and go there")
    await window.page.wait_for_selector(SHELL)
    return window


async def test_a_role_is_edited_and_counts_in_an_open_window(opens: Opens, treasury: Treasury, relay: None) -> None:
    eve = await treasury.member("Eve", "Berg", Role.USER)
    ada, hers = await opens("ada.okafor", "/roles/add/"), await opens("eve.berg", "/organization/")
    await hers.is_live()
    await ada.page.fill("#name", "Clerk")
    await ada.page.check("input[value='transactions.read']")
    await ada.page.click("text=Make the role")
    await expect(ada.page.locator("#role-rows")).to_contain_text("1 permission")
    await ada.go(f"/members/{eve.id}/")
    await ada.page.check("label:has-text('Clerk') input")
    await ada.page.click("text=Change the role")
    await expect(ada.page.locator("main")).to_contain_text("The role was changed.")
    await expect(hers.page.locator("h1")).to_have_text("Not for your role")  # by itself: its line was cut
    await expect(hers.page.locator(".person-role")).to_have_text("Clerk")
    await hers.go("/transactions/")
    await hers.is_live()
    await ada.go("/roles/")
    await ada.page.click("#role-rows a")
    await ada.page.check("input[value='wallets.read']")
    await ada.page.uncheck("input[value='transactions.read']")
    await ada.page.click("button:has-text('Save')")
    await expect(ada.page.locator("#role-rows")).to_contain_text("1 member")
    await expect(hers.page.locator("h1")).to_have_text("Not for your role")
    await expect(hers.page.locator(SHELL)).to_contain_text("Wallets")
    ada.faults.found = [fault for fault in ada.faults.found if "403" not in fault]  # Chromium reports the answer itself


async def test_the_queue_of_verification_is_live_in_two_windows(opens: Opens, treasury: Treasury, runtime: Runtime, relay: None) -> None:
    await treasury.member("Second", "Admin", Role.ADMIN)
    one, two = await opens("ada.okafor", "/team/verification/"), await opens("second.admin", "/team/verification/")
    for window in (one, two):
        await window.is_live()
        await expect(window.page.locator("#queue")).to_contain_text("Nobody waits")
        await window.page.evaluate("window.notReloaded = true")
    mira = await employee(runtime, treasury, "Mira")
    for window in (one, two):
        await expect(window.page.locator("#queue")).to_contain_text("Mira Person")
    await two.page.fill(f"#note-{mira}", "I have met her")
    await employee(runtime, treasury, "Peter")
    await expect(two.page.locator("#queue")).to_contain_text("Peter Person")
    await expect(two.page.locator(f"#note-{mira}")).to_have_value("I have met her")  # what is typed stays, whoever else comes
    assert await two.page.evaluate("window.notReloaded") is True
    await two.page.locator(f"#pending-{mira}").get_by_role("button", name="Approve").click()
    await expect(two.page.locator("main")).to_contain_text("Approved.")
    await expect(one.page.locator("#queue")).not_to_contain_text("Mira Person")
    await expect(one.page.locator("#queue")).to_contain_text("Peter Person")
    assert await one.page.evaluate("window.notReloaded") is True


async def test_the_audit_log_is_searched_by_keyboard_and_grows_by_itself(opens: Opens, treasury: Treasury, runtime: Runtime, relay: None) -> None:
    ada = await opens("ada.okafor", "/organization/")
    await ada.page.fill("#name", "Northwind Treasury")
    await ada.page.click("button:has-text('Save') >> nth=0")
    await expect(ada.page.locator(".notice-good")).to_contain_text("saved")
    await ada.go("/audit-log/")
    await ada.page.press("body", "/")
    await ada.page.keyboard.type("northwind")
    await ada.page.keyboard.press("Enter")
    await ada.page.wait_for_url("**/audit-log/?q=northwind")
    rows = ada.page.locator(".log-row")
    await expect(rows).to_have_count(1)
    await rows.locator("summary").focus()
    await ada.page.keyboard.press("Enter")
    await expect(rows.locator(".was")).to_have_text("Northwind Digital")
    await expect(rows.locator(".became")).to_have_text("Northwind Treasury")
    await ada.is_live()
    maker, now = admin_of(treasury), runtime.clock.now()
    await runtime.uow.run(
        lambda session: organizations.create_role(session, maker, treasury.org_id, "Northwind clerk", "", [Permission.WALLETS_READ], now)
    )
    await expect(rows).to_have_count(2)
    await expect(rows.nth(1).locator(".became")).to_be_visible()  # what somebody reads stays open


async def test_the_switcher(opens: Opens, treasury: Treasury, runtime: Runtime) -> None:
    other = await new_treasury(runtime.uow, name="Other house", first="Bo", last="Lind")
    await runtime.uow.run(lambda session: organizations.add_member(session, other.org_id, treasury.admin.id, Role.AUDITOR, runtime.clock.now()))
    ada = await opens("ada.okafor", "/")
    menu = ada.page.locator(".switcher-menu")
    await ada.page.locator(".switcher > summary").focus()
    await ada.page.keyboard.press("Enter")
    await expect(menu).to_be_visible()
    assert await ada.grave_findings() == []
    await ada.page.keyboard.press("Escape")
    await expect(menu).to_be_hidden()
    await ada.page.click(".switcher > summary")
    await ada.page.click("button.switcher-item")
    await expect(ada.page.locator(".switcher-name")).to_have_text("Organisation: Other house")
    await expect(ada.page.locator(".person-role")).to_have_text("Auditor")
    await ada.page.click(".switcher > summary")
    await ada.page.click("text=Found another organisation")
    await ada.page.fill("#name", "Third one")
    await ada.page.click("text=Found it")
    await expect(ada.page.locator(".switcher-name")).to_have_text("Organisation: Third one")
