"""What each query leaves alone: entries that are gone, and those of another organisation."""

from datetime import datetime

import pytest

from crypto_api.address_book import store
from crypto_api.address_book.documents import Payee
from crypto_api.address_book.types import PRESENT, PayeeState
from crypto_api.runtime import Runtime

ORG, OTHER = "org_one", "org_two"
HERE, ELSEWHERE = "0x" + "1" * 40, "0x" + "2" * 40


@pytest.fixture
async def now(runtime: Runtime) -> datetime:
    """At one address an entry in each state, and a present one of somebody else; another present one at another address."""
    now = runtime.clock.now()
    rows = [(state.value, ORG, HERE, state) for state in PayeeState]
    rows += [("foreign", OTHER, HERE, PayeeState.VERIFIED), ("elsewhere", ORG, ELSEWHERE, PayeeState.VERIFIED)]
    for place, (name, org_id, address, state) in enumerate(rows):
        await Payee(
            id=name,
            created_at=now,
            updated_at=now,
            org_id=org_id,
            name=name,
            name_folded=name,
            address=address,
            network=f"network{place}",
            state=state,
            created_by="usr_1",
            address_changed_by="usr_1",
            address_changed_at=now,
        ).insert()
    return now


def ids(rows: list[Payee]) -> set[str]:
    return {row.id for row in rows}


@pytest.mark.usefixtures("now")
async def test_at_an_address_stand_only_those_that_are_present() -> None:
    assert ids(await store.at(ORG, HERE)) == {state.value for state in PRESENT} == {"unverified", "verified"}
    assert ids(await store.at_any(ORG, [HERE, ELSEWHERE])) == {"unverified", "verified", "elsewhere"}
    assert ids(await store.at(OTHER, HERE)) == {"foreign"}


@pytest.mark.usefixtures("now")
async def test_lists_for_choosing_hold_no_entry_that_is_gone() -> None:
    assert ids(await store.present(ORG)) == {"unverified", "verified", "elsewhere"}
    verified = await store.get(ORG, "verified")
    assert verified is not None and verified.network is not None
    assert ids(await store.verified(ORG, verified.network)) == {"verified"}
