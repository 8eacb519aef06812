"""Health, networks, tasks, live balances: what depends on parts that may be away."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from crypto_api.adapters.ollama import OllamaModel
from crypto_api.chains import store as chain_store
from crypto_api.chains.documents import ChainCursor, FollowState
from crypto_api.events.documents import Event
from crypto_api.kit.networks import ProviderHealth, ProviderState
from crypto_api.organizations.types import Role
from crypto_api.reports import parts
from crypto_api.reports.parts import parts_of
from crypto_api.runtime import Runtime
from crypto_api.tasks.documents import Task
from crypto_api.tasks.types import TaskStatus
from crypto_project.embedded.servers import EmbeddedServers
from tests.conftest import LocalChain
from tests.factories.held import at_work
from tests.factories.ollama import DIGEST, ollama_server
from tests.factories.paying import LaterClock
from tests.http.conftest import Join, serve, wallet_body
from tests.http.test_wallets import KEY_ADDRESS
from workers import events as relay_worker
from workers import inbox as inbox_worker


def cursor(runtime: Runtime, **changes: Any) -> ChainCursor:
    values: dict[str, Any] = {
        "id": "testnet",
        "created_at": runtime.clock.now(),
        "chain_id": 31337,
        "height": 90,
        "hash": "0x1",
        "head": 93,
        "state": FollowState.FOLLOWING,
        "processed_at": runtime.clock.now(),
    }
    return ChainCursor(**{**values, **changes})


async def test_health_names_what_is_not_ready(client: httpx.AsyncClient, runtime: Runtime) -> None:
    await at_work(runtime, "testnet")
    answer = await client.get("/api/system/health/")
    assert answer.status_code == 200
    health = answer.json()
    assert (health["status"], health["degraded"]) == ("degraded", ["node:testnet", "follower:testnet"])
    assert health["parts"]["mongodb"]["ready"] is health["parts"]["valkey"]["ready"] is health["parts"]["relay"]["ready"] is True
    assert health["parts"]["follower:testnet"]["detail"] == "has not begun"

    await cursor(runtime, height=50).insert()
    assert (await client.get("/api/system/health/")).json()["parts"]["follower:testnet"]["detail"] == "43 blocks behind"
    await ChainCursor.find_all().update({"$set": {"height": 92}})
    await at_work(runtime, "testnet")
    assert "follower:testnet" not in (await client.get("/api/system/health/")).json()["degraded"]
    await ChainCursor.find_all().update({"$set": {"state": "stopped", "reason": "a reorganisation of 70 blocks"}})
    assert "70 blocks" in (await client.get("/api/system/health/")).json()["parts"]["follower:testnet"]["detail"]


async def test_health_tells_of_workers_that_are_not_there_of_a_wrong_clock_and_of_a_full_disk(
    client: httpx.AsyncClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead worker's last figures look as good as ever: its lease says that nobody is there. No other part is drawn in, and none makes the answer
    unavailable."""
    assert (parts.RELAY_LEASE, parts.JOBS_LEASE) == (relay_worker.LEASE, inbox_worker.LEASE)
    await cursor(runtime, height=93).insert()

    async def told(of: Runtime = runtime) -> dict[str, str]:
        return {name: part.detail for name, part in (await parts_of(of)).items() if not part.ready and name != "node:testnet"}

    nobody = {
        "relay": "nobody numbers events: no worker events is at work",
        "jobs": "no worker jobs is at work: payments stand still",
        "follower:testnet": "nobody follows it: no worker chains is at work",
    }
    assert await told() == nobody
    answer = await client.get("/api/system/health/")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded") and nobody.keys() <= set(answer.json()["degraded"])
    await at_work(runtime, "testnet")
    assert await told() == {}
    await runtime.database["leases"].update_many(
        {}, {"$set": {"expires_at": runtime.clock.now() - timedelta(seconds=1)}}
    )  # killed, seven seconds ago
    assert await told() == nobody

    await at_work(runtime, "testnet")
    for seconds, word in ((90, "90 s ahead of that of the database"), (-90, "90 s behind that of the database")):
        assert (await told(replace(runtime, clock=LaterClock(timedelta(seconds=seconds)))))["clock"] == word
    assert "clock" not in await told(replace(runtime, clock=LaterClock(timedelta(seconds=1))))

    monkeypatch.setattr(parts, "FREE_BYTES_MIN", 10**18)
    assert (await told())["disk"].endswith("MB are left for logs")


async def test_health_tells_the_truth_about_the_model(runtime: Runtime) -> None:
    """There, missing, with other weights, away, and there again: it makes the answer degraded and never unavailable."""
    async with ollama_server() as server:
        model = OllamaModel(server.url, "granite4:micro", timeout_s=30.0, pinned=DIGEST[:12])
        async with serve(replace(runtime, llm=model)) as url, httpx.AsyncClient(base_url=url) as client:

            async def told() -> tuple[bool, str]:
                answer = await client.get("/api/system/health/")
                part = answer.json()["parts"]["model"]
                assert answer.status_code == 200 and ("model" in answer.json()["degraded"]) is not part["ready"]
                return part["ready"], part["detail"]

            assert await told() == (True, "answers")
            server.models = ["llama3:latest"]
            assert await told() == (False, "the model server has no model granite4:micro: manage.py pull_model fetches it")
            server.models, server.digest = ["granite4:micro"], "f" * 64
            others = "the model server has other weights under the name granite4:micro than LLM_MODEL_DIGEST says: ffffffffffff; they are not asked"
            assert await told() == (False, others)
            server.digest = DIGEST
            assert await told() == (True, "answers")
            await server.stop()
            assert await told() == (False, "the model server does not answer: rules and memory go on without it")
    assert "model" not in (await parts_of(runtime)), "without one configured there is no such part"


async def test_health_tells_when_events_are_not_numbered(client: httpx.AsyncClient, runtime: Runtime) -> None:
    waiting = runtime.clock.now() - timedelta(seconds=60)
    await Event(id="evt_1", created_at=waiting, org_id="org", kind="x.y", permission="wallets.read", data={}).insert()
    health = (await client.get("/api/system/health/")).json()
    assert "relay" in health["degraded"]
    assert "has waited 60 s" in health["parts"]["relay"]["detail"]


async def test_health_without_database_and_valkey_is_quick_and_comes_back(client: httpx.AsyncClient, join: Join, servers: EmbeddedServers) -> None:
    ada = await join("ada", founds="Byron Treasury")
    for name, part in (("valkey", "valkey"), ("mongodb", "mongodb")):
        child = servers.children[name]
        await child.stop()
        try:
            answer = await asyncio.wait_for(client.get("/api/system/health/"), 60)
            assert part in answer.json()["degraded"]
            assert answer.status_code == (503 if name == "mongodb" else 200)
            if name == "mongodb":
                assert answer.json()["status"] == "unavailable"
                blocked = await asyncio.wait_for(ada.http.get("/api/wallets/"), 60)
                assert (blocked.status_code, blocked.json()["code"]) == (503, "database_unavailable")
                assert int(blocked.headers["retry-after"]) > 0
            else:
                assert (await ada.http.post("/api/wallets/", json=wallet_body())).status_code == 201  # nothing rests on it
        finally:
            await child.start()
    async with asyncio.timeout(60):
        while (await client.get("/api/system/health/")).status_code != 200 or (await ada.http.get("/api/wallets/")).status_code != 200:
            await asyncio.sleep(0.05)
    assert len((await ada.http.get("/api/wallets/")).json()["items"]) == 1


async def test_networks_show_how_far_they_are_followed_and_no_secret(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="Byron Treasury")
    (network,) = (await ada.http.get("/api/blockchain/networks/")).json()["items"]
    assert (network["slug"], network["head"], network["processed"], network["lag_blocks"], network["state"]) == (
        "testnet",
        None,
        None,
        None,
        "starting",
    )
    await cursor(runtime).insert()
    (network,) = (await ada.http.get("/api/blockchain/networks/")).json()["items"]
    assert (network["head"], network["processed"], network["lag_blocks"], network["state"]) == (93, 90, 3, "following")
    assert (network["agreement"], network["credits_agreed_above"], network["receipts_checked"]) == (1, {}, "ours")
    (provider,) = network["providers"]
    assert (provider["host"], provider["kind"], provider["state"], provider["healthy"], provider["seen_at"]) == (
        "127.0.0.1:9",
        "http",
        "unknown",
        False,
        None,
    )
    report = ProviderHealth(
        host="127.0.0.1:9",
        kind="http",
        state=ProviderState.STANDBY,
        head=91,
        lag_blocks=2,
        latency_ms=8,
        requests_last_minute=62,
        error_rate=0.125,
        batch=5,
    )
    await chain_store.put_providers("testnet", [report], runtime.clock.now())
    ((provider,),) = (row["providers"] for row in (await ada.http.get("/api/blockchain/networks/")).json()["items"])
    assert {name: provider[name] for name in ("healthy", "state", "head", "lag_blocks", "latency_ms", "error", "requests_last_minute")} == {
        "healthy": True, "state": "standby", "head": 91, "lag_blocks": 2, "latency_ms": 8, "error": None, "requests_last_minute": 62,
    }  # fmt: skip
    limits = ("error_rate", "batch", "batch_max", "requests_per_second")
    assert [provider[name] for name in limits] == [0.125, 5, 20, None]
    await chain_store.put_providers("testnet", [report], runtime.clock.now() - timedelta(minutes=1))
    ((provider,),) = (row["providers"] for row in (await ada.http.get("/api/blockchain/networks/")).json()["items"])
    assert (provider["state"], provider["healthy"], provider["requests_last_minute"]) == ("unknown", False, 0)  # its follower is silent
    client = await join("carl", org_id=ada.org_id, role=Role.CLIENT)
    assert (await client.http.get("/api/blockchain/networks/")).status_code == 403


class TestWithNode:
    @pytest.fixture
    def networks(self, chain: LocalChain) -> list[dict[str, object]]:
        token = {"symbol": "USDC", "address": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "decimals": 6}
        return [{"slug": "testnet", "name": "Test", "chain_id": chain.chain_id, "rpc_urls": [chain.rpc_url], "tokens": [token]}]

    async def test_a_balance_is_that_of_the_chain_at_its_head(self, join: Join, chain: LocalChain) -> None:
        ada = await join("ada", founds="Byron Treasury")
        wallet = (await ada.http.post("/api/wallets/", json=wallet_body(address=KEY_ADDRESS))).json()
        wei = 10**18 // 3 + 7
        async with httpx.AsyncClient() as node:
            for method, params in (("anvil_setBalance", [KEY_ADDRESS, hex(wei)]), ("anvil_mine", ["0x3"])):
                await node.post(chain.rpc_url, json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        answer = await ada.http.get(f"/api/wallets/{wallet['id']}/balance/")
        assert answer.status_code == 200, answer.text
        balance = answer.json()
        assert balance["block_number"] == 3
        assert [(row["asset"], row["amount"], row["raw_amount"], row["ledger_quantity"]) for row in balance["balances"]] == [
            ("ETH", "0.33333333333333334", str(wei), "0"),
            ("USDC", "0", "0", "0"),
        ]


async def test_tasks_are_listed_and_read(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="Byron Treasury")
    for number, status in enumerate((TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.RUNNING)):
        result = {"quantity": str(Decimal("1.5"))} if status is TaskStatus.SUCCEEDED else None
        await Task(id=f"tsk_{number}", created_at=runtime.clock.now(), org_id=ada.org_id, kind="backfill", status=status, result=result).insert()
    assert [row["id"] for row in (await ada.http.get("/api/system/tasks/")).json()["items"]] == ["tsk_2", "tsk_1", "tsk_0"]
    assert [row["id"] for row in (await ada.http.get("/api/system/tasks/", params={"status": "failed"})).json()["items"]] == ["tsk_1"]
    assert (await ada.http.get("/api/system/tasks/tsk_0/")).json()["result"] == {"quantity": "1.5"}
    assert (await ada.http.get("/api/system/tasks/tsk_9/")).status_code == 404
    user = await join("uma", org_id=ada.org_id, role=Role.USER)
    assert (await user.http.get("/api/system/tasks/")).status_code == 403
