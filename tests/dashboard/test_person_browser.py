"""Journeys of one person through Chromium: registering, codes, passkeys, an Ethereum wallet, confirming, ending sessions; and how the pages look
to axe-core and on a telephone."""

import re
from datetime import timedelta

import pyotp
import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from playwright.async_api import Browser, Page, expect

from crypto_api.identity.documents import EthereumAccount, Passkey, Session, User
from crypto_api.identity.types import Factor
from crypto_api.kit.ids import new_id
from crypto_api.organizations.documents import Organization
from tests.dashboard.conftest import Post, Site, Window
from tests.factories.treasury import CHAIN_ID, PASSWORD, Treasury

pytestmark = [pytest.mark.browser]

NEW_PASSWORD = "violet-anchor-57-meadow"
SUBMIT = "main form button[type=submit]"


async def code_of(secret: str) -> str:
    """Of an app whose last code was not used yet: a code counts once, and no test waits for the next half minute."""
    await User.get_pymongo_collection().update_many({"totp": {"$ne": None}}, {"$set": {"totp.last_step": 0}})
    return pyotp.TOTP(secret).now()


async def no_longer_fresh(treasury: Treasury) -> None:
    await Session.get_pymongo_collection().update_many({"user_id": treasury.admin.id}, {"$set": {"authenticated_at": None}})


def refusals(window: Window) -> None:
    """Chromium reports every answer of 4xx itself; anything else stays a fault."""
    window.faults.found = [fault for fault in window.faults.found if "responded with a status of 4" not in fault]


async def fill_in(page: Page, **fields: str) -> None:
    for name, value in fields.items():
        await page.fill(f"#{name}", value)
    await page.click(SUBMIT)


async def log_out(window: Window) -> None:
    await window.page.click(".person")
    await window.page.click("text=Log out")
    await window.page.wait_for_url("**/login/")


async def test_from_registering_to_a_recovery_code(window: Window, post: Post) -> None:
    page = window.page
    await window.go("/login/")
    await page.click("text=Register")
    await fill_in(page, first_name="Nora", email="nora@coffer.example", username="nora", password=NEW_PASSWORD, organization_name="Quist & Co")
    await expect(page.locator("#last_name")).to_be_focused()  # the first wrong field, and what was typed is still there
    await expect(page.locator("#last_name-error")).to_have_text("The last name is needed.")
    await expect(page.locator("#organization_name")).to_have_value("Quist & Co")
    await fill_in(page, last_name="Quist", password=NEW_PASSWORD)
    await page.wait_for_url("**/register/check-mail/")
    await expect(page.locator("main")).to_contain_text("nora@coffer.example")
    await window.go(await post.link_to("nora@coffer.example"))
    await page.click("text=Yes, this address is mine")
    await page.click("a:has-text('Log in')")
    await fill_in(page, name="nora", password=NEW_PASSWORD)
    await expect(page.locator("h1")).to_have_text("Overview")

    await page.click(".person")
    await page.click("a:has-text('Security')")
    await page.click("#totp button")
    secret = await page.locator("main [data-copy]").get_attribute("data-copy")
    assert secret is not None
    await expect(page.locator("img.qr")).to_be_visible()
    await fill_in(page, otp="000000")
    await expect(page.locator("#otp")).to_be_focused()
    await fill_in(page, otp=pyotp.TOTP(secret).now())
    codes = await page.locator(".codes li").all_text_contents()
    assert len(codes) == 10
    async with page.expect_download() as download:
        await page.click("text=Download as text")
    assert codes[9] in (await (await download.value).path()).read_text()
    await page.click("text=I have kept them")

    for otp in (await code_of(secret), codes[0]):
        await log_out(window)
        await fill_in(page, name="nora", password=NEW_PASSWORD)
        await expect(page.locator("#otp")).to_be_focused()
        await fill_in(page, otp="111111")
        await expect(page.locator("#otp-error")).to_be_visible()
        await fill_in(page, otp=otp)
        await expect(page.locator("h1")).to_have_text("Overview")
    await window.go("/security/")
    await expect(page.locator("#totp")).to_contain_text("9 of 10 left")
    refusals(window)


@pytest.mark.parametrize("host", ["localhost"])
async def test_a_passkey_logs_in_and_confirms(host: str, window: Window, treasury: Treasury) -> None:
    page = window.page
    device = await window.context.new_cdp_session(page)
    await device.send("WebAuthn.enable")
    kept = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True}
    added = await device.send("WebAuthn.addVirtualAuthenticator", {"options": kept | {"automaticPresenceSimulation": True}})
    await window.log_in(path="/security/")
    await page.click("text=Add a passkey")
    await page.click("text=Make the passkey")
    await expect(page.locator("[data-key-problem]")).to_contain_text("Give the passkey a name first.")
    await page.fill("#name", "Work laptop")
    await page.click("text=Make the passkey")
    await expect(page.locator("#passkeys")).to_contain_text("Work laptop")

    await log_out(window)
    await page.click("text=Log in with a passkey")
    await expect(page.locator("h1")).to_have_text("Overview")
    await no_longer_fresh(treasury)
    await window.go("/security/")
    await page.click("#passkeys .keys a")
    await page.click("summary:has-text('Remove this passkey')")
    await page.click("text=Yes, remove it")
    await expect(page.locator("h1")).to_have_text("Confirm that it is you")
    await page.click("text=Use a passkey")
    await page.wait_for_url("**/security/passkeys/*/")
    await page.click("summary:has-text('Remove this passkey')")
    await page.click("text=Yes, remove it")
    await expect(page.locator("#passkeys")).to_contain_text("None yet.")

    await log_out(window)
    await page.click("text=Log in with a passkey")  # the device still has it
    await expect(page.locator("[data-key-problem]")).to_contain_text("This passkey opens no account here.")
    await device.send("WebAuthn.setUserVerified", {"authenticatorId": added["authenticatorId"], "isUserVerified": False})
    await page.click("text=Log in with a passkey")
    await expect(page.locator("[data-key-problem]")).to_contain_text("Nothing was confirmed")
    refusals(window)


WALLET = """
window.ethereum = { request: async ({ method, params }) => {
  const answer = await window.askWallet(method, params ?? []);
  if (answer.code) throw answer;
  return answer.result;
} };
"""


class Wallet:
    """A browser wallet (EIP-1193) that does what the test says."""

    def __init__(self) -> None:
        self.account = Account.create()
        self.refuses: set[str] = set()
        self.chain_id = CHAIN_ID
        self.shown: list[str] = []

    async def request(self, method: str, params: list[str]) -> dict[str, object]:
        if method in self.refuses:
            return {"code": 4001}
        if method == "personal_sign":
            self.shown.append(bytes.fromhex(params[0][2:]).decode())
            return {"result": "0x" + self.account.sign_message(encode_defunct(hexstr=params[0])).signature.hex().removeprefix("0x")}
        return {"result": [self.account.address] if method == "eth_requestAccounts" else hex(self.chain_id)}


async def test_an_ethereum_account_is_linked_and_signs_in(window: Window, treasury: Treasury) -> None:
    page, wallet = window.page, Wallet()
    problem = page.locator("[data-key-problem]")
    await window.go("/login/")
    await page.click("text=Sign in with Ethereum")
    await expect(problem).to_contain_text("No Ethereum wallet was found in this browser.")
    await expect(problem).to_be_focused()

    await window.context.expose_function("askWallet", wallet.request)
    await window.context.add_init_script(WALLET)
    await window.go("/login/?next=/journal/")
    await page.click("text=Sign in with Ethereum")
    await expect(problem).to_contain_text("This Ethereum account opens no account here. Log in another way first")
    wallet.chain_id = 5
    await page.click("text=Sign in with Ethereum")
    await expect(problem).to_contain_text("switch it to Local chain")
    await window.log_in(path="/security/")
    await page.click("text=Link an account")
    wallet.refuses = {"personal_sign"}
    await page.click("text=Ask the wallet")
    await expect(problem).to_contain_text("You refused in your wallet")
    wallet.refuses = set()
    await page.click("text=Ask the wallet")
    await expect(page.locator("#ethereum")).to_contain_text(wallet.account.address)
    assert "as ada.okafor" in wallet.shown[-1]

    await log_out(window)
    await window.go("/login/?next=/journal/")
    await page.click("text=Sign in with Ethereum")
    await expect(page.locator("h1")).to_have_text("Journal")
    assert wallet.shown[-1].startswith(f"{window.site.url} wants you to sign in")

    await window.go("/security/")
    await page.click("#totp button")
    secret = await page.locator("main [data-copy]").get_attribute("data-copy")
    await fill_in(page, otp=pyotp.TOTP(secret or "").now())
    await page.click("text=I have kept them")
    await log_out(window)
    await window.go("/login/?next=/journal/")
    await page.click("text=Sign in with Ethereum")  # a signature alone is one factor
    await expect(page.locator("h1")).to_have_text("Second step")
    await fill_in(page, otp=await code_of(secret or ""))
    await expect(page.locator("h1")).to_have_text("Journal")
    await window.go("/security/")
    await page.click("#ethereum summary")
    await page.click("text=Yes, remove it")
    await expect(page.locator("#ethereum")).to_contain_text("None yet.")
    refusals(window)


async def test_of_several_wallets_the_person_chooses(window: Window) -> None:
    await window.context.add_init_script("""
        const name = (uuid, title) => dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail: {
          info: { uuid, name: title, icon: "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>", rdns: "x.y" },
          provider: { request: async () => { document.title = title; throw { code: 4001 }; } },
        } }));
        addEventListener("eip6963:requestProvider", () => { name("1", "Fox <b>wallet</b>"); name("2", "Rabbit wallet"); });
    """)
    await window.go("/login/")
    await window.page.click("text=Sign in with Ethereum")
    await expect(window.page.locator("[data-wallet-list] button").first).to_be_focused()
    await expect(window.page.locator("[data-wallet-list]")).to_contain_text("Fox <b>wallet</b>")
    await window.page.click("text=Rabbit wallet")
    await expect(window.page.locator("[data-key-problem]")).to_contain_text("You refused in your wallet")
    assert await window.page.title() == "Rabbit wallet"


async def test_a_change_waits_for_the_confirmation_and_an_ended_session_leaves_at_once(
    window: Window, chromium: Browser, site: Site, treasury: Treasury
) -> None:
    page = window.page
    context = await chromium.new_context(user_agent="Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/605.1")
    other = Window(context, await context.new_page(), site, window.faults)
    await other.log_in()
    await other.is_live()
    await window.log_in(path="/security/")
    await page.click("#sessions li:has-text('Safari on iPhone') button")
    await expect(page.locator("main")).to_contain_text("The session has ended.")
    await other.page.wait_for_selector("#password")  # nobody pressed anything there
    await context.close()

    await no_longer_fresh(treasury)
    await page.click("#totp button")
    await expect(page.locator("h1")).to_have_text("Confirm that it is you")
    await fill_in(page, password="wrong")
    await expect(page.locator("#password")).to_be_focused()
    await page.click("button[data-reveal=password]")
    await page.keyboard.type(PASSWORD)  # it is shown while somebody types
    await expect(page.locator("#password")).to_have_attribute("type", "text")
    await page.click(SUBMIT)
    await expect(page.locator("h1")).to_have_text("Set up an authenticator app")
    await window.go("/security/")
    await expect(page.locator("[data-left]")).to_have_text(re.compile(r"[45]:\d\d"))
    await page.click("text=Revoke now")
    await expect(page.locator("#approvals")).to_have_count(0)
    refusals(window)


async def excess(treasury: Treasury) -> None:
    """Of everything more than anybody has."""
    now, user = treasury.now, treasury.admin
    totp = {"sealed_secret": "x", "confirmed_at": now, "last_step": 0}
    names = {"first_name": "Maximiliane " * 16, "last_name": "L" * 200, "pending_email": "n" * 60 + "@coffer.example"}
    await User.get_pymongo_collection().update_one({"_id": user.id}, {"$set": {**names, "totp": totp, "recovery_hashes": ["x"]}})
    await Passkey(id="k" * 22, created_at=now, user_id=user.id, name="K" * 200, public_key=b"x", sign_count=0).insert()
    await EthereumAccount(id="eip155:1:0x1", created_at=now, user_id=user.id, address="0x" + "Ab" * 20, chain_id=1).insert()
    for number in range(40):
        row = Session(id=new_id("ses"), created_at=now, user_id=user.id, org_id=None, refresh_hash=str(number), expires_at=now + timedelta(days=1))
        row.ip, row.user_agent, row.factors = "2001:db8::7348:7348:7348:7348", "Z" * 200, [Factor.PASSWORD, Factor.OTP]
        await row.insert()


OPEN_PAGES = ["/login/", "/register/", "/register/?invitation=x", "/register/check-mail/", "/verify-email/?token=x", "/verify-email/"]
OPEN_PAGES += ["/forgot-password/", "/forgot-password/?sent=1", "/reset-password/?token=x", "/reset-password/"]
PAGES = ["/profile/", "/security/", "/security/password/", "/security/totp/", "/security/passkeys/add/", "/security/ethereum/link/", "/confirm/"]


@pytest.mark.parametrize("host", ["localhost"])
async def test_every_page_of_a_person_can_be_read_and_used_by_everybody(host: str, window: Window, treasury: Treasury) -> None:
    async def looked_at(path: str) -> None:
        """Wide and light, then as a telephone at night."""
        assert await window.page.locator("h1").count() == 1, path
        for width, theme in ((1360, "light"), (390, "dark")):
            await window.page.set_viewport_size({"width": width, "height": 844})
            await window.page.evaluate(f"document.documentElement.setAttribute('data-bs-theme', '{theme}')")
            assert await window.grave_findings() == [], (path, theme)
            assert await window.sideways_scroll() == 0, (path, width)
        await window.page.set_viewport_size({"width": 1360, "height": 844})

    for path in OPEN_PAGES:
        await window.go(path)
        await looked_at(path)
    for path, fields in (("/login/", {"name": "ada.okafor", "password": "x"}), ("/register/", {"email": "x"})):
        await window.go(path)
        await fill_in(window.page, **fields)
        await expect(window.page.locator("[aria-invalid=true]").first).to_be_focused()
        await looked_at(path)
    await window.log_in(path="/profile/")
    for path in PAGES:
        await window.go(path)
        await looked_at(path)
    await excess(treasury)
    await Organization.get_pymongo_collection().update_one({"_id": treasury.org_id}, {"$set": {"second_factor_roles": ["ADMIN"]}})
    for path in ("/profile/", "/security/", "/security/sessions/", f"/security/passkeys/{'k' * 22}/", "/confirm/?purpose=keys"):
        await window.go(path)
        for summary in await window.page.locator("summary.btn").all():
            await summary.click()
        await looked_at(path)
    refusals(window)
