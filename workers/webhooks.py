"""The lane that tells webhooks what happened: one process leads, each webhook has a task of its own, and none waits for another's receiver."""

import asyncio

from crypto_api.desks import webhook_desk_of
from crypto_api.events import store as events
from crypto_api.flows.deliver_webhooks import deliver_stretch
from crypto_api.flows.keep_webhooks import Desk
from crypto_api.kit import log
from crypto_api.kit.cancel import cancel_and_wait
from crypto_api.runtime import Runtime
from crypto_api.webhooks import store
from crypto_api.webhooks.documents import Webhook
from workers.lane import Lane
from workers.leading import while_leading

LEASE = "webhooks"
LOOK_S = 0.5
AT_ONCE, RETRIED_AT_ONCE = 64, 32
"""Receivers that are asked at the same time, over all organisations: those that took what they were sent last, and, in places of their own, those
that did not, so that however many hang nobody else waits for a place."""
_logger = log.get(__name__)


def lanes(runtime: Runtime) -> list[Lane]:
    return [Lane("webhooks", lambda: while_leading(runtime, LEASE, Senders(webhook_desk_of(runtime)).run()))]


class Senders:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._places, self._places_of_failing = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(RETRIED_AT_ONCE)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await self._start_due()
                await asyncio.sleep(LOOK_S)
        finally:
            await cancel_and_wait(*self._busy.values())

    async def _start_due(self) -> None:
        heads: dict[str, int] = {}
        due = [row for row in await store.active(self._desk.clock.now()) if row.id not in self._busy]
        if due:
            heads = await events.heads({row.org_id for row in due})
        for row in due:
            if row.done_seq < heads.get(row.org_id, 0):
                self._busy[row.id] = asyncio.create_task(self._serve(row))

    async def _serve(self, row: Webhook) -> None:
        try:
            async with self._places_of_failing if row.tries else self._places:
                await deliver_stretch(self._desk, row)  # what is left makes room for others first
        except Exception:  # of this one alone: it is taken up again with the next look
            _logger.exception("webhook_failed", org_id=row.org_id, webhook_id=row.id)
        finally:
            del self._busy[row.id]
