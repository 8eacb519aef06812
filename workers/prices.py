"""Prices: what is held and watched is asked for on a schedule, and what was asked for in vain once more."""

from crypto_api.flows.price_at import Prices
from crypto_api.flows.true_up import Desk, true_up
from crypto_api.flows.watch_prices import watch_prices
from crypto_api.kit import log
from crypto_api.kit.ethereum import ChainUnavailable
from crypto_api.kit.scope import EVERYBODY, OrgScope
from crypto_api.organizations import store as organizations
from crypto_api.prices import store
from crypto_api.prices.jobs import TrueUpPrices
from crypto_api.runtime import Runtime
from crypto_api.tasks import service as tasks
from crypto_api.tasks.types import ScheduleName, ScheduleRun
from mongodb_config.unit_of_work import Session
from workers.actor import Actor
from workers.lane import Lane
from workers.leading import while_leading
from workers.schedules import Board

LEASE = "prices"
_logger = log.get(__name__)


def lanes(runtime: Runtime, board: Board) -> list[Lane]:
    return [Lane("prices", lambda: while_leading(runtime, LEASE, keep_watching(runtime, board)))]


async def keep_watching(runtime: Runtime, board: Board) -> None:
    async def watch(scope: OrgScope) -> ScheduleRun:
        done = await watch_all(runtime, scope)
        for org_id in scope.within(await store.orgs_with_gaps()):
            await _true_up(runtime, org_id)
        return done

    await board.keep(ScheduleName.PRICES, watch, every_s=runtime.prices.settings.refresh_s)


async def watch_all(runtime: Runtime, scope: OrgScope = EVERYBODY) -> ScheduleRun:
    """Every organisation once; one whose node is away is left for the next time."""
    prices, failed = Prices(runtime.networks, runtime.prices), dict[str, str]()
    org_ids = scope.within([row.id for row in await organizations.everyone()])
    for org_id in org_ids:
        try:
            watched = await watch_prices(runtime.uow, runtime.clock, org_id, prices)
        except ChainUnavailable as error:
            _logger.warning("prices_wait", org_id=org_id, reason=error.detail)
            failed[org_id] = error.detail
            continue
        if watched.fired:
            _logger.info("price_alerts_fired", org_id=org_id, count=watched.fired)
    return ScheduleRun(len(org_ids) - len(failed), failed=failed)


async def _true_up(runtime: Runtime, org_id: str, *, everything: bool = False) -> str:
    desk = Desk(runtime.uow, runtime.clock, runtime.networks, runtime.rpc, runtime.prices)
    done = await true_up(desk, org_id, everything=everything)
    if done.looked_at:
        _logger.info("prices_trued_up", org_id=org_id, looked_at=done.looked_at, changed=done.changed, left=done.left)
    return f"{done.looked_at} looked at, {done.changed} valued anew, {done.left} still without a price or a cost"


async def _asked_for(runtime: Runtime, job: TrueUpPrices) -> None:
    """With a task where somebody asked; as a nudge after a price was entered, what is due."""
    task_id = job.task_id
    if not task_id:
        await _true_up(runtime, job.org_id)
        return

    async def begin(session: Session) -> bool:
        return await tasks.begin(session, job.org_id, task_id, runtime.clock.now())

    if not await runtime.uow.run(begin):
        return
    summary = await _true_up(runtime, job.org_id, everything=True)

    async def finish(session: Session) -> None:
        await tasks.finish(session, job.org_id, task_id, runtime.clock.now(), summary=summary)

    await runtime.uow.run(finish)


ACTORS = [Actor(TrueUpPrices, _asked_for, "Valuing anew")]
