"""What every page of somebody logged in needs around its content."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.translation import gettext

from crypto_api.dashboard import shortcuts
from crypto_api.dashboard.role_words import built_in_name
from crypto_api.identity.documents import User
from crypto_api.organizations.types import Permission, Principal, Role

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
    ("Treasury", "Portfolio", "/portfolio/", "portfolio", Permission.PRICES_READ),
    ("Treasury", "Insights", "/insights/", "insights", Permission.LEDGER_READ),
    ("Treasury", "Transactions", "/transactions/", "transactions", Permission.TRANSACTIONS_READ),
    ("Treasury", "Wallets", "/wallets/", "wallets", Permission.WALLETS_READ),
    ("Treasury", "Contracts", "/contracts/", "contracts", Permission.CONTRACTS_READ),
    ("Treasury", "Audits", "/audits/", "audits", Permission.CONTRACTS_READ),
    ("Treasury", "Networks", "/networks/", "networks", Permission.BLOCKCHAIN_READ),
    ("Treasury", "Prices", "/prices/", "prices", Permission.PRICES_READ),
    ("Treasury", "News", "/news/", "news", Permission.DASHBOARD_READ),
    ("Treasury", "Inbox", "/inbox/", "inbox", Permission.INBOX_READ),
    ("Treasury", "Understanding", "/review/", "understanding", Permission.TRANSACTIONS_READ),
    ("Payments", "Approvals", "/approvals/", "approvals", Permission.PAYMENTS_READ),
    ("Payments", "Payments", "/payments/", "payments", Permission.PAYMENTS_READ),
    ("Payments", "Recurring", "/recurring-payments/", "recurring", Permission.PAYMENTS_READ),
    ("Payments", "Address book", "/address-book/", "address-book", Permission.ADDRESS_BOOK_READ),
    ("Payments", "Policy", "/payment-policy/", "payment-policy", Permission.POLICIES_READ),
    ("Receivables", "Invoices", "/invoices/", "invoices", Permission.INVOICES_READ),
    ("Receivables", "Receipts", "/receipts/", "receipts", Permission.INVOICES_READ),
    ("Invoices", "Your invoices", "/my-invoices/", "invoices", Permission.INVOICES_OWN),
    ("Receivables", "Clients", "/clients/", "clients", Permission.CLIENTS_READ),
    ("Books", "Journal", "/journal/", "journal", Permission.LEDGER_READ),
    ("Books", "Accounts", "/accounts/", "accounts", Permission.LEDGER_READ),
    ("Books", "General ledger", "/general-ledger/", "general-ledger", Permission.LEDGER_READ),
    ("Books", "Trial balance", "/trial-balance/", "trial-balance", Permission.LEDGER_READ),
    ("Books", "Statements", "/statements/", "statements", Permission.LEDGER_READ),
    ("Books", "Tax", "/tax/", "tax", Permission.LEDGER_READ),
    ("Books", "Method of lots", "/lot-policy/", "lot-policy", Permission.LEDGER_READ),
    ("Books", "Exports", "/exports/", "exports", Permission.LEDGER_READ),
    ("Books", "Closing", "/closing/", "closing", Permission.LEDGER_READ),
    ("People", "Payroll", "/payroll/", "payroll", Permission.PAYROLL_READ),
    ("People", "My pay", "/my-pay/", "my-pay", Permission.ORGANIZATION_READ),
    ("People", "Team", "/team/", "team", Permission.EMPLOYEES_READ),
    ("People", "Verification", "/team/verification/", "verification", Permission.EMPLOYEES_VERIFY),
    ("Organisation", "Members", "/members/", "members", Permission.MEMBERS_READ),
    ("Organisation", "Roles", "/roles/", "roles", Permission.ROLES_READ),
    ("Consoles", "Task log", "/tasks/", "tasks", Permission.CONSOLES_READ),
    ("Consoles", "Statistics", "/statistics/", "statistics", Permission.CONSOLES_READ),
    ("Consoles", "Users online", "/users-online/", "users-online", Permission.CONSOLES_READ),
    ("Consoles", "Automation", "/automation/", "automation", Permission.TASKS_READ),
    ("Consoles", "Dead letters", "/dead-letters/", "dead-letters", Permission.TASKS_READ),
    ("Organisation", "Webhooks", "/webhooks/", "webhooks", Permission.WEBHOOKS_READ),
    ("Organisation", "Audit log", "/audit-log/", "audit-log", Permission.AUDIT_READ),
    ("Organisation", "Settings", "/organization/", "settings", Permission.ORGANIZATION_READ),
    ("Installation", "Status", "/platform/", "status", Permission.PLATFORM_READ),
    ("Installation", "Organisations", "/platform/organizations/", "organizations", Permission.PLATFORM_READ),
    ("Installation", "People", "/platform/users/", "people", Permission.PLATFORM_READ),
    ("Installation", "Automation", "/platform/automation/", "automation", Permission.PLATFORM_READ),
    ("Installation", "Dead letters", "/platform/dead-letters/", "dead-letters", Permission.PLATFORM_READ),
)
"""Group, label, path, icon, and the permission without which it is not offered. Groups and labels stand in the catalogues of languages."""


def of_reader(path: str, principal: Principal, user: User, own_role: str) -> dict[str, object]:
    """Who reads, and where they may go from the page at `path`. `own_role` names a role of the organisation's own."""
    person = f"{user.first_name} {user.last_name}".strip() or user.username
    return {
        "person": person,
        "initials": "".join(word[0] for word in person.split()[:2]).upper(),
        "email": user.email,
        "role_name": built_in_name(principal.role or "") or own_role,
        "is_platform": principal.role == Role.PLATFORM_ADMIN,
        "navigation": navigation(path, principal),
        "shortcuts": shortcuts.sheet(principal, {row[2] for row in _offered(principal)}),
        "may_be_told": principal.may(Permission.ORGANIZATION_READ),
        "may_write_wallets": principal.may(Permission.WALLETS_WRITE),
    }


def navigation(path: str, principal: Principal) -> list[NavGroup]:
    """The groups in which there is anything for this person. The longest path that the address begins with is where they are."""
    offered = _offered(principal)
    here = max((row[2] for row in offered if row[2] == path or (row[2] != "/" and path.startswith(row[2]))), key=len, default="")
    return [
        NavGroup(
            gettext(group), [NavItem(gettext(label), link, icon, link == here) for owner, label, link, icon, *_rest in offered if owner == group]
        )
        for group in dict.fromkeys(row[0] for row in offered)
    ]


def pages_of(principal: Principal) -> list[tuple[str, str, str]]:
    """Group, label and path of each page that is offered to this person."""
    return [(gettext(group), gettext(label), path) for group, label, path, *_rest in _offered(principal)]


def _offered(principal: Principal) -> list[tuple[str, str, str, str, Permission]]:
    return [row for row in _PAGES if principal.may(row[4]) and not (row[4] is Permission.INVOICES_OWN and principal.may(Permission.INVOICES_READ))]
