"""Following through providers that lag, lie, throttle, stall and drop: whatever they do, what is stored in the end is what the chain holds.

    manage.py chaos --of providers [--runs 200] [--seed 1]

The real `advance_chain` writes into the real database; between it and the node stands a fault proxy. What it should have stored is read from
the node itself, raw, by code that shares nothing with the product.
"""

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Literal

import orjson
from eth_abi.abi import encode

from crypto_api.adapters.json_rpc import JsonRpcChain
from crypto_api.bootstrap import open_runtime
from crypto_api.chains import store as chain_store
from crypto_api.config import Config
from crypto_api.documents import DOCUMENTS
from crypto_api.flows.advance_chain import NotLinked, advance_chain, start_following
from crypto_api.flows.rewind_chain import rewind_chain
from crypto_api.kit.ethereum import TRANSFER_TOPIC, ChainUnavailable
from crypto_api.kit.networks import Endpoint, NetworkConfig
from crypto_api.runtime import Runtime
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Finality, MovementKind
from crypto_api.wallets.documents import Opening, Wallet, WalletType
from crypto_api.wallets.watch_list import WatchList
from crypto_project.demo.chain import ChainActor
from crypto_project.demo.keys import dev_account
from crypto_project.embedded.chain_node import ChainNodeOptions, chain_node
from crypto_project.embedded.servers import Configured, EmbeddedServers
from mongodb_config.client import connect
from mongodb_config.migrations import deploy
from tests.chaos import report
from tests.factories import fault_proxy as faults
from tests.factories.fault_proxy import FaultProxy

ORG, NETWORK = "org_faults", "local"
OURS, OTHER, STRANGER = dev_account(1), dev_account(2), dev_account(5)
TOKEN = "0x70" + "0" * 37 + "1"
# On any call: Transfer(caller, first argument, second argument), and nothing else. An account with this code has to keep no books.
TOKEN_CODE = "0x602435600052600435337f" + TRANSFER_TOPIC[2:] + "60206000a300"
TRIES_MAX = 400
WITHIN_S = 90.0

Row = tuple[str, str, str, int]
"""(transaction, block, what moved, base units)"""


@dataclass
class Outcome:
    """How it went: `waited` says what was told while it could not go on."""

    requests: int
    waited: list[str] = field(default_factory=list)
    heights: set[int] = field(default_factory=set)  # at which it stood still


@dataclass
class Scene:
    runtime: Runtime
    actor: ChainActor
    node: str
    network: NetworkConfig
    watched: WatchList
    made: int = 0

    async def happen(self, blocks: int = 1) -> None:
        """In each block: ether in and out, our token in, and one transfer of the token that is nobody's business."""
        for _ in range(blocks):
            self.made += 1
            await self.actor.send(STRANGER, OURS.address, value=self.made)
            await self.actor.send(OURS, STRANGER.address, value=1)
            await self.actor.send(STRANGER, TOKEN, data=_transfer(STRANGER.address, 7))
            await self.actor.send(STRANGER, TOKEN, data=_transfer(OTHER.address, self.made))
            await self.actor.mine()

    @asynccontextmanager
    async def reader(
        self,
        endpoints: Sequence[Endpoint],
        *,
        agreement: int = 1,
        receipts_checked: Literal["none", "ours", "all"] = "none",
        lag_blocks_max: int = 3,
    ) -> AsyncIterator[JsonRpcChain]:
        chain = JsonRpcChain(endpoints, self.network.chain_id, agreement=agreement, receipts_checked=receipts_checked, lag_blocks_max=lag_blocks_max)
        async with chain:
            yield chain

    async def follow(self, chain: JsonRpcChain, *, stands: Callable[[Outcome], None] | None = None) -> Outcome:
        """As the follower does, until what the node holds is stored. `stands` is called whenever it could not go on."""
        outcome, until = Outcome(0), time.monotonic() + WITHIN_S
        truth = int(await self.actor.rpc("eth_blockNumber"), 16)
        while time.monotonic() < until:
            outcome.requests += 1
            cursor = await start_following(self.network, chain, self.runtime.clock)
            try:
                step = await advance_chain(self.runtime.uow, self.runtime.clock, self.network, chain, self.watched, cursor)
                if step.height >= truth and cursor.height >= truth:
                    return outcome
                if step.blocks:
                    continue
                reason = f"nothing new at {step.height}"
            except NotLinked:
                if not await chain.still_named(cursor.height, cursor.hash):
                    await rewind_chain(self.runtime.uow, self.runtime.clock, self.network, chain, {ORG})
                reason = "not linked"
            except ChainUnavailable as error:
                reason = error.detail
            outcome.waited.append(reason)
            outcome.heights.add(cursor.height)
            if stands is not None:
                stands(outcome)
            await asyncio.sleep(0.02)
        raise AssertionError(f"not caught up within {WITHIN_S} s; last: {outcome.waited[-3:]}")

    async def stored(self) -> Counter[Row]:
        found: Counter[Row] = Counter()
        for row in await Transaction.find({"org_id": ORG, "finality": {"$ne": Finality.ORPHANED}}).to_list():
            for movement in row.movements:
                what = {MovementKind.NATIVE: "ether", MovementKind.ERC20: "token", MovementKind.GAS: "gas"}[movement.kind]
                found[(row.hash, row.block_hash, what, int(movement.raw_amount))] += 1
        return found

    async def truth(self) -> Counter[Row]:
        """What the chain holds that concerns us, from the first block that was followed on."""
        found: Counter[Row] = Counter()
        ours = {OURS.address.lower(), OTHER.address.lower()}
        first, last = self.network.start_height or 0, int(await self.actor.rpc("eth_blockNumber"), 16)
        for number in range(first + 1, last + 1):
            block = await self.actor.rpc("eth_getBlockByNumber", hex(number), True)
            receipts = await self.actor.rpc("eth_getBlockReceipts", hex(number))
            for tx, receipt in zip(block["transactions"], receipts, strict=True):
                if {tx["from"], tx["to"] or ""} & ours and int(tx["value"], 16):
                    found[(tx["hash"], block["hash"], "ether", int(tx["value"], 16))] += 1
                if tx["from"] in ours:
                    paid = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
                    found[(tx["hash"], block["hash"], "gas", paid)] += 1
                for log in receipt["logs"]:
                    if log["topics"][0] == TRANSFER_TOPIC and {"0x" + topic[26:] for topic in log["topics"][1:]} & ours:
                        found[(tx["hash"], block["hash"], "token", int(log["data"], 16))] += 1
        return found

    async def forget(self) -> None:
        """So that the next part need not read the whole chain again."""
        cursor = await chain_store.cursor(NETWORK)
        assert cursor is not None
        self.network = self.network.model_copy(update={"start_height": cursor.height})
        await Transaction.get_pymongo_collection().delete_many({"org_id": ORG})


def _transfer(to: str, amount: int) -> bytes:
    return bytes.fromhex("a9059cbb") + encode(["address", "uint256"], [to, amount])


def network_row(url: str, chain_id: int) -> dict[str, object]:
    token = {"symbol": "USDX", "address": TOKEN, "decimals": 6}
    return {"slug": NETWORK, "name": "Local", "chain_id": chain_id, "rpc_urls": [url], "start_height": 0, "tokens": [token], "reorg_depth_max": 8}


@asynccontextmanager
async def open_scene(config: Config, node: str) -> AsyncIterator[Scene]:
    async with open_runtime(config) as runtime:
        network = runtime.networks[NETWORK]
        actor = ChainActor(node, network.chain_id)
        await actor.rpc("anvil_setCode", TOKEN, TOKEN_CODE)
        now = runtime.clock.now()
        for account in (OURS, OTHER):
            await Wallet(
                id=f"wal_{account.address}", created_at=now, updated_at=now, org_id=ORG, name="Wallet", address=account.address,
                wallet_type=WalletType.WATCH, network=NETWORK, created_by="usr_1", opening=Opening.DONE,
            ).insert()  # fmt: skip
        watched = WatchList(NETWORK)
        await watched.refresh(0)
        try:
            yield Scene(runtime, actor, node, network, watched)
        finally:
            await actor.close()


# ---- lies --------------------------------------------------------------------------------------------------------------------------


def _other_hash(_: Any, result: Any) -> Any:
    return result and {**result, "hash": "0x" + "ab" * 32}


def _without_logs(_: Any, result: Any) -> Any:
    return []


def _without_ours(_: Any, result: Any) -> Any:
    return [row for row in result if OTHER.address[2:].lower() not in row["topics"][2]]


def _with_another(_: Any, result: Any) -> Any:
    """A transfer of twice as much, under the next number."""
    return [*result, {**result[-1], "logIndex": "0x63", "data": "0x" + f"{2**40:064x}"}] if result else result


def _with_unheard_of(_: Any, result: Any) -> Any:
    """A transfer from a contract that is not in the block."""
    return [*result, {**result[-1], "logIndex": "0x63", "address": "0x" + "be" * 20}] if result else result


def _of_another_block(_: Any, result: Any) -> Any:
    return [{**row, "blockHash": "0x" + "cd" * 32} for row in result]


def _without_first(_: Any, result: Any) -> Any:
    return result and {**result, "transactions": result["transactions"][1:]}


def _of_another(_: Any, result: Any) -> Any:
    return result and {**result, "transactionHash": "0x" + "ef" * 32}


def _with(name: str, value: str) -> Callable[[Any, Any], Any]:
    return lambda _, result: result and {**result, name: value}


def first_transaction_with(name: str, value: str) -> Callable[[Any, Any], Any]:
    def change(_: Any, result: Any) -> Any:
        if not result or not result["transactions"] or isinstance(result["transactions"][0], str):
            return result  # a header, which only names them
        first, *others = result["transactions"]
        return {**result, "transactions": [{**first, name: value}, *others]}

    return change


def lie(method: str, change: Callable[[Any, Any], Any], label: str) -> faults.Rewrite:
    return faults.Rewrite(method, change, label)


BLOCK, LOGS, RECEIPT = "eth_getBlockByNumber", "eth_getLogs", "eth_getTransactionReceipt"

SEEN_AT_ONCE: list[faults.Fault] = [
    lie(BLOCK, lambda *_: None, "null blocks"),
    lie(BLOCK, _with("number", "0x1"), "another block"),
    lie(BLOCK, _without_first, "a transaction short"),
    lie(BLOCK, first_transaction_with("nonce", "0x" + "f" * 40), "absurd nonce"),
    lie(BLOCK, first_transaction_with("value", "0xzz"), "no number"),
    lie(BLOCK, _with("timestamp", "0x" + "f" * 30), "absurd time"),
    lie(LOGS, _without_logs, "no logs"),
    lie(LOGS, _with_unheard_of, "a log of a contract that is not there"),
    lie(LOGS, _of_another_block, "logs of another block"),
    lie(LOGS, lambda _, result: [*result, *result], "logs twice"),
    lie(LOGS, lambda *_: None, "null logs"),
    lie(RECEIPT, lambda *_: None, "null receipts"),
    lie(RECEIPT, _of_another, "receipt of another transaction"),
    lie(RECEIPT, _with("blockHash", "0x" + "cd" * 32), "receipt of another block"),
    lie(RECEIPT, _with("gasUsed", "0x" + "f" * 20), "absurd gas"),
    lie(RECEIPT, _with("status", "0x7"), "strange status"),
    lie("eth_chainId", lambda *_: "0x5", "wrong chain"),
    lie("eth_blockNumber", lambda *_: "0x" + "f" * 40, "absurd head"),
]
"""What no provider can tell without being found out, whatever is configured."""

PROVED_ONLY: list[faults.Fault] = [
    lie(BLOCK, first_transaction_with("value", "0x7777777"), "more ether than was sent"),
    lie(BLOCK, first_transaction_with("from", OTHER.address.lower()), "another sender"),
    lie(LOGS, _without_ours, "our log left out"),
    lie(LOGS, _with_another, "a log made up"),
    lie(RECEIPT, _with("gasUsed", "0x5300"), "more gas than was used"),
    lie(RECEIPT, _with("status", "0x0"), "failed instead of done"),
]
"""What only the roots in the header find out (`receipts_checked`)."""

LINE: list[faults.Fault] = [
    faults.Delay(0.05), faults.Stall(), faults.Reset(), faults.LoseReply(), faults.Trickle(), faults.Truncate(), faults.Corrupt(),
    faults.Status(429), faults.Status(429, retry_after=1), faults.Status(500), faults.Status(503), faults.Nonsense(), faults.Huge(),
    faults.BatchLimit(1), faults.Refuse(-32005, "limit exceeded"), faults.Refuse(-32603, "internal error"), faults.ForgetAnswers(),
    faults.RepeatAnswers(), faults.StrangeIds(), faults.Lag(6), faults.Alternate(6),
]  # fmt: skip


def label(fault: faults.Fault) -> str:
    return f"{fault.name} {' '.join(str(value) for value in vars(fault).values())}".strip() if not isinstance(fault, faults.Rewrite) else fault.name


# ---- many of them at once, by a seed -----------------------------------------------------------------------------------------------


async def swarm(scene: Scene, seed: int) -> report.Outcome:
    """Two bad providers and a good one that is asked last, each bad one with up to three faults that come and go. What fired."""
    random, outcome = Random(seed), report.Outcome(f"{seed}")
    await scene.forget()
    async with FaultProxy(scene.node, seed) as one, FaultProxy(scene.node, seed + 1) as two:
        for proxy in (one, two):
            for fault in random.sample([*SEEN_AT_ONCE, *LINE], random.randint(1, 3)):
                proxy.add(fault, share=random.choice([0.2, 0.5, 1.0]))
        endpoints = [*(Endpoint(url=url, timeout_s=0.3) for url in (one.url, two.url)), Endpoint(url=scene.node, timeout_s=30)]
        try:
            async with scene.reader(endpoints) as chain:
                blocks = random.randint(1, 4)
                await scene.happen(blocks)
                await scene.follow(chain)
                if random.random() < 0.5:
                    await scene.actor.reorg(random.randint(1, blocks), random)
                await scene.happen(random.randint(1, 4))
                await scene.follow(chain)
        except AssertionError as error:
            outcome.problems.append(str(error))
        stored, truth = await scene.stored(), await scene.truth()
        if not outcome.problems and stored != truth:
            outcome.problems.append(f"missing {truth - stored}, too much {stored - truth}")
        outcome.fired, outcome.counted["movements"] = one.fired + two.fired, stored.total()
    return outcome


async def swarms(seeds: Sequence[int]) -> AsyncIterator[report.Outcome]:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = await stack.enter_async_context(EmbeddedServers(folder / "data", folder / "logs", configured=Configured.nothing(), chain=None))
        node, port = chain_node(folder / "node", folder, ChainNodeOptions(mining=False, keep=False))
        await node.start()
        stack.push_async_callback(node.stop)
        url = f"http://127.0.0.1:{port}"
        (folder / "networks.json").write_bytes(orjson.dumps([network_row(url, ChainNodeOptions().chain_id)]))
        values: dict[str, Any] = {"secret_key": "0" * 40, "networks": folder / "networks.json", "log_dir": folder / "logs"}
        config = Config(_env_file=None, mongodb_uri=servers.addresses.mongodb_uri, redis_url=servers.addresses.redis_url, **values)  # type: ignore[call-arg]
        client = connect(config.mongodb_uri)
        await deploy(client, config.mongodb_database, DOCUMENTS)
        await client.close()
        scene = await stack.enter_async_context(open_scene(config, url))
        async with scene.reader([Endpoint(url=url)]) as chain:
            await start_following(scene.network, chain, scene.runtime.clock)
        for seed in seeds:
            yield await swarm(scene, seed)
