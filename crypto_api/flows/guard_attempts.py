"""Guessing is made slow: whoever fails at a door five times must wait before each further try there, longer each time.

A try is counted before it is checked and taken back when it was right, so that of many at once no more than the allowance are checked. The
count is in the database, where a flushed cache opens nothing.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from weakref import WeakValueDictionary

from crypto_api.identity import account_store as accounts
from crypto_api.identity.documents import Attempts
from crypto_api.identity.errors import TooManyAttempts
from crypto_api.identity.rules import delay_after
from crypto_api.identity.types import ATTEMPTS_KEPT
from crypto_api.kit.clock import Clock
from crypto_api.kit.log import security
from mongodb_config.unit_of_work import Session, UnitOfWork

AT_ONCE = 2  # tries at one door that this process checks at the same time: rightful ones wait for their turn instead of being refused
_turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()


class Try:
    """One try at a door. It counts as failed until `right()` is called."""

    was_right = False

    def __init__(self, failures: int) -> None:
        self.failures = failures
        """This one and those before it: no two tries at a door have the same, until a right one."""

    def right(self) -> None:
        self.was_right = True


@asynccontextmanager
async def admitted(uow: UnitOfWork, clock: Clock, bucket: str) -> AsyncIterator[Try]:
    """`async with admitted(uow, clock, log_in_bucket(…)) as this: … this.right()`. TooManyAttempts while the door is shut, also for whoever has the
    right answer. A right answer forgets the failures before it; every other way out leaves the try counted."""
    turn = _turns.setdefault(bucket, asyncio.Semaphore(AT_ONCE))
    async with turn:
        this = Try(await _count(uow, clock.now(), bucket))
        try:
            yield this
        finally:
            if this.was_right:
                await uow.run(lambda session: accounts.forget_attempts(session, [bucket]))


async def _count(uow: UnitOfWork, now: datetime, bucket: str) -> int:
    async def work(session: Session) -> datetime | int:
        """How many they are when it is counted; else until when the door is shut."""
        seen = await accounts.attempts(session, bucket)
        if seen is not None and seen.blocked_until is not None and seen.blocked_until > now:
            return seen.blocked_until
        failures = seen.failures + 1 if seen is not None and seen.expires_at > now else 1
        delay = delay_after(failures)
        row = Attempts(id=bucket, created_at=now, failures=failures, blocked_until=now + delay if delay else None, expires_at=now + ATTEMPTS_KEPT)
        return failures if await accounts.put_attempts(session, row, seen) else now

    while True:
        shut_until = await uow.run(work)
        if isinstance(shut_until, int):
            return shut_until
        if shut_until > now:
            security.warning("attempt_refused", bucket=bucket[:12])
            raise TooManyAttempts(max(1, math.ceil((shut_until - now).total_seconds())))
