"""Time comes from a clock that tests can set: aware UTC, cut to milliseconds as MongoDB stores it."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo


def to_milliseconds(moment: datetime) -> datetime:
    """The same instant in UTC, cut (not rounded) to whole milliseconds, so that what is hashed or compared equals what is read back."""
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def earlier(moment: datetime, by: timedelta) -> datetime:
    """So much before, or the first moment that there is."""
    first = datetime.min.replace(tzinfo=UTC)
    return moment - by if moment - first > by else first


def day_of(at: datetime, time_zone: str) -> date:
    """Which day it is there (an IANA name)."""
    return at.astimezone(ZoneInfo(time_zone)).date()


class Clock(Protocol):
    def now(self) -> datetime: ...


class Source:
    """Where a process has the time from: its machine, until it is connected with a database that tells it (`crypto_api.bootstrap`)."""

    def __init__(self) -> None:
        self.unix_s: Callable[[], float] = time.time

    def unix_ms(self) -> int:
        return int(self.unix_s() * 1000)


source = Source()


class SystemClock:
    """Of this installation."""

    def now(self) -> datetime:
        return to_milliseconds(datetime.fromtimestamp(source.unix_s(), UTC))


class FixedClock:
    """A clock that stands where it was put; for tests."""

    def __init__(self, at: datetime) -> None:
        self.at = to_milliseconds(at)

    def now(self) -> datetime:
        return self.at
