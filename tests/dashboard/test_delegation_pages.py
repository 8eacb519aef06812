"""What the page of a wallet says of the code that it runs, and that of a network of our contracts: in words, and as pictures."""

import pytest
from playwright.async_api import expect

from crypto_api.payments.batch import BATCH_CONTRACT, BATCH_DELEGATE, DEPLOYER, delegated_code
from crypto_api.payments.batch_code import PACKED_BATCH_DELEGATE_RUNTIME
from crypto_api.payments.documents import Payment
from crypto_api.payments.types import PaymentKind
from crypto_api.wallets.documents import Wallet
from tests.dashboard.conftest import Window
from tests.dashboard.desk import Sits, sits
from tests.dashboard.test_payment_browser import confirm, house, node, runtime
from tests.factories.paying import ETHER, FREE, PayingHouse
from tests.factories.treasury import Treasury

__all__ = ["house", "node", "runtime", "sits"]

CONTRACTS, THEIRS = "/networks/testnet/batch-contract/", "0x8ba1f109551bD432803012645Ac136ddd64DBA72"


async def put(house: PayingHouse, address: str, code: bytes) -> None:
    await house.actor.rpc("anvil_setCode", address, "0x" + code.hex())


async def test_each_is_told_what_is_there_and_may_do_what_is_theirs(sits: Sits, house: PayingHouse, treasury: Treasury) -> None:
    await house.policy(FREE)
    wallet, _ = await house.wallet(wei=ETHER)
    ada = await sits("ada.okafor")
    assert await ada.text("/networks/") and CONTRACTS in (await ada.get("/networks/")).text
    path, fragment = f"/wallets/{wallet.id}/", f"/fragments/wallets/{wallet.id}/delegation/"
    await put(house, BATCH_DELEGATE, b"")
    shown = await ada.text(fragment)
    assert "runs none" in shown and "May not delegate" in shown and "Is not there yet" in shown and "through the batch contract" in shown
    assert (await ada.does(path + "delegation/", choice="allow")).startswith("/confirm/?purpose=keys")
    await confirm(treasury, treasury.admin.id)
    assert (await ada.post(path + "delegation/", choice="what")).status_code == 404
    assert await ada.does(path + "delegation/", choice="allow") == f"{path}?done=delegation-allowed"
    assert "May delegate" in await ada.text(fragment) and "may run our batch contract" in await ada.text(path, done="delegation-allowed")
    assert "runs nobody's code" in await ada.refused(409, path + "delegation/revoke/")
    await put(house, wallet.address, delegated_code(THEIRS))
    assert "Whoever wrote it may be able to move what the wallet holds" in await ada.text(fragment)
    assert await ada.does(path + "delegation/revoke/") == f"{path}?done=delegation-revoked"
    assert "Is being taken back" in await ada.text(fragment)
    made = await Payment.find_one({"org_id": house.org_id, "kind": PaymentKind.DELEGATION})
    assert made is not None
    assert "Taking back the delegation of" in await ada.text(f"/payments/{made.id}/")
    assert await ada.does(path + "delegation/", choice="forbid") == f"{path}?done=delegation-forbidden"
    await house.actor.rpc("anvil_setNonce", wallet.address, "0x0")

    shown = await ada.text(CONTRACTS)
    assert shown.count("Not there yet") == 2 and BATCH_CONTRACT in shown and DEPLOYER in shown and "Wallet that pays the gas" in shown
    assert (await ada.get("/networks/mars/batch-contract/")).status_code == 404
    assert "Choose the wallet" in await ada.refused(422, CONTRACTS + "deploy/", code="own_code", wallet="wal_nobody")
    assert (await ada.post(CONTRACTS + "deploy/", code="other", wallet=wallet.id)).status_code == 404
    rich, _ = await house.wallet(wei=ETHER)
    await house.actor.rpc("anvil_setNonce", BATCH_DELEGATE, "0x0")
    leads = await ada.does(CONTRACTS + "deploy/", code="own_code", wallet=rich.id)
    payment = await house.payment(leads.split("/")[2])
    assert (payment.kind, payment.payee_address, payment.call.value_raw, payment.call.to) == (PaymentKind.CALL, DEPLOYER, "0", DEPLOYER)
    await house.sweep(payment.id)
    await house.mine()
    assert await house.actor.rpc("eth_getCode", BATCH_DELEGATE, "latest") == "0x" + PACKED_BATCH_DELEGATE_RUNTIME.hex()
    shown = await ada.text(CONTRACTS)
    assert shown.count("Exactly our code") == 1 and shown.count("Not there yet") == 1
    assert "Something stands at its address already." in await ada.refused(409, CONTRACTS + "deploy/", code="own_code", wallet=rich.id)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("window", [{}, {"theme": "dark"}, {"width": 390}], indirect=True, ids=["light", "dark", "narrow"])
async def test_the_pages_look_as_they_should(window: Window, house: PayingHouse, treasury: Treasury, request: pytest.FixtureRequest) -> None:
    wallet, _ = await house.wallet(wei=ETHER)
    await Wallet.find({"_id": wallet.id}).update({"$set": {"pays_delegated": True, "name": "Operating account of the Byron family office, payroll"}})
    await put(house, wallet.address, delegated_code(THEIRS))
    await put(house, BATCH_CONTRACT, b"")
    await put(house, BATCH_DELEGATE, b"\x60\x01")
    await window.log_in(path=f"/wallets/{wallet.id}/")
    await expect(window.page.locator("#delegation-title")).to_be_visible(timeout=30_000)
    assert await window.sideways_scroll() == 0
    assert await window.grave_findings() == []
    await window.picture(f"wallet-{request.node.callspec.id}")
    await window.page.goto(window.page.url.split("/wallets/")[0] + CONTRACTS)
    await expect(window.page.locator("#code-own_code")).to_be_visible(timeout=30_000)
    assert await window.sideways_scroll() == 0
    assert await window.grave_findings() == []
    await window.picture(f"contract-{request.node.callspec.id}")
