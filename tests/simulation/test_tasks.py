"""A short run of the simulator of claims and leases, and bugs that are planted for it to find. The long run: `manage.py simulate --of tasks`."""

from datetime import timedelta
from typing import Any

import pytest

from crypto_api.flows.claimed_work import Bench
from mongodb_config.leases import LeaseSteps
from tests.simulation.proving import expect_found, traces_of
from tests.simulation.tasks import LeaseRows, Rows, Schedule, Work

SCHEDULES = 100
TO_FIND = 400


def test_what_was_ordered_is_made_once_and_nothing_waits_for_ever() -> None:
    for seed in range(SCHEDULES):
        Schedule(seed).run()


def test_the_same_seed_gives_the_same_trace() -> None:
    first, _ = traces_of(Schedule, 5)
    assert any(row.startswith("die ") for row in first)


# ---- the simulator proves itself ---------------------------------------------------------------------------------------------------


def _whoever_wakes_ends_it(self: Rows, there: Work, row: Work) -> bool:
    return there.live


async def _in_the_order_of_their_orders(self: Bench[Any], due: list[Any]) -> Any:
    """What a dead worker left waits behind an older one that was given back, which waits for it."""
    seen: set[str] = set()
    for row in due:
        if row.org_id not in seen and (claimed := await self.claim(row)) is not None:
            return claimed
        seen.add(row.org_id)
    return None


async def _taken_from_whoever_has_it(self: Rows, session: Any, row: Work, token: str, now: Any, until: Any) -> Any:
    there = session.get("work", row.id)
    return await _CLAIM(self, session, there, token, now, until) if there.live else None


async def _claimed_for_good(self: Rows, session: Any, row: Work, token: str, now: Any, until: Any) -> Any:
    return await _CLAIM(self, session, row, token, now, until + timedelta(days=365))


async def _begun_some_other_time(self: Rows, *_: Any) -> bool:
    return True


def _the_fence_does_not_count(self: LeaseRows, lease: Any) -> bool:
    return lease.name in self.rows


async def _everybody_else_is_dead(self: LeaseSteps, name: str, holder: str) -> Any:
    self._is_dead = lambda _: True
    return await _ACQUIRE(self, name, holder)


_CLAIM, _ACQUIRE = Rows.claim, LeaseSteps.acquire

PLANTED = {
    "whoever wakes ends it": (Rows, "_of_worker", _whoever_wakes_ends_it),
    "in the order of their orders": (Bench, "take", _in_the_order_of_their_orders),
    "taken from whoever has it": (Rows, "claim", _taken_from_whoever_has_it),
    "claimed for good": (Rows, "claim", _claimed_for_good),
    "its task is not begun": (Rows, "begin", _begun_some_other_time),
    "the fence of a lease does not count": (LeaseRows, "_is_of", _the_fence_does_not_count),
    "everybody else is dead": (LeaseSteps, "acquire", _everybody_else_is_dead),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_bug_is_found(planted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, name, bug = PLANTED[planted]
    monkeypatch.setattr(place, name, bug)
    expect_found(planted, Schedule, TO_FIND)
