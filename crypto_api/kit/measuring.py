"""What a process counts of its own work, for Prometheus. No label holds an organisation, a person or an address: whoever reads the figures learns
how the installation does, and nothing of whose money it is."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import Counter, Gauge, Histogram

from crypto_api.kit import log
from crypto_api.kit.cancel import cancel_and_wait

LOOK_S = 0.25
STALL_S = 0.1
"""Longer than that and heartbeats, leases and other people's requests feel it: the log says so."""

REQUEST_S = Histogram(
    "coffer_http_request_seconds",
    "Time until a request was answered",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 10),
)
JOB_S = Histogram("coffer_job_seconds", "Time that a job of the queue took", ["job", "outcome"], buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60))
LANES_STOPPED = Counter("coffer_lane_stopped_total", "Times that a lane of a worker ended by a failure and was started again", ["lane", "kind"])
LOOP_LATE_S = Histogram(
    "coffer_event_loop_late_seconds", "How late the event loop came to what was due", buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
)
STALLS = Counter("coffer_event_loop_stalls_total", "Times that the event loop was held up for more than a tenth of a second")
CONSOLES = Gauge("coffer_consoles_open", "Consoles that this process serves")

_logger = log.get(__name__)


@asynccontextmanager
async def loop_watched() -> AsyncIterator[None]:
    """Looks four times a second how late the loop comes, as long as the process lives."""

    async def look() -> None:
        while True:
            due = time.perf_counter() + LOOK_S
            await asyncio.sleep(LOOK_S)
            late_s = max(0.0, time.perf_counter() - due)
            LOOP_LATE_S.observe(late_s)
            if late_s > STALL_S:
                STALLS.inc()
                _logger.warning("event_loop_held_up", ms=round(late_s * 1000))

    task = asyncio.create_task(look(), name="watch the loop")
    try:
        yield
    finally:
        await cancel_and_wait(task)
