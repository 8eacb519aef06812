"""The worker process: lanes that come back, jobs that are repeated a bounded number of times, one relay at a time, a clean end."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest

import workers
from crypto_api.adapters.channel_layer import Frames
from crypto_api.adapters.queue import JobQueue
from crypto_api.events import store
from crypto_api.kit.cancel import cancel_and_wait
from crypto_api.kit.jobs import ATTEMPTS_MAX, Job
from crypto_api.runtime import Runtime
from crypto_project.embedded.valkey import valkey
from mongodb_config.leases import Leases
from tests.conftest import ConfigMaker
from tests.sockets.conftest import say
from workers import lane as lane_module
from workers.events import relay
from workers.lane import Lane, supervise

ROOT = Path(__file__).parents[2]


class Count(Job):
    name: ClassVar[str] = "count"

    org_id: str
    number: int


async def test_a_lane_that_fails_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_module, "PAUSE_S_MIN", 0.01)
    runs, enough = 0, asyncio.Event()

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs == 4:
            enough.set()
            await asyncio.Event().wait()
        if runs == 3:
            return
        raise ConnectionError("away") if runs == 1 else asyncio.CancelledError  # of something inside, not of the lane

    task = asyncio.create_task(supervise(Lane("work", work)))
    async with asyncio.timeout(60):
        await enough.wait()
    await cancel_and_wait(task)
    assert runs == 4


async def test_jobs_run_and_a_failing_one_is_repeated_a_bounded_number_of_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server, url = valkey(tmp_path)
    await server.start()
    seen: list[tuple[int, int]] = []
    ids: set[str] = set()

    async def handle(job_id: str, payload: dict[str, Any], job_try: int) -> None:
        ids.add(job_id)
        seen.append((payload["number"], job_try))
        if payload["number"] == 13:
            raise RuntimeError("never works")

    async with JobQueue(url) as queue:
        assert await queue.put(Count(org_id="org_one", number=1))
        assert await queue.put(Count(org_id="org_one", number=13))
        assert await queue.depth() == 2
        serving = asyncio.create_task(queue.serve({"count": handle}))
        async with asyncio.timeout(60):
            while await queue.depth():
                await asyncio.sleep(0.05)
        await cancel_and_wait(serving)
    await server.stop()
    assert sorted(seen) == [(1, 1), *((13, attempt) for attempt in range(1, ATTEMPTS_MAX + 1))]
    assert len(ids) == 2


async def test_a_dead_valkey_pauses_jobs_and_raises_into_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_module, "PAUSE_S_MAX", 0.5)
    server, url = valkey(tmp_path)
    await server.start()
    done = asyncio.Queue[int]()

    async def handle(_: str, payload: dict[str, Any], __: int) -> None:
        done.put_nowait(payload["number"])

    async with JobQueue(url) as queue, Frames(url) as frames:
        lane = asyncio.create_task(supervise(Lane("queue", lambda: queue.serve({"count": handle}))))
        await queue.put(Count(org_id="org_one", number=1))
        assert await asyncio.wait_for(done.get(), 60) == 1
        server.kill()
        await server.wait()
        assert await queue.put(Count(org_id="org_one", number=2)) is False
        assert await queue.depth() is None
        await frames.announce("org_one", 1)
        await server.start()
        async with asyncio.timeout(60):
            while not await queue.put(Count(org_id="org_one", number=3)):
                await asyncio.sleep(0.1)
            assert await done.get() == 3
        await cancel_and_wait(lane)
    await server.stop()


async def test_one_relay_leads_and_the_next_takes_over(runtime: Runtime) -> None:
    first, second = (asyncio.create_task(relay(runtime)) for _ in range(2))
    await say(runtime, "org_one", *range(1, 31))
    async with asyncio.timeout(60):
        while await store.head("org_one") < 30:
            await asyncio.sleep(0.02)
    await cancel_and_wait(first)  # gives its lease back
    await say(runtime, "org_one", 31)
    async with asyncio.timeout(60):
        while await store.head("org_one") < 31:
            await asyncio.sleep(0.02)
    await cancel_and_wait(second)
    assert [event.data["number"] for event in await store.after("org_one", 0, 100)] == list(range(1, 32))


async def test_a_relay_that_lost_its_lease_stops(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mongodb_config.leases.RENEWAL_S", 0.05)
    task = asyncio.create_task(relay(runtime))
    rows = runtime.database["leases"]
    async with asyncio.timeout(60):
        while not await rows.find_one({"_id": "relay"}):
            await asyncio.sleep(0.01)
        await rows.update_one({"_id": "relay"}, {"$set": {"holder": "another"}, "$inc": {"fence": 1}})
        await task
    assert await Leases(runtime.database).acquire("relay", "third") is None  # it did not give away what was not its own


async def test_an_unknown_worker_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown worker: chain;"):
        await workers.run(["chain", "events"])


async def test_sigterm_ends_the_process_and_gives_the_lease_back(runtime: Runtime, make_config: ConfigMaker, tmp_path: Path) -> None:
    config = make_config()
    env = {
        **os.environ,
        "MONGODB_URI": config.mongodb_uri,
        "MONGODB_DATABASE": config.mongodb_database,
        "REDIS_URL": config.redis_url,
        "LOG_DIR": str(tmp_path / "logs"),
    }
    script = "import asyncio, workers; asyncio.run(workers.run(['events', 'jobs']))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, env=env, cwd=ROOT)
    try:
        await say(runtime, "org_one", 1, 2, 3)
        async with asyncio.timeout(60):
            while await store.head("org_one") < 3:
                await asyncio.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 60) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert await Leases(runtime.database).acquire("relay", "the next") is not None
    text = (tmp_path / "logs" / "crypto_accounting.log").read_text()
    assert '"workers_started"' in text
    assert '"workers_stopped"' in text
