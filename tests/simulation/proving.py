"""The simulators prove themselves: a bug that is planted has to be found."""

from collections.abc import Callable
from typing import Protocol

import pytest

from tests.simulation.payments import Violation


class Simulated(Protocol):
    def run(self) -> None: ...


def expect_found(planted: str, schedule: Callable[[int], Simulated], schedules: int) -> None:
    """In one of so many schedules, by a violation that names its seed."""
    for seed in range(schedules):
        try:
            schedule(seed).run()
        except Violation as found:
            assert str(found).startswith(f"seed {seed}: ")
            return
    pytest.fail(f"{planted}: not found in {schedules} schedules")
