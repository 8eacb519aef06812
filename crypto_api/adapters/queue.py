"""The job queue: arq behind three calls. It is an alarm clock, never a lock and never the record of anything.

A job is a nudge. Losing all of them (Valkey killed, flushed) costs the interval of the sweep that looks for due work in MongoDB, so
nothing here raises into a caller for a dead Valkey.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any

import arq.connections
import arq.worker
import orjson
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix
from arq.worker import Retry, Worker, func
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

from crypto_api.kit import log, tracing
from crypto_api.kit.clock import source
from crypto_api.kit.jobs import ATTEMPTS_MAX, Job

QUEUE_NAME = "coffer:jobs"
JOB_TIMEOUT_S = 60
AT_ONCE_MAX = 8
_TIMEOUT_S = 2.0
_logger = log.get(__name__)
for _of_arq in (arq.connections, arq.worker):  # what is queued now and what is due now is told by the time of this installation, as everything is
    setattr(_of_arq, "timestamp_ms", source.unix_ms)  # noqa: B010  arq does not offer it
Handler = Callable[[str, dict[str, Any], int], Awaitable[None]]
"""Called with the job's id, its payload and which try it is."""


def _pack(value: Any) -> bytes:
    # JSON instead of arq's pickle: whoever can write to Valkey must not be able to run code here.
    return orjson.dumps(value, default=str)


class JobQueue:
    def __init__(self, redis_url: str) -> None:
        pool: ConnectionPool = ConnectionPool.from_url(redis_url, socket_connect_timeout=_TIMEOUT_S, socket_timeout=_TIMEOUT_S)
        self._redis = ArqRedis(pool, job_serializer=_pack, job_deserializer=orjson.loads, default_queue_name=QUEUE_NAME)
        self._pool = pool

    async def __aenter__(self) -> "JobQueue":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._redis.aclose()
        await self._pool.disconnect()

    async def put(self, job: Job, *, in_s: float = 0) -> bool:
        """Wakes a worker for `job`, at once or after `in_s` seconds. False, with a warning in the log, when Valkey is away: the sweep
        finds the work."""
        return await self.put_again(job.name, job.model_dump(mode="json"), None, in_s=in_s)

    async def put_again(self, name: str, payload: dict[str, Any], job_id: str | None, *, in_s: float = 0) -> bool:
        """A job by its name and what it holds. Of one id one at most waits or runs. False when Valkey is away."""
        try:
            with tracing.span(f"enqueue {name}", tracing.Kind.PRODUCER, {"messaging.destination.name": name}):
                given = [] if (carried := tracing.carried()) is None else [carried]  # nothing more than before where nobody traces
                await self._redis.enqueue_job(name, payload, *given, _job_id=job_id, _defer_by=in_s or None)
        except (RedisError, OSError) as error:
            _logger.warning("job_not_queued", job=name, error=str(error))
            return False
        return True

    async def depth(self) -> int | None:
        """How many jobs wait or run; None when Valkey is away."""
        try:
            return int(await self._redis.zcard(QUEUE_NAME))
        except (RedisError, OSError):
            return None

    async def serve(self, handlers: dict[str, Handler]) -> None:
        """Runs jobs until cancelled. Raises when Valkey goes away: the caller starts it again."""
        worker = Worker(
            functions=[func(_bound(name, handler), name=name) for name, handler in handlers.items()],
            queue_name=QUEUE_NAME,
            redis_pool=self._redis,
            job_serializer=_pack,
            job_deserializer=orjson.loads,
            handle_signals=False,
            max_jobs=AT_ONCE_MAX,
            max_tries=ATTEMPTS_MAX,
            job_timeout=JOB_TIMEOUT_S,
            keep_result=0,
            poll_delay=0.1,
            health_check_interval=30,
        )
        try:
            await worker.async_run()
        finally:
            # In a task of its own: closing cancels the jobs that run, and what they raise then must not look like our own cancellation.
            await asyncio.gather(asyncio.create_task(worker.close()), return_exceptions=True)
            await self._release(worker.tasks)

    async def _release(self, job_ids: Iterable[str]) -> None:
        """Lets go of jobs that were cut off, which arq itself forgets where one had not begun: else they would wait for its time limit."""
        with suppress(RedisError, OSError):  # a Valkey that is away forgets by itself
            for job_id in list(job_ids):
                await self._redis.delete(in_progress_key_prefix + job_id)


def _bound(name: str, handler: Handler) -> Callable[..., Coroutine[Any, Any, None]]:
    """A job that failed runs again a little later, a bounded number of times; arq itself repeats only those that were cut off."""

    async def run(context: dict[str, Any], payload: dict[str, Any], carried: str | None = None) -> None:
        job_try: int = context["job_try"]
        told: dict[str, tracing.Value] = {"messaging.destination.name": name, "messaging.delivery_attempt": job_try}
        try:
            with tracing.span(f"job {name}", tracing.Kind.CONSUMER, told, carried=carried):
                await handler(context["job_id"], payload, job_try)
        except Exception as error:
            if job_try >= ATTEMPTS_MAX:
                raise
            raise Retry(defer=2**job_try) from error

    return run
