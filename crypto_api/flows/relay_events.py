"""The relay's journey: what was committed without a number gets one, then the doorbell rings.

An event is written without a number, in the unit of work of the change. Were the number taken there, all writers of an organisation
would meet at its counter and conflict with one another until each had committed; so writers only insert, and this one worker counts.
Numbers follow the commits as this worker sees them: what one pass finds is numbered by id (the order in which it was written), and
what a slow unit of work commits later gets a later number, although its id is older. Nothing is numbered before it is committed.

Two relays beside each other, or one killed anywhere, do no harm: the counter and all numbers of a batch are one unit of work, in which
each event goes from waiting to numbered once, or the whole batch is rolled back. What was numbered and not announced is found by the
consoles, which also look at the heads by themselves.

It reaches the log through ports alone, so that the same code runs in a simulator.
"""

from collections import defaultdict
from datetime import datetime
from typing import Protocol

from pymongo.errors import DuplicateKeyError

from crypto_api.events import store
from crypto_api.kit import tracing
from crypto_api.kit.clock import Clock
from crypto_api.kit.faultpoint import faultpoint
from mongodb_config.unit_of_work import Session, Units

BATCH_MAX = 500


class Doorbell(Protocol):
    async def announce(self, org_id: str, head: int) -> None:
        """Never raises: a bell that nobody hears costs a poll interval."""


class Log(Protocol):
    """The log as the relay needs it; in the database it is `events/store.py`."""

    async def pending(self, limit: int) -> list[tuple[str, str]]: ...

    async def still_pending(self, session: Session, org_id: str, event_ids: list[str]) -> list[str]: ...

    async def take_numbers(self, session: Session, org_id: str, count: int, now: datetime) -> int: ...

    async def give_numbers(self, session: Session, org_id: str, event_ids: list[str], first: int, now: datetime) -> int: ...


class _Contended(Exception):
    """Another relay numbered some of these between our look and our write."""


async def relay_pass(uow: Units, clock: Clock, doorbell: Doorbell, log: Log = store) -> int:
    """Numbers what waits now, up to `BATCH_MAX` events over all organisations, and announces the new heads. Returns how many."""
    found: dict[str, list[str]] = defaultdict(list)
    for org_id, event_id in await log.pending(BATCH_MAX):
        found[org_id].append(event_id)
    numbered = 0
    for org_id, event_ids in found.items():
        with tracing.span("number events", attributes={"coffer.count": len(event_ids)}):
            count, head = await _number(uow, clock, log, org_id, event_ids)
            faultpoint("relay.committed")
            if count:
                await doorbell.announce(org_id, head)
        numbered += count
    return numbered


async def _number(uow: Units, clock: Clock, log: Log, org_id: str, event_ids: list[str]) -> tuple[int, int]:
    """Returns (how many, the new head); (0, 0) when another relay was faster."""

    async def work(session: Session) -> tuple[int, int]:
        waiting = await log.still_pending(session, org_id, event_ids)
        if not waiting:
            return 0, 0
        now = clock.now()
        first = await log.take_numbers(session, org_id, len(waiting), now)
        faultpoint("relay.counted")
        if await log.give_numbers(session, org_id, waiting, first, now) != len(waiting):
            raise _Contended
        faultpoint("relay.numbered")
        return len(waiting), first + len(waiting) - 1

    try:
        return await uow.run(work)
    except (_Contended, DuplicateKeyError):  # the next pass looks again
        return 0, 0
