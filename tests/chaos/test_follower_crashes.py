from tests.chaos.follower_crashes import STEPS, crash_runs


async def test_nothing_is_skipped_or_doubled_when_the_follower_is_killed_at_any_step() -> None:
    """A short run: each step once, depths 1 to 2. The long one is `python -m tests.chaos.follower_crashes --runs 100`."""
    outcomes = [outcome async for outcome in crash_runs(range(5, 5 + len(STEPS)))]
    assert {outcome.plan.step for outcome in outcomes} == set(STEPS)
    for outcome in outcomes:
        assert not outcome.problems, outcome
        assert outcome.killed, outcome
        assert outcome.movements > 0
