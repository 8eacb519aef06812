"""The relay's journey: what was committed without a number gets one, then the doorbell rings.

An event is written without a number, in the unit of work of the change. Were the number taken there, all writers of an organisation
would meet at its counter and conflict with one another until each had committed; so writers only insert, and this one worker counts.
Numbers follow the commits as this worker sees them: what one pass finds is numbered by id (the order in which it was written), and
what a slow unit of work commits later gets a later number, although its id is older. Nothing is numbered before it is committed.

Why numbers have no gap and none is given twice, even with two relays beside each other, or one killed anywhere:

- An event goes from waiting to numbered once (compare-and-set), and the unique index gives a number to one event only.
- Numbers are given one after another behind the last one in the log, and the giving stops where a number is taken. An event that
  another relay numbered meanwhile is passed over; the last number was read before the list of what waits, so that other relay has
  by then given at least as many numbers behind it, and none is left out.
- There is no transaction, hence nothing that a killed relay would keep locked until the server's limit; its successor goes on at once.

The head is raised before the numbers are given: it is a hint for whoever polls, and what it promises is committed and will be numbered.
"""

from collections import defaultdict
from typing import Protocol

from crypto_api.events import store
from crypto_api.kit.clock import Clock
from crypto_api.kit.faultpoint import faultpoint

BATCH_MAX = 500


class Doorbell(Protocol):
    async def announce(self, org_id: str, head: int) -> None:
        """Never raises: a bell that nobody hears costs a poll interval."""


async def relay_pass(clock: Clock, doorbell: Doorbell) -> int:
    """Numbers what waits now, up to `BATCH_MAX` events over all organisations, and announces the new heads. Returns how many."""
    found: dict[str, list[str]] = defaultdict(list)
    for org_id, event_id in await store.pending(BATCH_MAX):
        found[org_id].append(event_id)
    return sum([await _number(clock, doorbell, org_id, event_ids) for org_id, event_ids in found.items()])


async def _number(clock: Clock, doorbell: Doorbell, org_id: str, found: list[str]) -> int:
    last = await store.last_number(org_id)
    waiting = await store.still_pending(org_id, found)  # after `last` was read, see above
    if not waiting:
        return 0
    now, head = clock.now(), last + len(waiting)
    await store.raise_head(org_id, head, now)
    faultpoint("relay.counted")
    count = await store.give_numbers(org_id, waiting, last + 1, now)
    faultpoint("relay.numbered")
    await doorbell.announce(org_id, head)
    return count
