"""One payment followed from the request through the queue to a worker of its own process, by a collector that speaks the real protocol; and what no
span may say."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from crypto_api.adapters import telemetry
from crypto_api.bootstrap import open_runtime
from crypto_api.kit import tracing
from crypto_api.payments.documents import Payment, PaymentAttempt
from crypto_api.payments.types import PaymentState
from crypto_api.runtime import Runtime
from tests.conftest import TEST_SECRET_KEY
from tests.factories.collector import Collector, collecting
from tests.factories.paying import ETHER, PayingHouse, stranger
from tests.http.conftest import Person
from tests.http.paying import ada, house, networks, node
from tests.http.test_payments import send

__all__ = ["ada", "house", "networks", "node"]  # fixtures
ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("mongodb_config", "crypto_api", "workers", "signer", "crypto_project")
CANARY = "canary for the rent of May"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as opened:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", opened.url)
        yield opened


@pytest.fixture
async def runtime(collector: Collector, make_config: Any, networks: list[dict[str, object]]) -> AsyncIterator[Runtime]:
    """As `api_state` opens it: told of before it is connected."""
    config = make_config(networks)
    async with telemetry.traced("api", config.otel_exporter_otlp_endpoint), open_runtime(config) as opened:
        yield opened


async def worker(runtime: Runtime, folder: Path, payment_id: str) -> None:
    """A process of `worker jobs`, until it has sent the payment, and ended in order."""
    config = runtime.config
    env = {"MONGODB_URI": config.mongodb_uri, "MONGODB_DATABASE": config.mongodb_database, "REDIS_URL": config.redis_url}
    env |= {"SECRET_KEY": TEST_SECRET_KEY, "LOG_DIR": str(folder), "EMAIL_MOCK_MODE": "true", "SIGNER_SOCKET": str(config.signer_socket)}
    env |= {"NETWORKS": str(config.networks)}
    program = "import asyncio, workers; workers.SHUTDOWN_S_MAX = 50; asyncio.run(workers.run(['jobs']))"  # a loaded machine may need more than ten
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", program, cwd=ROOT, env={**os.environ, **env})
    try:
        async with asyncio.timeout(90):
            log = folder / "crypto_accounting.log"
            while (
                (row := await Payment.get(payment_id)) is None
                or row.state is not PaymentState.BROADCAST
                or b'"event":"job_done"' not in log.read_bytes()
            ):
                assert child.returncode is None
                await asyncio.sleep(0.05)
        child.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(child.wait(), 60) == 0
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def test_a_payment_is_one_trace_from_the_request_to_the_worker_and_says_nothing_of_anybody(
    runtime: Runtime,
    collector: Collector,
    house: PayingHouse,
    ada: Person,
    tmp_path: Path,
) -> None:
    wallet, _ = await house.wallet(wei=2 * ETHER)
    to = stranger()
    refused = await ada.http.get(f"/api/payments/{CANARY}/")
    assert refused.status_code == 404
    payment = await send(ada, wallet.id, to, "0.2517", description=CANARY)
    assert payment["state"] == "APPROVED"
    await worker(runtime, tmp_path / "worker", payment["id"])
    async with asyncio.timeout(60):
        while not collector.named("enqueue payment_due"):  # in batches, after five seconds at most
            await asyncio.sleep(0.05)

    (job,) = collector.named("job payment_due")
    (put,) = [span for span in collector.named("enqueue payment_due") if span.trace == job.trace]
    (request,) = [span for span in collector.named("request") if span.trace == job.trace]
    assert (job.service, put.service, request.service) == ("coffer-jobs", "coffer-api", "coffer-api")
    assert (job.parent, put.parent, request.parent) == (put.id, request.id, "")
    assert request.attributes == {"http.request.method": "POST", "http.route": "/api/blockchain/send-eth/", "http.response.status_code": "202"}
    assert job.attributes == {"messaging.destination.name": "payment_due", "messaging.delivery_attempt": "1"}
    inside = [span for span in collector.spans if span.trace == job.trace]
    assert {"insert payments", "commitTransaction"} <= {span.name for span in inside if span.service == "coffer-api"}
    assert [span for span in inside if span.service == "coffer-jobs" and span.name == "unit of work"]
    assert [span.attributes["rpc.method"] for span in collector.spans if span.name.startswith("signer sign")] == ["sign_payments"]
    assert {"eth_sendRawTransaction"} <= {span.attributes["rpc.method"] for span in collector.named("ask a node")}

    lines = [orjson.loads(line) for line in (tmp_path / "worker" / "crypto_accounting.log").read_bytes().splitlines()]
    assert {line["trace_id"] for line in lines if line["event"] == "job_started"} >= {job.trace}

    sent = b"".join(collector.bodies)
    attempt = await PaymentAttempt.get(f"{payment['id']}:0")
    assert attempt is not None and attempt.hash is not None
    secrets = [CANARY, "0.2517", to, to[2:].lower(), wallet.id, wallet.address, payment["id"], ada.org_id, ada.user["id"], ada.user["email"], "Byron"]
    secrets += [ada.tokens["access"][:40], "Bearer", TEST_SECRET_KEY, attempt.hash, attempt.hash[2:]]
    assert [word for word in secrets if word.encode() in sent] == []
    assert {name for span in collector.spans for name in span.attributes} <= tracing.ATTRIBUTES


async def test_what_goes_wrong_is_told_by_its_kind_alone_and_a_dead_collector_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        async with telemetry.traced("api", collector.url):
            with pytest.raises(ValueError, match="canary"), tracing.span("outer"), tracing.part("inner"):
                raise ValueError("canary of mine")
            with pytest.raises(KeyError), tracing.span("other") as span:
                span.set("coffer.organization", "org_1")
            assert tracing.trace_id() is None and tracing.carried() is None
            with tracing.part("alone"):
                assert tracing.trace_id() is None, "what is part of nothing is none"
    assert [(span.name, span.failed, span.attributes) for span in collector.spans] == [
        ("inner", True, {"error.type": "ValueError"}),
        ("outer", True, {"error.type": "ValueError"}),
        ("other", True, {"error.type": "KeyError"}),
    ]
    assert b"canary" not in b"".join(collector.bodies)

    monkeypatch.setattr(telemetry, "FLUSH_S_MAX", 0.2)
    async with telemetry.traced("api", "http://127.0.0.1:9"):
        with tracing.span("lost"):
            pass


def test_nobody_else_is_told_of_a_trace_and_nothing_is_loaded_where_nobody_traces() -> None:
    sources = {path.relative_to(ROOT).as_posix(): path.read_text() for top in PRODUCT for path in (ROOT / top).rglob("*.py")}
    assert [path for path, text in sources.items() if "tracing.carried(" in text] == ["crypto_api/adapters/queue.py"]
    using = {path for path, text in sources.items() if "opentelemetry" in text}
    assert using == {"crypto_api/adapters/telemetry.py", "crypto_api/adapters/log_shipping.py"}
    loaded = [line for path in using for line in re.findall(r"^(?:from|import) opentelemetry", sources[path], re.MULTILINE)]
    assert loaded == [], "its imports stand where it begins, and behind TYPE_CHECKING"
