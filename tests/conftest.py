"""What every test stands on: real servers, started once a session; a database of its own for each test; a chain of its own where one
is asked for."""

import asyncio
import gc
import importlib.util
import os
import sys
import tempfile
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx._transports.default as httpx_transports
import orjson
import pytest
import uvloop
from hypothesis import HealthCheck, settings
from redis.asyncio import Redis

TEST_SECRET_KEY = "for tests only: " + "0123456789abcdef" * 3
TEST_MASTER_KEY = b64encode(bytes(range(32))).decode()

# Django reads its settings when it is first imported: they must be there before any test module is.
os.environ.setdefault("SECRET_KEY", TEST_SECRET_KEY)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crypto_project.settings")
os.environ["DEVELOPMENT"] = "true"
os.environ["BCRYPT_COST"] = "4"  # the cost is a setting; its smallest value keeps the suite fast
for what in ("FAILED_LOG_INS", "REGISTRATIONS", "MAILS", "RESETS", "CALLS", "PAGES"):
    os.environ[f"LIMIT_{what}"] = "1000000 per minute"  # every test comes from one address, and does what ten would
os.environ["REQUESTS_RUNNING_MAX"] = "1000000"  # nor does a test that races a thousand requests want to hear that these are many

# What a test writes is thrown away after it: kept in memory, a commit does not wait for a disk. Nothing is proved less, since tests kill
# processes and never the machine, and what a process has written survives it in either.
IN_MEMORY, NEEDED_BYTES = Path("/dev/shm"), 2 * 1024**3  # noqa: S108 - the memory of POSIX systems, not a guessable name in it
if "TMPDIR" not in os.environ and IN_MEMORY.is_dir() and os.access(IN_MEMORY, os.W_OK):
    described = os.statvfs(IN_MEMORY)
    if described.f_bavail * described.f_frsize >= NEEDED_BYTES and not described.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = tempfile.tempdir = str(IN_MEMORY)

# Without compiled code every process that a test starts compiles the product anew (a second of the processor), and pytest every test. Whoever
# forbids it wants none beside the sources.
if sys.dont_write_bytecode:
    sys.dont_write_bytecode, sys.pycache_prefix = False, str(Path(__file__).parents[1] / ".pytest_cache" / "bytecode")
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Each client of httpx would read the certificates of all authorities anew (20 ms of the processor), and no test asks anything over TLS.
httpx_transports.create_ssl_context = cache(httpx_transports.create_ssl_context)

# The loop on which the API runs (`crypto_project/processes.py`), which computes a sixth less than asyncio's own.
asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())

# httpcore looks for a package that is not there four times in each request, along the whole path: it is told that there is none.
if importlib.util.find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]

# The same examples in every run, so that none fails by chance; COFFER_SEARCH=1 looks for others. However long one takes on a loaded machine.
settings.register_profile("suite", derandomize=os.environ.get("COFFER_SEARCH") != "1", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

from crypto_api import bootstrap  # noqa: E402
from crypto_api.bootstrap import open_runtime  # noqa: E402
from crypto_api.config import Config  # noqa: E402
from crypto_api.kit import collector  # noqa: E402
from crypto_api.runtime import Runtime  # noqa: E402
from crypto_project.embedded.chain_node import ChainNodeOptions, chain_node  # noqa: E402
from crypto_project.embedded.ports import free_port  # noqa: E402
from crypto_project.embedded.servers import Addresses, Configured, EmbeddedServers  # noqa: E402
from crypto_project.npm import NODE_MODULES, ensure_npm_parts  # noqa: E402
from crypto_project.vendor_assets import ensure_vendor_assets  # noqa: E402
from tests import cost  # noqa: E402
from tests.factories import binding  # noqa: E402
from tests.factories.databases import Databases  # noqa: E402
from tests.factories.prepared import Kept, Prepared  # noqa: E402
from tests.factories.signer import Signing, signing_desk  # noqa: E402
from tests.scheduling import ByFile, in_order  # noqa: E402
from tests.tenant_guard import guard  # noqa: E402

bootstrap.init_beanie = binding.bind  # type: ignore[assignment]


@pytest.fixture(autouse=True)
def tenant_walls() -> Iterator[None]:
    """In every test, whatever it is about: no command of the product leaves its organisation or changes the audit log."""
    late = guard.take()
    assert late == [], "something that an earlier test left running"
    yield
    found = guard.take()
    assert found == []


def pytest_configure(config: pytest.Config) -> None:
    gc.disable()  # until everything is loaded: nothing of it is garbage
    cost.register(config)
    if NODE_MODULES.exists() and not hasattr(config, "workerinput"):
        ensure_vendor_assets()  # before the application is imported, which notes then how long each file is


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # one process of several
        items[:] = in_order(items)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """As a process of the product does when it has loaded everything: with all tests in it there is three times as much."""
    collector.settle()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile | None:
    return ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_sessionfinish(session: pytest.Session) -> None:
    if late := guard.take():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        raise pytest.UsageError(f"after the last test: {late}")


@pytest.fixture(scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedServers]:
    """MongoDB and Valkey for the session; their `children` can be killed and restarted by tests of faults."""
    ensure_npm_parts()
    folder = tmp_path_factory.mktemp("servers")
    # somebody who runs the tests again and again keeps the servers running and names them here
    running = {
        name: os.environ[f"COFFER_TEST_{name.upper()}"] for name in ("mongodb_uri", "redis_url") if f"COFFER_TEST_{name.upper()}" in os.environ
    }
    configured = Configured.model_construct(**running)
    embedded = EmbeddedServers(folder / "data", folder / "logs", configured=configured, chain=None, test_commands=True)
    async with embedded:
        yield embedded


@pytest.fixture(scope="session")
async def addresses(servers: EmbeddedServers) -> Addresses:
    return servers.addresses


@pytest.fixture(scope="session")
async def signing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Signing]:
    """The signer that every runtime of a test finds."""
    async with signing_desk(tmp_path_factory.mktemp("signer"), TEST_MASTER_KEY) as desk:
        yield desk


@dataclass(frozen=True)
class LocalChain:
    rpc_url: str
    ws_url: str
    chain_id: int


@pytest.fixture
async def chain(tmp_path: Path) -> AsyncIterator[LocalChain]:
    """A fresh node that mines only when told to."""
    options = ChainNodeOptions(mining=False, keep=False)
    child, port = chain_node(tmp_path / "node", tmp_path, options)
    await child.start()
    try:
        yield LocalChain(f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}", options.chain_id)
    finally:
        await child.stop()


@pytest.fixture(scope="session")
async def databases(addresses: Addresses) -> AsyncIterator[Databases]:
    kept = Databases(addresses.mongodb_uri)
    yield kept
    await kept.close()


@pytest.fixture(scope="session")
async def kept(databases: Databases) -> Kept:
    return Kept(databases.client)


@pytest.fixture
async def database_name(databases: Databases, addresses: Addresses) -> AsyncIterator[str]:
    """A database with every index and no row, for this test alone; and an empty Valkey, which may be emptied at any time."""
    redis = Redis.from_url(addresses.redis_url)
    await redis.flushall()
    await redis.aclose()
    async with databases.one() as name:
        guard.changes = 0
        yield name


@pytest.fixture
async def prepared(kept: Kept, database_name: str) -> Prepared:
    return Prepared(kept)


ConfigMaker = Callable[..., Config]


@pytest.fixture
def make_config(addresses: Addresses, database_name: str, signing: Signing, tmp_path: Path) -> ConfigMaker:
    """Settings of a process on this test's database; `networks` are rows of the networks file."""

    def make(networks: list[dict[str, object]] | None = None, **settings: object) -> Config:
        path = tmp_path / "networks.json"
        path.write_bytes(orjson.dumps(networks or []))
        values = {
            "mongodb_uri": addresses.mongodb_uri,
            "redis_url": addresses.redis_url,
            "mongodb_database": database_name,
            "networks": path,
            "log_dir": tmp_path / "logs",
            "secret_key": TEST_SECRET_KEY,
            "signer_socket": signing.socket,
            "email_mock_mode": True,
        }
        return Config(_env_file=None, **{**values, **settings})  # type: ignore[arg-type]

    return make


@pytest.fixture
async def runtime(make_config: ConfigMaker) -> AsyncIterator[Runtime]:
    """A runtime on an empty database and no network."""
    async with open_runtime(make_config()) as opened:
        yield opened


@pytest.fixture
def unused_tcp_port() -> int:
    return free_port()
