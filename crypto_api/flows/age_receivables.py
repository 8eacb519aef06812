"""Aged receivables: what every client owes as of a day, by how long it has been due, in the functional currency as it stands in the books. The sum is
compared with the receivable account of that day; what is booked there otherwise (entries by hand, receipts from the chain) is told apart."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from crypto_api.invoices import rules, store
from crypto_api.invoices.types import AgeBucket
from crypto_api.kit.amounts import add_exactly
from crypto_api.kit.clock import Clock, day_of
from crypto_api.ledger.types import AccountCode, AsOf
from crypto_api.organizations import store as organizations
from crypto_api.reports import as_of as books
from mongodb_config.unit_of_work import UnitOfWork

ZERO = Decimal(0)


@dataclass
class Owed:
    """What one client owes."""

    client_id: str
    client_name: str
    invoices: int = 0
    total: Decimal = ZERO
    buckets: dict[AgeBucket, Decimal] = field(default_factory=lambda: dict.fromkeys(AgeBucket, ZERO))

    def add(self, bucket: AgeBucket, amount: Decimal) -> None:
        self.invoices += 1
        self.total = add_exactly([self.total, amount])
        self.buckets[bucket] = add_exactly([self.buckets[bucket], amount])


@dataclass(frozen=True)
class Aging:
    day: date
    currency: str
    clients: list[Owed]  # by what they owe, most first
    buckets: dict[AgeBucket, Decimal]
    total: Decimal
    account_balance: Decimal  # of the receivable account, at the end of that day
    other: Decimal  # account_balance - total: what is booked there and belongs to no invoice


async def age_receivables(uow: UnitOfWork, clock: Clock, org_id: str, day: date | None) -> Aging:
    """As of the end of `day`; None: today in the organisation's time zone."""
    organization = await organizations.get(org_id)
    assert organization is not None
    at = day or day_of(clock.now(), organization.time_zone)
    rows = await store.booked_up_to(org_id, at)
    settled = await store.settled_up_to(org_id, at, [row.id for row in rows])
    owed: dict[str, Owed] = {}
    for row in rows:
        left = add_exactly([row.booked, settled.get(row.id, (ZERO, ZERO))[1].copy_negate()])
        if left:
            assert row.due_date is not None, "an invoice that was issued has a due date"
            owed.setdefault(row.client_id, Owed(row.client_id, row.client_name)).add(rules.bucket_of(row.due_date, at), left)
    clients = sorted(owed.values(), key=lambda one: (-one.total, one.client_name, one.client_id))
    total = add_exactly([one.total for one in clients])
    buckets = {bucket: add_exactly([one.buckets[bucket] for one in clients]) for bucket in AgeBucket}
    balance = await _account_balance(org_id, uow, at)
    return Aging(at, organization.functional_currency, clients, buckets, total, balance, add_exactly([balance, total.copy_negate()]))


async def _account_balance(org_id: str, uow: UnitOfWork, day: date) -> Decimal:
    found = await books.sums(org_id, uow, AsOf(at=day), account_codes=[AccountCode.RECEIVABLES])
    return add_exactly([amount for part in found.values() for amount in (part.debit, part.credit.copy_negate())])
