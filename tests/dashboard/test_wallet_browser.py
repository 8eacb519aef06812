"""Wallets in Chromium: a key leaves the page sealed, and only the signer opens it; by a signature its holder shows that a wallet is ours."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from playwright.async_api import Page, Request, expect

from crypto_api.adapters.key_sealing import KeySealer
from crypto_api.runtime import Runtime
from crypto_api.wallets import store as wallets
from tests.conftest import TEST_MASTER_KEY
from tests.dashboard.conftest import Window
from tests.factories.treasury import Treasury

pytestmark = [pytest.mark.browser]

KEY = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
PASSWORD = 'a \u00e9trange "password" \\ of 32'


@pytest.mark.parametrize("way", ["private key", "keystore"])
async def test_what_is_typed_is_sealed_before_it_leaves_the_page(window: Window, treasury: Treasury, way: str) -> None:
    await window.log_in(path="/wallets/add/")
    page, sent = window.page, list[str]()

    def note(request: Request) -> None:
        if request.method == "POST":
            sent.append(request.post_data or "")

    page.on("request", note)
    await page.check("input[value=private_key]")
    await page.fill("#name", "Hot")
    if way == "private key":
        await page.fill("#private_key", f"  0x{KEY} ")
    else:
        await page.click("summary:has-text('Or a keystore')")
        await page.fill("#keystore", json.dumps(Account.encrypt(KEY, PASSWORD, kdf="pbkdf2", iterations=1000)))
        await page.fill("#keystore_password", PASSWORD)
    await page.click("text=Add the wallet")
    await expect(page.locator(".notice-good")).to_contain_text("The wallet was added")
    (body,) = [each for each in sent if "wallet_type" in each]
    assert KEY not in body and "password%22" not in body
    field = parse_qs(body)["private_key" if way == "private key" else "keystore_password"][0]
    assert field.startswith("eyJ") and field.count(".") == 4
    (row,) = await wallets.active(treasury.org_id)
    assert row.sealed_key is not None and row.address == Account.from_key(KEY).address
    assert KeySealer(TEST_MASTER_KEY, "k1").open(row.sealed_key, org_id=row.org_id, wallet_id=row.id, address=row.address).hex() == KEY


class FakeWallet:
    """What a wallet extension puts into the page (EIP-1193), with the account that it shows and a key that signs for it."""

    def __init__(self, shows: str, key: str = KEY) -> None:
        self.shows, self.key, self.refuses, self.seen = shows, key, 0, list[str]()

    async def install(self, page: Page) -> None:
        await page.expose_function("walletAnswers", self._answer)
        script = """window.ethereum = { request: async ({ method, params }) => {
            const told = await walletAnswers(method, params ?? []);
            if (told.code) throw Object.assign(new Error("refused"), told);
            return told.result;
        } };"""
        await page.add_init_script(script)

    async def _answer(self, method: str, params: list[str]) -> dict[str, object]:
        if method == "eth_requestAccounts":
            return {"result": [self.shows.lower()]}
        assert method == "personal_sign", f"the page asked the wallet for {method}"
        if self.refuses:
            return {"code": self.refuses}
        text = bytes.fromhex(params[0][2:]).decode()
        assert params[1] == self.shows.lower()
        self.seen.append(text)
        return {"result": signature_of(text, self.key)}


def signature_of(text: str, key: str = KEY) -> str:
    return "0x" + bytes(Account.sign_message(encode_defunct(text=text), key).signature).hex()


async def test_the_wallet_of_the_browser_shows_that_it_is_ours(window: Window, treasury: Treasury) -> None:
    address = Account.from_key(KEY).address
    wallet = await treasury.wallet("Cold", address=address)
    extension = FakeWallet(address)
    await extension.install(window.page)
    await window.log_in(path=f"/wallets/{wallet.id}/")
    page = window.page
    await expect(page.locator("#wallet-facts")).to_contain_text("Not shown yet")
    await page.click("#wallet-facts >> text=Prove it")
    text = page.locator("[data-wallet-text]")
    await expect(text).to_contain_text(treasury.org_id)
    shown = await text.inner_text()
    assert address in shown and wallet.id in shown and "This moves nothing." in shown

    extension.refuses = 4001
    await page.click("text=Sign with the wallet in this browser")
    await expect(page.locator("[data-wallet-problem]")).to_contain_text("You refused in your wallet, so nothing happened.")
    extension.refuses, extension.shows = 0, "0x" + "11" * 20
    await page.click("text=Sign with the wallet in this browser")
    await expect(page.locator("[data-wallet-problem]")).to_contain_text(f"Your wallet does not show the account {address}")
    extension.shows = address
    await page.click("text=Sign with the wallet in this browser")
    await expect(page.locator(".notice-good")).to_contain_text("It is shown to be ours.")
    assert extension.seen == [shown], "the text is signed as it stands there"
    await expect(page.locator("#wallet-facts")).to_contain_text("Shown to be ours")
    (row,) = await wallets.active(treasury.org_id)
    assert row.owner_verified_at is not None
    await page.goto(f"{window.site.url}/wallets/{wallet.id}/ownership/")
    await expect(page.locator("main")).to_contain_text("Shown to be ours")
    assert await page.locator("[data-wallet-text]").count() == 0


class NoContract:
    """A node that is there, with nothing at any address."""

    def __init__(self, behind: Any) -> None:
        self._behind = behind

    def __getattr__(self, name: str) -> Any:
        return getattr(self._behind, name)

    async def call(self, to: str, data: str, block_hash: str | None = None, *, gas: int | None = None) -> bytes:
        return b""


async def test_a_signature_from_elsewhere_is_taken_and_a_wrong_one_says_why(
    window: Window, treasury: Treasury, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, other = Account.from_key(KEY).address, Account.create()
    wallet = await treasury.wallet("Cold", address=address)
    path = f"/wallets/{wallet.id}/ownership/"
    await window.log_in(path=path)
    page, texts = window.page, list[str]()
    problem = page.locator("#problem")

    async def answer(make: Callable[[str], str]) -> None:
        text = await page.locator("[data-wallet-text]").inner_text()
        texts.append(text)
        if not await page.locator("#signature").is_visible():
            await page.click("text=I signed it elsewhere")
        await page.fill("#signature", make(text))
        await page.click("text=Check the signature")

    await page.click("text=Sign with the wallet in this browser")
    await expect(page.locator("[data-wallet-problem]")).to_contain_text("No Ethereum wallet was found in this browser.")
    await answer(lambda text: signature_of(text, other.key))
    await expect(problem).to_contain_text("Only a contract at this address could tell, and no node of its network answers.")
    monkeypatch.setitem(runtime.rpc, wallet.network, NoContract(runtime.rpc[wallet.network]))  # type: ignore[arg-type]
    for make, said in (
        (lambda text: " ", "Paste the signature"),
        (lambda text: "0xnone", "The signature is none: it begins with 0x"),
        (lambda text: signature_of(text, other.key), f"was made by the key of {other.address}, and the wallet is {address}; or for another text."),
        (lambda text: "0x" + "11" * 70, f"is neither that of a key nor accepted by a contract at {address}."),
    ):
        await answer(make)
        await expect(problem).to_contain_text(said)
    stale = texts[-1]  # a signature was looked at: the text to which none was given still waits
    await page.evaluate("text => { document.querySelector('[name=message]').value = text; }", stale)
    await answer(lambda text: signature_of(stale))
    await expect(problem).to_contain_text("The signature is not for a text that waits here: it has run out, was answered, or is another's.")
    assert len(texts) == len(set(texts)) == 6, "each try has a text of its own"
    (row,) = await wallets.active(treasury.org_id)
    assert row.owner_verified_at is None
    window.faults.found.clear()  # Chromium reports the answers of 422 itself
    await answer(lambda text: f" {signature_of(text)[:40]}\n{signature_of(text)[40:]} ")
    await expect(page.locator(".notice-good")).to_contain_text("It is shown to be ours.")
