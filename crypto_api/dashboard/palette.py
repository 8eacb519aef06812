"""What can be done from anywhere by a few letters: pages to open, things to begin, and where what was found stands."""

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from crypto_api.dashboard.context import pages_of
from crypto_api.flows.search import Found, FoundKind
from crypto_api.organizations.types import Permission, Principal

PAGES_SHOWN = 8
ACTIONS = (
    (_("New payment"), "/payments/new/", Permission.PAYMENTS_PREPARE),
    (_("New invoice"), "/invoices/new/", Permission.INVOICES_WRITE),
    (_("New entry"), "/journal/new/", Permission.LEDGER_WRITE),
    (_("Add a wallet"), "/wallets/add/", Permission.WALLETS_WRITE),
    (_("Add a payee"), "/address-book/add/", Permission.ADDRESS_BOOK_WRITE),
    (_("Add a client"), "/clients/add/", Permission.CLIENTS_WRITE),
    (_("Add somebody to the team"), "/team/add/", Permission.EMPLOYEES_WRITE),
    (_("Invite a member"), "/members/invite/", Permission.MEMBERS_WRITE),
    (_("Open a payroll"), "/payroll/add/", Permission.PAYROLL_WRITE),
    (_("Import transactions"), "/transactions/import/", Permission.TRANSACTIONS_WRITE),
    (_("Enter a transaction"), "/transactions/new/", Permission.TRANSACTIONS_WRITE),
)
OWN = ((_("Profile"), "/profile/"), (_("Security"), "/security/"), (_("Your organisations"), "/organizations/"))
PATHS = {
    FoundKind.TRANSACTION: "/transactions/{}/",
    FoundKind.WALLET: "/wallets/{}/",
    FoundKind.PAYEE: "/address-book/{}/",
    FoundKind.CONTRACT: "/contracts/{}/",
    FoundKind.PAYMENT: "/payments/{}/",
    FoundKind.CLIENT: "/clients/{}/",
    FoundKind.EMPLOYEE: "/team/{}/",
    FoundKind.INVOICE: "/invoices/{}/",
    FoundKind.ENTRY: "/journal/{}/",
}
KINDS = {
    FoundKind.TRANSACTION: _("Transactions"),
    FoundKind.WALLET: _("Wallets"),
    FoundKind.PAYEE: _("Address book"),
    FoundKind.CONTRACT: _("Contracts"),
    FoundKind.PAYMENT: _("Payments"),
    FoundKind.CLIENT: _("Clients"),
    FoundKind.EMPLOYEE: _("Team"),
    FoundKind.INVOICE: _("Invoices"),
    FoundKind.ENTRY: _("Journal"),
}


@dataclass(frozen=True, slots=True)
class Hit:
    """One line of the palette."""

    group: str
    name: str
    detail: str
    path: str
    key: bool = False  # a hash or an address, to be shortened


def found_hits(found: list[Found]) -> list[Hit]:
    return [
        Hit(gettext(KINDS[row.kind]), row.name, row.detail, PATHS[row.kind].format(quote(row.id, safe="")), key=row.kind is FoundKind.TRANSACTION)
        for row in found
    ]


def page_hits(principal: Principal, text: str) -> list[Hit]:
    """Pages and actions of which every word that was typed begins a word; without any, the pages that there are."""
    words = text.casefold().split()
    named = [Hit(gettext("Pages"), label, group, path) for group, label, path in pages_of(principal)]
    named += [Hit(gettext("Actions"), gettext(label), "", path) for label, path, permission in ACTIONS if principal.may(permission)]
    named += [Hit(gettext("You"), gettext(label), "", path) for label, path in OWN]
    return [hit for hit in named if _matches(hit.name, words)][: PAGES_SHOWN if words else None]


def _matches(name: str, words: list[str]) -> bool:
    parts = name.casefold().split()
    return all(any(part.startswith(word) for part in parts) for word in words)


def more_hits(principal: Principal, text: str) -> list[Hit]:
    """The whole list of transactions, narrowed to what was typed: also by what is not the beginning."""
    if not text or not principal.may(Permission.TRANSACTIONS_READ):
        return []
    return [Hit(gettext("Transactions"), gettext("Search all transactions for “%s”") % text, "", f"/transactions/?{urlencode({'q': text})}")]
