"""Makes one report that was ordered: claimed by one worker, written into a file beside the loop, kept in parts.

due ─▶ claimed (one at a time of an organisation) ─▶ made, and how far it is told ─▶ kept ─▶ ready
a worker that dies says nothing more: after half a minute another begins anew, and what the first one left goes with the end of the second.
"""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from pymongo.errors import PyMongoError

from crypto_api.events import service as events
from crypto_api.flows.claimed_work import LOOKED_AT, Bench
from crypto_api.flows.long_report_makers import MAKERS, Desk, Made
from crypto_api.flows.order_long_report import give_up_tax_report
from crypto_api.kit import log
from crypto_api.kit.errors import CoreError, InvalidInput
from crypto_api.kit.kept import LeaseLost
from crypto_api.kit.table_files import chunks
from crypto_api.long_reports import store
from crypto_api.long_reports.documents import LongReport, LongReportPart
from crypto_api.long_reports.errors import Lost
from crypto_api.long_reports.events import LongReportEnded
from crypto_api.long_reports.types import KEPT_FOR, LEASE, TRIES_MAX, LongReportStatus
from crypto_api.tasks import service as tasks
from crypto_api.tasks.errors import TaskNotRunning
from mongodb_config import claimed_row
from mongodb_config.unit_of_work import Session

PART = 1024 * 1024  # bytes
_KEEP_EVERY_S = LEASE.total_seconds() / 3
_TOLD_EVERY_S = 1.0
_LEFT = "It could not be made. What went wrong stands in the log of the worker."
_logger = log.get(__name__)


async def make_next(desk: Desk) -> bool:
    """One report that is due. False when there is none to make."""
    bench = bench_of(desk)
    row = await bench.take(await store.due(desk.clock.now(), LOOKED_AT))
    if row is not None:
        await _make(desk, bench, row)
    return row is not None


def bench_of(desk: Desk) -> Bench[LongReport]:
    return Bench(desk.uow, desk.clock, "lrc", LEASE, _KEEP_EVERY_S)


async def _make(desk: Desk, bench: Bench[LongReport], row: LongReport) -> None:
    with log.bound(long_report=row.id, org_id=row.org_id, report=row.kind.value):
        try:
            if row.tries > TRIES_MAX:
                await _fail(desk, row, f"It was interrupted {TRIES_MAX} times: its worker was stopped each time.")
                return
            async with bench.given_back(row):
                made = await bench.make(row, _made(desk, row))
                await desk.uow.run(lambda session: _finish(session, desk, row, made))
        except (Lost, LeaseLost):
            _logger.info("long_report_lost")
            await desk.uow.run(lambda session: _forget(session, row))
        except (PyMongoError, OSError):  # a part that is away: whoever takes it up next begins anew
            raise
        except CoreError as error:
            await _fail(desk, row, _reason(error))
        except Exception:
            _logger.exception("long_report_failed")
            await _fail(desk, row, _LEFT)


async def _made(desk: Desk, row: LongReport) -> Made:
    with tempfile.TemporaryDirectory(prefix="coffer-report-") as folder:
        path, told = Path(folder) / "file", _Told(desk, row)
        made = await MAKERS[row.kind](desk, row, path, told)
        if made.file_name:
            made.size, made.sha256 = await _keep_file(desk, row, path)
        return made


async def _keep_file(desk: Desk, row: LongReport, path: Path) -> tuple[int, str]:
    """(bytes, SHA-256)."""
    digest, size = hashlib.sha256(), 0
    async for part in _parts(desk, row, path):
        await desk.uow.run(lambda session, part=part: store.insert_parts(session, [part]))  # type: ignore[misc]
        digest.update(part.content)
        size += len(part.content)
    return size, digest.hexdigest()


async def _parts(desk: Desk, row: LongReport, path: Path) -> AsyncIterator[LongReportPart]:
    number = 0
    async for content in chunks(path, PART):
        yield LongReportPart(
            id=f"{row.id}:{row.claim}:{number}",
            created_at=desk.clock.now(),
            org_id=row.org_id,
            report_id=row.id,
            claim=row.claim or "",
            number=number,
            content=content,
        )
        number += 1


class _Told:
    """How far it is, for whoever watches: at most once a second, and never backwards."""

    def __init__(self, desk: Desk, row: LongReport) -> None:
        self._desk, self._row, self._percent, self._next = desk, row, 0, 0.0

    async def __call__(self, percent: int, words: str) -> None:
        now = asyncio.get_running_loop().time()
        self._percent = max(self._percent, min(percent, 99))
        if now < self._next:
            return
        self._next = now + _TOLD_EVERY_S
        await self._desk.uow.run(lambda session: self._tell(session, words, self._desk.clock.now()))

    async def _tell(self, session: Session, words: str, now: datetime) -> None:
        row = self._row
        if not await claimed_row.keep(session, row, now + LEASE):
            raise Lost
        with suppress(TaskNotRunning):
            await tasks.progress(session, row.org_id, row.task_id, self._percent, now, summary=f"{row.title}: {words}")


# ---- ends ------------------------------------------------------------------------------------------------------------------------


async def _finish(session: Session, desk: Desk, row: LongReport, made: Made) -> None:
    """Lost when it was cancelled at the last moment."""
    now = desk.clock.now()
    changes = {"file_name": made.file_name, "size": made.size, "sha256": made.sha256, "result_id": made.result_id}
    if not await claimed_row.finish(session, row, {**changes, "status": LongReportStatus.READY.value, "ended_at": now, "expires_at": now + KEPT_FOR}):
        raise Lost
    await store.delete_parts(session, row.org_id, row.id, but_of=row.claim)
    result = {"long_report_id": row.id} | ({made.result_name: made.result_id} if made.result_id else {})
    await tasks.finish(session, row.org_id, row.task_id, now, summary=f"{row.title} is ready.", result=result)
    await events.append(session, row.org_id, LongReportEnded(report_id=row.id, report=row.kind.value, status=LongReportStatus.READY.value), now)


async def _fail(desk: Desk, row: LongReport, error: str) -> None:
    now = desk.clock.now()

    async def work(session: Session) -> None:
        changes = {"status": LongReportStatus.FAILED.value, "error": error, "ended_at": now, "expires_at": now + KEPT_FOR}
        if not await claimed_row.finish(session, row, changes):
            return
        await store.delete_parts(session, row.org_id, row.id)
        await give_up_tax_report(session, row, error)
        with suppress(TaskNotRunning):
            await tasks.finish(session, row.org_id, row.task_id, now, summary=f"{row.title} could not be made.", error=error)
        ended = LongReportEnded(report_id=row.id, report=row.kind.value, status=LongReportStatus.FAILED.value)
        await events.append(session, row.org_id, ended, now)

    await desk.uow.run(work)


async def _forget(session: Session, row: LongReport) -> None:
    """What this worker had put there."""
    current = await store.get(row.org_id, row.id, session)
    await store.delete_parts(session, row.org_id, row.id, but_of=current.claim if current is not None else None)


def _reason(error: CoreError) -> str:
    return "; ".join(f"{one.field}: {one.message}" for one in error.errors) if isinstance(error, InvalidInput) else error.detail
