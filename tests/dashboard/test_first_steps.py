"""The guide of an organisation that begins: each step ticks by what there is, each role sees what it may do, and it is gone when all is done."""

import re

from playwright.async_api import expect

from crypto_api.chains.documents import ChainCursor
from crypto_api.classification.types import Category
from crypto_api.flows.first_steps import Step, first_steps
from crypto_api.identity import store as identity
from crypto_api.organizations.types import Role
from crypto_api.policies.documents import OrganizationPolicy
from crypto_api.policies.types import PaymentPolicy
from crypto_api.transactions.types import Booking, Direction
from crypto_api.wallets.documents import Opening
from tests.dashboard.conftest import Window
from tests.dashboard.desk import Sits, admin_of, sits
from tests.factories.treasury import Treasury

__all__ = ["sits"]


async def done_by(treasury: Treasury) -> set[Step]:
    return {row.step for row in await first_steps(admin_of(treasury)) if row.done}


async def test_each_step_is_done_by_what_there_is_and_by_nothing_else(treasury: Treasury) -> None:
    steps = [row.step for row in await first_steps(admin_of(treasury))]
    assert steps == list(Step)
    await ChainCursor.find({}).delete()
    assert await done_by(treasury) == set()
    wallet = await treasury.wallet("Operations", opening=Opening.DUE)
    assert await done_by(treasury) == {Step.WALLET}
    await wallet.get_pymongo_collection().update_one({"_id": wallet.id, "org_id": treasury.org_id}, {"$set": {"opening": Opening.DONE}})
    assert await done_by(treasury) == {Step.WALLET, Step.HISTORY}
    for category, booking in ((Category.UNCLASSIFIED, Booking.DONE), (Category.SPAM, Booking.DONE), (Category.INCOME, Booking.DUE)):
        movement = treasury.movement(wallet, Direction.IN, "5", "USDC", other="Acme", value="5")
        await treasury.record(treasury.transaction([movement], treasury.now, category=category, booking=booking))
    await treasury.opening(wallet, "ETH", "1", "3000", treasury.now)
    assert await done_by(treasury) == {Step.WALLET, Step.HISTORY}, "neither what nobody understands, nor spam, nor what is not booked, nor an opening"
    movement = treasury.movement(wallet, Direction.IN, "5", "USDC", other="Acme", value="5")
    await treasury.record(treasury.transaction([movement], treasury.now, category=Category.INCOME, booking=Booking.DONE))
    assert await done_by(treasury) == {Step.WALLET, Step.HISTORY, Step.UNDERSTOOD}
    await treasury.member("Bo", "Larsen", Role.AUDITOR)
    assert Step.PEOPLE in await done_by(treasury)
    policy = OrganizationPolicy(id=treasury.org_id, created_at=treasury.now, updated_at=treasury.now, org_id=treasury.org_id, policy=PaymentPolicy())
    await policy.insert()
    assert Step.POLICY not in await done_by(treasury), "the one that everybody begins with"
    await OrganizationPolicy.get_pymongo_collection().update_one({"org_id": treasury.org_id}, {"$set": {"policy.approvals_required": 2}})
    assert Step.POLICY in await done_by(treasury)


async def test_it_ticks_by_itself_and_goes_when_sent_away(window: Window, treasury: Treasury, sits: Sits) -> None:
    await window.log_in()
    page = window.page
    await expect(page.locator("#step-wallet.is-done")).to_have_count(0)
    assert await window.unfit("first-steps") == []
    await treasury.wallet("Operations")
    await page.evaluate("document.body.dispatchEvent(new CustomEvent('coffer:wallet'))")
    await expect(page.locator("#step-wallet.is-done")).to_be_visible()
    assert re.fullmatch(r"\d of 7 done", await page.locator("#guide-count").inner_text())
    await treasury.member("Ira", "Bell", Role.ACCOUNTANT)
    await treasury.member("Bo", "Larsen", Role.AUDITOR)
    accountant = await (await sits("ira.bell")).text("/")
    assert 'id="step-understood"' in accountant and 'id="step-policy"' not in accountant and 'id="step-people"' not in accountant
    assert 'id="first-steps"' not in await (await sits("bo.larsen")).text("/"), "an auditor changes nothing"
    await page.get_by_role("button", name="Do not show the first steps again").click()
    await expect(page.locator("#first-steps")).to_have_count(0)
    kept = await identity.user(treasury.admin.id)
    assert kept is not None and kept.guides_dismissed == [treasury.org_id]
    assert 'id="first-steps"' in await (await sits("ira.bell")).text("/"), "sent away by one person alone"
