"""The general ledger of many lines, made by a worker that is killed in the midst of it and by the one that takes it up.

    python -m benchmarks.long_reports [--lines 60000]

Books as of `benchmarks.history`. A process of its own makes the PDF and is killed by SIGKILL when a fifth is done; a second one begins anew once the
lease has run out, then makes the workbook. Seconds are from the claim to the end, `peak MB` is of the whole process. What the files say is compared
with what the books say: pages as `pdfinfo` counts them, and the last balance of the account with the most lines.
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import openpyxl
from beanie import init_beanie

from benchmarks.history import NOW, Books
from crypto_api.documents import DOCUMENTS
from crypto_api.flows.general_ledger_file import LEDGER_COLUMNS
from crypto_api.flows.long_report_makers import Desk
from crypto_api.flows.make_long_report import make_next
from crypto_api.flows.order_book_report import order_general_ledger
from crypto_api.kit.clock import SystemClock
from crypto_api.kit.paging import PageRequest
from crypto_api.kit.pdf_pages import money
from crypto_api.ledger import rules, service
from crypto_api.long_reports import store
from crypto_api.long_reports.documents import LongReport
from crypto_api.organizations import service as organizations
from crypto_api.prices.types import Pricing
from crypto_api.reports import as_of
from crypto_api.reports.as_of import LedgerScope
from crypto_api.tasks import store as tasks
from crypto_project.embedded.servers import Configured, EmbeddedServers
from mongodb_config.client import connect
from mongodb_config.migrations import deploy
from mongodb_config.unit_of_work import UnitOfWork

DATABASE, BUSIEST = "bench_long_reports", "1010"


async def work(uri: str) -> None:
    """A worker, until it is ended."""
    client = connect(uri)
    await init_beanie(database=client[DATABASE], document_models=DOCUMENTS, skip_indexes=True)
    desk = Desk(UnitOfWork(client), SystemClock(), Pricing())
    while True:
        if not await make_next(desk):
            await asyncio.sleep(0.2)


def started(uri: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "benchmarks.long_reports", "--work", uri])


def peak_mb(process: subprocess.Popen[bytes]) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


async def until(org_id: str, report_id: str, is_so: Any) -> tuple[LongReport, int]:
    while True:
        row = await store.get(org_id, report_id)
        assert row is not None
        task = await tasks.get(org_id, row.task_id)
        if is_so(row, task.progress if task else 0):
            return row, task.progress if task else 0
        await asyncio.sleep(0.1)


async def taken(row: LongReport, path: Path) -> Path:
    path.write_bytes(b"".join([part async for part in store.content(row.org_id, row)]))
    return path


def said_by_pdf(path: Path) -> dict[str, Any]:
    def run(*command: str) -> str:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    pages = run(shutil.which("pdfinfo") or "pdfinfo", str(path)).split("Pages:")[1].split()[0]
    lines = [line for line in run(shutil.which("pdftotext") or "pdftotext", "-layout", str(path), "-").splitlines() if "Closing balance" in line]
    return {"pages": int(pages), "closing": [line.split()[-1] for line in lines]}


def said_by_workbook(path: Path) -> dict[str, Any]:
    code, said, balance, entry = (LEDGER_COLUMNS.index(name) for name in ("account_code", "description", "balance", "entry_id"))
    lines, closing = 0, None
    for row in openpyxl.load_workbook(path, read_only=True).active.iter_rows(min_row=2, values_only=True):
        lines += row[entry] is not None
        if row[code] == BUSIEST and row[said] == "Closing balance":
            closing = row[balance]
    return {"lines": lines, "closing": closing}


async def run(lines: int) -> None:
    async with AsyncExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="coffer-bench-")))
        servers = EmbeddedServers(place / "data", place / "logs", configured=Configured.nothing(), chain=None)
        await stack.enter_async_context(servers)
        client = connect(servers.addresses.mongodb_uri)
        stack.push_async_callback(client.close)
        await deploy(client, DATABASE, DOCUMENTS)
        await init_beanie(database=client[DATABASE], document_models=DOCUMENTS, skip_indexes=True)
        uow, clock = UnitOfWork(client), SystemClock()
        organization = await uow.run(lambda session: organizations.create(session, "Bench", NOW))
        await uow.run(lambda session: service.create_chart(session, organization.id, NOW))
        books = Books(uow, organization.id, servers.children["mongodb"].pid or 0)
        await books.grow(lines)
        told = await as_of.general_ledger(organization.id, uow, LedgerScope(BUSIEST), PageRequest(limit=1, sort="date"))
        closing = rules.less(told.closing.debit, told.closing.credit)
        found: dict[str, Any] = {"lines": lines, "closing as the books say": money(closing)}
        for form in ("pdf", "xlsx"):
            row, _ = await order_general_ledger(uow, clock, organization.id, "u1", LedgerScope(""), form)
            worker = started(servers.addresses.mongodb_uri)
            try:
                if form == "pdf":
                    _, percent = await until(organization.id, row.id, lambda row, percent: percent >= 20)
                    worker.kill()
                    worker.wait()
                    found["killed at, %"] = percent
                    worker = started(servers.addresses.mongodb_uri)
                    await until(organization.id, row.id, lambda row, percent: row.tries == 2)
                began = time.perf_counter()
                made, _ = await until(organization.id, row.id, lambda row, percent: not row.live)
                path = await taken(made, place / f"file.{form}")
                figures = said_by_pdf(path) if form == "pdf" else said_by_workbook(path)
                seconds = round(time.perf_counter() - began, 1)
                found[form] = {"status": made.status, "s": seconds, "MB": round(made.size / 1e6, 2), "peak MB": round(peak_mb(worker)), **figures}
            finally:
                worker.kill()
                worker.wait()
        assert money(closing) in found["pdf"]["closing"] and found["xlsx"]["closing"] == float(closing) and found["xlsx"]["lines"] == books.made * 20
        print(json.dumps(found, default=str, indent=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=60_000)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    given = parser.parse_args()
    asyncio.run(work(given.work) if given.work else run(given.lines))


if __name__ == "__main__":
    main()
