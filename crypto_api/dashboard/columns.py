"""Which columns of a list somebody sees. The first one names a row and opens it, so that it always stands.

What was chosen is kept with the person, so that it is the same on every device and in every organisation. It is laid on the table and not on its
rows: what arrives later, by itself or by "Load more", obeys it too. Exports have every column."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext_noop as _

LISTS: Mapping[str, tuple[str, ...]] = {
    "transactions": (_("Time"), _("Direction"), _("Amount"), _("Value"), _("Counterparty"), _("Category"), _("Purpose"), _("For taxes"), _("Status")),
    "journal": (_("Date"), _("Description"), _("Accounts"), _("Source"), _("Amount"), _("Status")),
    "general-ledger": (_("Date"), _("Description"), _("Quantity"), _("Debit"), _("Credit"), _("Balance")),
    "payments": (_("Payee"), _("Amount"), _("Value"), _("State"), _("Prepared")),
    "address-book": (_("Name"), _("Address"), _("Network"), _("State")),
    "invoices": (_("Client"), _("Number"), _("Due"), _("State"), _("Total")),
    "recurring-invoices": (_("Client"), _("Made"), _("Next"), _("State"), _("Each")),
    "own-invoices": (_("Number"), _("Issued"), _("Due"), _("State"), _("Total")),
    "receipts": (_("For"), _("Came"), _("State"), _("Open"), _("Amount")),
    "clients": (_("Name"), _("Invoices go to"), _("Tax id"), _("Terms")),
    "inbox": (_("What waits"), _("Kind"), _("Since"), _("State")),
    "contracts": (_("Name"), _("Kind"), _("Interfaces"), _("Source"), _("Network"), _("Address")),
    "audits": (_("What"), _("State"), _("Risk score"), _("Open findings"), _("Ordered")),
    "team": (_("Name"), _("Job"), _("Manager"), _("Role"), _("Status")),
    "members": (_("Name"), _("Role"), _("Second factor"), _("Last seen"), _("Access")),
    "payroll": (_("Payroll"), _("Day of payment"), _("State")),
    "tax": (_("Period"), _("Method"), _("Gains"), _("Losses"), _("Net"), _("Income"), _("Status")),
    "holding-movements": (_("Date"), _("Entry"), _("Wallet"), _("Quantity"), _("Cost")),
    "statements": (_("Statement"), _("Days"), _("Compared to"), _("As known on"), _("Status")),
    "unpriced": (_("What has no price or no cost"), _("What was tried"), _("For")),
}
"""The columns of each list in their order, as its template has them; a test compares them."""


@dataclass(frozen=True, slots=True)
class Column:
    place: int  # from 1
    label: str
    shown: bool


@dataclass(frozen=True, slots=True)
class ListColumns:
    name: str
    columns: tuple[Column, ...]  # without the first, which always stands

    @property
    def css(self) -> str:
        """Classes of the table: `no-2 no-5`."""
        return " ".join(f"no-{column.place}" for column in self.columns if not column.shown)


class ColumnsOf:
    """Those of one person: a template reads `columns.payments`, and `columns|of_list:"address-book"` where the name has a dash."""

    def __init__(self, hidden: Mapping[str, Collection[int]]) -> None:
        self._hidden = hidden

    def __getitem__(self, name: str) -> ListColumns:
        hidden = self._hidden.get(name, ())
        return ListColumns(name, tuple(Column(place, label, place not in hidden) for place, label in enumerate(LISTS[name], start=1) if place > 1))


def hidden_by(name: str, shown: Collection[str]) -> list[int]:
    """The places that are to be hidden once those of `shown` are all that stands."""
    return [place for place in range(2, len(LISTS[name]) + 1) if str(place) not in shown]
