"""One installation with a rich organisation and a poor one in it, as a browser finds it."""

import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
import structlog

from crypto_api.bootstrap import open_runtime
from crypto_api.config import Config
from crypto_api.documents import DOCUMENTS
from crypto_api.sockets.hub import EventHub
from crypto_project.asgi import inner
from crypto_project.catalogues import ensure_catalogues
from crypto_project.embedded.chain_node import ChainNodeOptions, chain_node
from crypto_project.embedded.ports import free_port
from crypto_project.embedded.servers import Addresses
from crypto_project.lifespan import Lifespan
from crypto_project.vendor_assets import ensure_vendor_assets
from mongodb_config.client import connect
from mongodb_config.migrations import deploy
from tests.authorization.house import House
from tests.browser import chromium
from tests.conftest import TEST_SECRET_KEY
from tests.factories import treasury
from tests.factories.serving import serving
from tests.factories.signer import Signing
from tests.looks.seeding import Seeded, seed

__all__ = ["chromium"]
SLUG = "testnet"


@pytest.fixture(scope="module")
async def house(addresses: Addresses, signing: Signing, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    ensure_vendor_assets()
    ensure_catalogues()
    folder, port = tmp_path_factory.mktemp("looks"), free_port()
    name = f"test_looks_{port}"
    client = connect(addresses.mongodb_uri)
    await deploy(client, name, DOCUMENTS)
    await client.close()
    node, rpc_port = chain_node(folder / "node", folder, ChainNodeOptions(mining=False, keep=False))
    await node.start()
    row = treasury.NETWORKS[0] | {"slug": SLUG, "name": "Test network", "rpc_urls": [f"http://127.0.0.1:{rpc_port}"], "confirmations": 2}
    (folder / "networks.json").write_bytes(orjson.dumps([row]))
    config = Config(
        _env_file=None,
        mongodb_uri=addresses.mongodb_uri,
        redis_url=addresses.redis_url,
        mongodb_database=name,
        networks=folder / "networks.json",
        log_dir=folder / "logs",
        secret_key=TEST_SECRET_KEY,
        signer_socket=signing.socket,
        email_mock_mode=True,
        bcrypt_cost=4,
        frontend_url=f"http://localhost:{port}",
    )
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        async with open_runtime(config) as runtime, aiohttp.ClientSession() as http:

            @contextlib.asynccontextmanager
            async def state() -> AsyncIterator[dict[str, Any]]:
                async with EventHub(runtime.frames, runtime.clock) as hub:
                    yield {"runtime": runtime, "hub": hub}

            async with serving(Lifespan(inner, state), port=port, lifespan="on", ws="websockets-sansio", timeout_graceful_shutdown=2):
                yield House(runtime, config.frontend_url, http)
    finally:
        structlog.reset_defaults()
        logging.disable(logging.NOTSET)
        await node.stop()


@pytest.fixture(scope="module")
async def seeded(house: House) -> AsyncIterator[Seeded]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(treasury, "NETWORK", SLUG)
        yield await seed(house)
