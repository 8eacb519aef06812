"""Payments move on: a lane that looks at what is due, and the actor that a decision wakes.

Many senders go beside one another, each under its own lease: its fence stands in every write, so that a worker that slept through its lease changes
nothing. What is next is read from the database; being woken only makes it sooner.
"""

import asyncio
import time
from contextlib import suppress
from datetime import datetime, timedelta

from crypto_api.adapters.payment_chain import PaymentNode
from crypto_api.flows.advance_payments import AT_ONCE_MAX, advance_sender, senders_due
from crypto_api.flows.followed_chain import FollowedChain
from crypto_api.flows.judge_payment import PolicyJudge
from crypto_api.flows.link_payments import link_payments
from crypto_api.kit import log, tracing
from crypto_api.kit.cancel import cancel_and_wait
from crypto_api.kit.ids import new_id
from crypto_api.payments import store
from crypto_api.payments.jobs import PaymentDue
from crypto_api.payments.ports import World
from crypto_api.payments.service import MongoBook
from crypto_api.runtime import Runtime
from mongodb_config.leases import Lease
from mongodb_config.process_name import process_name
from workers.actor import Actor
from workers.lane import EXPECTED, Lane

SWEEP_S, SWEEP_S_MIN, SWEEP_S_MAX = 2.0, 0.4, 5.0
LOOKS_SHARE = 4  # of its time the sweep spends at most that part on looking who is due: thousands of one sender take long to look through
SENDERS_AT_ONCE = 8
PASSES_MAX, OF_A_JOB = 1_000, 20
_logger = log.get(__name__)


def lanes(runtime: Runtime) -> list[Lane]:
    return [Lane("payments", Sweeper(runtime).run)]


def world_of(runtime: Runtime, network: str, fence: int) -> World:
    return World(
        book=MongoBook(runtime.uow, runtime.clock, fence),
        chain=FollowedChain(network, PaymentNode(runtime.rpc[network], runtime.networks[network].l1_fee_oracle)),
        signer=runtime.signer,
        judge=PolicyJudge(runtime.clock),
        clock=runtime.clock,
        confirmations=runtime.networks[network].confirmations,
        settled_depth=runtime.networks[network].reorg_depth_max,
    )


class Sweeper:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._busy: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._room = asyncio.Semaphore(SENDERS_AT_ONCE)

    async def run(self) -> None:
        try:
            while True:
                now, began = self._runtime.clock.now(), time.monotonic()
                for network in self._runtime.networks:
                    for address in await senders_due(network, self._runtime.clock):
                        self._begin(network, address)
                took_s = time.monotonic() - began
                await asyncio.sleep(max(await self._pause_s(now), min(took_s * LOOKS_SHARE, SWEEP_S_MAX)))
        finally:
            await cancel_and_wait(*self._busy.values())

    def _begin(self, network: str, address: str) -> None:
        key = (network, address)
        if key not in self._busy:
            task = asyncio.create_task(self._advance(network, address), name=f"payments of {address}")
            self._busy[key] = task
            task.add_done_callback(lambda _: self._busy.pop(key, None))

    async def _advance(self, network: str, address: str) -> None:
        try:
            async with self._room:
                await advance(self._runtime, network, address)
        except EXPECTED as error:
            _logger.warning("payments_interrupted", network=network, sender=address, error=str(error)[:200], kind=type(error).__name__)
        except Exception:
            _logger.exception("payments_failed", network=network, sender=address)

    async def _pause_s(self, looked_at: datetime) -> float:
        """Until the next one is due that was not when it was looked, within bounds: what another process makes due meanwhile is seen at the next
        look."""
        now, pauses = self._runtime.clock.now(), [SWEEP_S]
        for network in self._runtime.networks:
            if (due_at := await store.next_due_of_network(network, looked_at, now + timedelta(seconds=SWEEP_S))) is not None:
                pauses.append((due_at - now) / timedelta(seconds=1))  # noqa: PERF401  it awaits
        return max(SWEEP_S_MIN, min(pauses))


async def advance(runtime: Runtime, network: str, address: str, *, passes: int = PASSES_MAX, limit: int = AT_ONCE_MAX) -> None:
    """What of a sender is due, while nobody else is at it."""
    name = f"payments:{store.lane_id(runtime.networks[network].chain_id, address)}"
    lease = await runtime.leases.acquire(name, f"{process_name()}|{new_id('hand')}")
    if lease is None:
        return
    keep = asyncio.create_task(runtime.leases.keep(lease))
    work = asyncio.create_task(_passes(runtime, network, address, lease, passes, limit))
    try:
        await asyncio.wait({keep, work}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
        else:
            _logger.warning("lease_lost", lease=name, fence=lease.fence)
    finally:
        await cancel_and_wait(keep, work)
        with suppress(Exception):  # a database that is away lets the lease run out
            await runtime.leases.release(lease)


async def _passes(runtime: Runtime, network: str, address: str, lease: Lease, passes: int, limit: int) -> None:
    world = world_of(runtime, network, lease.fence)
    for _ in range(passes):
        with tracing.span("advance payments", attributes={"coffer.network": network}):
            looked_at = await advance_sender(world, network, address, limit=limit)
        if not looked_at:
            return
        await link_payments(runtime.uow, runtime.clock, runtime.networks[network], looked_at)


async def _due(runtime: Runtime, job: PaymentDue) -> None:
    """A few of the sender's: a job is bounded in time, and where there are many the sweep is at them."""
    payment = await store.get(job.org_id, job.payment_id)
    if payment is not None and payment.network in runtime.networks:
        await advance(runtime, payment.network, payment.from_address, passes=1, limit=OF_A_JOB)


ACTORS = [Actor(PaymentDue, _due, "Moving payments on")]
