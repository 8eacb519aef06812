"""What the overview costs an organisation with a long history: the page, each of its fragments, and each figure behind them.

    python -m benchmarks.overview [--movements 10000,100000,1000000] [--days 1000] [--runs 7] [--folder FOLDER]

Each size has a database of its own on one embedded server, filled past the product (rows as it writes them: transactions, entries, kept balances and
kept sums), since posting a million takes an hour and its cost is another benchmark's. Movements are spread evenly over the days, on ten wallets and
four assets with a price every six hours. Told is the median of computing, of this process (in which the application runs) and of the database server,
and the exponent between the smallest and the largest size: 0 costs the same however long the history is, 1 grows with it.
"""

import argparse
import asyncio
import json
import logging
import math
import statistics
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import orjson
import structlog
from bson.decimal128 import Decimal128
from secantus.storage import Storage

from benchmarks.chain import cpu_of
from crypto_api.bootstrap import open_runtime
from crypto_api.config import Config
from crypto_api.documents import DOCUMENTS
from crypto_api.kit.ids import new_id
from crypto_api.ledger.documents import AccountBalance, AccountSum, JournalEntry
from crypto_api.ledger.types import AccountCode, EntryStatus, Line, SourceKind
from crypto_api.prices.documents import OraclePrice
from crypto_api.runtime import Runtime
from crypto_api.sockets.hub import EventHub
from crypto_api.transactions.types import Booking, Direction, Finality
from crypto_api.wallets.documents import Wallet
from crypto_project.catalogues import ensure_catalogues
from crypto_project.embedded.ports import free_port
from crypto_project.embedded.servers import Configured, EmbeddedServers
from crypto_project.vendor_assets import ensure_vendor_assets
from mongodb_config.base_document import encoded
from mongodb_config.client import connect
from mongodb_config.migrations import deploy
from tests.factories.serving import serving
from tests.factories.treasury import CHAIN_ID, NETWORKS, PASSWORD, Treasury, address_of, hash_of, new_treasury

ASSETS = {"ETH": Decimal(2000), "USDC": Decimal(1), "DAI": Decimal(1), "WETH": Decimal(2000)}
Figures = dict[str, dict[str, float]]
WALLETS, AT_ONCE = 10, 5_000
UNASKED = {
    "journal_entries": ("org_source", "org_transaction", "org_transaction_id", "org_posted"),
    "transactions": ("org_wallet_latest", "org_hash", "network_block", "network_booking", "network_finality"),
}
"""Indexes that no question of the overview begins with: writing them would be most of the filling."""
PATHS = {
    "page": "/",
    "value over time, 24h": "/fragments/overview/value/?range=24h",
    "value over time, 7d": "/fragments/overview/value/?range=7d",
    "value over time, 90d": "/fragments/overview/value/?range=90d",
    "value over time, 1y": "/fragments/overview/value/?range=1y",
    "figures": "/fragments/overview/figures/",
    "balances": "/fragments/overview/balances/",
    "runway": "/fragments/overview/runway/",
    "movements": "/fragments/overview/movements/",
    "attention": "/fragments/overview/attention/",
    "owing": "/fragments/overview/owing/",
    "networks": "/fragments/overview/networks/",
}


# ---- filling ---------------------------------------------------------------------------------------------------------------------


class History:
    """Rows of an organisation as the product would have written them."""

    def __init__(self, treasury: Treasury, wallets: list[Wallet], movements: int, days: int) -> None:
        self.treasury, self.wallets, self.movements, self.days = treasury, wallets, movements, days
        self.held: dict[tuple[str, str | None, str], list[Decimal]] = {}  # debit, credit, quantity
        self.cells: dict[tuple[str, Any, tuple[str, str | None, str]], list[Decimal]] = {}
        self._entry, self._transaction = self._patterns()

    def _patterns(self) -> tuple[dict[str, Any], dict[str, Any]]:
        moved = self.treasury.movement(self.wallets[0], Direction.IN, "1", "USDC", other="one", value="1")
        row = self.treasury.transaction([moved], self.treasury.now, booking=Booking.DONE, category="income", finality=Finality.CONFIRMED)
        entry = JournalEntry(
            id=new_id("ent"),
            created_at=self.treasury.now,
            org_id=self.treasury.org_id,
            status=EntryStatus.POSTED,
            date=self.treasury.now.date(),
            description="Receipt of a client",
            source_kind=SourceKind.TRANSACTION,
            source_id="",
            source_purpose="movements",
            lines=[Line(account_code="1200", debit=Decimal(1)), Line(account_code="4100", credit=Decimal(1))],
            total_debit=Decimal(1),
            total_credit=Decimal(1),
            posted_at=self.treasury.now,
        )
        return encoded(entry), encoded(row)

    def rows(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Entry and transaction, oldest first."""
        begin, step = self.treasury.now - timedelta(days=self.days), timedelta(days=self.days) / self.movements
        names = list(ASSETS)
        for number in range(self.movements):
            yield self._one(number, begin + step * number, names[number % 4], self.wallets[number % WALLETS])

    def _one(self, number: int, at: datetime, asset: str, wallet: Wallet) -> tuple[dict[str, Any], dict[str, Any]]:
        at = at.replace(microsecond=0)
        day = datetime(at.year, at.month, at.day, tzinfo=UTC)
        comes, spam = number % 3 != 0, number % 50 == 49
        units = Decimal(2 + number % 7)
        value = units * ASSETS[asset]
        hash_ = "0x" + f"{number:064x}"
        row_id, amount = f"{self.treasury.org_id}:eip155:{CHAIN_ID}:{hash_}", Decimal128(value)
        moved = self._transaction["movements"][0] | {
            "asset": asset,
            "symbol": asset,
            "direction": "in" if comes else "out",
            "wallet_id": wallet.id,
            "amount": Decimal128(units),
            "value": amount,
            "spam_reason": "unknown_token" if spam else None,
        }
        category = "spam" if spam else "unclassified" if number % 10_000 == 7 else "income" if comes else "expense"
        transaction = self._transaction | {
            "_id": row_id,
            "hash": hash_,
            "timestamp": at,
            "stored_at": at,
            "created_at": at,
            "block_number": 1000 + number,
            "movements": [moved],
            "wallet_ids": [wallet.id],
            "assets": [asset],
            "category": category,
        }
        holding = (AccountCode.CRYPTO.value, wallet.id, asset)
        contra = ("4100" if comes else "5300", None, asset)
        for key, quantity, debits in ((holding, units if comes else -units, comes), (contra, -units if comes else units, not comes)):
            if key is holding:
                self._sum(self.cells, ("held_day", day, ("*", None, asset)), value, quantity, debits)
            for kept, cell in ((self.held, key), (self.cells, ("day", day, key)), (self.cells, ("month", day.replace(day=1), key)),
                               (self.cells, ("year", day.replace(day=1, month=1), key))):  # fmt: skip
                self._sum(kept, cell, value, quantity, debits)
        zero, pattern = Decimal128("0"), self._entry["lines"][0]
        sides = ((holding, units if comes else -units, comes), (contra, -units if comes else units, not comes))
        lines = []
        for (code, where, held), signed, debits in sides:
            booked = {"debit": amount if debits else zero, "credit": zero if debits else amount}
            lines.append(pattern | booked | {"account_code": code, "wallet_id": where, "asset": held, "quantity": Decimal128(signed)})
        entry = self._entry | {
            "_id": f"ent_{number:026d}",
            "created_at": at,
            "posted_at": at,
            "date": day,
            "source_id": row_id,
            "lines": lines,
            "total_debit": amount,
            "total_credit": amount,
            "transaction_id": row_id,
            "transaction_hash": hash_,
            "seal_seq": number + 1,
        }
        return entry, transaction

    @staticmethod
    def _sum(kept: dict[Any, list[Decimal]], cell: Any, value: Decimal, quantity: Decimal, debits: bool) -> None:
        sums = kept.setdefault(cell, [Decimal(0), Decimal(0), Decimal(0)])
        sums[0 if debits else 1] += value
        sums[2] += quantity


async def begin(runtime: Runtime, movements: int, days: int) -> History:
    treasury = await new_treasury(runtime.uow, now=runtime.clock.now())
    wallets = [await treasury.wallet(f"Wallet {number}") for number in range(WALLETS)]
    await treasury.cursor(1_000_000)
    await _prices(treasury, days)
    return History(treasury, wallets, movements, days)


def fill(files: Path, database: str, history: History) -> None:
    """Into the files of the embedded server while it stands: a million rows over its wire, in its log, take hours."""
    storage = Storage(str(files), enable_oplog=False)
    try:
        for collection, names in UNASKED.items():
            for name in names:
                storage.drop_index(database, collection, name)
        rows = history.rows()
        while batch := list(islice(rows, AT_ONCE)):
            for collection, some in zip(("journal_entries", "transactions"), zip(*batch, strict=True), strict=True):
                _, refused = storage.insert(database, collection, some)
                assert not refused, refused[:3]
    finally:
        storage.close()


async def _prices(treasury: Treasury, days: int) -> None:
    """Every six hours, and all in one go."""
    rows = []
    for asset, rate in ASSETS.items():
        for step in range(days * 4):
            at = treasury.now - timedelta(hours=6 * step, minutes=1)
            rows.append(
                OraclePrice(
                    id=f"eip155:{CHAIN_ID}:{hash_of(f'price {step}')}:{asset}",
                    created_at=at,
                    network="local",
                    feed=address_of(f"feed {asset}"),
                    asset=asset,
                    quote="USD",
                    block_number=1_000_000 - step,
                    rate=rate,
                    updated_at=at,
                )
            )
    for start in range(0, len(rows), 1_000):
        await OraclePrice.insert_many(rows[start : start + 1_000])


async def _kept(history: History) -> None:
    org, now = history.treasury.org_id, history.treasury.now
    balances = []
    for (code, wallet, asset), (debit, credit, quantity) in history.held.items():
        sums = {"debit": debit, "credit": credit, "quantity": quantity}
        place = {"account_code": code, "wallet_id": wallet, "asset": asset}
        balances.append(AccountBalance(id=f"{org}|{code}|{wallet or '-'}|{asset}", created_at=now, org_id=org, **place, **sums))
    await AccountBalance.insert_many(balances)
    cells = []
    for (span, day, (code, wallet, asset)), (debit, credit, quantity) in history.cells.items():
        row_id = f"{org}|{code}|{wallet or '-'}|{asset}|{span}|{day:%Y-%m-%d}|{day:%Y-%m-%d}"
        facts = {"account_code": code, "wallet_id": wallet, "asset": asset, "span": span, "date": day, "known": day, "created_at": now}
        cells.append({"_id": row_id, "org_id": org, **facts, **_stored(debit, credit, quantity)})
    for start in range(0, len(cells), 1_000):
        await AccountSum.get_pymongo_collection().insert_many(cells[start : start + 1_000], ordered=False)


def _stored(debit: Decimal, credit: Decimal, quantity: Decimal) -> dict[str, Decimal128]:
    return {"debit": Decimal128(debit), "credit": Decimal128(credit), "quantity": Decimal128(quantity)}


# ---- measuring -------------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def dashboard(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    """The application in this process, and somebody who is logged in to it."""

    @asynccontextmanager
    async def state() -> AsyncIterator[dict[str, Any]]:
        async with EventHub(runtime.frames, runtime.clock) as hub:
            yield {"runtime": runtime, "hub": hub}

    from crypto_project.asgi import inner
    from crypto_project.lifespan import Lifespan

    port = int(runtime.config.frontend_url.rsplit(":", 1)[1])
    async with (
        serving(Lifespan(inner, state), port=port, lifespan="on"),
        httpx.AsyncClient(base_url=runtime.config.frontend_url, timeout=300, headers={"Origin": runtime.config.frontend_url}) as client,
    ):
        token = (await client.get("/login/")).text.split('name="csrfmiddlewaretoken" value="', 1)[1].split('"', 1)[0]
        answer = await client.post("/login/", data={"csrfmiddlewaretoken": token, "name": "ada.okafor", "password": PASSWORD})
        assert answer.status_code == 302, answer.text[:500]
        yield client


async def cost(client: httpx.AsyncClient, path: str, server: int, runs: int) -> dict[str, float]:
    """Medians in milliseconds: on the clock, computed by this process, computed by the database server (told in hundredths of a second, so it is the
    mean over all runs)."""
    (await client.get(path)).raise_for_status()
    clock, ours, begun = [], [], cpu_of(server)
    for _ in range(runs):
        started, used = time.perf_counter(), time.process_time()
        (await client.get(path)).raise_for_status()
        clock.append((time.perf_counter() - started) * 1000)
        ours.append((time.process_time() - used) * 1000)
    return {"ms": statistics.median(clock), "cpu_ms": statistics.median(ours), "database_ms": (cpu_of(server) - begun) * 1000 / runs}


class Bench:
    """A folder with the embedded servers in it, which are stopped while one of their databases is filled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "networks.json").write_bytes(orjson.dumps(NETWORKS))

    def servers(self) -> EmbeddedServers:
        return EmbeddedServers(self.folder / "data", self.folder / "logs", configured=Configured.nothing(), chain=None)

    def config(self, servers: EmbeddedServers, movements: int) -> Config:
        return Config(
            _env_file=None,
            mongodb_uri=servers.addresses.mongodb_uri,
            redis_url=servers.addresses.redis_url,
            mongodb_database=f"overview_{movements}",
            networks=self.folder / "networks.json",
            log_dir=self.folder / "logs",
            secret_key="0" * 50,
            master_key=b64encode(bytes(32)).decode(),
            email_mock_mode=True,
            frontend_url=f"http://127.0.0.1:{free_port()}",
        )  # type: ignore[call-arg]

    async def fill(self, movements: int, days: int) -> None:
        started = time.perf_counter()
        async with self.servers() as servers:
            config = self.config(servers, movements)
            client = connect(config.mongodb_uri)
            await deploy(client, config.mongodb_database, DOCUMENTS)
            await client.close()
            async with open_runtime(config) as runtime:
                history = await begin(runtime, movements, days)
        await asyncio.to_thread(fill, self.folder / "data" / "mongodb", config.mongodb_database, history)
        async with self.servers() as servers, open_runtime(self.config(servers, movements)):
            await _kept(history)
        print(f"{movements}: filled in {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)

    async def measure(self, movements: int, runs: int) -> Figures:
        async with self.servers() as servers, open_runtime(self.config(servers, movements)) as runtime, dashboard(runtime) as browser:
            server, found = servers.children["mongodb"].pid, {}
            assert server is not None
            for part, path in PATHS.items():
                found[part] = await cost(browser, path, server, runs)
                print(movements, part, {key: round(value, 1) for key, value in found[part].items()}, file=sys.stderr, flush=True)
            return found


def exponent(small: tuple[int, float], large: tuple[int, float]) -> float:
    """Of the power of the number of movements with which a cost grows."""
    return math.log(max(large[1], 0.1) / max(small[1], 0.1)) / math.log(large[0] / small[0])


def table(found: dict[int, Figures]) -> str:
    """Markdown: the clock, and what process and database compute, of each part at each size."""
    sizes = sorted(found)
    lines = ["| | " + " | ".join(f"{size:,}" for size in sizes) + " | exponent |", "|---" * (len(sizes) + 2) + "|"]
    for part in PATHS:
        cells = [f"{row['ms']:.0f} ms ({row['cpu_ms']:.0f} + {row['database_ms']:.0f})" for row in (found[size][part] for size in sizes)]
        ends = [(size, found[size][part]["cpu_ms"] + found[size][part]["database_ms"]) for size in (sizes[0], sizes[-1])]
        lines.append(f"| {part} | " + " | ".join(cells) + f" | {exponent(*ends) if len(sizes) > 1 else 0:.2f} |")
    return "\n".join(lines)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--movements", default="10000,100000,1000000")
    parser.add_argument("--days", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where what was filled is kept for the next run; it has to be there")
    given = parser.parse_args()
    ensure_vendor_assets()
    ensure_catalogues()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    sizes, found = list(map(int, given.movements.split(","))), {}
    with tempfile.TemporaryDirectory(prefix="coffer-bench-") as place:
        bench = Bench(given.folder or Path(place))
        for movements in sizes:
            if not (done := bench.folder / f"filled-{movements}").exists():
                await bench.fill(movements, given.days)
                done.touch()
            found[movements] = await bench.measure(movements, given.runs)
    print(table(found))
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main())
