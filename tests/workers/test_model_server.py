"""The model's server fails in every way it can, and at work: nothing is lost, nothing is bent until it fits, and afterwards everything is asked."""

import asyncio
import io
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.core.management.base import CommandError

from crypto_api.adapters.ollama import OllamaModel, PullFailed
from crypto_api.adapters.queue import JobQueue
from crypto_api.classification.jobs import ClassifyTransaction
from crypto_api.kit.cancel import cancel_and_wait
from crypto_api.ledger.documents import JournalEntry
from crypto_api.runtime import Runtime
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Direction
from crypto_project.management.commands import pull_model
from tests.conftest import ConfigMaker
from tests.factories.ollama import DIGEST, OllamaServer, ollama_server
from tests.factories.treasury import NETWORKS, new_treasury
from tests.flows.test_book_transaction import NETWORK, NOW, Office
from workers import classification as worker

ROOT, LONG_AGO = Path(__file__).parents[2], datetime(2020, 1, 1, tzinfo=UTC)
GOOD: dict[str, Any] = {"category": "income", "confidence": 0.97, "evidence": ["value"], "explanation": "A receipt."}

FAILURES: dict[str, dict[str, Any]] = {
    "malformed JSON": {"content": '{"category": "income", "confid'},
    "no JSON": {"content": "Sure! This is income."},
    "wrong schema": {"content": orjson.dumps({"label": "income"}).decode()},
    "extra key": {"content": orjson.dumps(GOOD | {"pay_to": "0x99"}).decode()},
    "label outside of the list": {"content": orjson.dumps(GOOD | {"category": "own_transfer"}).decode()},
    "confidence 2.0": {"content": orjson.dumps(GOOD | {"confidence": 2.0}).decode()},
    "confidence as text": {"content": orjson.dumps(GOOD | {"confidence": "0.97"}).decode()},
    "evidence that nobody gave": {"content": orjson.dumps(GOOD | {"evidence": ["value", "log:999"]}).decode()},
    "no explanation": {"content": orjson.dumps(GOOD | {"explanation": None}).decode()},
    "missing model": {"status": 404},
    "unlisted model": {"models": []},
    "error 500": {"status": 500},
    "slow": {"delay_s": 60.0},
    "slow between words": {"pause_s": 60.0},
    "runner dies": {"breaks_after": 2},
    "connection cut": {"stops_after": 2},
    "endless": {"endless": True},
    "cut off": {"done_reason": "length"},
    "other weights": {"digest": "f" * 64},
}
UNSEEN = ("unlisted model", "other weights")  # the weights are pinned: nothing is asked


@pytest.fixture
async def server() -> AsyncIterator[OllamaServer]:
    async with ollama_server() as running:
        running.content = orjson.dumps(GOOD).decode()
        yield running


@pytest.fixture
async def office(runtime: Runtime, make_config: ConfigMaker) -> Office:
    config = make_config(llm_confidence_min=0.9)
    made = Office(replace(runtime, networks={NETWORK.slug: NETWORK}, config=config), await new_treasury(runtime.uow, now=NOW))
    await made.treasury.wallet("main")
    return made


async def undecided(office: Office) -> Transaction:
    row, _ = await office.booked(office.moved(Direction.IN, "2"))
    await Transaction.get_pymongo_collection().update_one({"_id": row.id, "org_id": row.org_id}, {"$set": {"booked_at": LONG_AGO}})
    return await now(row)


async def now(row: Transaction) -> Transaction:
    found = await Transaction.get(row.id)
    assert found is not None
    return found


@asynccontextmanager
async def sweeping(office: Office, url: str, monkeypatch: pytest.MonkeyPatch, timeout_s: float) -> AsyncIterator[None]:
    model = OllamaModel(url, "granite4:micro", timeout_s=timeout_s, pinned=f"sha256:{DIGEST[:16]}")
    runtime, patience = replace(office.runtime, llm=model), worker.Patience(first_s=0.0)

    async def rounds() -> None:
        while True:
            await worker.sweep(runtime, patience)
            await asyncio.sleep(0.02)

    task = asyncio.create_task(rounds())
    try:
        yield
        assert not task.done(), "nothing that a model does ends the lane"
    finally:
        await cancel_and_wait(task)


async def until(holds: Any) -> None:
    async with asyncio.timeout(120):
        while not await holds():
            await asyncio.sleep(0.02)


async def is_income(row: Transaction) -> bool:
    return (await now(row)).category == "income"


async def test_after_every_failure_the_queue_drains(office: Office, server: OllamaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, broken in FAILURES.items():
        await _fails_and_is_mended(office, server, monkeypatch, name, broken)
    rows = await Transaction.find({"org_id": office.org_id}).to_list()
    assert {(row.category, row.category_source, row.confidence) for row in rows} == {("income", "model", 0.97)} and len(rows) == len(FAILURES)
    standing = await JournalEntry.find({"org_id": office.org_id, "status": "posted", "reverses": None}).count()
    assert standing == len(FAILURES), "each is booked once"


async def _fails_and_is_mended(office: Office, server: OllamaServer, monkeypatch: pytest.MonkeyPatch, name: str, broken: dict[str, Any]) -> None:
    row, asked, listed = await undecided(office), len(server.requests), server.listed
    well = {field: getattr(server, field) for field in broken}
    slow = {"delay_s", "pause_s"} & broken.keys()
    vars(server).update(broken)
    async with sweeping(office, server.url, monkeypatch, timeout_s=0.3 if slow else 30.0):
        # twice: so the answer to the first was read and refused
        await until(lambda: _so(server.listed > listed + 1 if name in UNSEEN else len(server.requests) > asked + 1))
    assert await now(row) == row, f"{name}: it stays as it was, to the version"
    assert name not in UNSEEN or len(server.requests) == asked, "others than the pinned weights see nothing"
    vars(server).update(well)
    async with sweeping(office, server.url, monkeypatch, timeout_s=30.0):
        await until(lambda: is_income(row))


async def _so(holds: bool) -> bool:
    return holds


async def test_no_server_at_all_and_then_one(office: Office, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, looked = [await undecided(office) for _ in range(3)], asyncio.Event()
    ask = worker._ask

    async def counted(*args: Any) -> Any:
        outcome = await ask(*args)
        looked.set()
        return outcome

    monkeypatch.setattr(worker, "_ask", counted)
    async with sweeping(office, f"http://127.0.0.1:{unused_tcp_port}", monkeypatch, timeout_s=30.0):
        async with asyncio.timeout(60):
            await looked.wait()
        assert [await now(row) for row in rows] == rows
        async with ollama_server(unused_tcp_port) as server:
            server.content = orjson.dumps(GOOD).decode()
            for row in rows:
                await until(lambda row=row: is_income(row))
            assert len(server.requests) == 3, "each once"


def test_a_question_in_vain_is_asked_ever_more_seldom() -> None:
    at = [0.0]
    patience = worker.Patience(first_s=60, longest_s=200, now=lambda: at[0])
    for pause_s in (60, 120, 200, 200):
        patience.in_vain("t1")
        assert patience.waiting() == ["t1"]
        at[0] += pause_s - 1
        assert patience.waiting() == ["t1"]
        at[0] += 1
        assert patience.waiting() == []
    patience.answered("t1")
    patience.in_vain("t1")
    at[0] += 60
    assert patience.waiting() == []


async def test_a_worker_killed_in_the_middle_of_a_question_loses_nothing(
    office: Office, server: OllamaServer, make_config: ConfigMaker, tmp_path: Path
) -> None:
    row, config = await undecided(office), make_config(NETWORKS)
    env = os.environ | {
        "MONGODB_URI": config.mongodb_uri,
        "MONGODB_DATABASE": config.mongodb_database,
        "REDIS_URL": config.redis_url,
        "NETWORKS": str(config.networks),
        "SIGNER_SOCKET": str(config.signer_socket),
        "LOG_DIR": str(tmp_path / "logs"),
        "LLM_BASE_URL": server.url,
        "LLM_TIMEOUT_S": "300",
        "LLM_CONFIDENCE_MIN": "0.9",
    }
    script = "import asyncio, workers; asyncio.run(workers.run(['jobs']))"
    server.delay_s = 300.0
    async with JobQueue(config.redis_url) as queue:
        assert await queue.put(ClassifyTransaction(org_id=row.org_id, transaction_id=row.id))
        first = await asyncio.create_subprocess_exec(sys.executable, "-c", script, env=env, cwd=ROOT)
        try:
            await until(lambda: _so(len(server.requests) == 1))
            first.send_signal(signal.SIGKILL)
            assert await first.wait() == -signal.SIGKILL
            assert await now(row) == row, "nothing of the answer that never came"
            server.delay_s = 0.0
            second = await asyncio.create_subprocess_exec(sys.executable, "-c", script, env=env, cwd=ROOT)
            try:
                await until(lambda: is_income(row))
            finally:
                second.terminate()
                await second.wait()
        finally:
            if first.returncode is None:
                first.kill()
                await first.wait()
    assert len(server.requests) == 2 and server.requests[0] == server.requests[1], "the same question, once more"
    assert await JournalEntry.find({"org_id": office.org_id, "status": "posted", "reverses": None}).count() == 1


async def test_the_command_that_fetches_weights_tells_how_far_it_is(server: OllamaServer, make_config: ConfigMaker) -> None:
    """A line for each step and tenth; the digest at its end; what went wrong in one line."""

    async def run(what: str, **settings: Any) -> list[str]:
        command = pull_model.Command(stdout=io.StringIO())  # type: ignore[arg-type]
        config = make_config(llm_base_url=server.url, **settings)
        await (command._check(config) if what == "check" else command._pull(config))
        return str(command.stdout._out.getvalue()).splitlines()  # type: ignore[attr-defined]

    server.models.clear()
    with pytest.raises(CommandError, match="has no model granite4:micro"):
        await run("check")
    server.pull_fault = "pull model manifest: file does not exist"
    with pytest.raises(CommandError, match="could not be fetched: pull model manifest: file does not exist"):
        await run("pull")
    server.pull_fault = None
    assert await run("pull") == [
        "pulling manifest",
        f"pulling {DIGEST[:12]} 0 % of 1,000 bytes",
        f"pulling {DIGEST[:12]} 40 % of 1,000 bytes",
        f"pulling {DIGEST[:12]} 100 % of 1,000 bytes",
        "verifying sha256 digest",
        "writing manifest",
        "success",
        f"granite4:micro is there, digest {DIGEST}",
    ]
    assert await run("check", llm_model_digest=f"sha256:{DIGEST}") == [f"granite4:micro is there, digest {DIGEST}"]
    with pytest.raises(CommandError, match="other weights under the name granite4:micro"):
        await run("check", llm_model_digest="f" * 12)
    with pytest.raises(PullFailed, match="LLM_MODEL_DIGEST says another"):
        await OllamaModel(server.url, "granite4:micro", pinned="f" * 12).pull(lambda step: None)
