"""What it costs to book a disposal at what its lots cost, with few and with many open lots of the asset, beside booking it at the average.

    python -m benchmarks.booking [--lots 100,1000,3000] [--method fifo] [--runs 40]

An organisation holds so many open lots of ether in one wallet. Transactions that spend some of it are booked one by one, and 16 in a unit of work:
by the kept lots, and, as soon as something waits to be compared, at the average. Milliseconds of computing for one transaction, of the database
server and of this process: the wall says little on a machine that does other things as well. In the end every disposal must cost what its lots do.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from beanie import init_beanie

from benchmarks.chain import cpu_of
from crypto_api.classification.types import Category, Decision, DecisionSource
from crypto_api.documents import DOCUMENTS
from crypto_api.flows.book_transaction import Valued, book_valued, changes_of
from crypto_api.flows.settle_lots import plan_corrections, settle_lots
from crypto_api.kit.clock import SystemClock
from crypto_api.kit.ids import new_id
from crypto_api.ledger import service
from crypto_api.ledger.documents import JournalEntry
from crypto_api.lots import service as policies
from crypto_api.lots import store as lots
from crypto_api.lots.documents import LotPolicy, LotRule
from crypto_api.lots.types import LotMethod
from crypto_api.organizations.documents import Organization
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Direction, Finality, Movement, MovementKind
from crypto_project.embedded.servers import Configured, EmbeddedServers
from mongodb_config.client import connect
from mongodb_config.migrations import deploy
from mongodb_config.unit_of_work import UnitOfWork

START = datetime(2026, 1, 1, tzinfo=UTC)
TOGETHER = 16
AT_ONCE = 50
CHAIN_ID = 31337


class Bench:
    """One organisation, one wallet, ether."""

    def __init__(self, uow: UnitOfWork, organization: Organization, server: int) -> None:
        self.uow, self.organization, self.server, self.clock, self.made = uow, organization, server, SystemClock(), 0

    @property
    def org_id(self) -> str:
        return self.organization.id

    def due(self, way: Direction, units: str, value: str) -> Valued:
        self.made += 1
        amount, worth = Decimal(units), Decimal(value)
        movement = Movement(
            key="value",
            kind=MovementKind.NATIVE,
            asset="ETH",
            contract=None,
            symbol="ETH",
            decimals=18,
            raw_amount=str(int(amount * 10**18)),
            amount=amount,
            direction=way,
            wallet_id="wal_1",
            from_address="0x1",
            to_address="0x2",
            value=worth,
            rate=worth / amount,
        )
        block = f"0x{self.made:064x}"
        row = Transaction(
            id=f"{self.org_id}:eip155:{CHAIN_ID}:{block}",
            created_at=START,
            org_id=self.org_id,
            network="local",
            chain_id=CHAIN_ID,
            hash=block,
            block_number=self.made,
            block_hash=block,
            index=0,
            timestamp=START + timedelta(seconds=self.made),
            stored_at=START,
            succeeded=True,
            finality=Finality.CONFIRMED,
            from_address="0x1",
            to_address="0x2",
            movements=[movement],
            wallet_ids=["wal_1"],
            assets=["ETH"],
        )
        category = Category.INCOME if way is Direction.IN else Category.EXPENSE
        decision = Decision(category=category, confidence=1, source=DecisionSource.RULE, explanation="")
        return Valued(row, decision, (movement,), tuple(changes_of([movement], category)), "UTC")

    async def book(self, *valued: Valued) -> None:
        assert all(result.booked for result in await book_valued(self.uow, self.clock, valued))

    async def prepared(self, way: Direction, count: int, units: str, value: int) -> list[Valued]:
        """Stored and due, each at another price."""
        some = [self.due(way, units, str(value + (self.made * 7919) % 3001)) for _ in range(count)]
        await Transaction.insert_many([one.transaction for one in some])
        return some

    async def fill(self, count: int) -> None:
        """Lots of one ether, until so many have been acquired."""
        while self.made < count:
            await self.book(*await self.prepared(Direction.IN, min(AT_ONCE, count - self.made), "1", 1000))

    async def spend(self, runs: int, together: int) -> dict[str, float]:
        """A tenth of an ether each. Milliseconds of computing for one."""
        parts = [await self.prepared(Direction.OUT, together, "0.1", 100) for _ in range(runs)]
        server, own = cpu_of(self.server), time.process_time()
        for some in parts:
            await self.book(*some)
        count = runs * together
        return {"server": (cpu_of(self.server) - server) / count * 1000, "own": (time.process_time() - own) / count * 1000}

    async def settled(self) -> dict[str, float]:
        server, own = cpu_of(self.server), time.process_time()
        corrections = await settle_lots(self.uow, self.clock, self.org_id)
        took = {"server": (cpu_of(self.server) - server) * 1000, "own": (time.process_time() - own) * 1000}
        return {"corrections": corrections, **took}


async def measure(bench: Bench, count: int, runs: int) -> dict[str, Any]:
    await bench.fill(count)
    row = (await lots.lot_pools(bench.org_id))["1100|wal_1|ETH"]
    found: dict[str, Any] = {"acquired": count, "pages": len(row.pages), "first_settled": await bench.settled()}
    found |= {"by_lots": await bench.spend(runs, 1), "by_lots_16": await bench.spend(max(runs // 4, 3), TOGETHER)}
    assert await JournalEntry.find({"org_id": bench.org_id, "uncosted": True}).count() == 0, "all of it was booked by its lots"
    found["settled"] = await bench.settled()
    last = await JournalEntry.find({"org_id": bench.org_id}).sort("-_id").first_or_none()
    assert last is not None
    await last.set({"uncosted": True})  # as where something came late
    found |= {"average": await bench.spend(runs, 1), "average_16": await bench.spend(max(runs // 4, 3), TOGETHER)}
    return found | {"settled_late": await bench.settled()}


async def run(counts: list[int], method: LotMethod, runs: int) -> list[dict[str, Any]]:
    async with AsyncExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="coffer-bench-")))
        servers = EmbeddedServers(place / "data", place / "logs", configured=Configured.model_construct(), chain=None)
        await stack.enter_async_context(servers)
        client, name = connect(servers.addresses.mongodb_uri), "bench_booking"
        stack.push_async_callback(client.close)
        await deploy(client, name, DOCUMENTS)
        await init_beanie(database=client[name], document_models=DOCUMENTS, skip_indexes=True)
        uow, organization = UnitOfWork(client), Organization(id=new_id("org"), created_at=START, name="Bench")
        await organization.insert()
        await uow.run(lambda session: service.create_chart(session, organization.id, START))
        rule = LotRule(method=method)
        await LotPolicy(id=organization.id, org_id=organization.id, created_at=START, updated_at=START, rules=[rule], rules_version=1).insert()
        bench = Bench(uow, organization, servers.children["mongodb"].pid or 0)
        await settle_lots(uow, bench.clock, organization.id)
        found = []
        for count in counts:
            found.append(await measure(bench, count, runs))
            print(json.dumps(found[-1], default=lambda value: round(value, 2)), file=sys.stderr)
        plan = await plan_corrections(organization, policies.rules_of(await policies.current(organization.id, START)), 1, None, START)
        assert plan.corrections == [] and plan.month == date(2026, 1, 1), "every disposal costs what its lots do"
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lots", default="100,1000,3000")
    parser.add_argument("--method", type=LotMethod, default=LotMethod.FIFO, choices=list(LotMethod))
    parser.add_argument("--runs", type=int, default=40)
    given = parser.parse_args()
    found = asyncio.run(run([int(one) for one in given.lots.split(",")], given.method, given.runs))
    print(json.dumps({"benchmark": "booking", "method": given.method, "rows": found}, indent=2, default=lambda value: round(value, 2)))


if __name__ == "__main__":
    main()
