import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.chaos.crashes import Plan, crash_runs, planned
from tests.chaos.report import Outcome, tell
from tests.chaos.steps import BY_PROCESS, STEPS, process_of

SEED = 51


@pytest.mark.timeout(600)  # some fifteen seconds on a machine that has nothing else to do
async def test_what_is_paid_is_paid_once_and_what_moves_is_stored_once_when_all_three_are_killed() -> None:
    """A short run: worker, follower and signer die in it, and a reorganisation takes payments out of the chain. The long one is `manage.py chaos`."""
    (outcome,) = [outcome async for outcome in crash_runs([SEED])]
    assert not outcome.problems, outcome
    assert {process_of(step) for step in outcome.fired} == set(BY_PROCESS)
    assert outcome.counted["processes killed"] >= 2  # the vault's child, where the key is open, dies alone
    assert outcome.counted["confirmed"] + outcome.counted["cancelled"] == 4
    assert outcome.counted["movements"] > 0


def test_the_same_seed_has_the_same_plan_and_enough_runs_come_to_every_step() -> None:
    assert Plan.of(SEED) == Plan.of(SEED)
    assert len({str(Plan.of(seed)) for seed in range(100)}) == 100
    counted = planned(range(1, 6 * len(STEPS) + 1))
    assert counted.keys() == set(STEPS)
    assert min(counted.values()) >= 6


async def test_a_step_at_which_nobody_died_and_a_problem_both_fail_the_programme(tmp_path: Path) -> None:
    async def outcomes(*made: Outcome) -> AsyncIterator[Outcome]:
        for outcome in made:
            await asyncio.sleep(0)
            yield outcome

    fine = Outcome("1", fired=Counter({"step": 1}), counted=Counter(movements=3))
    report = await tell("test", 1, Counter({"step": 2}), outcomes(fine), tmp_path / "report.json")
    assert (report.code, report.never, report.failed) == (0, [], [])
    written = json.loads((tmp_path / "report.json").read_text())
    assert (written["runs"], written["seed"], written["fired"], written["counted"]) == (1, 1, {"step": 1}, {"movements": 3})
    report = await tell("test", 1, Counter({"step": 1, "other": 1}), outcomes(fine))
    assert (report.code, report.never) == (1, ["other"])
    assert "other        1      0  NEVER" in report.as_table()
    broken = Outcome("2", fired=Counter({"step": 1}), problems=["paid twice"])
    report = await tell("test", 1, Counter({"step": 1}), outcomes(fine, broken))
    assert (report.code, report.failed) == (1, ["2: paid twice"])
    assert (await tell("test", 1, Counter(), outcomes())).code == 1, "no run is no proof"
