"""Books of a known length for `benchmarks.history`: posted and sealed by the product itself, kept in a directory, and gone on with where a run ended.

One database for each length, so that all lengths can be measured in one run. Entries of 20 lines over 500 days, those of a day in one unit of work
as an import has them, each known on its day. What was posted stays posted: a source is posted once, and what has no seal is sealed by the next run.
"""

import sys
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from beanie import init_beanie

from crypto_api.documents import DOCUMENTS
from crypto_api.flows.seal_entries import seal_entries
from crypto_api.kit.clock import FixedClock
from crypto_api.ledger import service
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import EntryDraft, Line, Source, SourceKind
from crypto_api.organizations import service as organizations
from crypto_api.organizations.documents import Organization
from mongodb_config.client import MongoClient
from mongodb_config.migrations import deploy
from mongodb_config.unit_of_work import UnitOfWork

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
DAYS, LINES, WALLETS, AT_ONCE = 500, 20, 10, 100
ACCOUNTS = ("4100", "4300", "5100", "5200", "5300", "2100")


class Books:
    """The books of `lines` lines. `open` before anything else: it binds the documents of this process to their database."""

    def __init__(self, client: MongoClient, lines: int, days: int = DAYS) -> None:
        self.client, self.uow, self.entries, self.days, self.org_id = client, UnitOfWork(client), lines // LINES, days, ""
        self.name = f"history_{lines}"

    async def open(self) -> None:
        if self.org_id == "":
            await deploy(self.client, self.name, DOCUMENTS)
        await init_beanie(database=self.client[self.name], document_models=DOCUMENTS, skip_indexes=True)
        there = await Organization.find_one({})
        if there is None:
            there = await self.uow.run(lambda session: organizations.create(session, "Bench", NOW - timedelta(days=self.days + 1)))
        self.org_id = there.id
        await self.uow.run(lambda session: service.create_chart(session, there.id, NOW))

    async def fill(self) -> float:
        """Posts and seals what is not there yet. Seconds."""
        started, said = time.perf_counter(), 0.0
        made = await JournalEntry.get_pymongo_collection().estimated_document_count()
        while True:
            while await seal_entries(self.uow, FixedClock(NOW)):
                pass
            if made >= self.entries:
                return time.perf_counter() - started
            day = self._day(made)
            drafts = [_draft(number, day) for number in range(made, min(made + AT_ONCE, self.entries)) if self._day(number) == day]
            known = datetime(day.year, day.month, day.day, 9, 30, tzinfo=UTC)
            await self.uow.run(lambda session, drafts=drafts, known=known: service.post_all(session, self.org_id, drafts, known))  # type: ignore[misc]
            made += len(drafts)
            if time.perf_counter() - said > 30:
                said = time.perf_counter()
                print(f"{self.name}: {made} of {self.entries} entries, {said - started:.0f} s", file=sys.stderr, flush=True)

    def _day(self, number: int) -> date:
        """Days follow one another, each with as many entries as the others."""
        return (NOW - timedelta(days=self.days - number * self.days // self.entries)).date()


def _draft(number: int, day: date) -> EntryDraft:
    lines = []
    for pair in range(LINES // 2):
        account, amount = ACCOUNTS[(number + pair) % len(ACCOUNTS)], Decimal(100 + pair)
        lines.append(Line(account_code="1010", debit=amount) if pair else _coins(number, amount))
        lines.append(Line(account_code=account, credit=amount))
    source = Source(kind=SourceKind.MANUAL, id=f"history {number}", purpose="entry")
    return EntryDraft(date=day, description=f"Payroll {number}", source=source, lines=lines, by_lots=True)


def _coins(number: int, amount: Decimal) -> Line:
    return Line(account_code="1100", debit=amount, asset="USDC", quantity=amount, wallet_id=f"w{number % WALLETS}")
