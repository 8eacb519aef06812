"""The registry of contracts over HTTP, on a real node with real contracts."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from crypto_api.audit.documents import AuditRecord
from crypto_api.contracts import store
from crypto_api.contracts.documents import ContractVerification
from crypto_api.contracts.jobs import VerifyContract
from crypto_api.events.documents import Event
from crypto_api.flows.verify_contract import _claim, end_abandoned
from crypto_api.organizations.types import Role
from crypto_api.payments.documents import Payment
from crypto_api.runtime import Runtime
from tests.factories.contracts import COMPILER, SETTINGS, VAULT_SOURCE, Deployer, artifacts, contract_node
from tests.http.conftest import PASSWORD, Join, Person
from workers import contracts as worker

LARGEST = str(2**256 - 1)
OWNER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
PROXY_OPTIONS = {"compiler_version": COMPILER, "settings": {"optimizer": True, "runs": 200, "evm_version": "cancun"}}


@pytest.fixture(scope="module")
async def deployed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Deployer]:
    async with contract_node(tmp_path_factory.mktemp("contracts")) as node:
        yield node


@pytest.fixture
def networks(deployed: Deployer) -> list[dict[str, object]]:
    row = {"slug": "testnet", "name": "Test network", "chain_id": 31337, "rpc_urls": [str(deployed.http.base_url)], "confirmations": 2}
    return [row, row | {"slug": "down", "name": "Away", "chain_id": 9, "rpc_urls": ["http://127.0.0.1:9"]}]


@pytest.fixture
async def ada(join: Join) -> Person:
    return await join("ada", founds="Byron Treasury")


async def register(ada: Person, address: str, **more: Any) -> dict[str, Any]:
    answer = await ada.http.post("/api/contracts/", json={"address": address, "network": "testnet"} | more)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def interact(ada: Person, address: str, function: str, *arguments: Any, **more: Any) -> httpx.Response:
    return await ada.http.post(f"/api/contracts/{address}/interact/", json={"function": function, "arguments": list(arguments)} | more)


async def kinds_of(org_id: str) -> list[str]:
    return [row.kind for row in await Event.find({"org_id": org_id, "kind": {"$regex": "^contract"}}).sort("+_id").to_list()]


# ---- what stands at an address


async def test_every_kind_of_proxy_is_seen_through(ada: Person, deployed: Deployer) -> None:
    made = deployed.made
    oracle = made["Oracle"]
    for name, kind, implementation in (
        ("Oracle", "contract", None),
        ("uups", "eip1967", oracle),
        ("transparent", "eip1967", oracle),
        ("beacon proxy", "eip1967_beacon", oracle),
        ("clone", "eip1167", oracle),
        ("clone with arguments", "eip1167_with_arguments", oracle),
        ("clone of a proxy", "eip1167", oracle),
    ):
        found = await register(ada, made[name], name=name)
        assert (found["kind"], found["implementation"], found["problem"]) == (kind, implementation, None), name
        code = bytes.fromhex((await deployed.rpc("eth_getCode", made[name], "latest"))[2:])
        assert found["code_size"] == len(code)
    hops = (await ada.http.get(f"/api/contracts/{made['clone of a proxy']}/")).json()["proxies"]
    assert [(hop["address"], hop["kind"], hop["target"]) for hop in hops] == [
        (made["clone of a proxy"], "eip1167", made["uups"]),
        (made["uups"], "eip1967", oracle),
    ]
    beacon = (await ada.http.get(f"/api/contracts/{made['beacon proxy']}/")).json()["proxies"][0]
    assert beacon["beacon"] == made["beacon"]


async def test_proxies_that_lead_nowhere_say_so(ada: Person, deployed: Deployer) -> None:
    assert (await register(ada, deployed.made["Loop"]))["problem"] == "cycle"
    nothing = await register(ada, deployed.made["clone of nothing"])
    assert (nothing["problem"], nothing["implementation"], nothing["kind"]) == ("no_code", None, "eip1167")


async def test_common_interfaces_are_found_and_a_liar_is_not_believed(ada: Person, deployed: Deployer) -> None:
    assert (await register(ada, deployed.made["Items"]))["interfaces"] == ["ERC-165", "ERC-721"]
    assert (await register(ada, deployed.made["Sets"]))["interfaces"] == ["ERC-165", "ERC-1155"]
    assert (await register(ada, deployed.made["Liar"]))["interfaces"] == []


async def test_what_cannot_be_registered(ada: Person, deployed: Deployer) -> None:
    async def wrong(**changes: Any) -> list[tuple[str, str]]:
        answer = await ada.http.post("/api/contracts/", json={"address": deployed.made["Items"], "network": "testnet"} | changes)
        assert answer.status_code == 422, answer.text
        return [(row["field"], row["code"]) for row in answer.json()["errors"]]

    assert await wrong(address=OWNER) == [("address", "no_code")]
    assert await wrong(address=OWNER[:-1] + "0", network="elsewhere", abi="[") == [
        ("network", "unknown_network"),
        ("address", "invalid_address"),
        ("abi", "invalid_abi"),
    ]
    assert await wrong(name="evil\u202e") == [("name", "invalid")]
    assert await wrong(abi=[{"type": "function", "name": "a\u202eb"}]) == [("abi.0.name", "invalid_abi")]
    down = await ada.http.post("/api/contracts/", json={"address": deployed.made["Items"], "network": "down"})
    assert (down.status_code, down.json()["code"]) == (503, "chain_unavailable")
    await register(ada, deployed.made["Items"])
    again = await ada.http.post("/api/contracts/", json={"address": deployed.made["Items"].lower(), "network": "testnet"})
    assert (again.status_code, again.json()["code"]) == (409, "contract_exists")


async def test_an_upgrade_is_noticed_when_the_contract_is_read_again(ada: Person, deployed: Deployer) -> None:
    address, made = deployed.made["uups"], deployed.made
    before = await register(ada, address, abi=(await artifacts())["Oracle"]["abi"])
    same = await ada.http.post(f"/api/contracts/{address}/refresh/")
    assert same.json()["implementation"] == made["Oracle"]
    upgrade = "0x4f1ef286" + made["OracleTwo"][2:].lower().rjust(64, "0") + f"{64:064x}" + "0" * 64
    await deployed.send(address, upgrade)
    try:
        after = (await ada.http.post(f"/api/contracts/{address}/refresh/")).json()
    finally:
        await deployed.send(address, "0x4f1ef286" + made["Oracle"][2:].lower().rjust(64, "0") + f"{64:064x}" + "0" * 64)
    assert (before["implementation"], after["implementation"]) == (made["Oracle"], made["OracleTwo"])
    assert (before["abi_stale"], after["abi_stale"]) == (False, True)
    assert await kinds_of(ada.org_id) == ["contract.registered", "contract.updated", "contract.upgraded"]
    (record,) = await AuditRecord.find({"org_id": ada.org_id, "action": "contract.upgraded"}).to_list()
    assert record.before is not None and record.after is not None
    assert (record.before["implementation"], record.after["implementation"]) == (made["Oracle"], made["OracleTwo"])


async def test_a_proxy_is_called_by_the_abi_of_its_implementation(ada: Person, deployed: Deployer) -> None:
    proxy, oracle = deployed.made["transparent"], deployed.made["Oracle"]
    await register(ada, proxy)
    assert (await ada.http.get(f"/api/contracts/{proxy}/abi/")).json()["abi"] is None
    refused = await interact(ada, proxy, "LARGEST")
    assert (refused.status_code, refused.json()["code"]) == (409, "abi_missing")
    await register(ada, oracle, abi=(await artifacts())["Oracle"]["abi"])
    found = (await ada.http.get(f"/api/contracts/{proxy}/abi/")).json()
    assert (found["sources"], found["stale"], found["clashes"]) == ([oracle], False, [])
    assert "LARGEST()" in {row["signature"] for row in found["functions"]}
    assert (await interact(ada, proxy, "LARGEST")).json()["outputs"] == [{"name": "", "type": "uint256", "value": LARGEST}]


# ---- calling


async def test_answers_are_exact(ada: Person, deployed: Deployer) -> None:
    address = deployed.made["Oracle"]
    await register(ada, address, abi=(await artifacts())["Oracle"]["abi"])
    answer = (await interact(ada, address, "order")).json()
    order = {
        "maker": address,
        "amount": LARGEST,
        "tag": "0xdeadbeef",
        "points": [{"x": str(-(2**255)), "y": "7"}, {"x": "-1", "y": "255"}],
        "note": "café \u202eevil <b>",
    }
    assert [(row["name"], row["value"]) for row in answer["outputs"]] == [("found", order), ("ok", True)]
    head = int(await deployed.rpc("eth_blockNumber"), 16)
    assert answer["block_number"] == head
    echoed = (await interact(ada, address, "echo", order)).json()["outputs"][0]["value"]
    assert echoed == order
    assert (await interact(ada, address, "grid", [["1", "2"], ["3", "4"], ["5", "255"]])).json()["outputs"][0]["value"] == "1161"
    ambiguous = await interact(ada, address, "pick", "7")
    assert ambiguous.json()["errors"][0]["code"] == "ambiguous_function"
    assert (await interact(ada, address, "pick(uint256)", LARGEST)).json()["outputs"][0]["value"] == LARGEST
    await deployed.send(address, "0x6057361d" + "f" * 64)
    assert (await interact(ada, address, "stored")).json()["outputs"][0]["value"] == LARGEST
    assert (await interact(ada, address, "stored", block=head)).json()["outputs"][0]["value"] == "0"
    assert (await interact(ada, address, "stored", block=head + 1_000)).json()["errors"][0]["field"] == "block"


async def test_a_refusal_tells_the_contracts_reason(ada: Person, deployed: Deployer) -> None:
    address = deployed.made["Oracle"]
    await register(ada, address, abi=(await artifacts())["Oracle"]["abi"])
    for function, arguments, reason in (
        ("refuse", [], "not on Sundays"),
        ("refuseByError", ["7"], "TooSmall(given: 7, wanted: 100)"),
        ("divide", ["0"], "division by zero (Panic 0x12)"),
    ):
        answer = await interact(ada, address, function, *arguments)
        assert (answer.status_code, answer.json()["code"]) == (409, "call_reverted")
        assert answer.json()["detail"] == f"The contract refused the call: {reason}"
    endless = await interact(ada, address, "burn")
    assert (endless.status_code, endless.json()["code"]) == (409, "call_reverted")
    bomb = await interact(ada, address, "bomb")
    assert (bomb.status_code, bomb.json()["code"]) == (409, "answer_unreadable")
    other = await interact(ada, address, "grid", [["1", "300"]])
    assert other.json()["errors"] == [{"field": "arguments.0.0.1", "message": "does not fit into uint8", "code": "invalid_argument"}]


# ---- verification


async def verify(ada: Person, runtime: Runtime, address: str, **body: Any) -> dict[str, Any]:
    """Asks for it, does the worker's work, and gives the task."""
    asked = await ada.http.post(f"/api/contracts/{address}/verify/", json=PROXY_OPTIONS | body)
    assert asked.status_code == 202, asked.text
    assert asked.json()["status"] == "queued"
    row = await ContractVerification.find_one({"task_id": asked.json()["id"]})
    assert row is not None
    job = VerifyContract(org_id=row.org_id, verification_id=row.id)
    await asyncio.gather(worker._verify(runtime, job), worker._verify(runtime, job))  # a job may come twice
    task: dict[str, Any] = (await ada.http.get(f"/api/system/tasks/{asked.json()['id']}/")).json()
    return task


async def test_a_source_is_verified_with_immutables_arguments_and_nested_code(ada: Person, runtime: Runtime, deployed: Deployer) -> None:
    address = deployed.made["Vault"]
    await register(ada, address)
    made = {"contract_name": "Vault", "source": VAULT_SOURCE, "creation_transaction": deployed.creations["Vault"]}
    task = await verify(ada, runtime, address, **made)
    assert (task["status"], task["progress"], task["error"]) == ("succeeded", 100, None)
    assert task["result"]["match"] == "full"
    assert task["result"]["constructor_values"] == [OWNER, str(10**60), "Nest egg"]
    assert sorted(task["result"]["immutables"].values()) == sorted([f"0x{10**60:064x}", "0x" + OWNER[2:].lower().rjust(64, "0")])
    found = (await ada.http.get(f"/api/contracts/{address}/")).json()
    assert found["verified"]["match"] == "full" and found["verified"]["current"] is True
    assert found["sources"] == {"Contract.sol": VAULT_SOURCE}
    assert (found["abi_origin"], found["verification"]["constructor_arguments"]) == ("verified", "matched")
    assert (await interact(ada, address, "room")).json()["outputs"][0]["value"] == str(10**60)
    assert await kinds_of(ada.org_id) == ["contract.registered", "contract.verified"]


async def test_a_comment_more_is_a_partial_match_and_other_code_none(ada: Person, runtime: Runtime, deployed: Deployer) -> None:
    address = deployed.made["Vault"]
    await register(ada, address)
    commented = await verify(ada, runtime, address, contract_name="Vault", source=VAULT_SOURCE + "\n// another word\n")
    assert (commented["status"], commented["result"]["match"]) == ("succeeded", "partial")
    changed = await verify(ada, runtime, address, contract_name="Vault", source=VAULT_SOURCE.replace("return limit;", "return limit + 1;"))
    assert (changed["status"], changed["result"]["code"]) == ("failed", "bytecode_mismatch")
    result = changed["result"]
    assert result["first_difference"] > 0 and result["expected"] != result["found"] and str(result["first_difference"]) in changed["error"]
    found = (await ada.http.get(f"/api/contracts/{address}/")).json()
    assert found["verified"]["match"] == "partial"  # a later try that fails takes nothing away
    assert found["verification"]["state"] == "mismatched"


async def test_what_is_linked_to_a_library_is_verified(ada: Person, runtime: Runtime, deployed: Deployer) -> None:
    files = {"Contract.sol": {"content": VAULT_SOURCE}}
    standard = {"language": "Solidity", "sources": files, "settings": SETTINGS | {"outputSelection": {"*": {"*": ["*"]}}}}
    body = {"compiler_version": f"v{COMPILER}+commit.00000000", "standard_json": standard, "settings": None}
    await register(ada, deployed.made["Ledger"])
    task = await verify(ada, runtime, deployed.made["Ledger"], contract_name="Contract.sol:Ledger", **body)
    assert (task["status"], task["result"]["match"]) == ("succeeded", "full"), task
    assert task["result"]["libraries"] == {"Contract.sol:Sums": deployed.made["Sums"].lower()}


async def test_what_does_not_hold_is_told(ada: Person, runtime: Runtime, deployed: Deployer) -> None:
    address = deployed.made["Vault"]
    await register(ada, address)
    for body, code in (
        ({"contract_name": "Vault", "source": 'import "/etc/passwd"; contract Vault {}'}, "compilation_failed"),
        (
            {"contract_name": "Vault", "source": VAULT_SOURCE, "creation_transaction": deployed.creations["Oracle"]},
            "constructor_arguments_mismatch",
        ),
    ):
        task = await verify(ada, runtime, address, **body)
        assert (task["status"], task["result"]["code"]) == ("failed", code), task
        assert "root:" not in task["error"]
    absent = await ada.http.post(f"/api/contracts/{address}/verify/", json={"contract_name": "V", "source": "x", "compiler_version": "0.1.99"})
    assert (absent.status_code, absent.json()["code"]) == (409, "compiler_not_installed")
    assert "manage.py install_solc 0.1.99" in absent.json()["detail"]


async def test_verifications_are_bounded_and_one_whose_worker_died_is_ended(ada: Person, runtime: Runtime, deployed: Deployer) -> None:
    address = deployed.made["Vault"]
    await register(ada, address)
    body = PROXY_OPTIONS | {"contract_name": "Vault", "source": VAULT_SOURCE}
    asked = [await ada.http.post(f"/api/contracts/{address}/verify/", json=body) for _ in range(6)]
    assert [answer.status_code for answer in asked] == [202] * 5 + [409]
    assert asked[5].json()["code"] == "verification_busy"
    row, *rest = await store.unfinished_before(runtime.clock.now(), 10)
    assert len(rest) == 4
    assert await _claim(runtime.uow, runtime.clock, row)
    await end_abandoned(runtime.uow, runtime.clock, row)
    ended = (await ada.http.get(f"/api/system/tasks/{row.task_id}/")).json()
    assert (ended["status"], ended["result"]["code"]) == ("failed", "interrupted")
    assert (await ada.http.post(f"/api/contracts/{address}/verify/", json=body)).status_code == 202


async def test_what_is_not_the_compilers_business_is_refused(ada: Person, deployed: Deployer) -> None:
    await register(ada, deployed.made["Vault"])

    async def refused(**body: Any) -> str:
        given = {"compiler_version": COMPILER, "contract_name": "V"} | body
        answer = await ada.http.post(f"/api/contracts/{deployed.made['Vault']}/verify/", json=given)
        assert answer.status_code == 422, answer.text
        return str(answer.json()["errors"][0]["field"])

    standard = {"language": "Solidity", "sources": {"a.sol": {"content": "contract A {}"}}}
    assert await refused() == "body"
    assert await refused(source="contract A {}", standard_json=standard) == "body"
    assert await refused(source="x", compiler_version="../../0.8.37") == "compiler_version"
    assert await refused(source="x", contract_name="a b") == "contract_name"
    assert await refused(standard_json=standard | {"sources": {"a.sol": {"urls": ["file:///etc/passwd"]}}}) == "standard_json.sources.a.sol.content"
    assert await refused(standard_json=standard | {"settings": {"modelChecker": {"engine": "all"}}}) == "standard_json.settings.modelChecker"


# ---- calls that change something


async def call_of(payment: dict[str, Any]) -> tuple[str, str, str]:
    row = await Payment.find_one({"_id": payment["id"]})
    assert row is not None
    return row.call.to, row.call.value_raw, row.call.data


async def test_a_call_that_changes_something_becomes_a_payment(ada: Person, join: Join, deployed: Deployer, runtime: Runtime) -> None:
    address = deployed.made["Oracle"]
    await register(ada, address, abi=(await artifacts())["Oracle"]["abi"])
    wallet = {"name": "Ops", "wallet_type": "metamask", "network": "testnet", "address": deployed.account}
    wallet_id = (await ada.http.post("/api/wallets/", json=wallet)).json()["id"]
    unconfirmed = await interact(ada, address, "store", LARGEST, wallet_id=wallet_id)
    assert (unconfirmed.status_code, unconfirmed.json()["code"]) == (403, "session_not_approved")
    assert (await ada.http.post("/api/auth/confirm-password/", json={"password": PASSWORD})).status_code == 200
    for more, field in (
        ({}, "wallet_id"),
        ({"wallet_id": "wal_0"}, "wallet_id"),
        ({"wallet_id": wallet_id, "value": "1"}, "value"),
        ({"wallet_id": wallet_id, "block": 1}, "block"),
    ):
        answer = await interact(ada, address, "store", LARGEST, **more)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), answer.text
    made = await interact(ada, address, "store", LARGEST, wallet_id=wallet_id)
    assert made.status_code == 202, made.text
    payment = made.json()
    assert (payment["kind"], payment["state"], payment["payee_address"]) == ("call", "PENDING_APPROVAL", address)
    assert await call_of(payment) == (address, "0", "0x6057361d" + "f" * 64)
    paid = (await interact(ada, address, "pay", wallet_id=wallet_id, value="0.000000000000000001")).json()
    assert (await call_of(paid))[1] == "1"
    auditor = await join("aud", org_id=ada.org_id, role=Role.AUDITOR)
    refused = await interact(auditor, address, "store", LARGEST, wallet_id=wallet_id)
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    upgrade = await interact(ada, address, "upgradeToAndCall", address, "0x", wallet_id=wallet_id, value="0")
    assert (upgrade.status_code, upgrade.json()["code"]) == (409, "would_revert")  # UUPSUnauthorizedCallContext: not through its proxy


# ---- who sees what


async def test_contracts_are_the_organisations_own(ada: Person, join: Join, deployed: Deployer) -> None:
    address = deployed.made["Items"]
    await register(ada, address, name="Items of Ada")
    eve = await join("eve", founds="Elsewhere")
    absent = await eve.http.get(f"/api/contracts/{deployed.made['Sets']}/")
    assert absent.status_code == 404
    for path in ("", "abi/"):
        foreign = await eve.http.get(f"/api/contracts/{address}/{path}")
        assert (foreign.status_code, foreign.json() | {"request_id": ""}) == (404, absent.json() | {"request_id": ""})
    assert (await eve.http.get("/api/contracts/")).json()["items"] == []
    assert (await register(eve, address))["name"].startswith("Contract 0x")
    auditor = await join("aud", org_id=ada.org_id, role=Role.AUDITOR)
    assert (await auditor.http.get("/api/contracts/", params={"q": "of ada"})).json()["items"][0]["address"] == address
    assert (await auditor.http.put(f"/api/contracts/{address}/", json={"name": "Mine"})).status_code == 403


async def test_a_contract_is_renamed_under_its_version(ada: Person, deployed: Deployer) -> None:
    address = deployed.made["Items"]
    await register(ada, address)
    first = await ada.http.get(f"/api/contracts/{address}/")
    renamed = await ada.http.put(f"/api/contracts/{address}/", json={"name": "Deeds"}, headers={"If-Match": first.headers["ETag"]})
    assert (renamed.status_code, renamed.json()["name"]) == (200, "Deeds")
    late = await ada.http.put(f"/api/contracts/{address}/", json={"name": "Late"}, headers={"If-Match": first.headers["ETag"]})
    assert late.status_code == 412
    assert (await ada.http.get("/api/contracts/", params={"sort": "name", "count": "true"})).json()["total"] == 1
    given = await ada.http.put(f"/api/contracts/{address}/", json={"abi": [], "source": "contract Items {}"})
    assert (given.json()["abi_origin"], given.json()["source"]) == (None, "contract Items {}")


async def test_a_repeat_of_a_registration_is_the_first_answer(ada: Person, deployed: Deployer) -> None:
    body, headers = {"address": deployed.made["Liar"], "network": "testnet"}, {"Idempotency-Key": "once"}
    first, second = [await ada.http.post("/api/contracts/", json=body, headers=headers) for _ in range(2)]
    assert (first.status_code, second.status_code, second.headers["Idempotency-Replayed"]) == (201, 201, "true")
    assert first.content == second.content
