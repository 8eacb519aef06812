"""What was ordered is taken up in an order in which nothing waits for itself."""

from datetime import timedelta
from typing import Any

from crypto_api.flows.claimed_work import Bench
from crypto_api.long_reports import store
from crypto_api.long_reports.documents import LongReport
from crypto_api.long_reports.types import LongReportKind
from crypto_api.runtime import Runtime

LEASE = timedelta(seconds=30)


def ordered(name: str, runtime: Runtime) -> LongReport:
    fields: dict[str, Any] = {"id": name, "created_at": runtime.clock.now(), "org_id": "org_one", "task_id": f"task of {name}", "digest": name}
    fields |= {"kind": LongReportKind.BOOKS, "wanted": {"kind": LongReportKind.BOOKS}, "title": name, "requested_by": "usr_one"}
    return LongReport(**fields)


async def test_what_a_dead_worker_left_does_not_wait_for_an_older_one_that_waits_for_it(runtime: Runtime) -> None:
    """One worker read what is due, another gave the older one back, the first took the newer one and died. Found by the simulator of tasks."""
    older, newer = await ordered("lr_1", runtime).insert(), await ordered("lr_2", runtime).insert()
    bench = Bench[LongReport](runtime.uow, runtime.clock, "lrc", LEASE, 10.0)
    held = await bench.take([older, newer])
    assert held is not None and held.id == older.id
    assert await bench.take([newer]) is None, "one of an organisation at a time"
    await bench.give_back(held)
    left = await bench.take([newer])
    assert left is not None and left.id == newer.id
    past = runtime.clock.now() - timedelta(seconds=1)  # its worker says nothing more
    await LongReport.get_pymongo_collection().update_one({"_id": newer.id}, {"$set": {"claimed_until": past}})
    due = await store.due(runtime.clock.now(), 10)
    assert [row.id for row in due] == [older.id, newer.id]
    again = await bench.take(due)
    assert again is not None and (again.id, again.tries) == (newer.id, 2) and again.claim != left.claim
    assert not await bench.keep(left), "the one that wakes has it no more"
