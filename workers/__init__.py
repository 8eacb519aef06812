"""Edge 1, the workers: `manage.py worker chains|events|jobs|all`.

A process has one event loop and one Runtime; what it does goes on in lanes beside each other. On SIGTERM or Ctrl-C the lanes are
cancelled, which lets each give back its lease. Whatever has not ended within `SHUTDOWN_S_MAX` is cut off: nothing is lost by it, since what a process
was doing is taken up from the database.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack

from crypto_api.adapters.log_shipping import shipped
from crypto_api.adapters.metrics_listener import MetricsListener
from crypto_api.adapters.telemetry import traced
from crypto_api.bootstrap import open_runtime
from crypto_api.config import Config, load_config
from crypto_api.kit import collector, log
from crypto_api.kit.cancel import cancel_and_wait
from crypto_api.kit.loop_watch import loop_watched
from crypto_api.kit.standstill import ends_at_a_standstill
from crypto_api.runtime import Runtime
from workers.lane import EXPECTED, PAUSE_S_MAX, PAUSE_S_MIN, Lane, supervise

NAMES = ("chains", "events", "jobs")
SHUTDOWN_S_MAX = 10.0
_logger = log.get(__name__)
__all__ = ["NAMES", "Lane", "run"]


async def run(names: list[str]) -> None:
    """Works until SIGTERM or SIGINT. ValueError for a name that is none of `NAMES` or "all"."""
    if unknown := set(names) - {*NAMES, "all"}:
        raise ValueError(f"unknown worker: {', '.join(sorted(unknown))}; known: {', '.join(NAMES)}, all")
    chosen = [name for name in NAMES if name in names or "all" in names]
    config = load_config()
    log.configure(config.log_dir, process="worker-" + "-".join(chosen))
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    work = asyncio.create_task(_work(config, chosen))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if work.done():
        work.result()  # only a defect ends it
    ending = asyncio.create_task(cancel_and_wait(stopped, work))
    await asyncio.wait({ending}, timeout=SHUTDOWN_S_MAX)
    if not ending.done():  # something waits for a server that has gone silent, and the end of the loop would wait for it as well
        _logger.error("workers_cut_off", names=chosen, after_s=SHUTDOWN_S_MAX)
        os._exit(1)
    _logger.info("workers_stopped", names=chosen)


async def _work(config: Config, names: list[str]) -> None:
    subjects = [_lanes_of(name) for name in names]  # a second of loading, before there is a heartbeat that it could hold up
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(shipped("-".join(names), config.otel_exporter_otlp_logs_endpoint))
        await stack.enter_async_context(traced("-".join(names), config.otel_exporter_otlp_endpoint))
        runtime = await _opened(stack, config)
        if config.metrics_listen:
            listener = MetricsListener(config.metrics_listen, certificate=config.metrics_certificate, client_ca=config.metrics_client_ca)
            await stack.enter_async_context(listener)
        lanes = [lane for lanes_with in subjects for lane in lanes_with(runtime)]
        collector.settle()
        await stack.enter_async_context(loop_watched())
        await stack.enter_async_context(ends_at_a_standstill())
        _logger.info("workers_started", lanes=[lane.name for lane in lanes])
        async with asyncio.TaskGroup() as group:
            for lane in lanes:
                group.create_task(supervise(lane), name=lane.name)


async def _opened(stack: AsyncExitStack, config: Config) -> Runtime:
    """The runtime, as soon as the database can be reached."""
    pause_s = PAUSE_S_MIN
    while True:
        try:
            return await stack.enter_async_context(open_runtime(config))
        except EXPECTED as error:
            _logger.warning("start_waits", error=str(error), retry_in_s=pause_s)
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, PAUSE_S_MAX)


def _lanes_of(name: str) -> Callable[[Runtime], list[Lane]]:
    """What makes a subject's lanes. Its module is imported only where it runs, so that a relay does not load what reads chains."""
    match name:
        case "chains":
            from workers import chains

            return chains.lanes
        case "events":
            from workers import events

            return events.lanes
        case "jobs":
            from workers import jobs

            return jobs.lanes
        case _:
            raise AssertionError(name)
