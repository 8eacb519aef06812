"""What the sample organisation sells: clients, and invoices in every state, written, issued and paid by the product's own flows as of their days."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from crypto_api.clients import service as clients
from crypto_api.clients import store as client_store
from crypto_api.clients.documents import Client
from crypto_api.clients.types import NewClient, PostalAddress
from crypto_api.flows.issue_invoice import Counter, cancel_invoice, issue_invoice
from crypto_api.flows.price_at import Prices
from crypto_api.flows.settle_invoice import Received, receive_payment
from crypto_api.flows.write_invoice import Wish, Writing, write_invoice
from crypto_api.invoices import service as invoices
from crypto_api.invoices import store
from crypto_api.invoices.types import InvoiceStatus, Item, Tax
from crypto_api.kit.clock import Clock, day_of
from crypto_api.organizations import store as organizations
from crypto_api.organizations.rules import fold
from crypto_api.runtime import Runtime

_ADDRESSES = {
    "Alpine Robotics GmbH": PostalAddress(line1="Hafenstraße 14", city="Lindau", postal_code="88131", country="DE"),
    "Fjord Analytics AS": PostalAddress(line1="Strandgaten 8", city="Bergen", postal_code="5013", country="NO"),
    "Maple Grid Inc.": PostalAddress(line1="210 Elgin Street", city="Ottawa", postal_code="K2P 1L4", region="ON", country="CA"),
}
CLIENTS = tuple(_ADDRESSES)
HALF = Decimal("0.5")
SALES_TAX = Tax(name="Sales tax", rate=Decimal("8.25"))


@dataclass(frozen=True)
class Sale:
    """An invoice and what became of it. `paid` is a part of its total; `becomes` is where it stands on the day of the demo."""

    reference: str
    client: str
    lines: tuple[tuple[str, str, str], ...]  # (description, quantity, unit price)
    issued_days_ago: int | None  # None: not yet
    becomes: InvoiceStatus
    paid: Decimal = Decimal(0)


SALES = (
    Sale("PO-4471", "Alpine Robotics GmbH", (("Settlement integration, milestone 2", "1", "18400"),), 52, InvoiceStatus.PAID, Decimal(1)),
    Sale("PO-118", "Fjord Analytics AS", (("Ledger export, a year", "1", "9600"), ("Training, days", "2", "1150")), 47, InvoiceStatus.OVERDUE),
    Sale("R-2201", "Maple Grid Inc.", (("Key ceremony, on site", "1", "6200"),), 30, InvoiceStatus.CANCELLED),
    Sale("R-2207", "Maple Grid Inc.", (("Key ceremony, remote", "1", "4800"), ("Support, hours", "12.5", "140")), 12, InvoiceStatus.PARTIAL, HALF),
    Sale("PO-4502", "Alpine Robotics GmbH", (("Settlement integration, milestone 3", "1", "21750"),), 3, InvoiceStatus.SENT),
    Sale("PO-131", "Fjord Analytics AS", (("Custody review", "1", "7900"),), None, InvoiceStatus.DRAFT),
)  # fmt: skip


@dataclass(frozen=True)
class _Then:
    """The clock of a day that is over."""

    clock: Clock
    days_ago: int

    def now(self) -> datetime:
        return self.clock.now() - timedelta(days=self.days_ago)


async def make_sales(runtime: Runtime, org_id: str, by: str) -> None:
    """Those that are not there yet: what a visitor did with one stays so."""
    known = {name: await _client(runtime, org_id, name, by) for name in CLIENTS}
    for sale in SALES:
        if not await store.count(org_id, {"reference": sale.reference}):
            await _sell(runtime, org_id, known[sale.client], sale, by)


async def _client(runtime: Runtime, org_id: str, name: str, by: str) -> Client:
    email = f"accounts@{name.split()[0].lower()}.example"
    if (found := await client_store.named(org_id, fold(name), email)) is not None:
        return found
    new = NewClient(name, email=email, address=_ADDRESSES[name])
    return await runtime.uow.run(lambda session: clients.add(session, org_id, new, by, runtime.clock.now()))


async def _sell(runtime: Runtime, org_id: str, client: Client, sale: Sale, by: str) -> None:
    clock = _Then(runtime.clock, sale.issued_days_ago or 0)
    items = tuple(Item(description=text, quantity=Decimal(count), unit_price=Decimal(price), taxes=(SALES_TAX,)) for text, count, price in sale.lines)
    row = await write_invoice(Writing(runtime.uow, clock, org_id, by), Wish(items, client.id, reference=sale.reference))
    if sale.issued_days_ago is None:
        return
    prices = Prices(runtime.networks, runtime.prices)
    row = await issue_invoice(Counter(runtime.uow, clock, org_id, by, prices), row.id, None)
    later = Counter(runtime.uow, _Then(runtime.clock, max(sale.issued_days_ago - 9, 0)), org_id, by, prices)
    if sale.paid:
        amount = (row.total * sale.paid).quantize(Decimal(1).scaleb(-row.decimals))
        await receive_payment(later, row.id, Received(amount, reference=f"Transfer for {row.number}"))
    elif sale.becomes is InvoiceStatus.CANCELLED:
        await cancel_invoice(later, row.id, None)
    elif sale.becomes is InvoiceStatus.OVERDUE:
        organization, now = await organizations.get(org_id), runtime.clock.now()
        assert organization is not None
        issued, today = row, day_of(now, organization.time_zone)
        await runtime.uow.run(lambda session: invoices.fall_due(session, issued, today, now))
