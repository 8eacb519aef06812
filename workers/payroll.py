"""The lane of payrolls that were ordered to be paid: their payments are prepared one after another, and followed until nothing can undo them."""

from crypto_api.desks import payment_desk_of
from crypto_api.flows.advance_payroll import AT_ONCE, advance_payroll
from crypto_api.kit.scope import OrgScope
from crypto_api.runtime import Runtime
from crypto_api.tasks.types import ScheduleName, ScheduleRun
from workers.lane import Lane
from workers.schedules import Board


async def _sweep(runtime: Runtime, board: Board) -> None:
    desk = payment_desk_of(runtime)

    async def carry_on(_: OrgScope) -> ScheduleRun:
        done = await advance_payroll(desk)
        return ScheduleRun(done, more=done >= AT_ONCE)

    await board.keep(ScheduleName.PAYROLLS, carry_on)


def lanes(runtime: Runtime, board: Board) -> list[Lane]:
    return [Lane("payroll", lambda: _sweep(runtime, board))]
