"""Clocks of tests: one that runs like the system's and can be put forward, one that stands."""

from datetime import datetime, timedelta

from crypto_api.kit.clock import SystemClock


class MovableClock(SystemClock):
    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead

    def forward(self, **by: float) -> None:
        self.ahead += timedelta(**by)


class StoppedTime:
    """In the place of a module's `time`: nothing in it comes or goes by itself, however long a loaded machine takes."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def monotonic(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds
