"""Every line of the log goes to a keeper elsewhere: over TLS, to one that the authority vouches for and to no other. In processes of their own,
since setting the log up counts for all that comes after."""

import asyncio
import gzip
import os
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
from aiohttp import web
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from tests.http.test_proxy import authority

PROGRAM = r"""
import asyncio, logging, sys
from pathlib import Path
from crypto_api.adapters.log_shipping import shipped
from crypto_api.kit import log

async def main():
    log.configure(Path(sys.argv[1]), process="test")
    async with shipped("test", sys.argv[2]):
        with log.bound(request_id="req_1"):
            log.get("here").info("seen", count=3)
            log.security.warning("log_in_failed", password="canary", ip="10.1.2.3")
        try:
            raise RuntimeError("on purpose")
        except RuntimeError:
            logging.getLogger("library").exception("failed")
    log.get("here").info("after")

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return authority(tmp_path_factory.mktemp("ours"), "logs", "coffer")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return authority(tmp_path_factory.mktemp("theirs"), "logs")


@asynccontextmanager
async def keeper(certificates: Path) -> AsyncIterator[tuple[str, list[tuple[str, LogRecord]]]]:
    kept: list[tuple[str, LogRecord]] = []

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        told = ExportLogsServiceRequest.FromString(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
        for resource in told.resource_logs:
            (service,) = [row.value.string_value for row in resource.resource.attributes if row.key == "service.name"]
            kept.extend((service, line) for scope in resource.scope_logs for line in scope.log_records)
        return web.Response(body=ExportLogsServiceResponse().SerializeToString(), content_type="application/x-protobuf")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "logs.pem")
    context.load_verify_locations(certificates / "ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED  # as deploy/logs.yaml has it
    app = web.Application()
    app.router.add_post("/v1/logs", take)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield f"https://localhost:{runner.addresses[0][1]}/v1/logs", kept
    finally:
        await runner.cleanup()


async def log_of(folder: Path, endpoint: str, certificates: Path) -> list[bytes]:
    sdk = {"CERTIFICATE": "ca.crt", "CLIENT_CERTIFICATE": "coffer.pem", "CLIENT_KEY": "coffer.pem"}
    env = {**os.environ, **{f"OTEL_EXPORTER_OTLP_{name}": str(certificates / file) for name, file in sdk.items()}}
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, str(folder), endpoint, env=env)
    async with asyncio.timeout(120):
        assert await child.wait() == 0
    return (folder / "crypto_accounting.log").read_bytes().splitlines()


def untimed(line: bytes | str) -> dict[str, str]:
    """Lines of libraries get their time where they are written, which are two places."""
    told: dict[str, str] = orjson.loads(line)
    return {name: value for name, value in told.items() if name != "timestamp"}


async def test_every_line_is_kept_elsewhere_as_it_stands_here(tmp_path: Path, ours: Path) -> None:
    async with keeper(ours) as (endpoint, kept):
        lines = await log_of(tmp_path, endpoint, ours)
    assert [orjson.loads(line)["event"] for line in lines] == ["log_is_shipped", "seen", "log_in_failed", "failed", "after"]
    assert [untimed(line.body.string_value) for _, line in kept] == list(map(untimed, lines[:-1])), "line by line, in their order, until it ends"
    assert {service for service, _ in kept} == {"coffer-test"}
    assert [line.severity_text for _, line in kept] == ["INFO", "INFO", "WARNING", "ERROR"]
    assert [line.severity_number for _, line in kept] == [9, 9, 13, 17]
    assert all(line.time_unix_nano > 0 for _, line in kept)
    assert "canary" not in str(kept) and "req_1" in kept[2][1].body.string_value


async def test_a_keeper_that_could_be_anybody_is_told_nothing_and_nothing_is_lost_here(tmp_path: Path, ours: Path, theirs: Path) -> None:
    async with keeper(theirs) as (endpoint, kept):
        lines = await log_of(tmp_path, endpoint, ours)
    ours_said = [told["event"] for line in lines if (told := orjson.loads(line))["logger"] in ("here", "security", "library")]
    assert kept == [] and ours_said == ["seen", "log_in_failed", "failed", "after"]
