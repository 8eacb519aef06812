"""A payment in Chromium on a real chain: composed by one person, approved by another, signed by the signer or by the person's own wallet, and paid
while the page updates itself."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from playwright.async_api import Browser, Page, expect

from crypto_api.address_book.documents import Payee
from crypto_api.address_book.types import PayeeState
from crypto_api.bootstrap import open_runtime
from crypto_api.identity.documents import Approval, EthereumAccount, Session
from crypto_api.identity.types import Purpose
from crypto_api.kit.ids import new_id
from crypto_api.organizations.types import Role
from crypto_api.payments.documents import Payment
from crypto_api.policies.types import PaymentPolicy
from crypto_api.runtime import Runtime
from crypto_api.wallets.documents import WalletType
from crypto_project.demo.chain import ChainActor
from crypto_project.embedded.ports import free_port
from tests.browser import REPORT_VIOLATIONS, Faults
from tests.dashboard.conftest import Site, Window
from tests.factories.paying import ETHER, Node, PayingHouse, network_row, paying_node, stranger
from tests.factories.treasury import PASSWORD, Treasury

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]

Opens = Callable[..., Awaitable[Window]]


@pytest.fixture(scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Node]:
    async with paying_node(tmp_path_factory.mktemp("node")) as made:
        yield made


@pytest.fixture
async def runtime(make_config: Any, node: Node) -> AsyncIterator[Runtime]:
    actor, url, contracts = node
    rows = [network_row(url, actor.chain_id, contracts)]
    async with open_runtime(make_config(rows, frontend_url=f"http://127.0.0.1:{free_port()}")) as opened:
        yield opened


@pytest.fixture
async def house(runtime: Runtime, node: Node, treasury: Treasury) -> PayingHouse:
    actor, _, contracts = node
    actor.forget_nonces()
    made = PayingHouse(runtime, actor, contracts, treasury.org_id)
    await made.policy(PaymentPolicy(approvals_required=1))
    return made


@pytest.fixture
async def opens(chromium: Browser, site: Site, faults: Faults) -> AsyncIterator[Opens]:
    async with AsyncExitStack() as stack:

        async def make(name: str, path: str = "/", *, wallet: "BrowserWallet | None" = None) -> Window:
            context = await chromium.new_context(viewport={"width": 1360, "height": 900}, timezone_id="Europe/Berlin", locale="en-GB")
            stack.push_async_callback(context.close)
            await context.add_init_script(REPORT_VIOLATIONS)
            page = await context.new_page()
            page.set_default_timeout(15_000)
            faults.watch(page)
            if wallet is not None:
                await wallet.install(page)
            window = Window(context, page, site, faults)
            await window.log_in(name, path)
            return window

        yield make


class BrowserWallet:
    """What a wallet extension puts into the page (EIP-1193), with a key of the test behind it; what it sends goes to the node."""

    def __init__(self, key: LocalAccount, actor: ChainActor) -> None:
        self.key, self._actor = key, actor
        self.sent: list[str] = []
        self.chain_id = 1  # the page has to ask for the network of the payment

    async def install(self, page: Page) -> None:
        await page.expose_function("walletAnswers", self._answer)
        await page.add_init_script("window.ethereum = { request: ({ method, params }) => walletAnswers(method, JSON.stringify(params ?? [])) };")

    async def _answer(self, method: str, text: str) -> Any:
        params = orjson.loads(text)
        match method:
            case "eth_requestAccounts":
                return [self.key.address.lower()]
            case "eth_chainId":
                return hex(self.chain_id)
            case "wallet_switchEthereumChain":
                self.chain_id = int(params[0]["chainId"], 16)
                return None
            case "eth_sendTransaction":
                return await self._send(params[0])
            case "eth_signTypedData_v4":
                assert params[0].lower() == self.key.address.lower()
                typed = orjson.loads(params[1])
                typed["message"] |= {name: int(typed["message"][name]) for name in ("amount", "value")}
                signed = self.key.sign_message(encode_typed_data(full_message=typed))
                return "0x" + bytes(signed.signature).hex()
        raise AssertionError(f"the page asked the wallet for {method}")

    async def _send(self, asked: dict[str, str]) -> str:
        nonce = int(await self._actor.rpc("eth_getTransactionCount", self.key.address, "latest"), 16)
        assert int(asked["chainId"], 16) == self.chain_id == self._actor.chain_id
        transaction: dict[str, Any] = {
            "type": 2,
            "chainId": int(asked["chainId"], 16),
            "nonce": nonce,
            "to": asked["to"],
            "value": int(asked["value"], 16),
            "data": asked["data"],
            "gas": 100_000,
            "maxFeePerGas": 10**11,
            "maxPriorityFeePerGas": 10**9,
        }
        hash_ = str(await self._actor.rpc("eth_sendRawTransaction", "0x" + bytes(self.key.sign_transaction(transaction).raw_transaction).hex()))
        self.sent.append(hash_)
        return hash_


async def payee(treasury: Treasury, name: str, address: str, **changes: Any) -> Payee:
    then = treasury.now - timedelta(days=2)
    values: dict[str, Any] = {
        "id": new_id("pye"),
        "created_at": then,
        "updated_at": then,
        "org_id": treasury.org_id,
        "name": name,
        "name_folded": name.casefold(),
        "address": address,
        "state": PayeeState.VERIFIED,
        "created_by": "usr_writer",
        "address_changed_by": "usr_writer",
        "address_changed_at": then,
        "verified_by": "usr_verifier",
        "verified_at": then,
        "verified_name": name,
        "payable_from": then,
    }
    row = Payee(**{**values, **changes})
    await row.insert()
    return row


async def confirm(treasury: Treasury, user_id: str) -> None:
    """As the confirmation page does, for every session of that person."""
    approval = Approval(purpose=Purpose.KEYS, org_id=treasury.org_id, granted_at=treasury.now, until=treasury.now + timedelta(hours=1))
    await Session.get_pymongo_collection().update_many({"user_id": user_id}, {"$push": {"approvals": approval.model_dump()}})


async def stays(page: Page) -> None:
    await page.evaluate("window.notReloaded = true")


async def test_composed_by_one_approved_by_another_and_paid(opens: Opens, house: PayingHouse, treasury: Treasury, relay: None) -> None:
    wallet, _ = await house.wallet(wei=2 * ETHER)
    to = stranger()
    await payee(treasury, "Analytical Engines", to)
    await payee(treasury, "Nobody verified", stranger(), state=PayeeState.UNVERIFIED, payable_from=None)
    await treasury.member("Cleo", "Clerk", Role.ACCOUNTANT)
    cleo = await opens("cleo.clerk", "/payments/new/")
    choices = await cleo.page.locator("#payee_id").inner_text()
    assert "Analytical Engines" in choices and "Nobody verified" not in choices
    await cleo.page.select_option("#payee_id", index=1)
    await cleo.page.fill("#amount", "3")
    await cleo.page.click("text=Review")
    await expect(cleo.page.locator("#problem")).to_contain_text("The wallet holds 2 ETH, which is less than the amount.")
    cleo.faults.found.clear()  # Chromium reports the answer of 409 itself
    await cleo.page.fill("#amount", "0.25")
    await cleo.page.fill("#description", "Invoice 117")
    await cleo.page.click("text=Review")
    review = cleo.page.locator(".review")
    await expect(review).to_contain_text(to)
    await expect(review.locator(".address-groups > span")).to_have_text(["0x", *(to[at : at + 4] for at in range(2, 42, 4))])
    await expect(review).to_contain_text("the approval of one other person")
    assert await cleo.grave_findings() == []
    await cleo.page.click("text=Put it up for approval")
    await cleo.page.wait_for_selector("#payment")
    await cleo.is_live()
    await stays(cleo.page)

    ada = await opens("ada.okafor", "/approvals/")
    await expect(ada.page.locator(".rail-nav .rail-count")).to_contain_text("2")  # the payment, and the address
    await ada.page.click("#need-approvals a")
    await ada.page.click("text=Confirm that it is you, then decide")
    await ada.page.fill("#password", PASSWORD)
    await ada.page.click("form button[type=submit]")
    await ada.page.wait_for_selector("#decide")
    assert await ada.grave_findings() == []
    await ada.page.click("#decide >> text=Approve")
    await expect(ada.page.locator("main")).to_contain_text("You approved it.")
    await expect(cleo.page.locator("#payment-state")).to_contain_text("Approved")

    await house.sweep()
    await expect(cleo.page.locator("#payment-state")).to_contain_text("Sent")
    await house.mine()
    await house.sweep()
    await expect(cleo.page.locator("#payment-state")).to_contain_text("In a block")
    await house.mine(2)
    await house.sweep()
    await expect(cleo.page.locator("#payment-state")).to_contain_text("Paid")
    await expect(cleo.page.locator(".milestone-done")).to_have_count(6)
    await expect(cleo.page.locator("main")).to_contain_text("Approved by Ada Okafor")
    await expect(ada.page.locator("#payment-state")).to_contain_text("Paid")
    assert await cleo.page.evaluate("window.notReloaded") is True
    assert await house.ether(to) == ETHER // 4 and await house.nonce(wallet.address) == 1


async def test_signed_and_sent_by_wallets_of_ones_own(opens: Opens, house: PayingHouse, treasury: Treasury, relay: None) -> None:
    """The approver signs what is paid (EIP-712), whoever prepared it sends it (EIP-1193); the chain says whether it was this payment."""
    await house.policy(PaymentPolicy(approvals_required=1, signed_above=Decimal(0)))
    wallet, key = await house.wallet(wei=ETHER, wallet_type=WalletType.METAMASK)
    to = stranger()
    await payee(treasury, "Analytical Engines", to)
    bob = await treasury.member("Bob", "Signer", Role.APPROVER)
    own = Account.create()
    account = EthereumAccount(
        id=f"eip155:{house.actor.chain_id}:{own.address.lower()}", created_at=treasury.now, user_id=bob.id, address=own.address, chain_id=1
    )
    await account.insert()
    ada = await opens("ada.okafor", wallet=(sender := BrowserWallet(key, house.actor)))
    await ada.go("/payments/new/")
    await ada.page.select_option("#payee_id", index=1)
    await ada.page.fill("#amount", "0.125")
    await ada.page.click("text=Review")
    await expect(ada.page.locator(".review")).to_contain_text("signed with their own Ethereum account")
    await ada.page.click("text=Put it up for approval")
    await ada.page.wait_for_selector("#payment")
    await ada.is_live()
    payment = await Payment.find_one({"org_id": treasury.org_id})
    assert payment is not None

    his = await opens("bob.signer", wallet=BrowserWallet(own, house.actor))
    await confirm(treasury, bob.id)
    await his.go(f"/payments/{payment.id}/")
    await his.page.click("#decide >> text=Sign and approve")
    await expect(his.page.locator("main")).to_contain_text("You approved it.")
    stored = await house.payment(payment.id)
    assert [row.signer_address for row in stored.approvals] == [own.address]

    await house.sweep()
    sender.key = own  # a wallet that shows another account
    await ada.page.click("text=Open my wallet")
    await expect(ada.page.locator("[data-wallet-problem-text]").last).to_contain_text(f"Your wallet does not show the account {wallet.address}.")
    sender.key = key
    await ada.page.click("text=Open my wallet")
    await expect(ada.page.locator("main")).to_contain_text("Noted. It goes on as soon as the network has it.")
    await stays(ada.page)
    assert (await house.payment(payment.id)).hash == sender.sent[0]
    await house.mine()
    await house.sweep()
    await house.mine(2)
    await house.sweep()
    await expect(ada.page.locator("#payment-state")).to_contain_text("Paid")
    assert await ada.page.evaluate("window.notReloaded") is True
    assert await house.ether(to) == ETHER // 8 and len(sender.sent) == 1
