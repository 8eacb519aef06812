"""One installation for the whole matrix: a server, a chain, two organisations."""

import logging
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_network

import aiohttp
import orjson
import pytest
import structlog
from beanie import init_beanie

from crypto_api.bootstrap import open_runtime
from crypto_api.config import Config
from crypto_api.documents import DOCUMENTS
from crypto_project.asgi import unguarded
from crypto_project.edge import guarded
from crypto_project.embedded.chain_node import ChainNodeOptions, chain_node
from crypto_project.embedded.servers import Addresses
from mongodb_config import unit_of_work
from mongodb_config.client import connect
from mongodb_config.migrations import deploy
from tests.authorization.casting import Casting
from tests.authorization.house import House
from tests.conftest import TEST_SECRET_KEY
from tests.factories.signer import Signing
from tests.http.conftest import serve
from tests.tenant_guard import guard

BEHIND_A_PROXY = guarded(
    unguarded, running_max=1_000, waiting_max=1_000, trusted_proxies=[ip_network("127.0.0.0/8")]
)  # each request can then come from an address of its own
FRONTEND = "http://localhost:8000"  # a name, since passkeys need one
_REQUEST_ID = re.compile(r"req_\w+")


@dataclass
class Tally:
    cells: dict[str, int] = field(default_factory=dict)
    without_success: dict[str, str] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    ended: float = 0.0

    def add(self, name: str, cells: int) -> None:
        self.cells[name] = self.cells.get(name, 0) + cells
        self.ended = time.monotonic()


TALLY = Tally()


def told(faults: list[str]) -> str:
    """Equal faults of several columns in one line."""
    alike: dict[str, list[str]] = {}
    for fault in faults:
        column, _, rest = fault.partition(": ")
        alike.setdefault(_REQUEST_ID.sub("", rest), []).append(column)
    return "\n".join([f"{len(faults)} faults", *(f"{', '.join(columns)}: {rest}"[:900] for rest, columns in alike.items())])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if TALLY.cells:
        terminalreporter.section("authorisation matrix")
        for part in ("operation", "page", "console"):
            rows = {name: count for name, count in TALLY.cells.items() if name.startswith(f"{part} ")}
            if rows:
                terminalreporter.line(f"{part}s: {len(rows)}, cells: {sum(rows.values())}")
        total = sum(TALLY.cells.values())
        terminalreporter.line(f"cells in all: {total}, seconds: {TALLY.ended - TALLY.began:.1f}")
        for name, why in sorted(TALLY.without_success.items()):
            terminalreporter.line(f"never answers 2xx here: {name} ({why})")


@pytest.fixture
def tally() -> Tally:
    return TALLY


@pytest.fixture(autouse=True)
def every_query_names_the_organisation() -> Iterator[None]:
    guard.violations.clear()
    yield
    assert guard.violations == []


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """No logs: ten thousand requests and what each of them is told would be a third of the work."""
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module", autouse=True)
def patient() -> Iterator[None]:
    """What the matrix needs is made by the flows themselves, without a caller who would ask again after a refusal for now: a server that three
    test processes keep busy gets as long as it takes to end what was left open, a minute, and some more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unit_of_work, "RETRY_S_MAX", 100.0)
        patch.setattr(unit_of_work, "ATTEMPTS_MAX", 800)
        yield


@pytest.fixture(scope="module")
async def house(addresses: Addresses, signing: Signing, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    TALLY.began = min(TALLY.began, time.monotonic())
    folder, name = tmp_path_factory.mktemp("house"), f"test_matrix_{secrets.token_hex(6)}"
    client = connect(addresses.mongodb_uri)
    await deploy(client, name, DOCUMENTS)
    options = ChainNodeOptions(mining=False, keep=False)
    node, port = chain_node(folder / "node", folder, options)
    await node.start()
    networks = folder / "networks.json"
    row = {"slug": "testnet", "name": "Test", "chain_id": options.chain_id, "rpc_urls": [f"http://127.0.0.1:{port}"], "confirmations": 2}
    networks.write_bytes(orjson.dumps([row]))
    config = Config(
        _env_file=None,
        mongodb_uri=addresses.mongodb_uri,
        redis_url=addresses.redis_url,
        mongodb_database=name,
        networks=networks,
        log_dir=folder / "logs",
        secret_key=TEST_SECRET_KEY,
        signer_socket=signing.socket,
        email_mock_mode=True,
        bcrypt_cost=4,
        frontend_url=FRONTEND,
    )
    try:
        async with open_runtime(config) as runtime, serve(runtime, BEHIND_A_PROXY) as base_url, aiohttp.ClientSession() as http:
            yield House(runtime, base_url, http)
    finally:
        await node.stop()
        await client.close()  # the database goes with its server: dropping one of this size takes longer than making it


@pytest.fixture(scope="module")
async def bound(house: House) -> None:
    """Documents belong to the database that bound them last: another file may have had its turn since."""
    await init_beanie(database=house.runtime.database, document_models=DOCUMENTS, skip_indexes=True)


@pytest.fixture(scope="module")
async def casting(house: House) -> Casting:
    made = Casting(house, await house.organization(chart=True), await house.organization(chart=True))
    await made.furnish()
    return made
