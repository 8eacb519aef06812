"""The scripts for operators, run by Node against stand-ins of the shell's objects that record what they are told; no mongosh is at hand here."""

import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml  # type: ignore[import-untyped]
from pymongo import AsyncMongoClient, IndexModel
from pymongo.errors import OperationFailure

from crypto_api.documents import DOCUMENTS
from crypto_project.embedded.child import Child
from crypto_project.embedded.ports import free_port
from crypto_project.npm import find_node
from mongodb_config.base_document import BaseDocument, TenantDocument
from mongodb_config.client import connect
from tests.tenant_guard import APPEND_ONLY

FOLDER = Path(__file__).resolve().parents[2] / "mongodb_config"
HARNESS = """
const fs = require('fs'), vm = require('vm');
const [file, hello, formed] = [process.argv[1], JSON.parse(process.argv[2]), process.argv[3] === 'formed'];
const tags = JSON.parse(process.env.TAGS || '[]'), shards = (process.env.SHARDS || 'a').split(',').map((name) => ({ _id: name }));
const tagsOf = ({ ns }) => ({ toArray: () => tags.filter((tag) => tag.ns === ns) });
const ZONES = ['addShardToZone', 'updateZoneKeyRange', 'removeRangeFromZone'];
const SHARDING = [...ZONES, 'enableSharding', 'shardCollection', 'stopBalancer', 'startBalancer'];
const calls = [];
const told = (name) => (...args) => { calls.push([name, ...args]); return { ok: 1 }; };
const status = () => { if (!formed) throw Object.assign(new Error('no config'), { code: 94 }); };
const KNOWN = ['getRole', 'getUser'], DONE = ['createRole', 'updateRole', 'createUser', 'updateUser'];
const collections = (name) => new Proxy({}, { get: (_, of) => KNOWN.includes(of) ? () => (formed ? {} : null) : DONE.includes(of)
  ? told(`${name}.${of}`) : { createIndex: told(`${name}.${of}.createIndex`) } });
vm.runInNewContext(fs.readFileSync(file, 'utf8'), {
  process, Date, BigInt, sleep: () => {}, print: told('print'),
  MinKey: () => 'least', MaxKey: () => 'most', NumberLong: (text) => ({ long: text }),
  db: {
    hello: () => hello,
    adminCommand: (command) => command.listShards ? { shards } : told('adminCommand')(command),
    getSiblingDB: (name) => name === 'config' ? { tags: { find: tagsOf } } : collections(name),
  },
  rs: { status, initiate: told('initiate') },
  sh: Object.fromEntries(SHARDING.map((name) => [name, told(name)])),
});
console.log(JSON.stringify(calls));
"""


def run(script: str, hello: dict[str, Any], *, formed: bool = False, **env: str) -> list[list[Any]]:
    command = [str(find_node().node), "-e", HARNESS, str(FOLDER / "scripts" / script), json.dumps(hello), "formed" if formed else "new"]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    if done.returncode:
        raise RuntimeError(done.stderr)
    calls: list[list[Any]] = [call for call in json.loads(done.stdout) if call[0] != "print" or "stays whole" in call[1]]
    return calls


def test_a_replica_set_is_formed_once() -> None:
    primary = {"isWritablePrimary": True}
    first = run("init-replica-set.js", primary, MEMBERS="a:1, b:2,c:3")
    again = run("init-replica-set.js", primary, formed=True, MEMBERS="a:1,b:2,c:3")

    members = [{"_id": 0, "host": "a:1"}, {"_id": 1, "host": "b:2"}, {"_id": 2, "host": "c:3"}]
    assert [call[0] for call in first] == ["initiate", "adminCommand"]
    assert first[0][1] == {"_id": "rs0", "members": members}
    assert first[1][1]["defaultWriteConcern"] == {"w": "majority", "j": True}
    assert [call[0] for call in again] == ["adminCommand"]


def decided(calls: Sequence[list[Any]]) -> tuple[dict[str, Any], dict[str, str]]:
    """Of the database `books`: the key of each collection that is sharded, and why others stay whole."""
    sharded = {call[1].removeprefix("books."): call[2] for call in calls if call[0] == "shardCollection"}
    told = [call[1].removeprefix("books.").split(" stays whole: ") for call in calls if call[0] == "print"]
    return sharded, dict(told)  # type: ignore[arg-type]


def unfit(documents: Sequence[type[BaseDocument]], keys: Mapping[str, Mapping[str, object]], whole: Mapping[str, str]) -> list[str]:
    """Collections about whose sharding nothing was decided, and unique indexes that a sharded collection could not have: their fields have to begin
    with those of its key, in that order (MongoDB manual, "Shard Keys", unique indexes); a direction or a hash makes no difference."""
    faults = []
    for document in documents:
        name = vars(document.Settings)["name"]
        if (name in keys) is (name in whole):
            faults.append(f"{name}: no decision whether it is sharded")
        if document.TENANT and name in whole:
            faults.append(f"{name}: belongs to organisations, and would grow on one shard")
        for index in vars(document.Settings).get("indexes", []) if name in keys else ():
            fields, key = list(index.document["key"]), list(keys[name])
            if index.document.get("unique") and fields[: len(key)] != key:
                faults.append(f"{name}: unique index {index.document['name']} does not begin with {key}")
    return faults


def test_of_every_collection_it_is_decided_whether_and_by_what_it_is_sharded() -> None:
    calls = run("shard.js", {"msg": "isdbgrid"}, MONGODB_DATABASE="books")
    sharded, whole = decided(calls)
    assert unfit(DOCUMENTS, sharded, whole) == []
    assert all(key == {"org_id": "hashed"} for key in sharded.values())
    assert sharded.keys() | whole.keys() == {vars(document.Settings)["name"] for document in DOCUMENTS}
    assert calls[0] == ["enableSharding", "books"]


def test_the_check_finds_a_collection_without_a_decision_and_an_index_that_could_not_be_unique() -> None:
    class Forgotten(TenantDocument):
        class Settings:
            name = "forgotten"

    class Named(TenantDocument):
        class Settings:
            name = "named"
            indexes: ClassVar[list[IndexModel]] = [IndexModel([("name", 1), ("org_id", 1)], unique=True, name="by_name")]

    class Central(TenantDocument):
        class Settings:
            name = "central"

    found = unfit([Forgotten, Named, Central], {"named": {"org_id": "hashed"}}, {"central": "small"})
    assert found == [
        "forgotten: no decision whether it is sharded",
        "named: unique index by_name does not begin with ['org_id']",
        "central: belongs to organisations, and would grow on one shard",
    ]


def test_an_organisation_is_on_one_shard_with_all_of_its_collections() -> None:
    first = run("shard.js", {"msg": "isdbgrid"}, MONGODB_DATABASE="books", SHARDS="one,two,three")
    parts: dict[str, list[Any]] = {}
    for call in first:
        if call[0] == "updateZoneKeyRange":
            parts.setdefault(call[1], []).append([call[2]["org_id"], call[3]["org_id"], call[4]])
    low, high = {"long": "-3074457345618258603"}, {"long": "3074457345618258602"}  # thirds of all numbers of 64 bits
    wanted = [["least", low, "coffer-one"], [low, high, "coffer-three"], [high, "most", "coffer-two"]]
    assert len(parts) == len(decided(first)[0]) and all(part == wanted for part in parts.values())
    assert [call[1:] for call in first if call[0] == "addShardToZone"] == [[name, f"coffer-{name}"] for name in ("one", "three", "two")]

    tags = [{"ns": space, "min": part[0], "max": part[1], "tag": part[2]} for space, all_parts in parts.items() for part in all_parts]
    moving = ("updateZoneKeyRange", "removeRangeFromZone")
    again = run("shard.js", {"msg": "isdbgrid"}, MONGODB_DATABASE="books", SHARDS="one,two,three", TAGS=json.dumps(tags))
    assert [call for call in again if call[0] in moving] == []
    more = run("shard.js", {"msg": "isdbgrid"}, MONGODB_DATABASE="books", SHARDS="one,two,three,four", TAGS=json.dumps(tags))
    moved = [call for call in more if call[0] in moving and call[1] == "books.events"]
    assert [call[0] for call in moved] == ["removeRangeFromZone"] * 3 + ["updateZoneKeyRange"] * 4
    assert [call[0] for call in more].index("stopBalancer") < [call[0] for call in more].index("removeRangeFromZone")
    assert more[-len(decided(more)[1]) - 1][0] == "startBalancer"


def test_sharding_is_refused_outside_a_mongos() -> None:
    with pytest.raises(RuntimeError, match="no mongos"):
        run("shard.js", {"setName": "rs0"})


OURS = {"leases", "process_presence", "schema_state"}  # mongodb_config's own


def test_the_role_of_the_processes_cannot_change_the_audit_log() -> None:
    created, signer = run("roles.js", {}, MONGODB_DATABASE="books")
    assert created[0] == "admin.createRole"
    granted = {row["resource"]["collection"]: row["actions"] for row in created[1]["privileges"]}
    assert {row["resource"]["db"] for row in created[1]["privileges"]} == {"books"}
    assert granted.pop("") == ["listCollections"]
    assert all(granted.pop(name) == ["find", "insert"] for name in APPEND_ONLY)
    assert granted.keys() == {vars(document.Settings)["name"] for document in DOCUMENTS} - APPEND_ONLY | OURS
    assert all(actions == ["find", "insert", "update", "remove"] for actions in granted.values())
    assert created[1]["roles"] == [{"role": "clusterMonitor", "db": "admin"}]
    assert (signer[1]["role"], signer[1]["roles"]) == ("cofferSigner", [])
    assert {action for row in signer[1]["privileges"] for action in row["actions"]} == {"find", "listCollections"}, "it writes nothing"
    assert {row["resource"]["collection"] for row in signer[1]["privileges"]} < granted.keys() | {"", "restoring"}


def test_the_role_is_brought_up_to_date_and_the_user_has_no_other() -> None:
    first = run("roles.js", {}, APP_PASSWORD="pw", APP_USER="ledger")
    again = run("roles.js", {}, formed=True, APP_PASSWORD="pw")
    assert [call[0] for call in first] == ["admin.createRole", "admin.createRole", "admin.createUser"]
    assert first[2][1] == {"user": "ledger", "pwd": "pw", "roles": [{"role": "cofferApp", "db": "admin"}]}
    assert [call[0] for call in again] == ["admin.updateRole", "admin.updateRole", "admin.updateUser"]
    assert again[0][2]["privileges"] == first[0][1]["privileges"]
    assert again[2][1:] == ["coffer", {"pwd": "pw", "roles": [{"role": "cofferApp", "db": "admin"}]}]


def test_each_process_is_known_by_its_certificate_and_has_its_own_role() -> None:
    made = run("roles.js", {}, APP_SUBJECT="CN=app", SIGNER_SUBJECT="CN=signer", DEPLOY_SUBJECT="CN=deploy", MONGODB_DATABASE="books")
    users = {call[1]["user"]: call[1]["roles"] for call in made if call[0] == "$external.createUser"}
    assert users == {
        "CN=app": [{"role": "cofferApp", "db": "admin"}],
        "CN=signer": [{"role": "cofferSigner", "db": "admin"}],
        "CN=deploy": [{"role": "readWrite", "db": "books"}, {"role": "clusterMonitor", "db": "admin"}],
    }
    assert not any("pwd" in str(call) for call in made), "and by no password"


async def test_what_the_embedded_server_enforces_of_that_role(tmp_path: Path) -> None:
    """It asks who one is, and keeps the role to its database and to rows. But it takes a privilege on one collection for one on all of the
    database, so there the audit log rests on its seals. Should this test fail one day, the embedded installation can use the role."""
    port = free_port()
    role, _ = run("roles.js", {}, MONGODB_DATABASE="coffer")
    async with embedded(tmp_path, port) as admin:
        await admin.admin.command("createRole", role[1]["role"], privileges=role[1]["privileges"], roles=role[1]["roles"])
        await admin.admin.command("createUser", "coffer", pwd="pw", roles=[{"role": "cofferApp", "db": "admin"}])
        await admin.coffer.audit_records.insert_one({"_id": "aud_1"})
    async with embedded(tmp_path, port, "--auth") as anonymous:
        app = connect(f"mongodb://coffer:pw@127.0.0.1:{port}/?authSource=admin&retryWrites=false")
        rows = app.coffer.audit_records
        await rows.insert_one({"_id": "aud_2"})
        assert await rows.count_documents({}) == 2
        for forbidden in (
            anonymous.coffer.audit_records.find_one(),
            rows.drop(),
            app.drop_database("coffer"),
            app.coffer.command("collMod", "audit_records", validator={}),
            app.other.audit_records.find_one(),
            app.admin.command("createUser", "eve", pwd="pw", roles=["root"]),
            app.admin.command("updateRole", "cofferApp", roles=["root"]),
        ):
            with pytest.raises(OperationFailure) as refused:
                await forbidden
            assert refused.value.code == 13
        assert (await rows.update_one({"_id": "aud_1"}, {"$set": {"altered": True}})).modified_count == 1
        await app.close()


@contextlib.asynccontextmanager
async def embedded(folder: Path, port: int, *options: str) -> AsyncIterator[AsyncMongoClient[dict[str, Any]]]:
    (folder / "data").mkdir(exist_ok=True)
    place = ("--host", "127.0.0.1", "--port", str(port), "--storage-path", str(folder / "data"))
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=500)

    async def answers() -> bool:
        return bool((await client.admin.command("hello"))["isWritablePrimary"])

    command = (sys.executable, "-m", "secantus", *place, "--sync-on-commit", *options)
    child = Child("secantus", command, log_file=folder / "log", ready=answers, cwd=folder)
    await child.start()
    try:
        yield client
    finally:
        await client.close()
        await child.stop()


def test_shell_script_is_sound_and_the_configuration_asks_for_a_durable_set() -> None:
    subprocess.run(["bash", "-n", str(FOLDER / "scripts" / "init-replica-set.sh")], check=True)
    configuration = yaml.safe_load((FOLDER / "mongod.conf").read_text())
    assert configuration["storage"]["engine"] == "wiredTiger"
    assert configuration["replication"]["replSetName"] == "rs0"
    assert configuration["security"]["authorization"] == "enabled"
