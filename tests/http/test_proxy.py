"""What is in front of the API, and the way between the two, tried with the real proxy and the real `deploy/Caddyfile`: which TLS people get, who is
led to it, and that neither end believes whoever happens to be at the other."""

import asyncio
import json
import os
import ssl
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from crypto_project.embedded.ports import free_port
from crypto_project.refusal import Receive, Scope, Send
from tests.architecture.test_deploy import compose

ROOT = Path(__file__).parents[2]
CADDY = Path(sys.executable).with_name("caddy")
CADDYFILE = ROOT / "deploy" / "Caddyfile"
CIPHERS = compose()["services"]["api"]["environment"]["UVICORN_SSL_CIPHERS"]


def authority(folder: Path, *names: str) -> Path:
    subprocess.run([ROOT / "deploy" / "make-certs.sh", folder, *names], check=True)
    return folder


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return authority(tmp_path_factory.mktemp("ours"), "coffer", "proxy")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return authority(tmp_path_factory.mktemp("theirs"), "coffer", "proxy")


@asynccontextmanager
async def api(shown: Path, believed: Path) -> AsyncIterator[tuple[int, list[dict[str, Any]]]]:
    """The server of the API as `docker-compose.yml` starts it, with an application that notes down what reached it."""
    came: list[dict[str, Any]] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        came.append({"scheme": scope["scheme"], "path": scope["path"], **{name.decode(): value.decode() for name, value in scope["headers"]}})
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    tls = {"ssl_certfile": shown / "coffer.pem", "ssl_keyfile": shown / "coffer.pem", "ssl_ca_certs": str(believed / "ca.crt")}
    config = uvicorn.Config(
        application, port=0, lifespan="off", http="crypto_project.http_protocol:BoundedHttp", log_config=None, proxy_headers=False,
        ssl_cert_reqs=ssl.CERT_REQUIRED, ssl_ciphers=CIPHERS, **tls,  # type: ignore[arg-type]
    )  # fmt: skip
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.02)
    assert config.ssl is not None and config.ssl.minimum_version >= ssl.TLSVersion.TLSv1_2
    try:
        yield server.servers[0].sockets[0].getsockname()[1], came
    finally:
        server.should_exit = True
        await serving


@dataclass(frozen=True)
class Proxy:
    http: int
    https: int
    root: Path  # of the authority that its certificate is of, where it has no public name

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(verify=ssl.create_default_context(cafile=self.root), trust_env=False, timeout=30)


@asynccontextmanager
async def proxy(folder: Path, certificates: Path, api_port: int) -> AsyncIterator[Proxy]:
    ports = Proxy(free_port(), free_port(), folder / "caddy" / "pki" / "authorities" / "local" / "root.crt")
    told = {
        "COFFER_HOST": "localhost", "COFFER_ISSUER": "internal", "COFFER_HTTP_PORT": str(ports.http), "COFFER_HTTPS_PORT": str(ports.https),
        "COFFER_API": f"localhost:{api_port}", "COFFER_CERTS": str(certificates), "COFFER_CA": "ca.crt",
    }  # fmt: skip
    environment = {**os.environ, **told, "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    log = (folder / "log").open("wb")
    child = await asyncio.create_subprocess_exec(
        CADDY, "run", "--config", CADDYFILE, "--adapter", "caddyfile", env=environment, stdout=log, stderr=log
    )
    try:
        async with asyncio.timeout(60):
            while not await shakes_hands(ports):
                assert child.returncode is None, (folder / "log").read_text()
                await asyncio.sleep(0.05)
        yield ports
    finally:
        child.terminate()
        await child.wait()
        log.close()


async def shakes_hands(ports: Proxy) -> bool:
    try:
        return ports.root.exists() and await agreed(ports) is not None
    except (OSError, ssl.SSLError):
        return False


async def agreed(ports: Proxy, *, until: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3, ciphers: str = "ALL:@SECLEVEL=0") -> tuple[str, str]:
    """Version and cipher suite that a client gets which knows nothing newer than `until` and no other `ciphers`."""
    context = ssl.create_default_context(cafile=ports.root)
    context.set_ciphers(ciphers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # what is old is what is asked for
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, until
    _, writer = await asyncio.open_connection("localhost", ports.https, ssl=context)
    try:
        found = writer.get_extra_info("cipher")
        return writer.get_extra_info("ssl_object").version(), found[0]
    finally:
        writer.close()


async def test_people_get_the_newest_tls_and_forward_secrecy_alone(tmp_path: Path, ours: Path) -> None:
    async with api(ours, ours) as (port, _), proxy(tmp_path, ours, port) as ports:
        assert (await agreed(ports))[0] == "TLSv1.3", "what is best is preferred"
        version, suite = await agreed(ports, until=ssl.TLSVersion.TLSv1_2)
        assert version == "TLSv1.2" and suite in ("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305")
        for old in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await agreed(ports, until=old)
        shorter, no_secrecy, no_gcm = "ECDHE-ECDSA-AES128-GCM-SHA256", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES256-SHA"
        for weak in (shorter, no_secrecy, no_gcm, "AES128-SHA"):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await agreed(ports, until=ssl.TLSVersion.TLSv1_2, ciphers=f"{weak}:@SECLEVEL=0")


async def test_people_are_led_to_https_and_programs_are_told(tmp_path: Path, ours: Path) -> None:
    async with api(ours, ours) as (port, came), proxy(tmp_path, ours, port) as ports, ports.client() as client:
        page = await client.get(f"http://localhost:{ports.http}/wallets/?x=1")
        assert (page.status_code, page.headers["location"]) == (301, "https://localhost/wallets/?x=1")
        for path in ("/api/payments/", "/metrics"):
            refused = await client.post(f"http://localhost:{ports.http}{path}", headers={"Authorization": "Bearer secret"})
            assert refused.status_code == 403 and "location" not in refused.headers, path
        assert came == [], "nothing that came in the clear goes further"

        page = await client.get(f"https://localhost:{ports.https}/wallets/", headers={"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "http"})
        assert page.text == "ok"
        (seen,) = came
        assert seen["scheme"] == "https" and seen["host"] == f"localhost:{ports.https}" and seen["x-forwarded-proto"] == "https"
        assert seen["x-forwarded-for"] in ("127.0.0.1", "::1"), "and nobody says by themselves who they are"


async def test_the_api_believes_no_caller_and_is_not_believed_without_a_certificate(tmp_path: Path, ours: Path, theirs: Path) -> None:
    async with api(ours, ours) as (port, came):
        for shown, believed in ((None, ours), (theirs, ours), (ours, theirs)):
            context = ssl.create_default_context(cafile=believed / "ca.crt")
            if shown is not None:
                context.load_cert_chain(shown / "proxy.pem")
            async with httpx.AsyncClient(verify=context, trust_env=False) as client:
                with pytest.raises(httpx.TransportError):
                    await client.get(f"https://localhost:{port}/")
        async with httpx.AsyncClient(trust_env=False) as client:
            with pytest.raises(httpx.TransportError):
                await client.get(f"http://localhost:{port}/")
        assert came == []
        probe = [sys.executable, "-I", str(ROOT / "crypto_project" / "health_probe.py"), f"https://localhost:{port}/live"]
        for certificates, code in ((ours, 0), (theirs, 1)):
            told = {**os.environ, "METRICS_CERTIFICATE": str(certificates / "coffer.pem"), "METRICS_CLIENT_CA": str(ours / "ca.crt")}
            child = await asyncio.create_subprocess_exec(*probe, env=told, stderr=asyncio.subprocess.DEVNULL)
            assert await child.wait() == code
        assert [row["path"] for row in came] == ["/live"]

    async with api(theirs, ours) as (port, came), proxy(tmp_path, ours, port) as ports, ports.client() as client:
        answer = await client.get(f"https://localhost:{ports.https}/", headers={"Authorization": "Bearer secret"})
        assert answer.status_code == 502 and came == [], "the proxy says nothing to an API of another authority"


def test_the_certificate_for_people_is_of_a_public_authority() -> None:
    environment = {**os.environ, "COFFER_HOST": "coffer.example"}
    told = subprocess.run([CADDY, "adapt", "--config", CADDYFILE], env=environment, capture_output=True, check=True).stdout
    tls = json.loads(told)["apps"]["tls"]
    (policy,) = tls["automation"]["policies"]
    assert policy["subjects"] == ["coffer.example"] and [issuer["module"] for issuer in policy["issuers"]] == ["acme"]
    assert "disable_ocsp_stapling" not in policy and "disable_ocsp_stapling" not in tls, "what tells of revocation is stapled"
    assert "COFFER_ISSUER" not in compose()["services"]["proxy"]["environment"]
