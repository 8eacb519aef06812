"""One lasting installation whose every connection goes through a proxy of ours: SecantusDB, Valkey, a node that mines only when told to, the API, two
workers, the follower, the relay of events and the signer.

What runs in each process is what its command runs, in a fork of a process that has imported it: so one that was killed is back in a fraction of a
second. Each has links of its own, so that one may be cut off while the others are not.
"""

import asyncio
import gzip
import json
import os
import signal
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from pymongo import AsyncMongoClient
from redis.asyncio import Redis

from crypto_api.migrations import prepare_database
from crypto_project.demo.chain import ChainActor
from crypto_project.demo.compile import compile_contracts
from crypto_project.demo.deploy import DemoContracts, deploy_contracts
from crypto_project.demo.moves import ChainMoves
from crypto_project.embedded.child import Child, ChildFailed
from crypto_project.embedded.ports import free_port
from crypto_project.embedded.servers import EmbeddedServers
from tests.chaos import clocks, processes
from tests.chaos.fault_proxy import Link
from tests.chaos.house import NETWORK, servers_in
from tests.chaos.processes import Kept, Settings
from tests.factories.fault_proxy import FaultProxy

DATABASE = "faults"
ROWS, ASIDE = 12_000, "faults_aside"  # of no organisation: for an index that takes a while to be built
SECRET_KEY = "of an installation under faults: 0123456789abcdef"
MASTER_KEY = b64encode(bytes(range(7, 39))).decode()
CONFIRMATIONS, DEPTH_MAX = 3, 64
STOPPED_BELOW = DEPTH_MAX + 8  # what follows is at most a few blocks behind, and those were undone as well
PROCESSES = ("api", "follower", "relay", "worker-1", "worker-2", "signer")
PRELOADED = [
    *processes.PRELOADED,
    "workers.jobs",
    "workers.events",
    "uvicorn",
    "crypto_project.processes",
    "crypto_project.asgi",
    "crypto_project.urls",
]
LIMITS = ("FAILED_LOG_INS", "REGISTRATIONS", "MAILS", "RESETS", "CHALLENGES", "PAYER_PAGES")
UP_WITHIN_S = 300.0  # on a machine that does many other things

# ---- what runs in the processes --------------------------------------------------------------------------------------------------


def _begin(settings: Settings) -> None:
    processes.end_with(settings["house"], Path(settings["clock"]))
    os.environ.update(settings["env"])


def api(settings: Settings) -> None:
    """`uvicorn …`, as `manage.py serve` starts it."""
    _begin(settings)
    import uvicorn

    from crypto_project.processes import api_process

    options = api_process("127.0.0.1", settings["port"]).command[3:]
    uvicorn.main.main(args=list(options), standalone_mode=False)


def worker(settings: Settings) -> None:
    """`manage.py worker NAME`."""
    _begin(settings)
    import workers
    from crypto_project.main_task import run

    async def main() -> int:
        await workers.run([settings["lanes"]])
        return 0

    raise SystemExit(run(main()))


def signer(settings: Settings) -> None:
    """`manage.py signer`: the desk here, the vault in a process of its own."""
    _begin(settings)
    from crypto_project.main_task import run
    from signer import running
    from signer.settings import DeskSettings

    os.umask(0o077)
    raise SystemExit(run(running.run(DeskSettings())))


BODIES: dict[str, tuple[Callable[[Settings], None], str]] = {
    "api": (api, ""),
    "follower": (worker, "chains"),
    "relay": (worker, "events"),
    "worker-1": (worker, "jobs"),
    "worker-2": (worker, "jobs"),
    "signer": (signer, ""),
}


# ---- the installation ------------------------------------------------------------------------------------------------------------


class Installation:
    contracts: DemoContracts
    moves: ChainMoves
    processes: dict[str, Kept]
    first_height: int
    indexes: dict[str, set[str]]  # of each collection, as the first deploy made them

    def __init__(self, servers: EmbeddedServers, folder: Path, seed: int) -> None:
        self.servers, self.folder, self.seed = servers, folder, seed
        self.addresses = servers.addresses
        self.orders = processes.orders()
        self.temporary = folder / "tmp"
        self.actor = ChainActor(self.addresses.rpc_url, self.addresses.chain_id)
        self.client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(self.addresses.mongodb_uri, tz_aware=True, serverSelectionTimeoutMS=2_000)
        self.database = self.client[DATABASE]
        self.links: dict[str, Link] = {}
        self.nodes: dict[str, FaultProxy] = {}
        self.api_port = free_port()
        self.known_pids: dict[str, set[int]] = {}
        self.quiet = asyncio.Event()  # nobody mines, nobody is paid: set while it is looked at
        self.floor = 0  # no reorganisation reaches below: the node has no state there

    # ---- from nothing ------------------------------------------------------------------------------------------------------------

    async def open(self, stack: AsyncExitStack) -> None:
        for path in (self.folder / "run", self.temporary):
            path.mkdir(exist_ok=True)
        for order in self.ordered():  # that nobody carried out before
            (self.orders / order).unlink()
        await self.actor.take_over_mining()
        self.contracts = await deploy_contracts(self.actor, await compile_contracts())
        self.moves = ChainMoves(self.actor, self.contracts)
        await self.actor.mine()
        await prepare_database(self.addresses.mongodb_uri, DATABASE)
        await self.client[ASIDE]["rows"].insert_many([{"n": n, "text": f"{n % 97:>40}"} for n in range(ROWS)])
        self.indexes = {name: set(await self.database[name].index_information()) for name in await self.database.list_collection_names()}
        await self._make_links(stack)
        await self._vouch_for_links()
        self._write_networks()

    async def start(self) -> None:
        """All processes, once there is an organisation and a chain to follow."""
        os.environ.update(SECRET_KEY=SECRET_KEY)  # Django's settings are read when the process is imported that all are forked from
        forks = processes.context(PRELOADED)
        for name, (body, lanes) in BODIES.items():
            Path(self.folder, "logs", name).mkdir(parents=True, exist_ok=True)
            clocks.put_right(self.clock(name))
            settings = {"env": self.environment(name), "lanes": lanes, "port": self.api_port, "clock": str(self.clock(name))}
            self.processes[name] = Kept(forks, name, body, settings)
        await self.until_healthy()

    async def close(self) -> None:
        for process in getattr(self, "processes", {}).values():
            process.end()
        await self.client.close()
        await self.actor.close()

    async def _make_links(self, stack: AsyncExitStack) -> None:
        self.processes = {}
        database, cache = (_port(uri) for uri in (self.addresses.mongodb_uri, self.addresses.redis_url))
        for number, name in enumerate(PROCESSES):
            seed = self.seed * 100 + number
            self.links[f"{name} to mongodb"] = await stack.enter_async_context(Link(f"{name} to mongodb", "127.0.0.1", database, seed))
            if name != "signer":
                self.links[f"{name} to valkey"] = await stack.enter_async_context(Link(f"{name} to valkey", "127.0.0.1", cache, seed))
                self.nodes[name] = await stack.enter_async_context(FaultProxy(self.addresses.rpc_url, seed))
        self.links["clients to api"] = await stack.enter_async_context(Link("clients to api", "127.0.0.1", self.api_port, self.seed))

    async def _vouch_for_links(self) -> None:
        """A process looks at the command of the embedded database that it is told of, on that port. So the command names the ports of the links as
        well; the last one counts."""
        database = self.child("mongodb")
        place = database.command.index("--port")
        also = [part for link in self.links.values() if link.name.endswith("mongodb") for part in ("--port", str(link.port))]
        database.command[place:place] = also
        await database.restart()

    def _write_networks(self) -> None:
        for name in self.nodes:
            row = {
                "slug": NETWORK,
                "name": "Local",
                "chain_id": self.addresses.chain_id,
                "providers": [{"url": self.nodes[name].url, "timeout_s": 2.0}],
                "confirmations": CONFIRMATIONS,
                "reorg_depth_max": STOPPED_BELOW,
                "tokens": [{"symbol": "USDC", "address": self.contracts.usdc, "decimals": 6}],
                "poll_s": 0.2,
                "receipts_checked": "all",  # there is no other provider that could tell what this one leaves out
            }
            (self.folder / f"networks-{name}.json").write_text(json.dumps([row]))

    def environment(self, name: str) -> dict[str, str]:
        """As the shell gives it to each process, by way of the proxies."""
        database = self.addresses.mongodb_uri.replace(str(_port(self.addresses.mongodb_uri)), str(self.links[f"{name} to mongodb"].port))
        values = {
            "MONGODB_URI": database + "&directConnection=true",  # else the driver goes where the server says that it is, past the proxy
            "MONGODB_DATABASE": DATABASE,
            "SIGNER_SOCKET": str(self.folder / "run" / "signer.sock"),
            "LOG_DIR": str(self.folder / "logs" / name),
            "TMPDIR": str(self.temporary),
            "EMAIL_MOCK_MODE": "true",
            "BCRYPT_COST": "4",
            **{f"LIMIT_{what}": "100000 per minute" for what in LIMITS},
        }
        if name == "signer":
            return values | {"MASTER_KEY": MASTER_KEY}
        cache = f"redis://127.0.0.1:{self.links[f'{name} to valkey'].port}/0"
        return values | {"SECRET_KEY": SECRET_KEY, "REDIS_URL": cache, "NETWORKS": str(self.folder / f"networks-{name}.json")}

    # ---- while it runs -----------------------------------------------------------------------------------------------------------

    @property
    def base_url(self) -> str:
        """For clients: through their link."""
        return f"http://127.0.0.1:{self.links['clients to api'].port}"

    def clock(self, name: str) -> Path:
        """The file by which that process reads the time of day."""
        return self.folder / "run" / f"clock-{name}"

    def put_clocks_right(self) -> None:
        for name in PROCESSES:
            clocks.put_right(self.clock(name))

    def look(self) -> None:
        """Who has ended is started again, as whoever watches over an installation does."""
        for name, process in self.processes.items():
            process.look()
            self.known_pids.setdefault(name, set()).update(process.pids)

    async def healthy(self) -> bool:
        with suppress(httpx.HTTPError):
            async with httpx.AsyncClient(timeout=2, trust_env=False) as http:
                return (await http.get(f"http://127.0.0.1:{self.api_port}/api/system/health/")).status_code == 200
        return False

    async def until_healthy(self, within_s: float = UP_WITHIN_S) -> None:
        async with asyncio.timeout(within_s):
            while not await self.healthy():
                self.look()
                await asyncio.sleep(0.05)

    def ordered(self) -> set[str]:
        return {path.name for path in self.orders.iterdir() if not path.name.startswith(".")}

    async def height(self) -> int:
        return int(await self.actor.rpc("eth_blockNumber"), 16)

    def fired(self) -> Counter[str]:
        """What the proxies have done to somebody so far."""
        found: Counter[str] = Counter()
        for link in self.links.values():
            found.update({f"{link.name}: {name}": count for name, count in link.fired.items()})
        for proxy in self.nodes.values():
            found.update({f"node: {name}": count for name, count in proxy.fired.items()})
        return found

    # ---- servers that die --------------------------------------------------------------------------------------------------------

    def child(self, name: str) -> Child:
        return self.servers.children[name]

    async def revive(self, name: str) -> None:
        """Until it answers; started again where it is dead."""
        child = self.child(name)
        for _ in range(5):
            try:
                if child.pid is None:
                    await child.start()
                await child.wait_ready()
                return
            except ChildFailed:
                child.kill()
                await child.wait()
        raise ChildFailed(f"{name} does not come back")

    async def node_restarts_from(self, state: Path) -> None:
        """It is killed, and knows afterwards what it knew when the state was written."""
        node = self.child("chain")
        node.kill()
        await node.wait()
        command = node.command[: node.command.index("--load-state")] if "--load-state" in node.command else node.command
        node.command = [*command, "--load-state", str(state)]
        await self.revive("chain")
        await self.actor.take_over_mining()
        self.actor.forget_nonces()
        self.floor = await self.height()

    async def write_state(self) -> Path:
        path = self.folder / "older-state.json"
        dumped = await self.actor.alone("anvil_dumpState")
        path.write_bytes(gzip.decompress(bytes.fromhex(dumped[2:])))
        return path

    def valkey(self) -> Redis:
        return Redis.from_url(self.addresses.redis_url, socket_timeout=2, socket_connect_timeout=2)

    def continue_all(self) -> None:
        for pid in [*(process.pid for process in self.processes.values()), *self.servers.pids.values()]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def _port(uri: str) -> int:
    return int(uri.split("//")[1].split("/")[0].rpartition(":")[2])


@asynccontextmanager
async def open_installation(folder: Path, seed: int) -> AsyncIterator[Installation]:
    async with AsyncExitStack() as stack:
        servers = await servers_in(stack, folder, test_commands=True)
        made = Installation(servers, folder, seed)
        stack.push_async_callback(made.close)
        await made.open(stack)
        yield made
