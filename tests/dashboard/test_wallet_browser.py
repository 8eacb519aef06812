"""Adding a wallet with a key, in Chromium: the key leaves the page sealed, and only the signer opens it."""

import json
from urllib.parse import parse_qs

import pytest
from eth_account import Account
from playwright.async_api import Request, expect

from crypto_api.adapters.key_sealing import KeySealer
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
