"""Lanes of notices: one process reads the logs and tells people; letters leave when they are due."""

import asyncio

from crypto_api.events import store as events
from crypto_api.flows.tell_people import tell_people
from crypto_api.flows.write_notices import Post, write_notices
from crypto_api.kit.scope import EVERYBODY, OrgScope
from crypto_api.notifications import store
from crypto_api.runtime import Runtime
from crypto_api.tasks.types import ScheduleName, ScheduleRun
from workers.lane import Lane
from workers.leading import while_leading
from workers.schedules import Board

LEASE = "notifications"
LOOK_S = 1.0
_LETTERS = 200


def lanes(runtime: Runtime, board: Board) -> list[Lane]:
    return [
        Lane("notices", lambda: while_leading(runtime, LEASE, _tell(runtime))),
        Lane("notice_letters", lambda: _write(runtime, board)),
    ]


async def _tell(runtime: Runtime) -> None:
    while True:
        if not await tell_all(runtime):
            await asyncio.sleep(LOOK_S)


async def tell_all(runtime: Runtime) -> bool:
    """One look at every organisation. Whether anybody's log was read further."""
    read, moved = await store.cursors(), False
    for org_id, head in (await events.all_heads()).items():
        before = read.get(org_id, 0)
        if before < head:
            moved |= await tell_people(runtime.uow, runtime.clock, org_id, before) > before
    return moved


async def _write(runtime: Runtime, board: Board) -> None:
    async def write(scope: OrgScope) -> ScheduleRun:
        return ScheduleRun(await write_all(runtime, scope))

    await board.keep(ScheduleName.NOTICE_LETTERS, write)


async def write_all(runtime: Runtime, scope: OrgScope = EVERYBODY) -> int:
    """How many people were written to, or were to be."""
    post = Post(runtime.uow, runtime.clock, runtime.mail, runtime.config.frontend_url.rstrip("/"))
    due = await store.letters_due(runtime.clock.now(), _LETTERS, scope)
    for org_id, user_id in due:
        await write_notices(post, org_id, user_id)
    return len(due)
