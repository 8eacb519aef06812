"""What time it is at the database, for every process that works on it.

Processes compare what they write with what others wrote: leases, when work is due, how long a session, a token or an approval is good. A machine
whose clock is set wrong would take what others hold, put off what is due for days, and issue tokens that outlive what was promised. So a process
asks the database once in a while, and between two answers counts on with the monotonic clock, which nobody sets. Its machine's clock is believed as
long as it agrees with that, which is looked at each time; NTP keeps it better than a question over the network could.

What was answered lies between the moments of asking and of the answer (Cristian, "Probabilistic clock synchronization", Distributed Computing 3,
1989): half of the time that took is how wrong it may be, and the uncertainty grows with what a quartz may drift. An answer that came faster than that
replaces the one before, and so does one that contradicts it, since then the database's clock was set.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from pymongo.errors import PyMongoError

from mongodb_config.client import MongoClient

ASKED_EACH_S = 5.0
ASKED_AT_FIRST = 3  # of these the quickest answer counts
DRIFT = 200e-6  # seconds per second; twice what NTP (RFC 5905) allows a clock, which is fifteen times what a quartz does
AGREES_S = 0.25  # so much, and what is uncertain, a machine's clock may differ
_TOLD_TO_S = 0.001  # the server tells milliseconds
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """`offset_s`: to be added to the monotonic clock, to have seconds since 1970; `within_s`: by how much that may be wrong; `at_s`: on the monotonic
    clock."""

    offset_s: float
    within_s: float
    at_s: float

    @classmethod
    def of(cls, asked_s: float, got_s: float, told: datetime) -> "Answer":
        between = (asked_s + got_s) / 2
        return cls(told.timestamp() - between, (got_s - asked_s) / 2 + _TOLD_TO_S, got_s)

    def uncertain_s(self, at_s: float) -> float:
        return self.within_s + DRIFT * (at_s - self.at_s)

    def contradicts(self, other: "Answer") -> bool:
        at_s = max(self.at_s, other.at_s)
        return abs(self.offset_s - other.offset_s) > self.uncertain_s(at_s) + other.uncertain_s(at_s)


class ServerTime:
    """Of this process: its machine's time where that agrees with its database's, or no database has been asked; else the database's."""

    def __init__(self, machine: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._machine, self._monotonic = machine, monotonic
        self._best: Answer | None = None

    def unix_s(self) -> float:
        """Seconds since 1970."""
        machine_s, best = self._machine(), self._best
        if best is None:
            return machine_s
        at_s = self._monotonic()
        counted_s = at_s + best.offset_s
        return machine_s if abs(machine_s - counted_s) <= AGREES_S + best.uncertain_s(at_s) else counted_s

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.unix_s(), UTC)

    def machine_ahead_s(self) -> float:
        """By how much this machine's clock is ahead of the time that this process goes by; negative: behind; 0 where they agree."""
        going_by_s = self.unix_s()
        ahead_s = self._machine() - going_by_s
        return ahead_s if abs(ahead_s) > AGREES_S else 0.0

    def take(self, answer: Answer) -> None:
        best = self._best
        if best is not None and answer.contradicts(best):
            _logger.warning("server_time: the clock of the database was set, by %+.3f s", answer.offset_s - best.offset_s)
        elif best is not None and answer.within_s > best.uncertain_s(answer.at_s):
            return
        self._best = answer

    async def ask(self, client: MongoClient) -> None:
        asked_s = self._monotonic()
        told: datetime = (await client.admin.command("hello"))["localTime"]  # `mongodb_config.probe.inspect` sees to it that it is told
        self.take(Answer.of(asked_s, self._monotonic(), told if told.tzinfo else told.replace(tzinfo=UTC)))

    @asynccontextmanager
    async def followed(self, client: MongoClient) -> AsyncIterator[None]:
        """Inside, this process has the time of that database; it does from the first moment on."""
        for _ in range(ASKED_AT_FIRST):
            await self.ask(client)
        asking = asyncio.create_task(self._go_on(client), name="server time")
        try:
            yield
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def _go_on(self, client: MongoClient) -> None:
        while True:
            await asyncio.sleep(ASKED_EACH_S)
            try:
                await self.ask(client)
            except PyMongoError as error:  # it is counted on meanwhile
                _logger.info("server_time: %s", error)


server_time = ServerTime()
"""The one of this process: a process works on one database."""
