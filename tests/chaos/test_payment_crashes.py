from tests.chaos.payment_crashes import STEPS, crash_runs

SEEDS = [STEPS.index("payment.after_broadcast")]


async def test_what_is_paid_is_paid_once_when_the_worker_is_killed() -> None:
    """A short run: sent, and not noted. The long one is `python -m tests.chaos.payment_crashes --runs 200`."""
    outcomes = [outcome async for outcome in crash_runs(SEEDS)]
    for outcome in outcomes:
        assert not outcome.problems, outcome
        assert outcome.killed, outcome
        assert sum(outcome.states.values()) == 4
