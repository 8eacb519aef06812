"""What the fuzzers play on: an API process as the product starts it, on real servers, with a signer and a chain; and what can be seen of it from
outside: its memory, its log, whether it lives."""

import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import orjson

from crypto_api.bootstrap import open_runtime
from crypto_api.config import Config
from crypto_api.documents import DOCUMENTS
from crypto_project.embedded.chain_node import ChainNodeOptions, chain_node
from crypto_project.embedded.child import Child
from crypto_project.embedded.ports import free_port
from crypto_project.embedded.servers import Addresses, Configured, EmbeddedServers
from crypto_project.processes import HEALTH_PATH, api_process
from mongodb_config.client import connect
from mongodb_config.migrations import deploy
from tests.authorization.house import House
from tests.conftest import TEST_MASTER_KEY, TEST_SECRET_KEY
from tests.factories.signer import Signing, signing_desk

ROOT = Path(__file__).resolve().parents[2]
FRONTEND = "http://localhost:8000"  # a name, since passkeys need one
UNLIMITED = "1000000 per minute"  # how often an address may ask for something is another test's
LIMITS = ("FAILED_LOG_INS", "REGISTRATIONS", "MAILS", "RESETS", "CHALLENGES", "PAYER_PAGES", "CALLS", "PAGES")
LOUD = ("error", "critical")


@dataclass
class Stage:
    house: House
    api: Child
    port: int
    logs: Path
    started_as: int | None = None
    _read: dict[Path, int] = field(default_factory=dict)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def rss_mb(self) -> float:
        """Resident memory of the API process."""
        assert self.started_as is not None
        return rss_mb(self.started_as)

    async def lives(self) -> bool:
        """The very process that was started runs and says that it is well."""
        if self.api.pid is None or self.api.pid != self.started_as:
            return False
        async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
            return (await client.get(self.base_url + HEALTH_PATH)).status_code == httpx.codes.OK

    def unhandled(self) -> list[str]:
        """What its logs have told of since somebody asked: every error, and every traceback that went to the terminal."""
        found = [_told(line) for line in self._new_lines(self.logs / "crypto_accounting.log") if _is_loud(line)]
        terminal = "\n".join(self._new_lines(self.api.log_file))
        return found + [f"on the terminal: {part[:600]}" for part in re.findall(r"Traceback \(most recent.*?(?=\n\S*\n|\Z)", terminal, re.DOTALL)]

    def _new_lines(self, path: Path) -> list[str]:
        if not path.exists():
            return []
        with path.open("rb") as file:
            file.seek(self._read.get(path, 0))
            read = file.read()
            self._read[path] = file.tell()
        return read.decode(errors="replace").splitlines()


def rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    assert found is not None
    return int(found[1]) / 1024


def _is_loud(line: str) -> bool:
    row = _row(line)
    return row.get("level") in LOUD or "exception" in row


def _told(line: str) -> str:
    row = _row(line)
    return f"{row.get('event')} {row.get('path', '')} {str(row.get('exception', row.get('error', '')))[-600:]}".strip()


def _row(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        return {"level": "error", "event": line[:600]}  # everything that it logs is JSON
    return row if isinstance(row, dict) else {}


@asynccontextmanager
async def stage_on(addresses: Addresses, signing: Signing, folder: Path, database: str = "fuzz") -> AsyncIterator[Stage]:
    """On servers that run. `folder` keeps the logs."""
    logs = folder / "logs"
    options = ChainNodeOptions(mining=False, keep=False)
    node, node_port = chain_node(folder / "node", folder, options)
    await node.start()
    try:
        config = _config(addresses, signing, folder, database, options.chain_id, node_port)
        client = connect(config.mongodb_uri)
        await deploy(client, config.mongodb_database, DOCUMENTS)
        await client.close()
        async with open_runtime(config) as runtime, aiohttp.ClientSession() as http:
            port = free_port()
            api = _api(config, port, folder)
            await api.start()
            try:
                stage = Stage(House(runtime, f"http://127.0.0.1:{port}", http), api, port, logs)
                stage.started_as = api.pid
                yield stage
            finally:
                await api.stop()
    finally:
        await node.stop()


@asynccontextmanager
async def open_stage(folder: Path) -> AsyncIterator[Stage]:
    """With servers of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    async with (
        EmbeddedServers(folder / "data", folder / "servers", configured=Configured.nothing(), chain=None) as servers,
        signing_desk(folder / "signer", TEST_MASTER_KEY) as signing,
        stage_on(servers.addresses, signing, folder) as stage,
    ):
        yield stage


def _config(addresses: Addresses, signing: Signing, folder: Path, database: str, chain_id: int, node_port: int) -> Config:
    networks = folder / "networks.json"
    row = {"slug": "testnet", "name": "Test", "chain_id": chain_id, "rpc_urls": [f"http://127.0.0.1:{node_port}"], "confirmations": 2}
    networks.write_bytes(orjson.dumps([row]))
    return Config(
        _env_file=None,  # type: ignore[call-arg]
        mongodb_uri=addresses.mongodb_uri,
        redis_url=addresses.redis_url,
        mongodb_database=database,
        networks=networks,
        log_dir=folder / "logs",
        secret_key=TEST_SECRET_KEY,  # type: ignore[arg-type]
        signer_socket=signing.socket,
        email_mock_mode=True,
        bcrypt_cost=4,
        frontend_url=FRONTEND,
    )


def _api(config: Config, port: int, folder: Path) -> Child:
    spec = api_process("127.0.0.1", port)
    env = {
        **os.environ,
        "MONGODB_URI": config.mongodb_uri,
        "MONGODB_DATABASE": config.mongodb_database,
        "REDIS_URL": config.redis_url,
        "NETWORKS": str(config.networks),
        "LOG_DIR": str(config.log_dir),
        "SECRET_KEY": config.secret_key.get_secret_value(),
        "SIGNER_SOCKET": str(config.signer_socket),
        "EMAIL_MOCK_MODE": "true",
        "DEVELOPMENT": "true",
        "BCRYPT_COST": "4",
        "FRONTEND_URL": FRONTEND,
        **{f"LIMIT_{name}": UNLIMITED for name in LIMITS},
    }

    async def answers() -> bool:
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
            return (await client.get(str(spec.health_url))).status_code == httpx.codes.OK

    return Child("api", spec.command, log_file=folder / "api.log", ready=answers, env=env, cwd=ROOT, start_timeout_s=120)
