"""What all runs share: servers, contracts, one database, and a follower, a payment worker and a signer in processes of their own. Each run is an
organisation of its own in it, with wallets of its own, and runs follow one another on one chain."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from beanie import init_beanie
from eth_account.signers.local import LocalAccount

from crypto_api.adapters.signer import SignerClient
from crypto_api.documents import DOCUMENTS
from crypto_api.kit.faultpoint import order_kill
from crypto_api.kit.signing import SignerUnavailable
from crypto_project.demo.chain import ChainActor
from crypto_project.demo.compile import compile_contracts
from crypto_project.demo.deploy import DemoContracts, deploy_contracts
from crypto_project.demo.keys import dev_account
from crypto_project.demo.moves import ChainMoves
from crypto_project.embedded.chain_node import ChainNodeOptions
from crypto_project.embedded.child import ChildFailed
from crypto_project.embedded.servers import Addresses, Configured, EmbeddedServers
from mongodb_config.client import MongoClient, connect
from mongodb_config.migrations import deploy
from tests.chaos import processes
from tests.chaos.processes import Kept

NETWORK, DATABASE = "local", "chaos"
CONFIRMATIONS, DEPTH_MAX = 3, 9
MASTER_KEY = b64encode(bytes(range(32))).decode()
SIGNER_WITHIN_S = 180
STARTS_MAX = 5


class House:
    contracts: DemoContracts
    moves: ChainMoves
    client: MongoClient
    processes: dict[str, Kept]

    def __init__(self, addresses: Addresses, folder: Path) -> None:
        self.addresses, self.folder = addresses, folder
        self.orders, self.intents, self.logs = processes.orders(), folder / "intents", folder / "logs"
        self.actor = ChainActor(addresses.rpc_url, addresses.chain_id)
        self.signer = SignerClient(folder / "run" / "signer.sock")
        self.strangers: list[LocalAccount] = [dev_account(index) for index in range(4, 8)]

    async def open(self) -> None:
        for order in self.ordered():  # that nobody carried out in the house before
            (self.orders / order).unlink()
        for path in (self.intents, self.folder / "run"):
            path.mkdir(exist_ok=True)
        await self.actor.take_over_mining()
        self.contracts = await deploy_contracts(self.actor, await compile_contracts())
        self.moves = ChainMoves(self.actor, self.contracts)
        for account in self.strangers:
            await self.moves.mint(self.contracts.usdc, account.address, 10**15)
        await self.actor.mine()
        self.client = connect(self.addresses.mongodb_uri)
        await deploy(self.client, DATABASE, DOCUMENTS)
        await init_beanie(database=self.client[DATABASE], document_models=DOCUMENTS, skip_indexes=True)
        settings = self._settings(await self.number("eth_blockNumber"))
        forks = processes.context()
        bodies = {"follower": processes.follower, "worker": processes.worker, "signer": processes.signer}
        self.processes = {name: Kept(forks, name, body, settings) for name, body in bodies.items()}
        await self.signer_answers()

    async def close(self) -> None:
        for process in self.processes.values():
            process.end()
        await self.client.close()
        await self.actor.close()

    def look(self) -> None:
        """Who has ended is started again."""
        for process in self.processes.values():
            process.look()

    def order(self, step: str, nth: int) -> None:
        order_kill(self.orders, step, nth)

    def ordered(self) -> set[str]:
        """What has not been carried out yet."""
        return {path.name for path in self.orders.iterdir() if not path.name.startswith(".")}

    async def signer_answers(self) -> None:
        async with asyncio.timeout(SIGNER_WITHIN_S):
            while True:
                self.look()
                try:
                    await self.signer.public_key()
                    return
                except SignerUnavailable:
                    await asyncio.sleep(0.05)

    async def number(self, method: str, *params: Any) -> int:
        return int(await self.actor.rpc(method, *params), 16)

    def _settings(self, start_height: int) -> dict[str, Any]:
        row = {
            "slug": NETWORK,
            "name": "Local",
            "chain_id": self.addresses.chain_id,
            "rpc_urls": [self.addresses.rpc_url],
            "ws_url": self.addresses.rpc_ws_url,
            "confirmations": CONFIRMATIONS,
            "reorg_depth_max": DEPTH_MAX,
            "start_height": start_height,
            "tokens": [{"symbol": "USDC", "address": self.contracts.usdc, "decimals": 6}],
            "wrapped_native": {"symbol": "WETH", "address": self.contracts.weth, "decimals": 18},
            "poll_s": 0.2,
        }
        path = self.folder / "networks.json"
        path.write_text(json.dumps([row]))
        return {
            "mongodb_uri": self.addresses.mongodb_uri,
            "redis_url": self.addresses.redis_url,
            "mongodb_database": DATABASE,
            "networks": str(path),
            "secret_key": "x" * 40,
            "master_key": MASTER_KEY,
            "signer_socket": self.folder / "run" / "signer.sock",
            "intents": str(self.intents),
            "log_dir": self.logs,
        }


@asynccontextmanager
async def open_house(folder: Path) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        servers = await servers_in(stack, folder)
        house = House(servers.addresses, folder)
        await house.open()
        try:
            yield house
        finally:
            await house.close()


async def servers_in(stack: AsyncExitStack, folder: Path, *, test_commands: bool = False) -> EmbeddedServers:
    """On a busy machine somebody else may take a port between its choice and its use."""
    for attempt in range(STARTS_MAX):
        data, logs = folder / f"data-{attempt}", folder / "servers"
        try:
            chain = ChainNodeOptions(mining=False, keep=False)
            servers = EmbeddedServers(data, logs, configured=Configured.nothing(), chain=chain, test_commands=test_commands)
            return await stack.enter_async_context(servers)
        except ChildFailed:
            if attempt == STARTS_MAX - 1:
                raise
    raise AssertionError("it returned or raised")
