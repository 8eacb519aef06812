"""Take the books along: every posted line, oldest first, as a table or as plain-text accounting reads it. That they were taken is itself recorded."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from crypto_api.audit import service as audit
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import Conflict, NotFound
from crypto_api.ledger import day_store, store
from crypto_api.ledger.day_store import Entries
from crypto_api.ledger.documents import JournalEntry
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import Organization
from crypto_api.reports.plain_text_books import Beancount, Hledger, PlainTextBooks
from crypto_api.wallets import store as wallets
from mongodb_config.unit_of_work import UnitOfWork

COLUMNS = (
    *("date", "entry_id", "status", "description", "reference", "source", "account_code", "account_name", "line_description"),
    *("debit_amount", "credit_amount", "currency", "asset", "quantity", "wallet", "transaction_hash", "reverses", "reversed_by", "posted_at"),
)
PLAIN_TEXT: dict[str, Callable[..., PlainTextBooks]] = {"beancount": Beancount, "hledger": Hledger}

Rows = list[list[str | Decimal | None]]


class TooManyEntries(Conflict):
    code = "too_many_rows"

    def __init__(self, rows: int, most: int) -> None:
        super().__init__(f"There are {rows:,} entries, and a workbook holds at most {most:,} rows. Narrow them down, or take CSV.")


@dataclass(frozen=True, slots=True)
class LedgerExport:
    """The books up to and including the day `at`, as they are while they are read: entries that count, each with its lines."""

    organization: Organization
    at: date | None

    async def batches(self) -> AsyncIterator[Sequence[JournalEntry]]:
        """By date, and within a day in the order in which they were posted."""
        async for entries in day_store.walk(self.organization.id, self.entries):
            yield entries

    @property
    def entries(self) -> Entries:
        return Entries(last=self.at)

    async def table(self) -> AsyncIterator[Rows]:
        """A row for each line, with a value for each of `COLUMNS`."""
        org = self.organization
        accounts = {account.code: account.name for account in await store.accounts(org.id)}
        names = {wallet.id: wallet.name for wallet in await wallets.active(org.id)}
        async for entries in self.batches():
            used = {line.wallet_id for entry in entries for line in entry.lines if line.wallet_id}
            if missing := used - names.keys():  # wallets that were removed still have their history
                names |= {wallet.id: wallet.name for wallet in await wallets.by_ids(org.id, sorted(missing))}
            yield [row for entry in entries for row in _rows(entry, org.functional_currency, accounts, names)]

    async def plain_text(self, form: str) -> AsyncIterator[bytes]:
        org = self.organization
        books = PLAIN_TEXT[form](org.name, org.functional_currency, await store.accounts(org.id))
        begun = False
        async for entries in self.batches():
            if not begun:
                yield books.head(entries[0].date).encode()
                begun = True
            yield "".join(books.entry(entry) for entry in entries).encode()
        yield books.tail().encode() if begun else books.head(org.created_at.date()).encode()


async def export_ledger(uow: UnitOfWork, clock: Clock, org_id: str, *, form: str, at: date | None, rows_max: int | None = None) -> LedgerExport:
    """Recorded before the first row leaves. TooManyEntries, NotFound."""
    organization = await organizations.get(org_id)
    if organization is None:
        raise NotFound
    if rows_max is not None and (count := await day_store.count_lines(org_id, Entries(last=at))) > rows_max:
        raise TooManyEntries(count, rows_max)
    after = {"format": form} | ({"at": at.isoformat()} if at else {})
    summary = f"The books were exported as {form}."
    now = clock.now()
    await uow.run(lambda session: audit.record(session, org_id, "ledger.exported", summary, now, subject=("ledger", ""), after=after))
    return LedgerExport(organization, at)


def _rows(entry: JournalEntry, currency: str, accounts: dict[str, str], names: dict[str, str]) -> Rows:
    return [
        [
            *(entry.date.isoformat(), entry.id, entry.status.value, entry.description, entry.reference, entry.source_kind.value),
            *(line.account_code, accounts.get(line.account_code, ""), line.description),
            *(line.debit or None, line.credit or None, currency, line.asset, line.quantity),
            *(names.get(line.wallet_id, line.wallet_id) if line.wallet_id else None, entry.transaction_hash, entry.reverses, entry.reversed_by),
            entry.posted_at.isoformat().replace("+00:00", "Z") if entry.posted_at else None,
        ]
        for line in entry.lines
    ]
