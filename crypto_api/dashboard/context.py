"""What every page of somebody logged in needs around its content."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.http import HttpRequest

from crypto_api.organizations.types import Permission, Role

if TYPE_CHECKING:
    from crypto_api.dashboard.access import Visit

ROLE_NAMES = {
    Role.ADMIN: "Administrator",
    Role.MANAGER: "Manager",
    Role.ACCOUNTANT: "Accountant",
    Role.APPROVER: "Approver",
    Role.AUDITOR: "Auditor",
    Role.USER: "Employee",
    Role.CLIENT: "Client",
}


ROWS = 50
ROWS_MAX = 200


def rows_wanted(request: HttpRequest) -> int:
    """A live list asks for as many rows as it shows, so that what was loaded stays."""
    given = request.GET.get("limit", "")
    return min(max(int(given), ROWS), ROWS_MAX) if given.isascii() and given.isdecimal() and len(given) < 6 else ROWS


@dataclass(frozen=True, slots=True)
class NavItem:
    label: str
    path: str
    icon: str
    active: bool


_PAGES = (
    ("Overview", "/", "overview", Permission.DASHBOARD_READ),
    ("Transactions", "/transactions/", "transactions", Permission.TRANSACTIONS_READ),
    ("Wallets", "/wallets/", "wallets", Permission.WALLETS_READ),
    ("Journal", "/journal/", "journal", Permission.LEDGER_READ),
    ("Trial balance", "/trial-balance/", "trial-balance", Permission.LEDGER_READ),
)


def of_visit(visit: "Visit") -> dict[str, object]:
    path = visit.request.path
    person = f"{visit.user.first_name} {visit.user.last_name}".strip() or visit.user.username
    return {
        "organization": visit.organization,
        "currency": visit.organization.functional_currency,
        "person": person,
        "initials": "".join(word[0] for word in person.split()[:2]).upper(),
        "email": visit.user.email,
        "role_name": ROLE_NAMES[visit.principal.role] if visit.principal.role else "",
        "zone": visit.zone,
        "event_head": visit.event_head,
        "navigation": [
            NavItem(label, link, icon, path == "/" if link == "/" else path.startswith(link))
            for label, link, icon, needed in _PAGES
            if visit.may(needed)
        ],
        "may_write_wallets": visit.may(Permission.WALLETS_WRITE),
    }
