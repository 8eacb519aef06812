"""Every page of the treasury in Chromium, with long names, every state and every kind of item: nothing overflows, breaks the policy, or fails in a
script."""

import re
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from playwright.async_api import expect

from crypto_api.adapters.payment_chain import PaymentNode
from crypto_api.address_book.types import PayeeState
from crypto_api.chains.documents import ChainCursor, FollowState
from crypto_api.contracts.documents import Contract, ContractText
from crypto_api.contracts.types import AbiOrigin
from crypto_api.flows.inbox_sweep import sweep_inbox
from crypto_api.identity.documents import User
from crypto_api.inbox import service as inbox
from crypto_api.inbox.documents import InboxItem
from crypto_api.inbox.types import ItemKind
from crypto_api.kit.ids import new_id
from crypto_api.kit.sending import FeeMarket, NodeCall, Quotes, Simulated
from crypto_api.organizations.types import Role
from crypto_api.payments.documents import Payment
from crypto_api.payments.types import Call, Hold, Origin, PaymentKind, PaymentState, Way
from crypto_api.runtime import Runtime
from crypto_api.saved_views.documents import SavedView
from crypto_api.transactions.types import Agreement, Direction, Finality
from crypto_api.wallets.documents import Wallet, WalletType
from tests.dashboard.conftest import Window
from tests.dashboard.test_browser import HOSTILE, LONG, populate
from tests.dashboard.test_inbox import _difference as difference
from tests.dashboard.test_inbox import fill
from tests.dashboard.test_payment_browser import confirm, payee
from tests.factories.treasury import CHAIN_ID, NETWORK, Treasury, address_of, hash_of

pytestmark = [pytest.mark.browser]

ETHER = 10**18
OPENING = "It waits until 2 providers tell the same of what it held. So far ETH: 10 by mainnet.infura.example, 9.75 by rpc.ankr.example."
DOUBT = (
    "A node says that 0x5f2c1a5f2c1a5f2c1a5f2c1a5f2c1a5f2c1a5f2c1a5f2c1a5f2c1a5f2c1a5f2c stands in block 21400112, and our own reading of that "
    "block does not have it. Nothing is decided until they agree."
)
STATES: list[tuple[PaymentState, list[Hold], str]] = [
    (PaymentState.DRAFT, [], ""),
    (PaymentState.PENDING_APPROVAL, [Hold.APPROVALS_MISSING], "It waits for the approval of one other person."),
    (PaymentState.APPROVED, [Hold.COOLING_OFF, Hold.DELAYED], "The address rests until tomorrow."),
    (PaymentState.APPROVED, [Hold.WOULD_REVERT], "The token refuses the transfer: the account is frozen by its issuer."),
    (PaymentState.APPROVED, [Hold.SENDER_FROZEN], "Nonce 17 of the wallet was used by a transaction that Coffer did not send."),
    (PaymentState.APPROVED, [Hold.NO_FUNDS], "The wallet does not hold enough USDC, beside its other payments on their way."),
    (PaymentState.SIGNED, [Hold.CHAIN_UNAVAILABLE], "No node answers."),
    (PaymentState.BROADCAST, [], "It waits for a block."),
    (PaymentState.BROADCAST, [Hold.RECEIPT_DISPUTED], DOUBT),
    (PaymentState.BROADCAST, [Hold.NEEDS_HUMAN], "It was replaced six times and is in no block. Every deadline has passed."),
    (PaymentState.MINED, [], "It stands 3 of 12 blocks deep."),
    (PaymentState.CONFIRMED, [], ""),
    (PaymentState.REJECTED, [], "The invoice was paid already."),
    (PaymentState.CANCELLED, [], "Cancelled before it was signed."),
    (PaymentState.FAILED, [], "The transaction was mined and reverted: its gas is spent, nothing else moved."),
    (PaymentState.REPLACED, [], "The wallet sent something else in its place."),
]
WARNINGS = [
    f"It begins and ends like the payee {LONG}, {address_of('known')}, and is another address. Fraudsters make such addresses.",
    "There is a contract at it on Local chain. A wallet of several owners is one; other contracts may keep what they get.",
    "Nothing was ever paid to this address before.",
]
ABI = (
    '[{"type":"function","name":"releaseVestedTokensOfBeneficiaryInTranches","inputs":[{"name":"beneficiaryAddressOfTheVestingSchedule","type":"address"},'
    '{"name":"tranches","type":"uint256[]"}],"outputs":[],"stateMutability":"nonpayable"},{"type":"function","name":"totalReleased","inputs":[],'
    '"outputs":[{"name":"","type":"uint256"}],"stateMutability":"view"},{"type":"function","name":"deposit","inputs":[],"outputs":[],'
    '"stateMutability":"payable"}]'
)


@pytest.fixture
async def bob(treasury: Treasury) -> User:
    return await treasury.member("Bartholomew", "Featherstonehaugh-Second", Role.ADMIN)


class Pictures:
    """Goes from page to page, looks at what must hold on each, and takes a picture where somebody asked for pictures."""

    def __init__(self, window: Window) -> None:
        self.window = window

    async def look(self, path: str, name: str, text: str = "") -> None:
        await self.window.go(path)
        await self.settled(name, text, path)

    async def settled(self, name: str, text: str = "", path: str = "") -> None:
        page = self.window.page
        if text:
            await expect(page.locator("main")).to_contain_text(text)
        assert await page.title() != "owned"
        assert await page.locator("h1").count() == 1, path
        assert await self.window.unfit(name, accessible=False) == [], path


@pytest.fixture
def pictures(window: Window) -> Pictures:
    return Pictures(window)


async def stored_payment(treasury: Treasury, wallet: Wallet, by: User, state: PaymentState, holds: list[Hold], reason: str, **more: Any) -> Payment:
    number = await Payment.find({"org_id": treasury.org_id}).count()
    to, sent = address_of(f"payee {number}"), state in (PaymentState.BROADCAST, PaymentState.MINED, PaymentState.CONFIRMED, PaymentState.FAILED)
    values: dict[str, Any] = {
        "id": new_id("pay"),
        "created_at": treasury.now - timedelta(hours=number),
        "updated_at": treasury.now,
        "org_id": treasury.org_id,
        "origin": Origin(kind="manual", id=str(number)),
        "kind": PaymentKind.TRANSFER,
        "way": Way.SIGNER,
        "network": NETWORK,
        "chain_id": CHAIN_ID,
        "wallet_id": wallet.id,
        "from_address": wallet.address,
        "payee_address": to,
        "payee_name": LONG if number % 2 else "Harbour Freight",
        "asset": "USDC",
        "token_contract": address_of("USDC"),
        "decimals": 6,
        "raw_amount": "1234567890123",
        "amount": Decimal("1234567.890123"),
        "call": Call(to=address_of("USDC"), value_raw="0", data="0xa9059cbb" + "0" * 24 + to[2:].lower() + f"{1234567890123:064x}"),
        "description": f"Invoice 2026-{number:04}: {LONG}",
        "value": Decimal("1234567.89"),
        "value_currency": "USD",
        "prepared_by": by.id,
        "payload_hash": hash_of(f"payload {number}"),
        "state": state,
        "holds": holds,
        "reason": reason,
        "warnings": WARNINGS if number % 3 == 1 else [],
        "due_at": None,
        "hash": hash_of(f"payment {number}") if sent else None,
        "nonce": number if sent else None,
        "block_number": 21_400_112 if state in (PaymentState.MINED, PaymentState.CONFIRMED, PaymentState.FAILED) else None,
    }
    row = Payment(**{**values, **more})
    await row.insert()
    return row


async def contract(treasury: Treasury, name: str) -> Contract:
    row = Contract(
        id=new_id("ctr"),
        created_at=treasury.now,
        updated_at=treasury.now,
        org_id=treasury.org_id,
        network=NETWORK,
        chain_id=CHAIN_ID,
        address=address_of(name),
        name=name,
        name_folded=name.casefold(),
        code_hash=hash_of("code"),
        code_size=24_576,
        read_block_number=21_400_112,
        read_block_hash=hash_of("block"),
        read_at=treasury.now,
        abi_origin=AbiOrigin.GIVEN,
        created_by=treasury.admin.id,
    )
    await row.insert()
    await ContractText(id=row.id, created_at=treasury.now, org_id=treasury.org_id, abi=ABI).insert()
    return row


async def test_wallets_and_transactions(pictures: Pictures, window: Window, treasury: Treasury) -> None:
    newest = await populate(treasury)
    wallet = treasury.wallets["Operations"]
    wallets = {kind: await treasury.wallet(f"{LONG}: {kind}", kind) for kind in WalletType}
    await wallets[WalletType.WATCH].set({"opening": "due", "opening_waits": OPENING})
    await treasury.wallet("Paused", monitoring_enabled=False)
    await SavedView(
        id=new_id("viw"),
        created_at=treasury.now,
        org_id=treasury.org_id,
        user_id=treasury.admin.id,
        name=LONG[:60],
        name_folded=LONG[:60].casefold(),
        filters={"direction": "in"},
    ).insert()
    await window.log_in(path="/wallets/")
    await pictures.look("/wallets/", "wallets", "Its opening balance waits")
    await pictures.look(f"/wallets/{wallet.id}/", "wallet", "Held over time")
    await pictures.look(f"/wallets/{wallets[WalletType.WATCH].id}/", "wallet-opening", "9.75 by rpc.ankr.example")
    await pictures.look(f"/wallets/{wallets[WalletType.METAMASK].id}/ownership/", "wallet-ownership")
    await pictures.look(f"/wallets/{wallet.id}/settings/", "wallet-settings")
    await pictures.look("/wallets/add/", "wallet-add")
    for kind in WalletType:
        await window.page.locator(f"input[name=wallet_type][value={kind}]").check(force=True)
        await pictures.settled(f"wallet-add-{kind}")
    await pictures.look("/transactions/", "transactions")
    await pictures.look("/transactions/?view=spam", "transactions-spam")
    await pictures.look("/transactions/?q=nothing+like+this&direction=out", "transactions-none", "Nothing matches")
    await pictures.look(f"/transactions/{newest.id}/", "transaction-waits", "it waits until 2 providers tell the same")
    await pictures.look("/transactions/new/", "transaction-new")
    await pictures.look("/transactions/import/", "transactions-import")
    table = "timestamp,type,asset,amount,price,fee,fee_asset,wallet,to_wallet,description,external_id\n"
    table += f"2026-11-01T10:00:00Z,INCOME,ETH,1,3000,,,Operations,,{LONG},a1\n"
    table += "yesterday,GIFT,NOPE,-1,x,,,Nowhere,,,\n2026-11-02T10:00:00Z,SELL,ETH,1e3,3000,,,Operations,,,a3\n"
    await window.page.set_input_files("input[type=file]", {"name": "rows.csv", "mimeType": "text/csv", "buffer": table.encode()})
    await window.page.locator("main form[enctype] button[type=submit]").first.click()
    await window.page.wait_for_load_state()
    await pictures.settled("transactions-import-errors")


async def test_paying(pictures: Pictures, window: Window, treasury: Treasury, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {"reverts": None, "balance": 9 * ETHER}

    async def quotes(self: PaymentNode, address: str, calls: Sequence[NodeCall]) -> Quotes:
        held = {call.token: 10**13 for call in calls if call.token is not None}
        each = Simulated(gas=65_000, reverts=told["reverts"])
        return Quotes(nonce=0, market=FeeMarket(10**10, 10**9), balance=told["balance"], token_balances=held, calls=(each,) * len(calls))

    async def with_code(self: PaymentNode, addresses: Sequence[str]) -> set[str]:
        return set(addresses)

    async def arrives(self: PaymentNode, *asked: Any) -> int | None:
        return None

    await treasury.rate("ETH", "3000", treasury.now - timedelta(hours=1), 900)
    wallet = await treasury.wallet(LONG, WalletType.PRIVATE_KEY)
    known = await payee(treasury, LONG, address_of("known"))
    cooling = await payee(treasury, "Babbage & Daughters", address_of("Babbage"), payable_from=treasury.now + timedelta(hours=3))
    look_alike = known.address[:6].lower() + "7" * 32 + known.address[-4:].lower()
    await payee(treasury, HOSTILE, address_of("hostile"), state=PayeeState.UNVERIFIED, warnings=WARNINGS)
    await payee(treasury, "Not theirs", address_of("rejected"), state=PayeeState.REJECTED)
    payments = {}
    for state, holds, reason in STATES:
        row = await stored_payment(treasury, wallet, bob, state, holds, reason)
        payments[f"{state}{'-'.join(['', *holds])}".lower()] = row
    await window.log_in(path="/payments/new/")
    await confirm(treasury, treasury.admin.id)
    await pictures.look("/payments/new/", "payment-new", "What for")
    there = f"/payments/new/?step=review&wallet_id={wallet.id}&payee_id={known.id}&asset=USDC&description=Rent&amount="
    await pictures.look(there + "1500.5", "payment-review-no-node")
    monkeypatch.setattr(PaymentNode, "quotes", quotes)
    monkeypatch.setattr(PaymentNode, "with_code", with_code)
    monkeypatch.setattr(PaymentNode, "arrives", arrives)
    await pictures.look(there + "1500.5", "payment-review", "1,500.5")
    await pictures.look(there.replace(known.id, cooling.id) + "1500.5", "payment-review-cooling", "to cool off")
    told["reverts"] = "ERC20: transfer from a frozen account is not allowed, ask the issuer"
    await pictures.look(there + "1500.5", "payment-review-reverts", "frozen account")
    told |= {"reverts": None, "balance": 1}
    await pictures.look(there + "1500.5", "payment-review-no-gas")
    await pictures.look(there + "1,5x", "payment-review-wrong", "amount")
    await pictures.look("/payments/", "payments")
    await pictures.look("/approvals/", "approvals")
    for name, row in payments.items():
        said_by_holds = {Hold.APPROVALS_MISSING, Hold.COOLING_OFF} & set(row.holds)
        await pictures.look(f"/payments/{row.id}/", f"payment-{name}", "" if said_by_holds else row.reason.rstrip(".")[:60])
    await pictures.look("/address-book/", "address-book", "Babbage & Daughters")
    await pictures.look("/address-book/add/", "payee-add")
    await window.page.fill("#name", LONG)
    await window.page.fill("#address", look_alike)
    await window.page.locator("main form button[type=submit]").last.click()
    await pictures.settled("payee-look-alike", "only looks like one you know")
    await pictures.look(f"/address-book/{known.id}/", "payee")
    await pictures.look("/payment-policy/", "policy")
    await pictures.look("/payment-policy/change/", "policy-change")
    window.faults.found = [fault for fault in window.faults.found if not re.search("status of (409|422|503)", fault)]  # refused above, or no node


async def test_networks_contracts_and_the_inbox(pictures: Pictures, window: Window, runtime: Runtime, treasury: Treasury, bob: User) -> None:
    await fill(runtime, treasury)
    wallet = treasury.wallets["Operations"]
    moved = treasury.movement(wallet, Direction.IN, "60", "ETH", other="x")
    why = f"60 ETH came in: it waits until 2 providers tell the same. So far 10.0.0.7:8545 told so, rpc.ankr.example told otherwise. {LONG}."
    await treasury.record(treasury.transaction([moved], treasury.now, finality=Finality.PENDING, agreement=Agreement.WANTED, waits=why))
    await treasury.cursor(48_213, lag=2)
    waiting = await treasury.wallet(f"{LONG} and more")
    await waiting.set({"opening": "due", "opening_waits": OPENING})
    await stored_payment(treasury, wallet, bob, PaymentState.BROADCAST, [Hold.NEEDS_HUMAN], DOUBT)
    reason = "The chain was reorganised deeper than 64 blocks below 48213, or the node lost its history."
    await ChainCursor.find_one({"_id": NETWORK}).update({"$set": {"state": FollowState.STOPPED, "reason": reason}})
    vesting, _ = await contract(treasury, f"Vesting of {LONG}"), await contract(treasury, "Oracle")
    await sweep_inbox(runtime.uow, runtime.clock, treasury.org_id, runtime.networks)
    await runtime.uow.run(lambda session: inbox.note(session, treasury.org_id, difference(wallet), runtime.clock.now()))
    await window.log_in(path="/networks/")
    await pictures.look("/networks/", "networks-stopped", "reorganised deeper than 64 blocks")
    await pictures.look("/contracts/", "contracts", "Oracle")
    await pictures.look("/contracts/register/", "contract-register")
    await pictures.look(f"/contracts/{vesting.id}/", "contract", "totalReleased")
    await pictures.look(f"/contracts/{vesting.id}/verify/", "contract-verify")
    await pictures.look(f"/contracts/{vesting.id}/edit/", "contract-edit")
    await pictures.look("/inbox/", "inbox")
    items = {item.kind: item for item in await InboxItem.find({"org_id": treasury.org_id, "live": True}).to_list()}
    expected = {ItemKind.FOLLOWER_STOPPED, ItemKind.PAYMENT_NEEDS_HUMAN, ItemKind.CREDIT_NOT_AGREED, ItemKind.OPENING_NOT_AGREED}
    expected |= {ItemKind.RECONCILIATION_DIFFERENCE, ItemKind.MISSING_PRICE, ItemKind.UNCLASSIFIED, ItemKind.AMBIGUOUS}
    assert sorted(expected - items.keys()) == []
    for kind, item in items.items():
        await pictures.look(f"/inbox/{item.id}/", f"inbox-{kind}", item.title[:40])
