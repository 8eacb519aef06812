"""What one organisation's work and the lanes of the installation cost, by how many organisations there are, each with books and events."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from pathlib import Path

from benchmarks.fan_out import installation
from benchmarks.growth.curve import Curve, cost_of
from benchmarks.growth.storage import settled
from crypto_api.events import store as events
from crypto_api.flows.relay_events import relay_pass
from crypto_api.flows.seal_audit_log import seal_pass
from crypto_api.flows.seal_entries import seal_entries
from crypto_api.kit.paging import PageRequest
from crypto_api.ledger import journal_store, service, store
from crypto_api.ledger.types import AsOf, EntryDraft, Line, Place, Source, SourceKind
from crypto_api.organizations import service as organizations
from crypto_api.reports import as_of
from crypto_api.runtime import Runtime
from mongodb_config.unit_of_work import Session

GROWS = "organisations, with 5 entries each"
ENTRIES = 5
OF_ALL = "the heads of all event logs, which the sweep of the inboxes reads"


@dataclass
class Town:
    """Organisations that have moved in; the first is the one that is measured."""

    runtime: Runtime
    server: int
    ids: list[str] = field(default_factory=list)
    numbers: "count[int]" = field(default_factory=count)

    async def grow(self, size: int) -> None:
        now = self.runtime.clock.now()

        async def move_in(session: Session) -> str:
            organization = await organizations.create(session, f"Organisation {len(self.ids)}", now)
            await service.create_chart(session, organization.id, now)
            await service.post_all(session, organization.id, [self._draft() for _ in range(ENTRIES)], now)
            return organization.id

        while len(self.ids) < size:
            self.ids.append(await self.runtime.uow.run(move_in))
        await settled(self.runtime)

    def _draft(self) -> EntryDraft:
        number = next(self.numbers)
        lines = [
            Line(account_code="1100", debit=Decimal(100), asset="USDC", quantity=Decimal(100), wallet_id=f"w{number % 3}"),
            Line(account_code="4100", credit=Decimal(100), asset="USDC", quantity=Decimal(-100)),
        ]
        source = Source(kind=SourceKind.TRANSACTION, id=f"growth {number}", purpose="movements")
        return EntryDraft(date=self.runtime.clock.now().date(), description="Sale", source=source, lines=lines)

    async def costs(self) -> dict[str, float]:
        mine, uow, clock = self.ids[0], self.runtime.uow, self.runtime.clock
        newest = PageRequest(limit=50, sort="date")

        async def post() -> None:
            await uow.run(lambda session: service.post_all(session, mine, [self._draft()], clock.now()))
            await settled(self.runtime)

        works = {
            "the first page of the journal": lambda: journal_store.page(mine, {}, newest),
            "a balance": lambda: store.holdings_in(mine, [Place("1100", "w1", "USDC")]),
            "the trial balance": lambda: as_of.trial_balance(mine, uow, AsOf()),
            "the relay, with nothing to do": lambda: relay_pass(uow, clock, self.runtime.frames),
            "the sealing of entries, with nothing to do": lambda: seal_entries(uow, clock),
            "the sealing of the audit log, with nothing to do": lambda: seal_pass(uow, clock),
            OF_ALL: events.all_heads,
            "an entry posted, its event numbered, both sealed": post,
        }
        return {name: (await cost_of(work, self.server)).cpu_ms for name, work in works.items()}


async def curves(sizes: Sequence[int]) -> list[Curve]:
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="coffer-bench-") as folder:
        async with installation(Path(folder)) as (runtime, server):
            town = Town(runtime, server)
            for size in sizes:
                await town.grow(size)
                for name, cost in (await town.costs()).items():
                    found.setdefault(name, []).append(cost)
    return [Curve(GROWS, name, sizes, costs, 1 if name == OF_ALL else 0, least=1.0) for name, costs in found.items()]
