"""The scripts for operators, run by Node against stand-ins of the shell's objects that record what they are told; no mongosh is at hand here."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from crypto_api.documents import DOCUMENTS
from crypto_project.npm import find_node

FOLDER = Path(__file__).resolve().parents[2] / "mongodb_config"
HARNESS = """
const fs = require('fs'), vm = require('vm');
const [file, hello, formed] = [process.argv[1], JSON.parse(process.argv[2]), process.argv[3] === 'formed'];
const calls = [];
const told = (name) => (...args) => { calls.push([name, ...args]); return { ok: 1 }; };
const status = () => { if (!formed) throw Object.assign(new Error('no config'), { code: 94 }); };
const collections = (name) => new Proxy({}, { get: (_, collection) => ({ createIndex: told(`${name}.${collection}.createIndex`) }) });
vm.runInNewContext(fs.readFileSync(file, 'utf8'), {
  process, Date, sleep: () => {}, print: () => {},
  db: { hello: () => hello, adminCommand: told('adminCommand'), getSiblingDB: collections },
  rs: { status, initiate: told('initiate') },
  sh: { enableSharding: told('enableSharding'), shardCollection: told('shardCollection') },
});
console.log(JSON.stringify(calls));
"""


def run(script: str, hello: dict[str, Any], *, formed: bool = False, **env: str) -> list[list[Any]]:
    command = [str(find_node().node), "-e", HARNESS, str(FOLDER / "scripts" / script), json.dumps(hello), "formed" if formed else "new"]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    if done.returncode:
        raise RuntimeError(done.stderr)
    calls: list[list[Any]] = json.loads(done.stdout)
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


def test_every_collection_of_organisations_is_sharded_and_no_other() -> None:
    calls = run("shard.js", {"msg": "isdbgrid"}, MONGODB_DATABASE="books")
    sharded = {call[1]: call[2] for call in calls if call[0] == "shardCollection"}
    tenant = {f"books.{vars(document.Settings)['name']}" for document in DOCUMENTS if document.TENANT}
    assert sharded == {name: {"org_id": "hashed"} for name in tenant}
    assert calls[0] == ["enableSharding", "books"]


def test_sharding_is_refused_outside_a_mongos() -> None:
    with pytest.raises(RuntimeError, match="no mongos"):
        run("shard.js", {"setName": "rs0"})


def test_shell_script_is_sound_and_the_configuration_asks_for_a_durable_set() -> None:
    subprocess.run(["bash", "-n", str(FOLDER / "scripts" / "init-replica-set.sh")], check=True)
    configuration = yaml.safe_load((FOLDER / "mongod.conf").read_text())
    assert configuration["storage"]["engine"] == "wiredTiger"
    assert configuration["replication"]["replSetName"] == "rs0"
    assert configuration["security"]["authorization"] == "enabled"
