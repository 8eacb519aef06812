"""The chain of seals over the journal: every posted entry is in it once, whoever posts beside it, and whatever is changed later is found."""

import asyncio
import contextlib
import io
import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from pymongo.errors import PyMongoError

from crypto_api.flows.export_seals import export_seals
from crypto_api.flows.seal_entries import seal_entries
from crypto_api.flows.verify_ledger import VerifyReport, verify_ledger
from crypto_api.kit.ids import new_id
from crypto_api.kit.seals import NO_HEAD, Head, link
from crypto_api.ledger import drafts, seal_store, service, store, verify
from crypto_api.ledger.documents import AccountSum, EntrySeal, JournalEntry
from crypto_api.ledger.types import EntryDraft, Line, Source, SourceKind
from crypto_api.runtime import Runtime
from mongodb_config import seal_chain
from mongodb_config.base_document import encoded
from tests.conftest import ConfigMaker
from tests.factories.killed import killed_at

D = Decimal
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


@pytest.fixture
async def org(runtime: Runtime) -> str:
    org_id = new_id("org")
    await runtime.uow.run(lambda session: service.create_chart(session, org_id, NOW))
    return org_id


def body(source: str, value: str = "5", day: date = date(2026, 11, 21)) -> EntryDraft:
    lines = [Line(account_code="1000", debit=D(value)), Line(account_code="4900", credit=D(value))]
    kind = SourceKind.TRANSACTION
    return EntryDraft(date=day, description=f"Grant “{source}”", source=Source(kind=kind, id=source, purpose="movements"), lines=lines)


async def post(runtime: Runtime, org_id: str, source: str, now: datetime = NOW, **values: Any) -> JournalEntry:
    return await runtime.uow.run(lambda session: service.post(session, org_id, body(source, **values), now))


async def seal_all(runtime: Runtime) -> int:
    sealed = 0
    while count := await seal_entries(runtime.uow, runtime.clock):
        sealed += count
    return sealed


async def checked(runtime: Runtime, org_id: str, noted: Head | None = None) -> VerifyReport:
    return await verify_ledger(runtime.uow, org_id, {}, {}, noted=noted)


async def exported(runtime: Runtime, org_id: str) -> str:
    return b"".join([part async for part in await export_seals(runtime.uow, runtime.clock, org_id)]).decode()


async def history(runtime: Runtime, org_id: str) -> list[JournalEntry]:
    """Three entries, one of them reversed, and a draft, which has no seal."""
    entries = [await post(runtime, org_id, f"tx{i}", value=str(i + 1)) for i in range(3)]
    await runtime.uow.run(lambda session: service.reverse(session, org_id, entries[1].id, NOW, "wrong"))
    await runtime.uow.run(lambda session: drafts.create_draft(session, org_id, body("draft"), "u1", NOW))
    assert await seal_all(runtime) == 4
    return entries


async def test_a_chain_holds_every_entry_once_byte_for_byte(runtime: Runtime, org: str) -> None:
    await history(runtime, org)
    seals = await seal_store.seals_after(org, 0, 0)
    assert [seal.seq for seal in seals] == [1, 2, 3, 4] and seals[0].prev == "0" * 64
    for before, seal in zip([None, *seals], seals, strict=False):
        entry = await store.entry(org, seal.entry_id)
        assert entry is not None and (entry.seal_seq, entry.unsealed) == (seal.seq, False)
        assert seal.hash == link(before.hash if before else "0" * 64, seal.seq, seal.content)
    content = json.loads(seals[0].content)
    assert (content["id"], content["total_debit"], content["posted_at"]) == (seals[0].entry_id, "1", "2026-11-21T09:30:00.000+00:00")
    assert content["lines"][1]["credit"] == "1" and json.loads(seals[3].content)["reverses"] == seals[1].entry_id
    report = await checked(runtime, org)
    assert report.ok and (report.checked["seals"], report.checked["waiting"], report.head) == (4, 0, Head(4, seals[3].hash))


async def test_writers_never_wait_for_the_chain_and_it_has_no_gap(runtime: Runtime, org: str) -> None:
    other = new_id("org")
    await runtime.uow.run(lambda session: service.create_chart(session, other, NOW))
    await asyncio.gather(
        *(post(runtime, org_id, f"tx{i}") for org_id in (org, other) for i in range(6)), *(seal_entries(runtime.uow, runtime.clock) for _ in range(4))
    )
    await asyncio.gather(*(seal_all(runtime) for _ in range(3)))
    for org_id in (org, other):
        assert [seal.seq for seal in await seal_store.seals_after(org_id, 0, 0)] == [1, 2, 3, 4, 5, 6]
        assert (await checked(runtime, org_id)).ok


async def test_a_sealer_killed_before_its_commit_leaves_no_trace(runtime: Runtime, org: str, make_config: ConfigMaker, tmp_path: Path) -> None:
    posted = [(await post(runtime, org, f"trn_{n}")).id for n in range(3)]
    sealer = ("from crypto_api.flows.seal_entries import seal_entries", "seal_entries(runtime.uow, runtime.clock)")
    await killed_at(make_config(), tmp_path, "entries.sealed", *sealer)
    assert await EntrySeal.find({"org_id": org}).count() == 0
    async with asyncio.timeout(30):  # what the dead one holds is let go by whoever sees that it is dead
        while await JournalEntry.find({"org_id": org, "unsealed": True}).count():
            with contextlib.suppress(PyMongoError):
                await seal_entries(runtime.uow, runtime.clock)
    seals = await EntrySeal.find({"org_id": org}).sort("+seq").to_list()
    assert [seal.seq for seal in seals] == [1, 2, 3]
    assert sorted(seal.entry_id for seal in seals) == sorted(posted)
    assert (await checked(runtime, org)).ok


async def test_a_mirror_is_never_sealed_before_what_it_takes_back(runtime: Runtime, org: str) -> None:
    entry = await post(runtime, org, "tx1", NOW + timedelta(minutes=1))
    mirror = await runtime.uow.run(lambda session: service.reverse(session, org, entry.id, NOW, "another machine's clock"))
    assert await runtime.uow.run(lambda session: seal_store.still_unsealed(session, org, [mirror.id])) == []
    await seal_all(runtime)
    assert [seal.entry_id for seal in await seal_store.seals_after(org, 0, 0)] == [entry.id, mirror.id]


TAMPERED: list[tuple[str, dict[str, Any]]] = [
    ("description", {"description": "Grant “tx0” "}),
    ("date", {"date": datetime(2026, 11, 20, tzinfo=UTC)}),
    ("posted_at", {"posted_at": NOW + timedelta(milliseconds=1)}),
    ("source", {"source_id": "tx7"}),
    ("hash", {"transaction_hash": "0x" + "00" * 32}),
    ("approval", {"approved_by": "u2"}),
    ("account", {"lines.0.account_code": "1010"}),
    ("note", {"lines.1.description": "x"}),
    ("place", {"seal_seq": 3}),
]


@pytest.mark.parametrize("changes", [pytest.param(changes, id=name) for name, changes in TAMPERED])
async def test_any_change_of_a_sealed_entry_is_found_at_that_entry(runtime: Runtime, org: str, changes: dict[str, Any]) -> None:
    entries = await history(runtime, org)
    await JournalEntry.get_pymongo_collection().update_one({"_id": entries[0].id}, {"$set": changes})
    report = await checked(runtime, org)
    assert not report.ok and report.first_failure is not None
    assert (report.first_failure.check, report.first_failure.subject) == ("seal", entries[0].id)


async def test_amounts_changed_on_both_sides_and_in_the_balances_are_found(runtime: Runtime, org: str) -> None:
    """Somebody who knows the books changes everything that the books themselves compare."""
    entries = await history(runtime, org)
    more = Decimal128("1000001")
    changes = {"lines.0.debit": more, "lines.1.credit": more, "total_debit": more, "total_credit": more}
    await JournalEntry.get_pymongo_collection().update_one({"_id": entries[0].id}, {"$set": changes})
    for account, side in (("1000", "debit"), ("4900", "credit")):
        await store.AccountBalance.get_pymongo_collection().update_one({"_id": f"{org}|{account}|-|-"}, {"$inc": {side: Decimal128("1000000")}})
    report = await checked(runtime, org)
    assert report.first_failure is not None and (report.first_failure.check, report.first_failure.subject) == ("seal", entries[0].id)


async def test_the_head_is_found_by_a_few_looks_whatever_is_missing(runtime: Runtime, org: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        EntrySeal(id=f"{org}:{n}", created_at=NOW, org_id=org, seq=n, prev="", hash=f"h{n}", entry_id=f"e{n}", content=b"x").model_dump(by_alias=True)
        for n in range(1, 601)
    ]
    assert await seal_store.head(org) == NO_HEAD
    collection, there = EntrySeal.get_pymongo_collection(), 0
    for count in (1, 2, 3, 31, 33, 64, 65, 512, 600):
        await collection.insert_many(rows[there:count])
        there = count
        monkeypatch.setattr(seal_chain, "_SEEN", {})  # as in another process
        assert [await seal_store.head(org) for _ in range(2)] == [Head(count, f"h{count}")] * 2
    for gone in (512, 300, 1, 2):
        await collection.delete_one({"_id": f"{org}:{gone}", "org_id": org})
        monkeypatch.setattr(seal_chain, "_SEEN", {})
        assert [await seal_store.head(org) for _ in range(2)] == [Head(600, "h600")] * 2


async def test_what_is_taken_away_or_put_in_is_found(runtime: Runtime, org: str) -> None:
    entries, seals = await history(runtime, org), EntrySeal.get_pymongo_collection()
    noted = (await checked(runtime, org)).head
    row = await JournalEntry.get_pymongo_collection().find_one({"_id": entries[2].id})
    assert row is not None
    last, second = await seals.find_one({"org_id": org, "seq": 4}), await seals.find_one({"org_id": org, "seq": 2})
    assert last is not None and second is not None
    await seals.delete_one({"_id": second["_id"]})
    report = await checked(runtime, org)
    assert report.first_failure is not None and report.first_failure.expected == "2"
    await seals.insert_one(second)
    await seals.delete_one({"_id": last["_id"]})
    report = await checked(runtime, org)
    assert report.first_failure is not None and "does not wait for one" in report.first_failure.detail
    await JournalEntry.get_pymongo_collection().update_one({"_id": last["entry_id"]}, {"$set": {"unsealed": True, "seal_seq": None}})
    report = await checked(runtime, org, noted)
    assert report.first_failure is not None and "ends before" in report.first_failure.detail


@pytest.mark.parametrize("batch", [1, 3, 500])
async def test_books_are_walked_through_in_batches_of_any_size(runtime: Runtime, org: str, monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    monkeypatch.setattr("crypto_api.flows.verify_ledger._BATCH", batch)
    entries = await history(runtime, org)
    waits = [await post(runtime, org, f"late{i}") for i in range(4)]
    await runtime.uow.run(lambda session: service.reverse(session, org, waits[3].id, NOW, "wrong"))
    report = await checked(runtime, org)
    assert report.ok, report.first_failure
    assert [report.checked[name] for name in ("entries", "lines", "seals", "waiting", "balances")] == [9, 18, 4, 5, 2]
    smuggled = entries[0].model_copy(update={"id": new_id("je"), "source_id": "smuggled", "unsealed": False})
    await JournalEntry.get_pymongo_collection().insert_one(encoded(smuggled))
    report = await checked(runtime, org)
    assert report.first_failure is not None
    assert (report.first_failure.subject, report.first_failure.detail) == (smuggled.id, "It has no seal, and does not wait for one.")


async def test_an_entry_that_names_the_seal_of_another_is_found_on_whatever_day(runtime: Runtime, org: str) -> None:
    first = (await history(runtime, org))[0]
    entries = JournalEntry.get_pymongo_collection()
    for day in (date(1970, 1, 1), first.date, date(2200, 12, 31)):
        smuggled = first.model_copy(update={"id": new_id("je"), "source_id": f"at {day}", "unsealed": False, "date": day, "seal_seq": 1})
        await entries.insert_one(encoded(smuggled))
        failure = (await checked(runtime, org)).first_failure
        assert failure is not None and (failure.check, failure.subject) == ("seal", smuggled.id)
        await entries.delete_one({"_id": smuggled.id})
    assert (await checked(runtime, org)).ok


async def test_a_second_row_of_a_kept_sum_and_one_of_a_day_without_entries_are_found(runtime: Runtime, org: str) -> None:
    await history(runtime, org)
    sums = AccountSum.get_pymongo_collection()
    row = await sums.find_one({"org_id": org, "span": "day"})
    assert row is not None
    for changes in ({}, {"date": datetime(1999, 1, 1, tzinfo=UTC)}, {"date": datetime(2199, 1, 1, tzinfo=UTC)}, {"span": "month", "asset": "ETH"}):
        await sums.insert_one({**row, **changes, "_id": "another"})
        failure = (await checked(runtime, org)).first_failure
        assert failure is not None and failure.check == "sum"
        await sums.delete_one({"_id": "another"})
    assert (await checked(runtime, org)).ok


async def test_books_that_grow_while_they_are_verified_are_in_order(runtime: Runtime, org: str) -> None:
    await history(runtime, org)

    async def grow() -> None:
        for number in range(8):
            entry = await post(runtime, org, f"more{number}")
            await runtime.uow.run(lambda session, entry=entry: service.reverse(session, org, entry.id, NOW, "wrong"))  # type: ignore[misc]
            await seal_entries(runtime.uow, runtime.clock)

    growing = asyncio.create_task(grow())
    reports = [await checked(runtime, org)]
    while not growing.done():
        reports.append(await checked(runtime, org))
    await growing
    assert [report.first_failure for report in reports] == [None] * len(reports)
    assert (await checked(runtime, org)).checked["entries"] == 20


async def test_a_chain_made_anew_is_told_from_the_one_that_was_noted_down(runtime: Runtime, org: str) -> None:
    await history(runtime, org)
    noted = Head(4, "ab" * 32)
    report = await checked(runtime, org, noted)
    assert report.first_failure is not None and "another one at the head" in report.first_failure.detail


async def test_a_kept_sum_that_was_changed_is_found(runtime: Runtime, org: str) -> None:
    await history(runtime, org)
    row = await AccountSum.get_pymongo_collection().find_one({"org_id": org, "span": "month", "account_code": "1000"})
    assert row is not None
    await AccountSum.get_pymongo_collection().update_one({"_id": row["_id"]}, {"$inc": {"debit": Decimal128("0.00000001")}})
    report = await checked(runtime, org)
    assert report.first_failure is not None and report.first_failure.check == "sum" and "1000" in report.first_failure.subject


# ---- without the database --------------------------------------------------------------------------------------------------------


async def test_the_export_is_verified_by_a_python_that_has_nothing_but_the_file(runtime: Runtime, org: str, tmp_path: Path) -> None:
    await history(runtime, org)
    (tmp_path / "verify.py").write_bytes(Path(verify.__file__).read_bytes())
    (tmp_path / "seals.ndjson").write_text(await exported(runtime, org))
    head = (await checked(runtime, org)).head
    alone = [sys.executable, "-I", "-S", "verify.py", "seals.ndjson", "--balances", "--head"]
    good = subprocess.run([*alone, f"{head.seq}:{head.hash}"], cwd=tmp_path, capture_output=True, text=True)
    assert good.returncode == 0, good.stdout + good.stderr
    assert good.stdout.splitlines() == [f"in order: 4 entries, 1 of them reversed; head 4:{head.hash}", "1000\t6\t2\t4", "4900\t2\t6\t-4"]
    bad = subprocess.run([*alone, f"4:{'0' * 64}"], cwd=tmp_path, capture_output=True, text=True)
    assert bad.returncode == 1 and "another one at the head" in bad.stdout


async def test_the_verifier_finds_every_changed_byte_at_its_line(runtime: Runtime, org: str) -> None:
    await history(runtime, org)
    text = await exported(runtime, org)
    verify.verify(io.StringIO(text))
    lines = text.splitlines(keepends=True)
    start = len(lines[0])
    for number in (2, 4):
        line = lines[number - 1]
        for place in range(0, len(line) - 1, 7):
            other = "1" if line[place] != "1" else "2"
            with pytest.raises(verify.Broken) as broken:
                verify.verify(io.StringIO(text[: start + place] + other + text[start + place + 1 :]))
            assert str(broken.value).startswith(f"line {number}"), (line[place - 5 : place + 5], str(broken.value))
        start += sum(map(len, lines[number - 1 : number + 1]))
    for wrong in (lines[:-1], [lines[0], *lines[2:]], [*lines, lines[1]], lines[1:], [*lines[:2], *lines[3:]], lines[:3] + lines[-1:]):
        with pytest.raises(verify.Broken):
            verify.verify(io.StringIO("".join(wrong)))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"total_credit": "2"}, "does not balance"),
        ({"lines": []}, "does not balance"),
        ({"reverses": "je_gone"}, "not sealed before it"),
        ({"source": {"kind": "manual"}}, "is no journal entry"),
        (
            {"lines": [{"account_code": "1", "wallet_id": None, "asset": None, "debit": "NaN", "credit": "0", "quantity": None}] * 2},
            "does not balance",
        ),
    ],
)
def test_a_chain_of_nonsense_is_refused_although_it_is_sealed_well(changes: dict[str, Any], says: str) -> None:
    line = {"account_code": "1000", "wallet_id": None, "asset": None, "debit": "1", "credit": "0", "quantity": None}
    entry = {"id": "je_1", "source": {"kind": "manual", "id": "1", "purpose": "manual"}, "total_debit": "1", "total_credit": "1", "reverses": None}
    content = json.dumps(entry | {"lines": [line, line | {"debit": "0", "credit": "1"}]} | changes)
    digest = link("0" * 64, 1, content.encode())
    rows = [{"format": verify.FORMAT}, {"seq": 1, "prev": "0" * 64, "hash": digest, "content": content}, {"seals": 1, "head": digest}]
    with pytest.raises(verify.Broken, match=says):
        verify.verify(io.StringIO("\n".join(map(json.dumps, rows))))
