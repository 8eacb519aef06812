"""The chain of an organisation's audit log: sealed after the commit, and whoever alters, takes away or puts in a record is found out."""

import asyncio
import contextlib
import hashlib
import json
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import PyMongoError

from crypto_api.audit import service, store
from crypto_api.audit.documents import AuditQueued, AuditRecord, AuditSeal
from crypto_api.audit.types import Fault, Outcome
from crypto_api.flows.seal_audit_log import seal_pass
from crypto_api.flows.verify_audit_log import verify_audit_log, verify_every_audit_log
from crypto_api.kit import origin
from crypto_api.kit.cancel import cancel_and_wait
from crypto_api.kit.origin import Origin
from crypto_api.kit.seals import Head, canonical
from crypto_api.runtime import Runtime
from mongodb_config.unit_of_work import Session
from tests.conftest import ConfigMaker
from tests.factories.killed import killed_at
from workers.events import seal_audit_log

ORG, OTHER = "org_one", "org_two"
ROOT = Path(__file__).resolve().parents[2]


async def write(runtime: Runtime, count: int = 1, org_id: str | None = ORG) -> list[str]:
    async def work(session: Session) -> list[str]:
        now = runtime.clock.now()
        rows = [await service.record(session, org_id, "thing.changed", f"Change {n}.", now, after={"n": n}) for n in range(count)]
        return [row.id for row in rows]

    return await runtime.uow.run(work)


async def sealed(runtime: Runtime, count: int = 5) -> list[str]:
    ids = await write(runtime, count)
    assert await seal_pass(runtime.uow, runtime.clock) == count
    return ids


def rows(document: type[Any]) -> Any:
    return document.get_pymongo_collection()


async def test_a_record_knows_who_where_and_through_what(runtime: Runtime) -> None:
    with origin.of(Origin("req_1", "203.0.113.7", "Firefox")):
        origin.identified("usr_ada", "ses_1", "ada")
        (record_id,) = await write(runtime)
        other = await runtime.uow.run(
            lambda session: service.record(
                session, None, "session.opened", "x" * 900, runtime.clock.now(), actor_id="usr_bob", outcome=Outcome.REFUSED
            )
        )
    row = await store.get(ORG, record_id)
    assert row is not None
    assert (row.actor_id, row.actor_name, row.session_id, row.ip, row.device, row.request_id) == (
        "usr_ada", "ada", "ses_1", "203.0.113.7", "Firefox", "req_1",
    )  # fmt: skip
    assert (other.org_id, other.actor_id, other.actor_name, other.outcome, len(other.summary)) == (
        "installation",
        "usr_bob",
        "",
        Outcome.REFUSED,
        500,
    )


async def test_what_is_rolled_back_leaves_neither_record_nor_place_in_the_queue(runtime: Runtime) -> None:
    async def work(session: Session) -> None:
        await service.record(session, ORG, "thing.changed", "Never.", runtime.clock.now())
        raise RuntimeError("rolled back")

    with pytest.raises(RuntimeError):
        await runtime.uow.run(work)
    assert await AuditRecord.find_all().count() == await AuditQueued.find_all().count() == 0


async def test_records_are_sealed_in_their_order_each_organisation_by_itself(runtime: Runtime) -> None:
    ids = [*await write(runtime, 3), *await write(runtime, 2, OTHER), *await write(runtime, 2)]
    assert await seal_pass(runtime.uow, runtime.clock) == 7
    assert await seal_pass(runtime.uow, runtime.clock) == 0
    mine = await store.seals_after(ORG, 0, 10)
    assert [(seal.seq, seal.record_id) for seal in mine] == [(1, ids[0]), (2, ids[1]), (3, ids[2]), (4, ids[5]), (5, ids[6])]
    row = await rows(AuditRecord).find_one({"_id": ids[0]})
    assert mine[0].hash == hashlib.sha256(f"{'0' * 64}|1|".encode() + canonical(row)).hexdigest()
    assert [seal.prev for seal in mine[1:]] == [seal.hash for seal in mine[:-1]]
    report = await verify_audit_log(ORG)
    assert (report.ok, report.checked, report.waiting, report.head) == (True, 5, 0, Head(5, mine[-1].hash))
    assert {org_id: found.checked for org_id, found in (await verify_every_audit_log([ORG])).items()} == {ORG: 5, OTHER: 2}


async def test_what_waits_for_its_seal_is_no_failure(runtime: Runtime) -> None:
    await sealed(runtime, 2)
    await write(runtime, 3)
    report = await verify_audit_log(ORG)
    assert (report.ok, report.checked, report.waiting) == (True, 2, 3)


async def test_sealers_beside_one_another_make_one_chain(runtime: Runtime) -> None:
    await write(runtime, 40)

    async def until_done() -> None:
        while await AuditQueued.find_all().count():
            await seal_pass(runtime.uow, runtime.clock)

    await asyncio.gather(*(until_done() for _ in range(4)))
    report = await verify_audit_log(ORG)
    assert (report.ok, report.checked, report.waiting) == (True, 40, 0)


async def test_a_sealer_killed_before_its_commit_leaves_no_trace(runtime: Runtime, make_config: ConfigMaker, tmp_path: Path) -> None:
    await write(runtime, 3)
    sealer = ("from crypto_api.flows.seal_audit_log import seal_pass", "seal_pass(runtime.uow, runtime.clock)")
    await killed_at(make_config(), tmp_path, "audit.sealed", *sealer)
    assert await AuditSeal.find({"org_id": ORG}).count() == 0
    async with asyncio.timeout(30):  # what the dead one holds is let go by whoever sees that it is dead
        while await AuditQueued.find_all().count():
            with contextlib.suppress(PyMongoError):
                await seal_pass(runtime.uow, runtime.clock)
    report = await verify_audit_log(ORG)
    assert (report.ok, report.checked, report.waiting) == (True, 3, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"$set": {"summary": "Nothing happened."}},
        {"$set": {"after.n": 99}},
        {"$set": {"actor_id": "usr_somebody_else"}},
        {"$set": {"created_at": None}},
        {"$set": {"added": 1}},
        {"$unset": {"ip": ""}},
    ],
)
async def test_an_altered_record_is_named(runtime: Runtime, change: dict[str, Any]) -> None:
    ids = await sealed(runtime)
    await rows(AuditRecord).update_one({"_id": ids[2]}, change)
    await rows(AuditRecord).update_one({"_id": ids[4]}, change)
    failure = (await verify_audit_log(ORG)).first_failure
    assert failure is not None
    assert (failure.fault, failure.record_id, failure.seq) == (Fault.ALTERED, ids[2], 3)


async def test_a_missing_record_is_named(runtime: Runtime) -> None:
    ids = await sealed(runtime)
    await rows(AuditRecord).delete_one({"_id": ids[3]})
    failure = (await verify_audit_log(ORG)).first_failure
    assert failure is not None
    assert (failure.fault, failure.record_id, failure.seq) == (Fault.MISSING, ids[3], 4)


async def test_an_inserted_record_is_named(runtime: Runtime) -> None:
    ids = await sealed(runtime)
    copy = await rows(AuditRecord).find_one({"_id": ids[1]})
    await rows(AuditRecord).insert_one(copy | {"_id": ids[1] + "x"})
    failure = (await verify_audit_log(ORG)).first_failure
    assert failure is not None
    assert (failure.fault, failure.record_id, failure.seq) == (Fault.INSERTED, ids[1] + "x", None)


async def test_a_chain_with_a_link_taken_out_or_exchanged_is_broken(runtime: Runtime) -> None:
    ids = await sealed(runtime)
    await rows(AuditRecord).delete_one({"_id": ids[1]})
    await rows(AuditSeal).delete_one({"record_id": ids[1]})
    failure = (await verify_audit_log(ORG)).first_failure
    assert failure is not None
    assert (failure.fault, failure.seq) == (Fault.BROKEN, 2)
    await rows(AuditSeal).update_one({"seq": 3}, {"$set": {"seq": 2}})
    failure = (await verify_audit_log(ORG)).first_failure
    assert failure is not None
    assert (failure.fault, failure.record_id, failure.seq) == (Fault.BROKEN, ids[2], 2)


async def test_a_chain_that_was_cut_or_made_anew_shows_by_a_head_noted_down_before(runtime: Runtime) -> None:
    ids = await sealed(runtime)
    noted = await store.head(ORG)
    await rows(AuditRecord).delete_one({"_id": ids[4]})
    await rows(AuditSeal).delete_one({"record_id": ids[4]})
    assert (await verify_audit_log(ORG)).ok, "the chain alone cannot know"
    cut = (await verify_audit_log(ORG, noted=noted)).first_failure
    assert cut is not None
    assert (cut.fault, cut.seq) == (Fault.BROKEN, 5)

    await rows(AuditSeal).delete_many({"org_id": ORG})
    await rows(AuditRecord).update_one({"_id": ids[0]}, {"$set": {"summary": "Forged."}})
    for row in await AuditRecord.find({"org_id": ORG}).to_list():
        await AuditQueued(id=row.id, created_at=row.created_at, org_id=ORG).insert()
    await write(runtime)
    await seal_pass(runtime.uow, runtime.clock)
    assert (await verify_audit_log(ORG)).ok
    anew = (await verify_audit_log(ORG, noted=noted)).first_failure
    assert anew is not None
    assert (anew.fault, anew.seq) == (Fault.BROKEN, 5)


async def test_the_chain_is_walked_in_batches(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crypto_api.flows.verify_audit_log.BATCH", 3)
    ids = await sealed(runtime, 10)
    assert (await verify_audit_log(ORG)).checked == 10
    await rows(AuditRecord).update_one({"_id": ids[9]}, {"$set": {"summary": ""}})
    failure = (await verify_audit_log(ORG)).first_failure
    assert failure is not None
    assert failure.record_id == ids[9]


async def test_the_lane_seals_by_itself(runtime: Runtime) -> None:
    await write(runtime, 3)
    lane = asyncio.create_task(seal_audit_log(runtime))
    try:
        async with asyncio.timeout(60):
            while await AuditQueued.find_all().count():
                await asyncio.sleep(0.02)
    finally:
        await cancel_and_wait(lane)
    assert (await verify_audit_log(ORG)).checked == 3


async def test_the_command_says_what_is_wrong_and_ends_with_1(runtime: Runtime) -> None:
    ids = await sealed(runtime, 3)
    noted = await store.head(ORG)
    sound = await command(runtime, "--organization", ORG, "--head", f"{noted.seq}:{noted.hash}")
    assert (sound[0], f"{ORG}: as it was written (3 sealed, 0 waiting, head 3:{noted.hash})" in sound[1]) == (0, True), sound
    await rows(AuditRecord).update_one({"_id": ids[1]}, {"$set": {"summary": "x"}})
    code, out = await command(runtime, "--json")
    found = json.loads(out.splitlines()[0])
    assert (code, found["ok"], found["organizations"][ORG]["first_failure"]["record_id"]) == (1, False, ids[1])


async def command(runtime: Runtime, *arguments: str) -> tuple[int, str]:
    settings = runtime.config
    environment = os.environ | {
        "MONGODB_URI": settings.mongodb_uri,
        "MONGODB_DATABASE": settings.mongodb_database,
        "REDIS_URL": settings.redis_url,
        "LOG_DIR": str(settings.log_dir),
    }
    program = (sys.executable, "manage.py", "verify_audit", *arguments)
    child = await asyncio.create_subprocess_exec(*program, stdout=PIPE, stderr=PIPE, env=environment, cwd=ROOT)
    out, _ = await child.communicate()
    return child.returncode or 0, out.decode()
