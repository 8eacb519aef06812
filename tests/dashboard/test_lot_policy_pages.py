"""The method of lots on pages: proposed in a form that says what it would change, confirmed, rejected or withdrawn, and told by whom."""

from typing import Any

import pytest

from crypto_api.flows.settle_lots import settle_lots
from crypto_api.identity.documents import User
from crypto_api.ledger.documents import JournalEntry
from crypto_api.lots.documents import LotPolicy
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from tests.dashboard.conftest import Window
from tests.dashboard.desk import Sits, said, sits
from tests.dashboard.test_tax_pages import HEADER, bring_table
from tests.factories.treasury import Treasury

__all__ = ["sits"]

FIFO = {"method": "fifo", "scope": "wallet", "months": "12", "start_date": ""}


@pytest.fixture
async def approver(treasury: Treasury) -> User:
    return await treasury.member("Bob", "Second", Role.APPROVER)


@pytest.fixture
async def trades(treasury: Treasury, sits: Sits) -> None:
    """Bought at 1,000 and 3,000, one of the two sold at 2,500: a gain of 500 on average, of 1,500 by FIFO."""
    ada, name = await sits("ada.okafor"), (await treasury.wallet("Operations")).name
    rows = (f"2025-01-10T10:00:00Z,BUY,ETH,1,1000,,,{name},,,k-1", f"2025-02-10T10:00:00Z,BUY,ETH,1,3000,,,{name},,,k-2")
    sold = f"2025-03-10T10:00:00Z,SELL,ETH,1,2500,,,{name},,,k-3"
    await bring_table(ada.http, "\n".join((HEADER, *rows, sold)))


async def test_a_method_is_proposed_seen_and_confirmed(sits: Sits, treasury: Treasury, runtime: Runtime, approver: User, trades: None) -> None:
    ada, bob = await sits("ada.okafor"), await sits("bob.second")
    assert "the default, which nobody has changed yet" in await ada.text("/lot-policy/")
    assert "Propose a change" not in await bob.text("/lot-policy/"), "an approver prepares nothing"
    review = said(await ada.post("/lot-policy/change/", **FIFO, step="review", version="0"))
    assert "It holds as soon as one of them confirms it: Bob Second." in review
    assert "1 Jan 2025 – 31 Dec 2025" in review and "$500.00" in review and "$1,500.00" in review and "1 correcting entry" in review
    assert await LotPolicy.find({"org_id": treasury.org_id}).count() == 0, "looking changes nothing"
    assert 'value="fifo" checked' in said(await ada.post("/lot-policy/change/", **FIFO, step="edit"))
    assert await ada.does("/lot-policy/change/", **FIFO, step="propose", version="0") == "/lot-policy/?done=proposed"
    own = await ada.text("/lot-policy/")
    assert "You proposed it, so somebody else confirms it." in own and "Withdraw it" in own and "Confirm the change" not in own
    assert "Nobody confirms what they proposed" in await ada.refused(403, "/lot-policy/decide/", decision="confirm", version="1")
    assert "A change of the method of lots" in await bob.text("/approvals/") and ">1<" in await bob.text("/fragments/approvals-count/")
    assert "A change of the method of lots" not in await ada.text("/approvals/")
    assert "$1,500.00" in await bob.text("/fragments/lot-policy/effect/")
    assert "changed meanwhile" in await bob.refused(412, "/lot-policy/decide/", decision="confirm", version="9")
    assert await bob.does("/lot-policy/decide/", decision="confirm", version="1") == "/lot-policy/?done=holds"
    held = await bob.text("/lot-policy/", done="holds")
    assert "The new method holds." in held and "Confirmed by Bob Second" in held and "Proposed by Ada Okafor" in held
    assert await settle_lots(runtime.uow, runtime.clock, treasury.org_id) == 1
    assert await JournalEntry.find({"org_id": treasury.org_id, "source_kind": "lots"}).count() == 1
    assert await ada.does("/lot-policy/change/", **FIFO, step="propose") == "/lot-policy/?done=same"


async def test_a_proposal_is_withdrawn_by_whoever_made_it_and_rejected_by_others(sits: Sits, treasury: Treasury, approver: User) -> None:
    await treasury.member("Carl", "Clerk", Role.ACCOUNTANT)
    carl, bob = await sits("carl.clerk"), await sits("bob.second")
    assert await carl.does("/lot-policy/change/", **FIFO, step="propose", version="0") == "/lot-policy/?done=proposed"
    assert "Withdraw it" in await carl.text("/lot-policy/") and "Withdraw it" not in await bob.text("/lot-policy/")
    ada = await sits("ada.okafor")
    assert "Only who proposed it withdraws it" in await ada.refused(403, "/lot-policy/withdraw/", version="1")
    assert await carl.does("/lot-policy/withdraw/", version="1") == "/lot-policy/?done=rejected"
    assert "Withdrawn" in await carl.text("/lot-policy/")
    hifo = FIFO | {"method": "hifo", "scope": "universal", "months": "0", "start_date": "2026-01-01"}
    assert await carl.does("/lot-policy/change/", **hifo, step="propose") == "/lot-policy/?done=proposed"
    assert "Another change waits for confirmation already" in await ada.refused(409, "/lot-policy/change/", **FIFO, step="propose")
    row = await LotPolicy.find_one({"org_id": treasury.org_id})
    assert row is not None and row.proposal is not None
    assert await bob.does("/lot-policy/decide/", decision="reject", version=str(row.version)) == "/lot-policy/?done=rejected"
    told = await carl.text("/lot-policy/")
    assert "Rejected by Bob Second" in told and "HIFO, all wallets together, from 1 Jan 2026" in told
    row = await LotPolicy.find_one({"org_id": treasury.org_id})
    assert row is not None and row.proposal is None and [rule.method for rule in row.rules] == ["average"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"method": "best"}, "The method is not one of those offered."),
        ({"method": ""}, "The method must be chosen."),
        ({"months": "1201"}, "It must be a whole number up to 1,200."),
        ({"months": "-1"}, "It must be a whole number up to 1,200."),
        ({"start_date": "soon"}, "The first day is not a date such as 2026-11-21."),
        ({"start_date": "2025-06-01"}, "The first day is before 2026-01-01, when the rule began that holds."),
        ({"start_date": ""}, "The first day is needed: another rule began meanwhile."),
    ],
)
async def test_what_is_refused_stands_at_its_field(sits: Sits, treasury: Treasury, changes: dict[str, Any], says: str) -> None:
    """Nobody else may confirm here: what is proposed holds at once."""
    ada = await sits("ada.okafor")
    lifo = FIFO | {"method": "lifo", "start_date": "2026-01-01"}
    assert "so it holds at once" in said(await ada.post("/lot-policy/change/", **lifo))
    assert await ada.does("/lot-policy/change/", **lifo, step="propose") == "/lot-policy/?done=holds"
    assert "nobody: held at once" in await ada.text("/lot-policy/")
    for step in ("review", "propose"):
        assert says in await ada.refused(422, "/lot-policy/change/", **FIFO | {"start_date": "2026-02-01"} | changes, step=step)
    row = await LotPolicy.find_one({"org_id": treasury.org_id})
    assert row is not None and row.proposal is None and len(row.rules) == 2


async def test_the_page_is_found(sits: Sits) -> None:
    ada = await sits("ada.okafor")
    for path in ("/tax/", "/organization/", "/journal/"):
        assert 'href="/lot-policy/"' in await ada.text(path), path


@pytest.mark.browser
async def test_a_proposal_appears_and_goes_by_itself(
    window: Window, sits: Sits, treasury: Treasury, approver: User, trades: None, relay: None
) -> None:
    ada = await sits("ada.okafor")
    await window.log_in("bob.second", "/lot-policy/")
    await window.is_live()
    assert await window.unfit() == []
    await ada.does("/lot-policy/change/", **FIFO, step="propose", version="0")
    await window.page.wait_for_selector("#proposal >> text=proposed by Ada Okafor")
    await window.page.wait_for_selector("#lot-effect >> text=With the change")
    await window.page.click(".lot-corrections summary")
    assert await window.unfit() == []
    await ada.does("/lot-policy/withdraw/", version="1")
    await window.page.wait_for_selector("#proposal", state="detached")
    await window.page.wait_for_selector("#lot-effect >> text=With the change", state="detached")
    await window.page.wait_for_selector("#decisions >> text=Withdrawn")
    await ada.does("/lot-policy/change/", **FIFO, step="propose", version="2")
    await window.page.click("#proposal >> text=Confirm the change")
    await window.page.wait_for_selector("text=The new method holds.")
    assert await window.unfit() == []
