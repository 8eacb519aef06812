"""What every page of somebody logged in needs around its content."""

from dataclasses import dataclass

from django.http import HttpRequest

from crypto_api.identity.documents import User
from crypto_api.organizations.types import Permission, Principal, Role

ROLE_NAMES: dict[str, str] = {
    Role.ADMIN: "Administrator",
    Role.MANAGER: "Manager",
    Role.ACCOUNTANT: "Accountant",
    Role.APPROVER: "Approver",
    Role.AUDITOR: "Auditor",
    Role.USER: "Employee",
    Role.CLIENT: "Client",
    Role.PLATFORM_ADMIN: "Platform administrator",
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


def of_reader(path: str, principal: Principal, user: User) -> dict[str, object]:
    """Who reads, and where they may go from the page at `path`."""
    person = f"{user.first_name} {user.last_name}".strip() or user.username
    return {
        "person": person,
        "initials": "".join(word[0] for word in person.split()[:2]).upper(),
        "email": user.email,
        "role_name": ROLE_NAMES.get(principal.role or "", ""),
        "navigation": [
            NavItem(label, link, icon, path == "/" if link == "/" else path.startswith(link))
            for label, link, icon, needed in _PAGES
            if principal.may(needed)
        ],
        "may_write_wallets": principal.may(Permission.WALLETS_WRITE),
    }
