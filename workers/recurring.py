"""The lane of recurring payments: what has its day becomes a payment, each once, also after a while without a worker."""

from crypto_api.desks import payment_desk_of
from crypto_api.flows.keep_recurring import AT_ONCE, advance_recurring
from crypto_api.kit.scope import OrgScope
from crypto_api.runtime import Runtime
from crypto_api.tasks.types import ScheduleName, ScheduleRun
from workers.lane import Lane
from workers.schedules import Board


async def _sweep(runtime: Runtime, board: Board) -> None:
    desk = payment_desk_of(runtime)

    async def advance(scope: OrgScope) -> ScheduleRun:
        done = await advance_recurring(desk, scope)
        return ScheduleRun(done, more=done >= AT_ONCE)

    await board.keep(ScheduleName.RECURRING_PAYMENTS, advance)


def lanes(runtime: Runtime, board: Board) -> list[Lane]:
    return [Lane("recurring_payments", lambda: _sweep(runtime, board))]
