"""Actors of tax reports."""

import asyncio
from datetime import timedelta

from crypto_api.flows.make_tax_report import make_tax_report
from crypto_api.runtime import Runtime
from crypto_api.tax import store
from crypto_api.tax.jobs import MakeTaxReport
from workers.actor import Actor
from workers.lane import Lane

SWEEP_S = 20.0
_LATE = timedelta(seconds=20)  # by then the job would have begun
_BATCH = 5


async def _make(runtime: Runtime, job: MakeTaxReport) -> None:
    await make_tax_report(runtime.uow, runtime.clock, job.org_id, job.report_id)


async def sweep(runtime: Runtime) -> None:
    """Reports whose job was lost."""
    while True:
        for row in await store.queued_before(runtime.clock.now() - _LATE, _BATCH):
            await _make(runtime, MakeTaxReport(org_id=row.org_id, report_id=row.id))
        await asyncio.sleep(SWEEP_S)


def lanes(runtime: Runtime) -> list[Lane]:
    return [Lane("tax_reports", lambda: sweep(runtime))]


ACTORS = [Actor(MakeTaxReport, _make)]
