"""The inboxes of all organisations follow what is true: swept where anything happened, and all of them once in a while."""

import asyncio
import time

from crypto_api.chains import store as chain_store
from crypto_api.chains.documents import FollowState
from crypto_api.events import store as events
from crypto_api.flows.inbox_sweep import sweep_inbox
from crypto_api.kit import log
from crypto_api.runtime import Runtime
from workers.lane import Lane
from workers.leading import while_leading

LEASE = "inbox"
SWEEP_S = 2.0
ALL_S = 300.0  # what changes without an event of the organisation is seen by then
_logger = log.get(__name__)


def lanes(runtime: Runtime) -> list[Lane]:
    return [Lane("inbox", lambda: while_leading(runtime, LEASE, keep_sweeping(runtime)))]


async def keep_sweeping(runtime: Runtime) -> None:
    seen: dict[str, int] = {}
    stopped: frozenset[str] = frozenset()
    all_at = time.monotonic() + ALL_S
    while True:
        heads = await events.all_heads()
        now_stopped = frozenset(cursor.id for cursor in await chain_store.cursors() if cursor.state is FollowState.STOPPED)
        if now_stopped != stopped or time.monotonic() > all_at:
            seen, stopped, all_at = {}, now_stopped, time.monotonic() + ALL_S
        for org_id, head in heads.items():
            if seen.get(org_id) != head:
                await _sweep(runtime, org_id)
                seen[org_id] = head
        await asyncio.sleep(SWEEP_S)


async def _sweep(runtime: Runtime, org_id: str) -> None:
    swept = await sweep_inbox(runtime.uow, runtime.clock, org_id, runtime.networks)
    if swept.noted or swept.settled:
        _logger.info("inbox_swept", org_id=org_id, noted=swept.noted, settled=swept.settled)
