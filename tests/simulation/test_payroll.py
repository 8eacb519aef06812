"""A short run of the simulator of the lane of payrolls, and bugs that are planted for it to find. The long run: `manage.py simulate --of payroll`."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from crypto_api.flows import advance_payroll as lane
from crypto_api.payments.types import ENDED, Origin
from tests.simulation.payroll import Rows, Schedule
from tests.simulation.proving import expect_found, traces_of

SCHEDULES = 60
TO_FIND = 400


def test_each_step_is_paid_once_or_given_up_and_all_comes_to_its_end() -> None:
    for seed in range(SCHEDULES):
        Schedule(seed).run()


def test_the_same_seed_gives_the_same_trace() -> None:
    first, _ = traces_of(Schedule, 5)
    assert any(row.startswith("die ") for row in first)


# ---- the simulator proves itself ---------------------------------------------------------------------------------------------------


async def _whoever_gives_up_does_not_look(self: Rows, org_id: str, origins: Any, session: Any = None) -> Any:
    return {} if session is not None else await _BY_ORIGINS(self, org_id, origins)


async def _nobody_is_asked(*_: Any) -> Any:
    return {}


async def _asked_and_nothing_written(plan: Any, *asked: Any) -> Any:
    """Storing and giving up do not meet at one row."""

    async def nothing(*_: Any) -> None:
        return None

    rows = _Reading(plan.rows, nothing)
    return await _STILL_WANTED(replace(plan, rows=rows), *asked)


class _Reading:
    def __init__(self, rows: Rows, change_steps: Any) -> None:
        self.steps, self.change_steps = rows.steps, change_steps


def _another_payment_each_time(step: Any) -> Origin:
    return Origin(kind=lane.ORIGIN, id=f"{step.id}:{step.look_at.timestamp()}")


async def _batches_do_not_wait(*_: Any) -> None:
    return None


def _ended_is_ended(payment: Any) -> Any:
    return replace(_OF_PAYMENT(payment), settled=payment.state in ENDED)


_BY_ORIGINS, _STILL_WANTED, _OF_PAYMENT = Rows.by_origins, lane._still_wanted, lane._of_payment

PLANTED = {
    "whoever gives up does not look whether it was prepared": (Rows, "by_origins", _whoever_gives_up_does_not_look),
    "what was given up is prepared all the same": (lane, "_still_wanted", _nobody_is_asked),
    "storing and giving up do not meet": (lane, "_still_wanted", _asked_and_nothing_written),
    "another payment each time": (lane, "_origin", _another_payment_each_time),
    "batches do not wait for their allowance": (lane, "_blocked", _batches_do_not_wait),
    "what a reorganisation can reach is settled": (lane, "_of_payment", _ended_is_ended),
    "what waits is looked at next year": (lane, "_WAITS", timedelta(days=365)),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_bug_is_found(planted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, name, bug = PLANTED[planted]
    monkeypatch.setattr(place, name, bug)
    expect_found(planted, Schedule, TO_FIND)
