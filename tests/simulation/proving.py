"""The simulators prove themselves: the same seed plays the same, and a bug that is planted has to be found."""

from collections.abc import Callable
from typing import Protocol

import pytest

from tests.simulation.payments import Violation


class Simulated(Protocol):
    trace: list[str]

    def run(self) -> None: ...


def traces_of(schedule: Callable[[int], Simulated], seed: int) -> tuple[list[str], list[str]]:
    """Of that seed, which is the same when it is played again, and of the next one, which is another."""
    first, again, other = schedule(seed), schedule(seed), schedule(seed + 1)
    for each in (first, again, other):
        each.run()
    assert first.trace == again.trace != other.trace
    return first.trace, other.trace


def expect_found(planted: str, schedule: Callable[[int], Simulated], schedules: int) -> None:
    """In one of so many schedules, by a violation that names its seed."""
    for seed in range(schedules):
        try:
            schedule(seed).run()
        except Violation as found:
            assert str(found).startswith(f"seed {seed}: ")
            return
    pytest.fail(f"{planted}: not found in {schedules} schedules")
