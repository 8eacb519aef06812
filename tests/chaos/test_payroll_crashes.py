import pytest

from tests.chaos.payrolls import STEPS, Plan, payroll_runs, planned
from tests.chaos.steps import PAYROLL

SEED = 0  # the first step of the lane, and the signer with it


@pytest.mark.timeout(600)  # some twenty seconds on a machine that has nothing else to do
async def test_nobody_is_paid_twice_and_nobody_left_out_when_worker_and_signer_die() -> None:
    """A short run; the long ones are `manage.py chaos --of payrolls`."""
    (outcome,) = [outcome async for outcome in payroll_runs([SEED], people=24, within_s=400)]
    assert not outcome.problems, outcome
    assert outcome.fired.keys() & set(PAYROLL) and outcome.counted["people paid"] == 24


def test_enough_runs_come_to_every_step() -> None:
    assert Plan.of(SEED) == Plan.of(SEED)
    counted = planned(range(100))
    assert set(STEPS) <= counted.keys() and min(counted[step] for step in STEPS) >= 4
