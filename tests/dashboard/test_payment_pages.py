"""Pages of paying over plain HTTP: what each form does, whom it refuses, and in which words."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from bson.decimal128 import Decimal128

from crypto_api.adapters.payment_chain import PaymentNode
from crypto_api.address_book.documents import Payee
from crypto_api.address_book.types import PayeeState
from crypto_api.dashboard.policy_words import changes
from crypto_api.identity.documents import User
from crypto_api.kit.ids import new_id
from crypto_api.kit.sending import FeeMarket, NodeCall, Quotes, Simulated
from crypto_api.organizations.types import Role
from crypto_api.payments.documents import Payment
from crypto_api.payments.types import Hold, PaymentState
from crypto_api.policies.documents import OrganizationPolicy
from crypto_api.policies.types import Payees, PaymentPolicy
from crypto_api.runtime import Runtime
from crypto_api.wallets.documents import Wallet, WalletType
from tests.dashboard.desk import Desk, Sits, said, sits
from tests.dashboard.test_payment_browser import confirm, payee
from tests.factories.audits import ready_audit
from tests.factories.treasury import NETWORK, Treasury, address_of

__all__ = ["sits"]
ETHER = 10**18


@pytest.fixture
async def bob(treasury: Treasury) -> User:
    return await treasury.member("Bob", "Second", Role.ADMIN)


@pytest.fixture
async def wallet(treasury: Treasury, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Wallet]:
    """One that can pay, on a node that says what a quiet network says."""

    async def quotes(self: PaymentNode, address: str, calls: Sequence[NodeCall]) -> Quotes:
        each = Simulated(gas=21_000, reverts=None)
        return Quotes(nonce=0, market=FeeMarket(10**10, 10**9), balance=9 * ETHER, token_balances={}, calls=(each,) * len(calls))

    async def with_code(self: PaymentNode, addresses: Sequence[str]) -> set[str]:
        return set()

    monkeypatch.setattr(PaymentNode, "quotes", quotes)
    monkeypatch.setattr(PaymentNode, "with_code", with_code)
    yield await treasury.wallet("Operations", WalletType.PRIVATE_KEY)


async def policy(treasury: Treasury, **fields: Any) -> None:
    row = OrganizationPolicy(
        id=treasury.org_id, org_id=treasury.org_id, created_at=treasury.now, updated_at=treasury.now, policy=PaymentPolicy(**fields)
    )
    await row.insert()


async def desk_of(sits: Sits, treasury: Treasury, user: User | None = None) -> Desk:
    """At a desk, and confirmed for the use of keys."""
    person = user or treasury.admin
    desk = await sits(person.username)
    await confirm(treasury, person.id)
    return desk


# ---- address book ----------------------------------------------------------------------------------------------------------------


async def test_an_address_is_written_down_shown_compared_and_verified(sits: Sits, treasury: Treasury, bob: User) -> None:
    ada = await sits("ada.okafor")
    address = address_of("Analytical Engines")
    assert "Nobody to pay yet" in await ada.text("/address-book/")
    told = await ada.refused(422, "/address-book/add/", name="", address="0x12", network="mars")
    assert "The name is needed." in told and "The network is not one of those offered." in told
    assert "checksum" in await ada.refused(422, "/address-book/add/", name="Engines", address=address.swapcase().replace("0X", "0x"))
    assert await ada.does("/address-book/add/", name="Engines", address=address, note="By phone") == "/address-book/?done=added"
    assert "already" in await ada.refused(409, "/address-book/add/", name="Engines", address=address)
    row = await Payee.find_one({"org_id": treasury.org_id})
    assert row is not None
    path = f"/address-book/{row.id}/"
    assert "You wrote this address down, so somebody else verifies it." in await ada.text(path)
    await confirm(treasury, treasury.admin.id)
    assert "Nobody verifies an address that they wrote down" in await ada.refused(
        403, path + "verify/", decision="verify", compared="on", address=address
    )

    second = await sits("bob.second")
    assert (await second.does(path + "verify/", decision="verify")).startswith("/confirm/?purpose=keys")
    await confirm(treasury, bob.id)
    shown = await second.text(path + "verify/")
    assert all(f"<span>{address[at : at + 4]}</span>" in shown for at in range(2, 42, 4)), "in groups of four, whole"
    assert "Comparing it is what verifying means." in await second.refused(422, path + "verify/", decision="verify", address=address)
    assert "has another address" in await second.refused(409, path + "verify/", decision="verify", compared="on", address=address_of("other"))
    assert await second.does(path + "verify/", decision="verify", compared="on", address=address) == f"{path}?done=verified"
    assert "Payable from" in await second.text(path)
    assert "Verified." in await second.text(path, done="verified")
    assert await ada.does(path, name="Engines Ltd", address=address, network="", note="") == f"{path}?done=saved"
    assert "when it was called Engines" in await ada.text(path)
    assert await ada.does(path, name="Engines Ltd", address=address, network="local", note="") == f"{path}?done=anew"
    assert await ada.does(path + "remove/") == "/address-book/?done=removed"
    assert "Engines" in await ada.text("/address-book/", view="removed")


async def test_a_look_alike_is_shown_beside_what_it_looks_like(sits: Sits, treasury: Treasury) -> None:
    ada = await sits("ada.okafor")
    known = await payee(treasury, "Engines", address_of("Engines"))
    poisoned = known.address[:6].lower() + "7" * 32 + known.address[-4:].lower()
    told = await ada.refused(422, "/address-book/add/", name="Engines", address=poisoned)
    assert "This address only looks like one you know." in told and "The payee Engines" in told
    assert told.count('class="differs"') == 16, "eight groups of each are marked"
    assert await ada.does("/address-book/add/", name="Engines", address=poisoned, confirm_look_alike="on") == "/address-book/?done=added"


async def test_the_address_book_is_not_changed_by_whoever_reads_it(sits: Sits, treasury: Treasury) -> None:
    await treasury.member("Aud", "Itor", Role.AUDITOR)
    row = await payee(treasury, "Engines", address_of("Engines"), state=PayeeState.UNVERIFIED)
    auditor = await sits("aud.itor")
    shown = await auditor.text(f"/address-book/{row.id}/")
    assert "Save" not in shown and "Remove" not in shown and "Verify this address" not in shown
    assert (await auditor.post(f"/address-book/{row.id}/", name="X")).status_code == 403


# ---- policy ----------------------------------------------------------------------------------------------------------------------


async def test_a_policy_is_changed_in_words_by_two_people(sits: Sits, treasury: Treasury, bob: User) -> None:
    ada, second = await desk_of(sits, treasury), await desk_of(sits, treasury, bob)
    assert "the default, which nobody has changed yet" in await ada.text("/payment-policy/")
    form = {
        "payees": "any",
        "cooling_off_hours": "24",
        "approvals_required": "2",
        "approval_free_max": "1,000",
        "manager_max": "0",
        "transaction_max": "50000",
        "day_max": "",
        "delay_above": "",
        "delay_hours": "0",
        "signed_above": "",
        "fee_per_gas_max_gwei": "500",
    }
    wrong = await ada.refused(422, "/payment-policy/change/", **form | {"approvals_required": "eleven", "day_max": "-5", "delay_above": "5"})
    assert "It must be a whole number up to 10." in wrong and "It must be an amount such as 1234.50." in wrong
    assert "It must be at least 1" in await ada.refused(422, "/payment-policy/change/", **form | {"delay_above": "5"})
    review = said(await ada.post("/payment-policy/change/", **form))
    assert "allows more" in review and "By 2 other people above $1,000.00; nobody need approve what is below." in review
    assert "It holds as soon as one of them confirms it: Bob Second." in review
    assert 'value="1,000"' in said(await ada.post("/payment-policy/change/", **form, step="edit"))
    assert await ada.does("/payment-policy/change/", **form, step="propose", version="0") == "/payment-policy/?done=proposed"
    assert "You proposed it, so somebody else confirms it." in await ada.text("/payment-policy/")
    assert "Nobody confirms what they proposed" in await ada.refused(403, "/payment-policy/decide/", decision="confirm", version="1")
    assert "A change of the payment policy" in await second.text("/approvals/")
    assert "changed meanwhile" in await second.refused(412, "/payment-policy/decide/", decision="confirm", version="9")
    assert await second.does("/payment-policy/decide/", decision="confirm", version="1") == "/payment-policy/?done=holds"
    assert "At most $50,000.00." in await second.text("/payment-policy/")
    assert await ada.does("/payment-policy/change/", **form, step="propose") == "/payment-policy/?done=same"


def test_what_allows_more_is_said() -> None:
    strict = PaymentPolicy(approvals_required=2, transaction_max=Decimal(10), delay_above=Decimal(5), delay_hours=4, signed_above=Decimal(1))
    loose = PaymentPolicy(payees=Payees.ANY, cooling_off_hours=0, approvals_required=1, approval_free_max=Decimal(1), day_max=Decimal(1))
    told = {row.title: row.looser for row in changes(strict, loose, "USD")}
    assert told.pop("All payments of a day") is False, "a limit where there was none"
    assert told and all(told.values())
    assert not any(row.looser for row in changes(loose, strict, "USD") if row.title != "All payments of a day")


# ---- payments --------------------------------------------------------------------------------------------------------------------


async def test_the_composer_offers_verified_payees_and_says_what_is_wrong(sits: Sits, treasury: Treasury, wallet: Wallet, runtime: Runtime) -> None:
    ada = await sits("ada.okafor")
    good = await payee(treasury, "Engines", address_of("Engines"))
    cools = await payee(treasury, "Babbage", address_of("Babbage"), payable_from=treasury.now + timedelta(hours=3))
    await payee(treasury, "Unverified", address_of("Unverified"), state=PayeeState.UNVERIFIED)
    await payee(treasury, "Rejected", address_of("Rejected"), state=PayeeState.REJECTED)
    form = await ada.text("/payments/new/")
    assert f'value="{good.id}"' in form and "Babbage · " in form and "still cooling off" in form
    assert "Unverified" not in form and "Rejected" not in form and 'name="to"' not in form
    wrong = await ada.refused(422, "/payments/new/", wallet_id=wallet.id, payee_id="", amount="1e3")
    assert "The payee must be chosen." in wrong and "The amount must be an amount such as 1234.50." in wrong
    unknown = await ada.refused(422, "/payments/new/", wallet_id="wal_other", payee_id=good.id, amount="1", asset="DOGE")
    assert "The wallet is no wallet of this organisation." in unknown
    assert "The asset must be one of" in await ada.refused(422, "/payments/new/", wallet_id=wallet.id, payee_id=good.id, amount="1", asset="DOGE")
    less = await ada.refused(409, "/payments/new/", wallet_id=wallet.id, payee_id=good.id, amount="10", asset="ETH")
    assert "The wallet holds 9 ETH, which is less than the amount." in less
    review = said(await ada.post("/payments/new/", wallet_id=wallet.id, payee_id=cools.id, amount="1", asset="ETH", description="<b>x</b>"))
    assert "the address to cool off, until" in review and "&lt;b&gt;" not in review and "the approval of one other person (not a manager's)" in review
    await Payee.find_one({"_id": good.id, "org_id": treasury.org_id}).update({"$set": {"name": "Mallory"}})
    review = said(await ada.post("/payments/new/", wallet_id=wallet.id, payee_id=good.id, amount="1", asset="ETH"))
    assert "verified as that of Engines. It was renamed since." in review
    await ready_audit(treasury.org_id, NETWORK, good.address, "<b>Vault</b>", treasury.now, high=1)
    raw = (await ada.post("/payments/new/", wallet_id=wallet.id, payee_id=good.id, amount="1", asset="ETH")).text
    assert "The audit of the contract &lt;b&gt;Vault&lt;/b&gt; of" in raw and "an open finding of high severity: read it before you pay." in raw
    assert await Payment.find({"org_id": treasury.org_id}).count() == 0, "looking at it stores nothing"


async def test_pressed_twice_it_is_one_payment_and_another_person_decides(sits: Sits, treasury: Treasury, wallet: Wallet, bob: User) -> None:
    ada = await sits("ada.okafor")
    engines = await payee(treasury, "Engines", address_of("Engines"))
    form = {"wallet_id": wallet.id, "payee_id": engines.id, "amount": "1", "asset": "ETH", "step": "submit", "once": new_id("once")}
    first, again = await ada.does("/payments/new/", **form), await ada.does("/payments/new/", **form)
    assert first == again and await Payment.find({"org_id": treasury.org_id}).count() == 1
    path = first.split("?")[0]
    await confirm(treasury, treasury.admin.id)
    shown = await ada.text(path)
    assert "You prepared it, so somebody else approves it." in shown and "Sign it with" not in shown
    assert "Nobody approves what they prepared." in await ada.refused(403, path + "approve/")
    second = await sits("bob.second")
    assert "Confirm that it is you, then decide" in await second.text(path)
    assert (await second.does(path + "approve/")).startswith("/confirm/?purpose=keys")
    await confirm(treasury, bob.id)
    assert "another hash" in await second.refused(409, path + "approve/", payload_hash="0x" + "1" * 64)
    assert await second.does(path + "reject/", reason="Paid already") == f"{path}?done=rejected"
    told = await ada.text(path)
    assert "Rejected by Bob Second" in told and "Paid already" in told
    assert "no longer be rejected" in await second.refused(409, path + "reject/")
    assert "Engines" in await ada.text("/payments/", view="other") and "Engines" not in await ada.text("/payments/")


async def test_alone_one_confirms_and_comes_back_to_the_review(sits: Sits, treasury: Treasury, wallet: Wallet) -> None:
    await policy(treasury, payees=Payees.ANY, approvals_required=0)
    ada = await sits("ada.okafor")
    to = address_of("somebody")
    form = {"wallet_id": wallet.id, "to": to, "amount": "1", "asset": "ETH"}
    review = said(await ada.post("/payments/new/", **form))
    assert "nobody else's approval" in review and "Confirm that it is you" in review
    back = await ada.does("/payments/new/", **form, step="submit", once="o1")
    assert back.startswith("/confirm/?purpose=keys&next=%2Fpayments%2Fnew%2F%3F") and to in back
    await confirm(treasury, treasury.admin.id)
    filled = await ada.text("/payments/new/", **form, step="review")
    assert "Pay 1 ETH" in filled and "Is everything right?" in filled
    path = (await ada.does("/payments/new/", **form, step="submit", once="o1")).split("?")[0]
    assert "Approved: nobody else has to agree" in await ada.text(path)
    assert await ada.does(path + "cancel/") == f"{path}?done=cancelled"
    row = await Payment.find_one({"org_id": treasury.org_id})
    assert row is not None and row.state is PaymentState.CANCELLED


async def test_what_needs_somebody_is_for_that_person_alone(sits: Sits, treasury: Treasury, wallet: Wallet, bob: User) -> None:
    await treasury.member("Aud", "Itor", Role.AUDITOR)
    engines = await payee(treasury, "Engines", address_of("Engines"))
    await payee(treasury, "To compare", address_of("compare"), state=PayeeState.UNVERIFIED, address_changed_by=bob.id)
    ada, second, auditor = await sits("ada.okafor"), await sits("bob.second"), await sits("aud.itor")
    form = {"wallet_id": wallet.id, "payee_id": engines.id, "amount": "1", "asset": "ETH", "step": "submit", "once": "o"}
    await ada.does("/payments/new/", **form)
    counts = [await desk.text("/fragments/approvals-count/") for desk in (ada, second, auditor)]
    assert [text[len('<span class="rail-count">')] if text else "" for text in counts] == ["1", "1", ""]
    assert "To compare" in (hers := await ada.text("/approvals/")) and "1 ETH to Engines" not in hers
    assert "1 ETH to Engines" in (his := await second.text("/approvals/")) and "To compare" not in his
    assert "Nothing needs you" in await auditor.text("/approvals/")
    await Payment.find({"org_id": treasury.org_id}).update({"$set": {"holds": [Hold.NEEDS_HUMAN], "state": PaymentState.BROADCAST}})
    assert "Stopped until somebody looks" in await ada.text("/approvals/")


async def test_a_manager_is_asked_up_to_the_limit_of_the_policy(sits: Sits, treasury: Treasury, wallet: Wallet) -> None:
    await policy(treasury, payees=Payees.ANY, manager_max=Decimal(1000))
    await treasury.member("Mia", "Manager", Role.MANAGER)
    ada, mia = await sits("ada.okafor"), await sits("mia.manager")
    form = {"wallet_id": wallet.id, "to": address_of("x"), "amount": "1", "asset": "ETH", "step": "submit", "once": "o"}
    path = (await ada.does("/payments/new/", **form)).split("?")[0]
    for value, asked in ((Decimal(1000), True), (Decimal("1000.01"), False), (None, False)):
        row = await Payment.find_one({"org_id": treasury.org_id})
        assert row is not None
        await Payment.get_pymongo_collection().update_one(
            {"_id": row.id, "org_id": row.org_id}, {"$set": {"value": None if value is None else Decimal128(value)}}
        )
        assert ("1 ETH to" in await mia.text("/approvals/")) is asked
        assert ("lets a manager approve" in await mia.text(path)) is not asked


async def test_a_hash_that_is_none_is_not_taken(sits: Sits, treasury: Treasury, wallet: Wallet, runtime: Runtime) -> None:
    own = await treasury.wallet("Hers", WalletType.METAMASK)
    await policy(treasury, payees=Payees.ANY, approvals_required=0)
    ada = await sits("ada.okafor")
    form = {"wallet_id": own.id, "to": address_of("x"), "amount": "1", "asset": "ETH", "step": "submit", "once": "o"}
    path = (await ada.does("/payments/new/", **form)).split("?")[0]
    asked = (await ada.get(path + "for-wallet/")).json()
    assert (asked["transaction"]["from"], asked["transaction"]["to"], int(asked["transaction"]["value"], 16)) == (own.address, address_of("x"), ETHER)
    assert asked["typed_data"]["message"]["amount"] == str(ETHER)
    assert "must be 0x and 64 hexadecimal digits" in await ada.refused(422, path + "sent/", hash="0x12")
    assert await ada.does(path + "sent/", hash="0x" + "AB" * 32) == f"{path}?done=sent"
    row = await Payment.find_one({"org_id": treasury.org_id})
    assert row is not None and row.hash == "0x" + "ab" * 32
