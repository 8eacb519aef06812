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
class Enterable:
    """An organisation that the person belongs to, in the switcher."""

    id: str
    name: str
    current: bool
    suspended: bool


@dataclass(frozen=True, slots=True)
class NavItem:
    label: str
    path: str
    icon: str
    active: bool


@dataclass(frozen=True, slots=True)
class NavGroup:
    label: str
    items: list[NavItem]


_PAGES = (
    ("Treasury", "Overview", "/", "overview", Permission.DASHBOARD_READ),
    ("Treasury", "Transactions", "/transactions/", "transactions", Permission.TRANSACTIONS_READ),
    ("Treasury", "Wallets", "/wallets/", "wallets", Permission.WALLETS_READ),
    ("Books", "Journal", "/journal/", "journal", Permission.LEDGER_READ),
    ("Books", "Trial balance", "/trial-balance/", "trial-balance", Permission.LEDGER_READ),
)
"""Group, label, path, icon, and the permission without which it is not offered."""


def of_reader(path: str, principal: Principal, user: User) -> dict[str, object]:
    """Who reads, and where they may go from the page at `path`."""
    person = f"{user.first_name} {user.last_name}".strip() or user.username
    return {
        "person": person,
        "initials": "".join(word[0] for word in person.split()[:2]).upper(),
        "email": user.email,
        "role_name": ROLE_NAMES.get(principal.role or "", ""),
        "navigation": navigation(path, principal),
        "may_write_wallets": principal.may(Permission.WALLETS_WRITE),
    }


def navigation(path: str, principal: Principal) -> list[NavGroup]:
    """The groups in which there is anything for this person. The longest path that the address begins with is where they are."""
    offered = [row for row in _PAGES if principal.may(row[4])]
    here = max((row[2] for row in offered if row[2] == path or (row[2] != "/" and path.startswith(row[2]))), key=len, default="")
    return [
        NavGroup(group, [NavItem(label, link, icon, link == here) for owner, label, link, icon, _ in offered if owner == group])
        for group in dict.fromkeys(row[0] for row in offered)
    ]
