"""A clock that runs like the system's and can be put forward."""

from datetime import datetime, timedelta

from crypto_api.kit.clock import SystemClock


class MovableClock(SystemClock):
    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead

    def forward(self, **by: float) -> None:
        self.ahead += timedelta(**by)
