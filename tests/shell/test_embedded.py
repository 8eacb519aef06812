"""The embedded servers: they come up, they stay where their data is, and they never outlive what started them."""

import asyncio
import itertools
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import bson
import httpx
import pytest
from bson import Decimal128, Int64, Regex
from pymongo import AsyncMongoClient
from pymongo.errors import DuplicateKeyError
from secantus import query
from secantus import storage as storage_module
from secantus.ordering import sort_docs
from secantus.query import matches
from secantus.storage import Storage
from secantus.transactions import TransactionRegistry

from crypto_project.embedded import mongodb as mongodb_module
from crypto_project.embedded import secantusdb
from crypto_project.embedded.chain_node import ChainNodeOptions
from crypto_project.embedded.child import Child, ChildFailed
from crypto_project.embedded.ports import first_free_from, free_port, is_free
from crypto_project.embedded.servers import Addresses, Configured, DataDirInUse, EmbeddedServers
from crypto_project.npm import ensure_npm_parts

ROOT = Path(__file__).resolve().parents[2]
PARENT = """
import asyncio, json, os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from crypto_project.embedded.chain_node import ChainNodeOptions
from crypto_project.embedded.child import Child
from crypto_project.embedded.servers import Configured, EmbeddedServers
from crypto_project.main_task import run, until_signal

async def up(): return (Path(sys.argv[2]) / "grandchild").exists()

async def main():
    folder = Path(sys.argv[2])
    shell = "sleep 600 & echo $! > grandchild; wait"
    family = Child("family", ["sh", "-c", shell], log_file=folder / "family.log", ready=up, cwd=folder)
    async with EmbeddedServers(folder, folder / "logs", configured=Configured.nothing(), chain=ChainNodeOptions()) as servers:
        await family.start()
        try:
            pids = [*servers.pids.values(), family.pid, int((folder / "grandchild").read_text())]
            (folder / "partial").write_text(json.dumps(pids))
            (folder / "partial").rename(folder / "pids.json")
            await until_signal()
        finally:
            await family.stop()
    return 0

sys.exit(run(main()))
"""


@pytest.fixture(scope="module", autouse=True)
def _npm_parts() -> None:
    ensure_npm_parts()


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own with all servers, and a child that has a child."""
    with subprocess.Popen([sys.executable, "-c", PARENT, str(ROOT), str(tmp_path)], cwd=ROOT) as process:
        yield process
        process.kill()


def family_of(folder: Path) -> list[int]:
    wait_until((folder / "pids.json").exists, "servers up", 40)
    pids: list[int] = json.loads((folder / "pids.json").read_text())
    return pids


def wait_until(holds: Callable[[], bool], what: str, limit_s: float = 10) -> None:
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {limit_s} s: {what}"
        time.sleep(0.05)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_all_die_with_a_killed_parent(parent: subprocess.Popen[bytes], tmp_path: Path) -> None:
    pids = family_of(tmp_path)
    assert all(runs(pid) for pid in pids)
    parent.kill()
    wait_until(lambda: not any(runs(pid) for pid in pids), "no orphan after SIGKILL")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_after_an_orderly_stop(parent: subprocess.Popen[bytes], tmp_path: Path, number: signal.Signals) -> None:
    pids = family_of(tmp_path)
    parent.send_signal(number)
    assert parent.wait(timeout=60) == 0
    assert [pid for pid in pids if runs(pid)] == []


async def test_data_survives_a_restart_and_a_kill(tmp_path: Path) -> None:
    first_ports: set[str] = set()
    for round_number in range(2):
        async with EmbeddedServers(tmp_path, tmp_path / "logs", configured=Configured.nothing(), chain=ChainNodeOptions()) as servers:
            addresses = servers.addresses
            assert {addresses.mongodb_uri, addresses.redis_url, addresses.rpc_url}.isdisjoint(first_ports), "ports are not fixed"
            first_ports |= {addresses.mongodb_uri, addresses.redis_url, addresses.rpc_url}
            async with AsyncMongoClient(addresses.mongodb_uri) as client:
                rows = client["probe"]["rows"]
                assert await rows.count_documents({}) == round_number * 2
                await rows.insert_one({"round": round_number})
                servers.children["mongodb"].kill()
                await servers.children["mongodb"].restart()
                assert await rows.count_documents({"round": round_number}) == 1, "acknowledged before SIGKILL"
                await rows.insert_one({"round": round_number})
            assert await rpc(addresses.rpc_url, "eth_blockNumber") == hex(round_number * 3)
            await rpc(addresses.rpc_url, "anvil_mine", ["0x3"])


async def test_secantusdb_is_always_started_to_sync_on_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mongodb_module.shutil, "which", lambda name: None)
    for test_commands in (False, True):
        child, uri = mongodb_module.mongodb(tmp_path, tmp_path, test_commands=test_commands)
        assert "--sync-on-commit" in child.command
        assert ("--enable-test-commands" in child.command) is test_commands
        for option in ("w=majority", "journal=true", "readConcernLevel=majority", "retryWrites=false"):
            assert option in uri


def test_secantusdb_looks_once_a_second_for_what_was_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    class Registry(TransactionRegistry):  # type: ignore[misc]
        pass

    looks: list[int] = []
    search = Registry._prune_locked
    monkeypatch.setattr(Registry, "_prune_locked", lambda self: looks.append(len(self._txns)) or search(self), raising=False)
    secantusdb.look_less_often(Registry, each_s=1.0)
    now = [1_000.0]
    monkeypatch.setattr(secantusdb.time, "monotonic", lambda: now[0])
    rolled_back: list[bytes] = []
    registry = Registry(lifetime_seconds=60, rollback_func=lambda txn: rolled_back.append(txn.lsid_bytes), time_func=lambda: now[0])

    def begin(session: bytes) -> None:
        assert registry.for_statement(session, None, 1, start=True)[1] is None

    for number in range(100):
        begin(b"finished %d" % number)
        assert registry.commit(b"finished %d" % number, 1) is None
    begin(b"abandoned")
    assert looks == [0], "no search for each of two hundred statements"
    now[0] += 59
    begin(b"in use")
    now[0] += 0.9
    begin(b"another")
    assert (looks, rolled_back) == ([0, 101], [])
    now[0] += 1.1
    begin(b"later")
    assert looks == [0, 101, 103]
    assert rolled_back == [b"abandoned"], "what is in use goes on"
    assert registry.commit(b"abandoned", 1)["code"] == 251  # NoSuchTransaction
    assert registry.commit(b"in use", 1) is None
    assert registry.commit(b"finished 7", 1) is None, "a commit may be asked for again"


def test_secantusdb_finds_by_id_before_it_looks_for_an_index() -> None:
    asked: list[dict[str, Any]] = []

    class Rows:
        def _try_index_id_keys(self, db: str, coll: str, filter: dict[str, Any], *, collation: Any = None) -> list[bytes] | None:  # noqa: A002
            asked.append(filter)
            return [b"1"] if list(filter) == ["_id"] and filter["_id"] != "nowhere" else None

    secantusdb.find_by_id_first(Rows)
    keys = Rows()._try_index_id_keys
    by_id = [{"_id": "a", "org_id": "b"}, {"org_id": "b", "_id": {"$in": ["a"]}}, {"_id": {"$eq": "a"}, "version": {"$lt": 2}}]
    assert [keys("db", "rows", each) for each in by_id] == [[b"1"]] * 3
    assert asked == [{"_id": each["_id"]} for each in by_id]
    asked.clear()
    as_it_is = [{"_id": {"$gt": "a"}, "org_id": "b"}, {"_id": {"x": 1}, "org_id": "b"}, {"_id": "a", "$or": [{"b": 1}]}, {"org_id": "b"}, {}]
    assert [keys("db", "rows", each) for each in as_it_is] == [None] * 5
    assert asked == as_it_is
    asked.clear()
    assert keys("db", "rows", {"_id": "a", "org_id": "b"}, collation="de") is None
    assert keys("db", "rows", {"_id": "nowhere", "org_id": "b"}) is None
    assert asked == [{"_id": "a", "org_id": "b"}, {"_id": "nowhere"}, {"_id": "nowhere", "org_id": "b"}], "where `_id` finds no key, as ever"


DAYS = [datetime(2026, 11, day, tzinfo=UTC) for day in range(1, 8)]
INDEXES: list[tuple[dict[str, int], dict[str, Any]]] = [
    ({"org": 1, "state": 1, "due": 1}, {}),
    ({"org": 1, "due": -1}, {}),
    ({"due": 1}, {"partialFilterExpression": {"due": {"$type": "date"}}}),
    ({"net": 1, "from": 1, "due": 1}, {"partialFilterExpression": {"due": {"$type": "date"}}}),
    ({"net": 1, "number": 1}, {"partialFilterExpression": {"state": "open"}}),
    ({"tags": 1, "number": 1}, {}),
    ({"org": 1, "due": -1, "_id": -1}, {}),
    ({"org": 1, "number": 1, "_id": 1}, {}),
    ({"org": 1, "net": 1, "due": 1, "_id": 1}, {"partialFilterExpression": {"state": "open"}}),
    ({"org": 1, "tags": 1, "due": -1}, {}),
    ({"org": 1, "days": -1}, {}),
]
ORDERS: list[dict[str, int]] = [{"due": way, "_id": way} for way in (1, -1)] + [
    {"number": 1, "_id": 1},
    {"number": -1, "_id": -1},
    {"due": -1, "_id": 1},
    {"org": 1, "due": 1, "_id": 1},
    {"due": 1},
]


def rows_at_random(random: Random) -> list[dict[str, Any]]:
    return [
        {
            "_id": f"r{number:03}",
            "org": random.choice("ab"),
            "net": random.choice(["n", "nn", "n\x00"]),
            "from": random.choice(["x", "y", None]),
            "state": random.choice(["open", "done", None]),
            "due": random.choice([*DAYS, None]),
            "number": random.choice([1, 2.5, -3, 10**12, None]),
            "tags": random.choice([["p"], ["p", "q"], [], "q", None]),
            "days": random.choice([[DAYS[0], DAYS[6]], [DAYS[1], DAYS[3]], DAYS[2], [], None]),
        }
        for number in range(200)
    ]


def clauses_that_ask() -> dict[str, list[Any]]:
    """What may be asked of each field."""
    return {
        "org": ["a", {"$in": ["a", "b"]}, {"$in": []}],
        "net": ["n", "nn", {"$gte": "n", "$lte": "n"}, {"$gt": "n"}],
        "from": ["x", None, {"$in": ["x", None]}, {"$ne": "x"}],
        "state": ["open", {"$in": ["open", "done"]}, {"$ne": "open"}, None],
        "due": [DAYS[2], None, {"$lte": DAYS[3]}, {"$type": "date", "$gt": DAYS[1], "$lte": DAYS[4]}, {"$type": "date"}, {"$gte": DAYS[5]}],
        "number": [1, {"$lte": 2.5}, {"$gt": 1, "$lt": 10**12}, {"$in": [1, 10**12]}],
        "tags": ["p", {"$in": ["q"]}, {"$gt": "o", "$lt": "q"}, ["p"]],
        "days": [DAYS[1], {"$gte": DAYS[2], "$lte": DAYS[4]}, {"$gt": DAYS[3]}, {"$lt": DAYS[1]}],
        "_id": ["r001", {"$in": ["r001", "r150", "r999"]}, {"$gt": "r100"}],
    }


def test_secantusdb_finds_by_the_best_index_what_it_finds_by_looking_at_every_row(monkeypatch: pytest.MonkeyPatch) -> None:
    class Rows(Storage):  # type: ignore[misc]
        pass

    secantusdb.find_by_id_first(Rows)
    secantusdb.take_the_best_index(Rows)
    secantusdb.read_as_many_as_asked(Rows, matches)
    secantusdb.walk_in_order(Rows, matches)
    secantusdb.read_catalogue_once(Rows)
    walks, along = [], secantusdb._along
    monkeypatch.setattr(secantusdb, "_along", lambda *some: walks.append(some[3]) or along(*some))
    rows, random = Rows(":memory:"), Random(7)
    try:
        for place, (key, options) in enumerate(INDEXES):
            rows.create_index("db", "rows", f"index_{place}", key, options=options)
        stored = rows_at_random(random)
        rows.insert("db", "rows", stored)
        clauses = clauses_that_ask()
        narrowed = 0
        for _ in range(600):
            named = random.sample(list(clauses), random.randint(2, 4))
            parts = {name: random.choice(clauses[name]) for name in named}
            asked = random.choice([parts, {"$and": [{named[0]: parts[named[0]]}, {name: parts[name] for name in named[1:]}]}])
            expected = [row["_id"] for row in stored if matches(row, asked)]
            assert sorted(row["_id"] for row in rows.find_matching("db", "rows", asked)) == expected, asked
            some = [row["_id"] for row in rows.find_matching("db", "rows", asked, skip=1, limit=2)]
            assert len(some) == max(0, min(2, len(expected) - 1)), asked
            assert set(some) <= set(expected), asked
            order, most, past = random.choice(ORDERS), random.choice([1, 3, 40, 500]), random.choice([0, 0, 2])
            whole = sort_docs([row for row in stored if matches(row, asked)], order)[past : past + most]
            first = rows.find_matching("db", "rows", asked, sort=order, skip=past, limit=most, let={"NOW": DAYS[0]})
            if "_id" in order:
                assert [row["_id"] for row in first] == [row["_id"] for row in whole], (asked, order)
            else:
                assert [bson.encode({"due": row["due"]}) for row in first] == [bson.encode({"due": row["due"]}) for row in whole], (asked, order)
            narrowed += rows._try_index_id_keys("db", "rows", asked) is not None
        assert narrowed > 400, "most of them by an index"
        assert len(walks) > 100 and {order[4] for order in walks} == {True, False}, "many along one, both ways"
        due = {"net": "n", "from": "x", "due": {"$type": "date", "$lte": DAYS[3]}}
        assert len(rows._try_index_id_keys("db", "rows", due)) == len([row for row in stored if matches(row, due)]), "none that is thrown away"
        days = {"org": "a", "due": {"$gte": DAYS[1], "$lte": DAYS[4]}}
        wanted = [row for row in stored if matches(row, days)]
        assert 0 < len(wanted) == len(rows._try_index_id_keys("db", "rows", days)), "days between two, along an index in which they fall"
        tagged = days | {"tags": "p"}
        wanted = [row for row in stored if matches(row, tagged)]
        assert 0 < len(wanted) == len(rows._try_index_id_keys("db", "rows", tagged)), "and along one that holds the elements of a list before them"
        apart = {"org": "a", "days": {"$gte": DAYS[4], "$lte": DAYS[5]}}
        found = sorted(row["_id"] for row in rows.find_matching("db", "rows", apart))
        assert found == [row["_id"] for row in stored if row["org"] == "a" and row["days"] == [DAYS[0], DAYS[6]]] != [], "one above, another below"
    finally:
        rows.close()


def test_secantusdb_looks_a_text_up_in_a_list_of_texts() -> None:
    class Module:
        asked: list[str] = []

        @staticmethod
        def _op_matches(values: list[Any], op: str, arg: Any, collation: Any = None, **more: Any) -> bool:
            Module.asked.append(op)
            return bool(query._op_matches(values, op, arg, collation, **more))

    secantusdb.look_up_in_lists(Module)
    listed, mixed = [f"p{number}" for number in range(500)], ["a", 1, None, Regex("^b")]
    assert [Module._op_matches([value], "$in", listed) for value in ("p0", "p499", "p500", "")] == [True, True, False, False]
    assert Module.asked == []
    assert [Module._op_matches([value], "$in", mixed) for value in ("a", "bc", "c", 1, None)] == [True, True, False, True, True]
    assert Module._op_matches([["p1", "x"]], "$in", listed)
    assert not Module._op_matches(["p1"], "$nin", listed)
    assert Module.asked == ["$in"] * 6 + ["$nin"]


def test_secantusdb_reads_the_options_of_indexes_once_a_write() -> None:
    read: list[str] = []

    catalogue: list[str] = []

    class Rows:
        def _iter_indexes(self, db: str, coll: str) -> Iterator[str]:
            catalogue.append(coll)
            yield f"{db}.{coll}"

        def _all_indexes(self, db: str, coll: str) -> list[str]:
            return list(self._iter_indexes(db, coll))

        def _index_options_map(self, db: str, coll: str) -> dict[str, int]:
            read.append(coll)
            return {"read": len(read)}

        def _insert_chunk(self, attempts: int) -> list[dict[str, int]]:
            found = []
            for _ in range(attempts):
                assert self._all_indexes("db", "rows") == ["db.rows"]
                found += [self._index_options_map("db", coll) for coll in ("rows", "rows", "others", "rows")]
            return found

        def _delete_chunk(self) -> None:
            self._index_options_map("db", "rows")
            self._insert_chunk(1)
            self._index_options_map("db", "rows")
            raise KeyError

        def _update_chunk(self) -> list[str]:
            assert self._all_indexes("db", "rows") == ["db.rows"]
            return [*self._iter_indexes("db", "rows"), *self._iter_indexes("db", "others"), *self._iter_indexes("db", "rows")]

        _update_matching_single_txn = _update_chunk

    secantusdb.read_options_once(Rows)
    rows = Rows()
    assert [each["read"] for each in rows._insert_chunk(2)] == [1, 1, 2, 1, 3, 3, 4, 3], "anew where a write is tried again"
    assert [rows._index_options_map("db", "rows")["read"] for _ in range(2)] == [5, 6], "outside of a write each time"
    read.clear()
    with pytest.raises(KeyError):
        rows._delete_chunk()
    assert read == ["rows", "rows", "others"]
    assert rows._index_options_map("db", "rows") == {"read": 4}, "nothing is kept of a write that failed"
    for change in (rows._update_chunk, rows._update_matching_single_txn):
        catalogue.clear()
        assert change() == ["db.rows", "db.others", "db.rows"]
        assert catalogue == ["rows", "others"]


def test_secantusdb_reads_the_catalogue_of_indexes_once_a_search_and_anew_for_what_is_newer() -> None:
    catalogue: list[str] = []

    class Rows:
        changed = False

        def _iter_indexes(self, db: str, coll: str) -> Iterator[str]:
            catalogue.append(coll)
            yield f"{db}.{coll}" + (" and one more" if self.changed else "")

        def _refresh_read_snapshot(self) -> None:
            self.changed = True

        def find_matching(self, inner: bool = False) -> list[str]:
            found = [*self._iter_indexes("db", "rows"), *self._iter_indexes("db", "others"), *self._iter_indexes("db", "rows")]
            if inner:
                found += self.find_matching()
                raise KeyError(found)
            self._refresh_read_snapshot()
            return [*found, *self._iter_indexes("db", "rows"), *self._iter_indexes("db", "rows")]

    secantusdb.read_catalogue_once(Rows)
    rows = Rows()
    assert rows.find_matching() == ["db.rows", "db.others", "db.rows", "db.rows and one more", "db.rows and one more"]
    assert catalogue == ["rows", "others", "rows"]
    catalogue.clear()
    with pytest.raises(KeyError):
        Rows().find_matching(inner=True)
    assert catalogue == ["rows", "others", "rows", "others", "rows"], "a search within another has its own"
    assert [*rows._iter_indexes("db", "rows"), *rows._iter_indexes("db", "rows")] == ["db.rows and one more"] * 2
    assert len(catalogue) == 7, "outside of a search each time, and nothing is kept of one that failed"


def test_secantusdb_compares_alike_as_it_compares_everything() -> None:
    class Module:
        slowly: list[str] = []

        @staticmethod
        def _match_clause(row: Any, name: str, asked: Any, let: Any, collation: Any) -> bool:
            Module.slowly.append(name)
            return bool(plainly(row, name, asked, let, collation))

    plainly = query._match_clause
    secantusdb.compare_alike_at_once(Module)
    values: list[Any] = ["a", "A", "", "b", "1", 1, 1.0, Int64(1), True, False, None, *DAYS[:3], ["a"], [DAYS[1]], {"b": "a"}]
    values += [day.replace(tzinfo=None) for day in DAYS[:2]]
    plain = [value for value in values if not isinstance(value, (list, dict))]
    asked = [*values, Regex("^a"), {}, {"$exists": True}, {"$in": ["a", None]}, {"$not": {"$eq": "a"}}, {"$gte": DAYS[0], "$lt": DAYS[2]}]
    asked += [{how: value} for how in ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte") for value in plain]
    for row in ({"f": value, "f.b": "a", "$f": "a"} for value in values):
        for name, clause in itertools.product(("f", "f.b", "nowhere"), asked):
            assert told(Module._match_clause, row, name, clause) == told(plainly, row, name, clause), (row, name, clause)
    assert 0 < Module.slowly.count("f") < len(values) * len(asked) - 100, "many of them at once"
    assert not Module._match_clause({"f": DAYS[2]}, "f", {"$gte": DAYS[0], "$lt": DAYS[2]}, None, None)


def told(match: Callable[..., bool], row: dict[str, Any], name: str, clause: Any) -> bool | str:
    try:
        return match(row, name, clause, None, None)
    except Exception as error:
        return type(error).__name__


def test_secantusdb_cuts_rows_to_named_fields_as_its_projection_does(monkeypatch: pytest.MonkeyPatch) -> None:
    plainly = storage_module.apply_projection_batch
    monkeypatch.setattr(storage_module, "apply_projection_batch", plainly)  # put back afterwards
    secantusdb.cut_to_named_fields(storage_module)
    quickly = storage_module.apply_projection_batch
    assert quickly is not plainly
    rows: list[dict[str, Any]] = [
        {"_id": 1, "a": 1, "b": {"c": [1, {"d": 2}]}, "lines": [{"x": 1, "y": [2]}, {}, 3, None]},
        {"_id": {"of": 2}, "b": None, "lines": [], "z": Decimal128("1.50")},
        {"a": [], "_id": "last", "b": {}},
        {},
    ]
    specs: list[dict[str, Any]] = [{"a": 1}, {"b": 1, "a": 1, "nowhere": 1}, {"_id": 1}, {"lines": 1, "z": 1, "_id": 1}]
    beyond: list[dict[str, Any]] = [{"lines.x": 1}, {"a": 0}, {"_id": 0, "a": 1}, {"a": True}, {"b": {"c": 1}}, {"n": "$a"}, {"a": {"$slice": 1}}, {}]
    for spec in (*specs, *beyond):
        assert [list(row.items()) for row in quickly(rows, spec)] == [list(row.items()) for row in plainly(rows, spec)], spec


async def test_a_row_found_by_id_must_be_all_that_was_asked_for(addresses: Addresses) -> None:
    async with AsyncMongoClient(addresses.mongodb_uri) as client:
        rows = client[f"probe_{secrets.token_hex(4)}"]["rows"]
        await rows.create_index([("org", 1), ("state", 1)])
        await rows.insert_many([{"_id": name, "org": "ours", "state": "open", "of": [1, 2]} for name in "abc"])
        both = {"$in": ["a", "c", "nobody"]}
        assert await rows.find_one({"_id": "a", "org": "theirs"}) is None
        assert await rows.find_one({"org": "ours", "_id": "a", "of": 2}) is not None
        assert [row["_id"] async for row in rows.find({"_id": both, "org": "ours"}).sort("_id", -1)] == ["c", "a"]
        assert (await rows.update_one({"_id": "a", "org": "theirs"}, {"$set": {"state": "lost"}})).matched_count == 0
        assert (await rows.update_many({"_id": both, "org": "ours", "state": "open"}, {"$set": {"state": "shut"}})).modified_count == 2
        assert await rows.find_one_and_update({"_id": "a", "state": "open"}, {"$set": {"state": "lost"}}) is None
        assert (await rows.delete_one({"_id": "b", "org": "theirs"})).deleted_count == 0
        assert (await rows.delete_many({"_id": {"$in": ["a", "b"]}, "state": "shut"})).deleted_count == 1
        assert [(row["_id"], row["state"]) async for row in rows.find().sort("_id")] == [("b", "open"), ("c", "shut")]
        await rows.create_index("name", unique=True, partialFilterExpression={"state": "named"})
        await rows.insert_many([{"_id": number, "org": "many", "name": "x", "state": "named" if number == 1 else "open"} for number in range(4)])
        with pytest.raises(DuplicateKeyError):
            await rows.insert_one({"name": "x", "state": "named"})
        assert (await rows.delete_many({"org": "many"})).deleted_count == 4
        await rows.insert_one({"_id": "again", "name": "x", "state": "named"})
        assert await rows.count_documents({"name": "x"}) == await rows.count_documents({"org": "many"}) + 1 == 1
        await rows.delete_one({"_id": "again"})
        async with client.start_session() as session, await session.start_transaction():
            await rows.insert_one({"_id": "d", "org": "ours"}, session=session)
            assert await rows.find_one({"_id": "d", "org": "ours"}, session=session) is not None
            assert await rows.find_one({"_id": "d", "org": "ours"}) is None
        await client.drop_database(rows.database.name)


async def test_mongod_on_path_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mongodb_module.shutil, "which", lambda name: f"/somewhere/{name}")
    child, uri = mongodb_module.mongodb(tmp_path, tmp_path, test_commands=False)
    assert child.command[0] == "/somewhere/mongod"
    assert "--replSet" in child.command
    assert "retryWrites=true" in uri


async def test_what_is_configured_is_not_embedded(tmp_path: Path) -> None:
    configured = Configured.model_construct(mongodb_uri="mongodb://db", redis_url="redis://cache", ganache_url="https://node", ganache_chain_id=5)
    async with EmbeddedServers(tmp_path, tmp_path, configured=configured, chain=ChainNodeOptions()) as servers:
        addresses = servers.addresses
        assert servers.pids == {}
        assert (addresses.mongodb_uri, addresses.redis_url) == ("mongodb://db", "redis://cache")
        assert (addresses.rpc_url, addresses.rpc_ws_url, addresses.chain_id) == ("https://node", "wss://node", 5)


async def test_a_kept_server_comes_back_on_its_port(tmp_path: Path) -> None:
    configured = Configured.model_construct(mongodb_uri="mongodb://db", ganache_url="https://node")
    async with EmbeddedServers(tmp_path, tmp_path, configured=configured, chain=None, keep=True) as servers:
        valkey = servers.children["valkey"]
        before = valkey.pid
        valkey.kill()
        async with asyncio.timeout(60):
            while valkey.pid == before or not await valkey.answers():
                await asyncio.sleep(0.02)
    assert servers.pids == {}


async def test_two_runs_on_one_directory_get_one_clear_message(tmp_path: Path) -> None:
    nothing = Configured.model_construct(mongodb_uri="mongodb://db", redis_url="redis://cache")
    async with EmbeddedServers(tmp_path, tmp_path, configured=nothing, chain=None):
        with pytest.raises(DataDirInUse, match=f"process {os.getpid()}"):
            await EmbeddedServers(tmp_path, tmp_path, configured=nothing, chain=None).start()
    async with EmbeddedServers(tmp_path, tmp_path, configured=nothing, chain=None):
        pass


async def test_a_child_that_cannot_start_says_why(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    broken = Child("broken", ["sh", "-c", "echo the disk is full; exit 3"], log_file=tmp_path / "broken.log", ready=never)
    with pytest.raises(ChildFailed, match=r"(?s)broken ended at start \(exit code 3\).*the disk is full.*broken\.log"):
        await broken.start()
    absent = Child("absent", ["/no/such/program"], log_file=tmp_path / "absent.log", ready=never)
    with pytest.raises(ChildFailed, match="No such file"):
        await absent.start()
    silent = Child("silent", ["sleep", "60"], log_file=tmp_path / "silent.log", ready=never, start_timeout_s=0.2)
    with pytest.raises(ChildFailed, match="did not answer"):
        await silent.start()
    assert silent.pid is None


async def test_a_child_that_will_not_end_is_killed(tmp_path: Path) -> None:
    async def up() -> bool:
        return "up" in (tmp_path / "deaf.log").read_text()

    command = ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done"]
    deaf = Child("deaf", command, log_file=tmp_path / "deaf.log", ready=up, stop_timeout_s=0.3)
    await deaf.start()
    await asyncio.wait_for(deaf.stop(), 60)
    assert deaf.pid is None


async def test_what_a_dead_child_has_left_behind_goes_too(tmp_path: Path) -> None:
    async def up() -> bool:
        return (tmp_path / "grandchild").exists()

    child = Child("family", ["sh", "-c", "sleep 600 & echo $! > grandchild; wait"], log_file=tmp_path / "log", ready=up, cwd=tmp_path)
    await child.start()
    grandchild = int((tmp_path / "grandchild").read_text())
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)  # by somebody else
    await child.wait()
    wait_until(lambda: not runs(grandchild), "grandchild gone")


def test_a_taken_port_is_passed_over() -> None:
    import socket

    port = free_port()
    assert port != free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert not is_free(port)
        assert first_free_from(port) > port


async def rpc(url: str, method: str, params: list[object] | None = None) -> object:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(url, json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params or []})
    return answer.json()["result"]
