"""A head of the chain of seals, found on a real chain over HTTP, shown, exported, verified; and every transaction that is refused."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from crypto_api.audit.documents import AuditRecord
from crypto_api.chains.documents import ChainCursor
from crypto_api.events.documents import Event
from crypto_api.flows.seal_entries import seal_entries
from crypto_api.ledger.documents import EntrySeal, SealAnchor
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from crypto_api.wallets.watch_list import WatchList
from crypto_project.demo.chain import ChainActor
from crypto_project.demo.keys import dev_account
from tests.conftest import LocalChain
from tests.factories.following import Desk
from tests.http.conftest import Join, Person

DEPTH = 2
SENDER = dev_account(3)


@pytest.fixture
def networks(chain: LocalChain) -> list[dict[str, object]]:
    row = {"slug": "testnet", "name": "Test network", "chain_id": chain.chain_id, "rpc_urls": [chain.rpc_url], "confirmations": DEPTH}
    return [row, row | {"slug": "down", "name": "Away", "chain_id": 9, "rpc_urls": ["http://127.0.0.1:9"]}]


@pytest.fixture
async def actor(chain: LocalChain) -> AsyncIterator[ChainActor]:
    made = ChainActor(chain.rpc_url, chain.chain_id)
    await made.take_over_mining()
    await made.set_balance(SENDER.address, 10**20)
    yield made
    await made.close()


class Ledger:
    """Books of a person, and a follower of the chain."""

    def __init__(self, runtime: Runtime, ada: Person, actor: ChainActor) -> None:
        self.runtime, self.ada, self.actor = runtime, ada, actor
        self.network = runtime.networks["testnet"]
        self.desk = Desk(runtime, actor, self.network, ada.org_id, WatchList("testnet"))

    async def post(self, amount: str = "10") -> None:
        lines = [
            {"account_code": "1000", "debit_amount": amount, "credit_amount": "0"},
            {"account_code": "4900", "debit_amount": "0", "credit_amount": amount},
        ]
        made = await self.ada.http.post("/api/journal-entries/", json={"date": "2026-11-21", "description": "Grant", "line_items": lines})
        assert made.status_code == 201, made.text
        posted = await self.ada.http.post(f"/api/journal-entries/{made.json()['id']}/post/")
        assert posted.status_code == 200, posted.text
        while await seal_entries(self.runtime.uow, self.runtime.clock):
            pass

    async def head(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.ada.http.get("/api/ledger/seals/")).json()
        return found

    async def send(self, data: str, *, to: str | None = SENDER.address, blocks: int = DEPTH + 1, gas: int | None = None) -> str:
        """Mined and followed, with blocks behind it."""
        sent = await self.actor.send(SENDER, to, data=bytes.fromhex(data.removeprefix("0x")), gas=gas)
        for _ in range(blocks):
            await self.actor.mine()
        await self.follow()
        return sent.hash

    async def follow(self) -> None:
        await self.desk.follow()

    async def anchor(self, hash_: str, network: str = "testnet", person: Person | None = None) -> httpx.Response:
        return await (person or self.ada).http.post("/api/ledger/anchors/", json={"network": network, "transaction_hash": hash_})


@pytest.fixture
async def books(runtime: Runtime, join: Join, actor: ChainActor) -> Ledger:
    made = Ledger(runtime, await join("ada", founds="Byron Treasury"), actor)
    await made.follow()
    await made.post()
    return made


def code_of(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    return answer.status_code, body["errors"][0]["code"] if body.get("errors") else body["code"]


async def test_a_head_is_found_on_chain_shown_exported_and_verified(books: Ledger, runtime: Runtime, join: Join, tmp_path: Path) -> None:
    ada, head = books.ada, await books.head()
    assert (head["seq"], head["calldata"], head["anchor"]) == (1, f"0x{head['hash']}", None)
    hash_ = await books.send(head["calldata"])
    made = await books.anchor(hash_)
    assert made.status_code == 201, made.text
    anchor = made.json()
    block = await books.actor.rpc("eth_getTransactionByHash", hash_)
    assert (anchor["seq"], anchor["seal_hash"], anchor["network"], anchor["transaction_hash"]) == (1, head["hash"], "testnet", hash_)
    assert (anchor["block_hash"], anchor["block_number"]) == (block["blockHash"], int(block["blockNumber"], 16))
    again = await books.anchor("0x" + hash_[2:].upper())
    assert (again.status_code, again.json()) == (200, anchor), "once, however it is written"
    await books.post("5")
    assert (await books.head())["anchor"] == anchor
    assert (await ada.http.get("/api/ledger/trial-balance/")).json()["seal"]["anchor"] == anchor
    assert (await ada.http.get("/api/ledger/anchors/?count=true")).json() == {"items": [anchor], "next_cursor": None, "total": 1}
    (event,) = await Event.find({"org_id": ada.org_id, "kind": "ledger_seal.anchored"}).to_list()
    assert event.data["transaction_hash"] == hash_ and event.data["seq"] == 1
    (record,) = await AuditRecord.find({"org_id": ada.org_id, "action": "ledger_seal.anchored"}).to_list()
    assert record.subject_id == anchor["id"] and record.actor_id == ada.user["id"]
    # an argument among others, and of two seals the last
    later = await books.head()
    hash_ = await books.send("0xaabbccdd01" + head["hash"] + "00" * 7 + later["hash"] + "ff")
    assert (await books.anchor(hash_)).json()["seq"] == 2
    # a member who may not close cannot; another organisation does not see it
    bob = await join("bob", org_id=ada.org_id, role=Role.AUDITOR)
    assert (await books.anchor(hash_, person=bob)).status_code == 403 and len((await bob.http.get("/api/ledger/anchors/")).json()["items"]) == 2
    eve = await join("eve", founds="Mallory Ltd")
    assert code_of(await books.anchor(hash_, person=eve)) == (422, "no_seal")
    assert (await eve.http.get("/api/ledger/anchors/")).json()["items"] == []
    await _verified(books, tmp_path)


async def _verified(books: Ledger, folder: Path) -> None:
    """By the installation and by the file alone; and what no longer fits is named."""
    ada = books.ada
    found = (await ada.http.get("/api/ledger/verify/")).json()
    assert found["ok"] and found["checked"]["anchors"] == 2
    file = folder / "seals.ndjson"
    file.write_bytes((await ada.http.get("/api/ledger/seals/export/")).content)
    anchors = json.loads(file.read_text().splitlines()[0])["anchors"]
    code, told = offline(file)
    assert code == 0 and all(f"look up transaction {row['transaction_hash']} on testnet" in told and row["hash"] in told for row in anchors)
    for field, value, says in (
        ("hash", "0" * 64, "another one at the seal"),
        ("seq", 9, "ends before the seal"),
        ("seq", "1", "an anchor that is none"),
    ):
        first, *rest = file.read_text().splitlines(keepends=True)
        row = json.loads(first)
        row["anchors"][0][field] = value
        other = folder / "other.ndjson"
        other.write_text(json.dumps(row) + "\n" + "".join(rest))
        code, told = offline(other)
        assert code == 1 and says in told
    rows = SealAnchor.get_pymongo_collection()
    for changes, says in (({"seal_hash": "0" * 64}, "another one at the seal"), ({"seq": 9}, "ends before the seal")):
        before = await rows.find_one({"org_id": ada.org_id, "seq": 1})
        assert before is not None
        await rows.update_one({"_id": before["_id"]}, {"$set": changes})
        failure = (await ada.http.get("/api/ledger/verify/")).json()["first_failure"]
        assert (failure["check"], failure["subject"]) == ("anchor", before["transaction_hash"]) and says in failure["detail"]
        await rows.replace_one({"_id": before["_id"]}, before)
    assert (await ada.http.get("/api/ledger/verify/")).json()["ok"]


def offline(file: Path) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-I", "crypto_api/ledger/verify.py", str(file)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


async def test_what_proves_nothing_is_refused(books: Ledger, runtime: Runtime) -> None:
    head = await books.head()
    digest = head["hash"]
    assert code_of(await books.anchor("0x12", "nowhere")) == (422, "unknown_network")
    assert code_of(await books.anchor("0x12")) == (422, "invalid_hash")
    assert code_of(await books.anchor("0x" + "ab" * 32)) == (409, "not_mined")
    assert (await books.anchor("0x" + "ab" * 32, "down")).status_code == 503
    for data in ("0x", "0x" + "00" * 31, "0x" + digest[:-2], "0x" + digest[:-1] + ("0" if digest[-1] != "0" else "1"), "0x" + digest.encode().hex()):
        assert code_of(await books.anchor(await books.send(data))) == (422, "no_seal"), data
    assert code_of(await books.anchor(await books.send("0x" + digest + "00" * 4096, gas=1_000_000))) == (422, "input_too_long")
    await books.actor.rpc("anvil_setCode", "0x00000000000000000000000000000000000000aa", "0x60006000fd")  # revert
    reverted = await books.send(head["calldata"], to="0x00000000000000000000000000000000000000AA")
    assert code_of(await books.anchor(reverted)) == (422, "transaction_reverted")
    waits = (await books.actor.send(SENDER, SENDER.address, data=bytes.fromhex(digest))).hash
    assert code_of(await books.anchor(waits)) == (409, "not_mined")
    for _ in range(DEPTH):
        await books.actor.mine()
        assert code_of(await books.anchor(waits)) == (409, "not_final"), "the follower has not read it"
        await books.follow()
        assert code_of(await books.anchor(waits)) == (409, "not_final"), "it is not deep enough"
    assert await SealAnchor.find({"org_id": books.ada.org_id}).count() == 0
    await books.actor.mine()
    await books.follow()
    assert (await books.anchor(waits)).status_code == 201
    assert await Event.find({"org_id": books.ada.org_id, "kind": "ledger_seal.anchored"}).count() == 1


async def test_an_old_block_is_believed_where_the_follower_has_passed_it_by(books: Ledger, runtime: Runtime) -> None:
    """Its header is no longer kept: as many nodes as must agree say what stands there."""
    hash_ = await books.send((await books.head())["calldata"], blocks=1)
    await books.actor.mine_many(300)
    await books.follow()
    assert (await books.anchor(hash_)).status_code == 201
    cursor = await ChainCursor.get("testnet")
    assert cursor is not None and await EntrySeal.find({"org_id": books.ada.org_id}).count() == 1
