"""The roll-forward of crypto assets over HTTP: it agrees with ledger and lots, stays as the books were known, and its files say the same."""

import asyncio
import csv
import io
import subprocess
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from crypto_api.flows.settle_lots import settle_lots
from crypto_api.kit.amounts import text, to_units
from crypto_api.ledger import rules as posting
from crypto_api.ledger import service as ledger
from crypto_api.ledger import store as ledger_store
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import Acquisition, Change, Disposal, EntryDraft, Place, Relocation, Source, SourceKind
from crypto_api.lots.documents import LotPolicy, LotRule
from crypto_api.lots.rules import History
from crypto_api.lots.service import rules_of
from crypto_api.lots.types import QUANTITY_PLACES, VALUE_PLACES, LotMethod
from crypto_api.prices import service as prices
from crypto_api.reports.lot_events import read_lot_events
from crypto_api.runtime import Runtime
from tests.http.conftest import Join, Person
from tests.http.test_books import posted
from tests.http.test_statements import line
from tests.programs import program

D = Decimal
QUARTER = {"start_date": "2026-01-01", "end_date": "2026-03-31"}
A, B = Place("1100", "wal_a", "ETH"), Place("1100", "wal_b", "ETH")
COIN, WRAPPED = Place("1100", "wal_a", "USDC"), Place("1100", "wal_b", "WETH")


class Desk:
    """Posts changes as the books do, at the cost that each place has."""

    def __init__(self, runtime: Runtime, org_id: str) -> None:
        self._runtime, self._org_id, self._number = runtime, org_id, 0

    async def post(self, day: str, *changes: Change, kind: SourceKind = SourceKind.OPENING) -> JournalEntry:
        self._number += 1
        holdings = await ledger_store.holdings_in(self._org_id, posting.places(changes))
        made = posting.post(changes, holdings)
        source = Source(kind=kind, id=f"src_{self._number}", purpose="movements")
        draft = EntryDraft(
            date=date.fromisoformat(day), description=f"Entry {self._number}", source=source, lines=list(made.lines), unpriced=made.unpriced
        )
        return await self._runtime.uow.run(lambda session: ledger.post(session, self._org_id, draft, self._runtime.clock.now()))

    async def reverse(self, entry: JournalEntry) -> None:
        await self._runtime.uow.run(lambda session: ledger.reverse(session, self._org_id, entry.id, self._runtime.clock.now(), "wrong"))

    async def price(self, asset: str, day: str, rate: str) -> None:
        at, now = datetime.fromisoformat(f"{day}T12:00:00+00:00"), self._runtime.clock.now()
        values: dict[str, Any] = {"asset": asset, "quote": "USD", "at": at, "rate": D(rate), "reason": "", "user_id": "usr_x", "now": now}
        await self._runtime.uow.run(lambda session: prices.set_manual(session, self._org_id, **values))


@pytest.fixture
async def ada(join: Join, runtime: Runtime) -> Person:
    person = await join("ada", founds="Byron Treasury")
    desk, now = Desk(runtime, person.org_id), runtime.clock.now()
    await LotPolicy(id=person.org_id, org_id=person.org_id, created_at=now, updated_at=now, rules=[LotRule(method=LotMethod.FIFO)]).insert()
    await desk.post("2025-11-01", Acquisition(A, D(2), D(2000), "3100"))
    await desk.post("2025-12-01", Acquisition(A, D(2), D(6000), "4100"))
    await desk.post("2026-01-10", Acquisition(COIN, D("1000.5"), D("1000.25"), "1200"))
    await desk.post("2026-01-11", Disposal(A, D("0.01"), D(25), "5100"), Disposal(A, D(1), D(2500), "5300"))  # FIFO: at 1000, booked at 2000
    await desk.post("2026-02-01", Disposal(A, D("0.002"), D(5), "5100"), Relocation(A, B, D(1)))
    await desk.post("2026-02-02", Relocation(B, WRAPPED, D("0.25")))
    await desk.post("2026-03-01", Disposal(COIN, D(500), D(499), "1900"), Acquisition(B, D("0.2"), D(499), "1900"))
    wrong = await desk.post("2026-03-02", Acquisition(B, D(77), D(77000), "4100"))
    await desk.reverse(wrong)
    await desk.post("2026-04-01", Disposal(B, D("0.5"), D(1400), "5200"))
    ether = (("ETH", "2025-12-31", "2500"), ("ETH", "2026-02-02", "2600"), ("ETH", "2026-03-31", "2800"))
    for asset, day, rate in (*ether, ("USDC", "2026-03-31", "0.999")):
        await desk.price(asset, day, rate)
    await settle_lots(runtime.uow, runtime.clock, person.org_id)
    return person


async def made(person: Person, **body: Any) -> dict[str, Any]:
    answer = await person.http.post("/api/reports/crypto-roll-forward/", json=QUARTER | body)
    assert answer.status_code == 201, answer.text
    report: dict[str, Any] = answer.json()
    assert report["balanced"] is True
    return report


def group(report: dict[str, Any], name: str) -> dict[str, list[str | None]]:
    found: dict[str, list[str | None]] = {}
    here = False
    for row in report["rows"]:
        if row["kind"] == "heading":
            here = row["name"] == name
        elif here:
            found[row["key"]] = row["amounts"]
    return found


async def test_a_quarter_by_asset(ada: Person) -> None:
    report = await made(ada)
    assert [column["measure"] for column in report["columns"]] == ["quantity", "cost", "fair_value"]
    assert report["without_fair_value"] == ["WETH"]  # nobody said what it is worth on this network
    assert group(report, "ETH") == {
        "opening": ["4", "8000", "10000"],
        "exchanged_in": ["0.2", "499", "499"],
        "additions": ["0.2", "499", "499"],
        "payments": ["-1", "-2000", "-2500"],
        "fees": ["-0.012", "-24", "-30"],
        "converted_out": ["-0.25", "-250", "-650"],
        "lot_costs": ["0", "1008", "0"],
        "disposals": ["-1.262", "-1266", "-3180"],
        "realised": [None, None, "1514"],
        "unrealised": [None, None, "-606.6"],
        "closing": ["2.938", "7233", "8226.4"],
    }
    everything = group(report, "All crypto assets")
    assert everything["closing"] == [None, "7983.37493754", "8726.3995"]
    assert [row["rate"] for row in report["prices"] if row["asset"] == "ETH"] == ["2500", "2800"]


async def test_beside_an_earlier_quarter(ada: Person, tmp_path: Path) -> None:
    """Each three columns say what the roll-forward of their period says alone; what did not happen in one of them is zero."""
    both, now = await made(ada, compare_to="2025-12-31"), await made(ada)
    before = await made(ada, start_date="2025-10-01", end_date="2025-12-31")
    assert [(column["start_date"], column["measure"]) for column in both["columns"]] == [
        (day, measure) for day in ("2026-01-01", "2025-10-01") for measure in ("quantity", "cost", "fair_value")
    ]
    for name in ("All crypto assets", "ETH", "USDC", "WETH"):
        left, right, beside = group(now, name), group(before, name), group(both, name)
        assert set(beside) == {*left, *right}
        for key, amounts in beside.items():
            blank = ["0" if amount is not None else None for amount in left.get(key, right.get(key, []))]
            assert amounts == [*left.get(key, blank), *right.get(key, blank)], (name, key)
    assert [row["kind"] for row in both["rows"]].count("heading") == 4 and both["rows"][0]["name"] == "All crypto assets"
    sheet = openpyxl.load_workbook(io.BytesIO((await ada.http.get(f"/api/reports/{both['id']}/excel/")).content)).active
    assert [cell.value for cell in sheet[5]][8:] == [f"{word}, change{more}" for word in ("Cost", "Fair value") for more in ("", " in percent")]
    assert [cell.value for cell in sheet[5]][2:8] == [
        f"{measure} {days}" for days in ("1 Jan 2026 – 31 Mar 2026", "1 Oct 2025 – 31 Dec 2025") for measure in ("Quantity", "Cost", "Fair value")
    ]
    pdf = (await ada.http.get(f"/api/reports/{both['id']}/pdf/")).content
    (tmp_path / "file.pdf").write_bytes(pdf)
    told = await asyncio.to_thread(
        subprocess.run, [program("pdftotext"), "-layout", str(tmp_path / "file.pdf"), "-"], check=True, capture_output=True, text=True, timeout=60
    )
    lines = [" ".join(line.split()) for line in told.stdout.splitlines()]
    assert "Opening 4 8,000.00 10,000.00 0 0.00 0.00 +8,000.00 +10,000.00" in lines and "new new" in lines
    refused = await ada.http.post("/api/reports/crypto-roll-forward/", json=QUARTER | {"compare_to": "2026-03-31"})
    assert refused.status_code == 422 and "compare_to" in refused.text


async def test_it_agrees_with_the_ledger_and_with_the_lots(ada: Person, runtime: Runtime) -> None:
    """Of each wallet: every quantity and cost is what the ledger's lines sum to, and what the open lots hold."""
    report = await made(ada, by="wallet", start_date="2025-01-01", end_date="2026-12-31")
    closing = {
        f"{row['account_code']}|{row['wallet_id'] or '-'}|{row['asset']}": (D(row["amounts"][0]), D(row["amounts"][1]))
        for row in report["rows"]
        if row["key"] == "closing" and row["asset"] is not None
    }
    history, policy = await read_lot_events(ada.org_id, "UTC"), await LotPolicy.get(ada.org_id)
    assert policy is not None
    book = History(rules_of(policy))
    for event in history.events:
        book.apply(event)
    lots = {place: pool.open_lots() for place, pool in book.pools.items()}
    of_lots = {
        place: (to_units(sum(lot.left for lot in some), QUANTITY_PLACES), to_units(sum(lot.cost_left for lot in some), VALUE_PLACES))
        for place, some in lots.items()
    }
    assert closing == of_lots and len(closing) == 4
    trial = (await ada.http.get("/api/ledger/trial-balance/?at=2026-12-31")).json()["accounts"]
    balance = next(row["balance"] for row in trial if row["account_code"] == "1100")
    assert group(report, "All crypto assets")["closing"][1] == balance
    gains = [D(row["balance"]) for row in trial if row["account_code"] in ("4200", "5900")]
    realised = [D(row["amounts"][2] or "0") for row in report["rows"] if row["key"] == "realised" and row["asset"] is not None]
    assert sum(realised) == -sum(gains)


async def test_two_quarters_join_and_a_kept_one_stays_as_the_books_were_known(ada: Person, runtime: Runtime) -> None:
    first = await made(ada)
    second = await made(ada, start_date="2026-04-01", end_date="2026-06-30")
    assert group(first, "ETH")["closing"] == group(second, "ETH")["opening"] == ["2.938", "7233", "8226.4"]
    late = [line("1100", "50") | {"asset": "ETH", "quantity": "0.02"}, line("4100", credit="50") | {"asset": "ETH", "quantity": "-0.02"}]
    await posted(ada, date="2026-03-30", description="Late", line_items=late)
    assert (await made(ada, known_at=first["known_at"]))["rows"] == first["rows"]
    assert group(await made(ada), "ETH")["closing"][:2] == ["2.958", "7283"]
    assert (await ada.http.get(f"/api/reports/{first['id']}/")).json() == first
    listed = (await ada.http.get("/api/reports/crypto-roll-forwards/?count=true")).json()
    assert (listed["total"], listed["items"][-1]["id"], listed["items"][-1]["by"]) == (4, first["id"], "asset")
    assert (await ada.http.get("/api/reports/balance-sheets/")).json()["items"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"end_date": "2025-01-01"}, "end_date"),
        ({"start_date": "0001-01-01"}, "start_date"),
        ({"by": "network"}, "by"),
        ({"compare_to": "2026-03-31"}, "compare_to"),
        ({"known_at": "2999-01-01T00:00:00Z"}, "known_at"),
    ],
)
async def test_what_cannot_be_rolled_is_refused(join: Join, body: dict[str, Any], field: str) -> None:
    person = await join("ada", founds="Byron Treasury")
    refused = await person.http.post("/api/reports/crypto-roll-forward/", json=QUARTER | body)
    assert (refused.status_code, [error["field"] for error in refused.json()["errors"]]) == (422, [field])
    assert (await person.http.get("/api/reports/crypto-roll-forwards/")).json()["items"] == []


async def test_its_files_say_the_same(ada: Person, tmp_path: Path) -> None:
    """LibreOffice computes every formula anew; pdftotext reads what is printed; a program reads the CSV."""
    office, reader = program("soffice"), program("pdftotext")
    report = await made(ada)
    path = f"/api/reports/{report['id']}"
    file = openpyxl.load_workbook(io.BytesIO((await ada.http.get(f"{path}/excel/")).content))
    sheet = file.worksheets[0]
    formulas = {cell.coordinate: str(cell.value) for row in sheet.iter_rows() for cell in row if cell.data_type == "f"}
    assert sheet.freeze_panes == "C6" and any(formula.startswith("=SUMIFS(") for formula in formulas.values()) and len(formulas) > 20
    file.save(tmp_path / "report.xlsx")  # without the values that we wrote beside the formulas
    command = [office, "--headless", f"-env:UserInstallation=file://{tmp_path}/home", "--convert-to", "xlsx:Calc MS Excel 2007 XML"]
    command += ["--outdir", str(tmp_path / "computed"), str(tmp_path / "report.xlsx")]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, timeout=300)
    computed = openpyxl.load_workbook(tmp_path / "computed" / "report.xlsx", data_only=True).worksheets[0]
    for at, row in enumerate(report["rows"], start=6):
        cells = [computed.cell(at, column).value for column in (3, 4, 5)]
        for cell, amount in zip(cells, row["amounts"] or (None,) * 3, strict=True):
            assert (cell is None) if amount is None else round(D(str(cell)), 8) == D(amount), (row, cells)
    (tmp_path / "report.pdf").write_bytes((await ada.http.get(f"{path}/pdf/")).content)
    command = [reader, "-layout", str(tmp_path / "report.pdf"), "-"]
    printed = (await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, text=True, timeout=60)).stdout
    rows = {" ".join(row.split()) for row in printed.splitlines()}
    assert {"Closing 2.938 7,233.00 8,226.40", "Payments -1 -2,000.00 -2,500.00", "Realised gains and losses 1,514.00"} <= rows
    answer = await ada.http.get(f"{path}/csv/")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="crypto-roll-forward-2026-03-31.csv"'
    told = list(csv.DictReader(io.StringIO(answer.text)))
    columns, amounts = ("Quantity", "Cost", "Fair value"), [row["amounts"] or [None] * 3 for row in report["rows"]]
    assert [[row[name] for name in columns] for row in told] == [[text(D(one)) if one else "" for one in row] for row in amounts]
