"""What docs/operations.md says of TLS, tried: a certificate of an authority of one's own is believed where it is named, and any other stops the
connection before a word is said. The embedded servers have no TLS themselves (theirs are built without), so that a TLS end stands before each."""

import asyncio
import contextlib
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiosmtpd.controller import Controller
from pymongo.errors import ServerSelectionTimeoutError
from redis.asyncio import Redis

from crypto_api.adapters.channel_layer import Frames
from crypto_api.adapters.limiter import Limiter
from crypto_api.adapters.mail import Mailer
from crypto_api.adapters.queue import JobQueue
from crypto_api.kit.cancel import cancel_and_wait
from crypto_api.kit.mail import MailNotTaken
from crypto_project.embedded.servers import Addresses
from mongodb_config.client import connect
from tests.adapters.test_mail import Inbox
from tests.workers.test_workers import Count

ROOT = Path(__file__).parents[2]
_ASKER = """
import asyncio, sys
from crypto_api.adapters.json_rpc import JsonRpcChain
from crypto_api.kit.ethereum import ChainUnavailable
from crypto_api.kit.networks import Endpoint

async def main():
    async with JsonRpcChain([Endpoint(url=sys.argv[1])], 31337) as chain:
        try:
            print(await chain.block_number())
        except ChainUnavailable:
            print("unavailable")

asyncio.run(main())
"""


@dataclass(frozen=True)
class Authority:
    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def coffer(self) -> Path:
        return self.folder / "coffer.pem"

    def server(self, *, known_alone: bool = False) -> ssl.SSLContext:
        """`known_alone`: as in docker-compose.yml, to those who show a certificate of this authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "mongo.pem")
        if known_alone:
            context.load_verify_locations(self.ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def authority(folder: Path) -> Authority:
    subprocess.run([ROOT / "deploy" / "make-certs.sh", folder, "mongo", "coffer"], check=True)
    return Authority(folder)


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return authority(tmp_path / "ours")


@pytest.fixture
def theirs(tmp_path: Path) -> Authority:
    return authority(tmp_path / "theirs")


@dataclass
class TlsEnd:
    port: int = 0
    said: bytearray = field(default_factory=bytearray)  # by clients, after the handshake


@asynccontextmanager
async def tls_before(host: str, port: int, context: ssl.SSLContext) -> AsyncIterator[TlsEnd]:
    end, tasks = TlsEnd(), set[asyncio.Task[None]]()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, heard: bool) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            while piece := await reader.read(65536):
                if heard:
                    end.said.extend(piece)
                writer.write(piece)
                await writer.drain()
        writer.close()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(host, port)
        for task in (asyncio.create_task(pump(reader, far_writer, heard=True)), asyncio.create_task(pump(far_reader, writer, heard=False))):
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(take, "127.0.0.1", 0, ssl=context)
    end.port = server.sockets[0].getsockname()[1]
    try:
        yield end
    finally:
        server.close()
        await cancel_and_wait(*tasks)


def place(url: str) -> tuple[str, int]:
    host, _, port = url.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")
    return host, int(port)


async def test_valkey_over_tls_by_an_authority_of_ones_own(addresses: Addresses, ours: Authority, theirs: Authority) -> None:
    done = asyncio.Queue[int]()

    async def handle(_: str, payload: dict[str, Any], __: int) -> None:
        done.put_nowait(payload["number"])

    async with tls_before(*place(addresses.redis_url), ours.server()) as end:
        url = f"rediss://localhost:{end.port}/0?ssl_ca_certs={ours.ca}"
        async with JobQueue(url) as queue, Frames(url) as frames, Limiter(url, {"mails": "1 per minute"}) as limiter:
            heard = asyncio.create_task(anext(frames.subscribe()))
            serving = asyncio.create_task(queue.serve({"count": handle}))
            async with asyncio.timeout(60):
                while not await queue.put(Count(org_id="org_tls", number=7)):  # on a loaded machine a connection may take longer than a job waits for
                    await asyncio.sleep(0.05)
                assert await done.get() == 7
                while not heard.done():  # a bell that rings before anybody listens is heard by nobody
                    await frames.announce("org_tls", 3)
                    await asyncio.sleep(0.05)
            assert heard.result() == ("org_tls", 3)
            async with asyncio.timeout(60):
                while b"mails" not in end.said:  # on a loaded machine a connection may take longer than a limit waits for
                    await limiter.count("mails", f"10.1.2.{asyncio.get_running_loop().time()}")
                    await asyncio.sleep(0.05)
            await cancel_and_wait(serving)
        assert b"org_tls" in end.said and b"mails" in end.said, "all three went through it"

        before = len(end.said)
        for bad in (
            f"rediss://localhost:{end.port}/0?ssl_ca_certs={theirs.ca}",
            f"rediss://localhost:{end.port}/0",
            f"redis://localhost:{end.port}/0",
        ):
            async with JobQueue(bad) as queue:
                assert await queue.put(Count(org_id="org_secret", number=8)) is False
                assert await queue.depth() is None
        assert b"org_secret" not in end.said and len(end.said) == before, "nothing was said to a server that could be anybody"


async def test_mongodb_over_tls_by_an_authority_of_ones_own(addresses: Addresses, ours: Authority, theirs: Authority) -> None:
    async with tls_before(*place(addresses.mongodb_uri), ours.server()) as end:
        base = f"mongodb://localhost:{end.port}/?directConnection=true"
        async with connect(f"{base}&tls=true&tlsCAFile={ours.ca}") as client:
            assert (await client.admin.command("ping"))["ok"] == 1
        before = len(end.said)
        for options in (f"&tls=true&tlsCAFile={theirs.ca}", "&tls=true"):
            async with connect(base + options, server_selection_timeout_ms=1_000) as client:
                with pytest.raises(ServerSelectionTimeoutError, match="CERTIFICATE_VERIFY_FAILED"):
                    await client.admin.command("ping")
        assert len(end.said) == before


async def test_servers_inside_know_who_asks(addresses: Addresses, ours: Authority, theirs: Authority) -> None:
    """Each end shows a certificate: whoever has none of this authority is not spoken to."""
    context = ours.server(known_alone=True)
    async with tls_before(*place(addresses.mongodb_uri), context) as end:
        base = f"mongodb://localhost:{end.port}/?directConnection=true&tls=true&tlsCAFile={ours.ca}"
        async with connect(f"{base}&tlsCertificateKeyFile={ours.coffer}") as client:
            assert (await client.admin.command("ping"))["ok"] == 1
        before = len(end.said)
        for shown in ("", f"&tlsCertificateKeyFile={theirs.coffer}"):
            async with connect(base + shown, server_selection_timeout_ms=1_000) as client:
                with pytest.raises(ServerSelectionTimeoutError):
                    await client.admin.command("ping")
        assert len(end.said) == before
    async with tls_before(*place(addresses.redis_url), context) as end:
        base = f"rediss://localhost:{end.port}/0?ssl_ca_certs={ours.ca}"
        async with Redis.from_url(f"{base}&ssl_certfile={ours.coffer}&ssl_keyfile={ours.coffer}") as client:
            assert await client.ping()
        before = len(end.said)
        for shown in ("", f"&ssl_certfile={theirs.coffer}&ssl_keyfile={theirs.coffer}"):
            async with JobQueue(base + shown) as queue:
                assert await queue.put(Count(org_id="org_stranger", number=2)) is False
        assert len(end.said) == before


async def test_mail_and_nodes_believe_the_authority_of_ssl_cert_file(
    ours: Authority, theirs: Authority, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mail server with STARTTLS, and a node over https: the certificates that the system believes, or those of SSL_CERT_FILE."""
    inbox = Inbox()
    controller = Controller(inbox, hostname="127.0.0.1", port=unused_tcp_port, tls_context=ours.server(), require_starttls=True)
    controller.start()
    try:
        mailer = Mailer("localhost", unused_tcp_port, sender="a@example.com", tls=True)
        for believed, arrives in ((theirs.ca, False), (ours.ca, True)):
            monkeypatch.setenv("SSL_CERT_FILE", str(believed))
            if arrives:
                await mailer.send("b@example.com", "x", "y")
            else:
                with pytest.raises(MailNotTaken):
                    await mailer.send("b@example.com", "x", "y")
            assert len(inbox.letters) == arrives
    finally:
        controller.stop()

    app = web.Application()
    asked = list[bytes]()

    async def node(request: web.Request) -> web.Response:
        asked.append(await request.read())
        rows = orjson.loads(asked[-1])
        told = {"eth_chainId": "0x7a69", "eth_blockNumber": "0x5"}
        answers = [{"jsonrpc": "2.0", "id": row["id"], "result": told[row["method"]]} for row in (rows if isinstance(rows, list) else [rows])]
        return web.json_response(answers if isinstance(rows, list) else answers[0])

    app.router.add_post("/", node)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ours.server()).start()
        url = f"https://localhost:{runner.addresses[0][1]}/"
        for believed, told in ((theirs.ca, "unavailable"), (ours.ca, "5")):
            env = {**os.environ, "SSL_CERT_FILE": str(believed)}
            child = await asyncio.create_subprocess_exec(sys.executable, "-c", _ASKER, url, cwd=ROOT, env=env, stdout=subprocess.PIPE)
            out, _ = await child.communicate()
            assert out.decode().splitlines()[-1] == told
            assert bool(asked) is (told == "5"), "a node whose certificate nobody vouches for is told nothing"
    finally:
        await runner.cleanup()
