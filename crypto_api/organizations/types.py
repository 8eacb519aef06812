"""Roles are named sets of permissions inside one organisation: some built in, others made by the organisation."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Permission(StrEnum):
    ORGANIZATION_READ = "organization.read"
    ORGANIZATION_WRITE = "organization.write"
    MEMBERS_READ = "members.read"
    MEMBERS_WRITE = "members.write"
    ROLES_READ = "roles.read"
    ROLES_WRITE = "roles.write"
    EMPLOYEES_READ = "employees.read"
    EMPLOYEES_WRITE = "employees.write"
    EMPLOYEES_VERIFY = "employees.verify"
    AUDIT_READ = "audit.read"
    WALLETS_READ = "wallets.read"
    WALLETS_WRITE = "wallets.write"
    TRANSACTIONS_READ = "transactions.read"
    TRANSACTIONS_WRITE = "transactions.write"
    LEDGER_READ = "ledger.read"
    LEDGER_WRITE = "ledger.write"
    LEDGER_APPROVE = "ledger.approve"
    LEDGER_CLOSE = "ledger.close"
    PRICES_READ = "prices.read"
    PRICES_WRITE = "prices.write"
    BLOCKCHAIN_READ = "blockchain.read"
    PAYMENTS_READ = "payments.read"
    PAYMENTS_PREPARE = "payments.prepare"
    PAYMENTS_APPROVE = "payments.approve"
    ADDRESS_BOOK_READ = "address_book.read"
    ADDRESS_BOOK_WRITE = "address_book.write"
    ADDRESS_BOOK_VERIFY = "address_book.verify"
    POLICIES_READ = "policies.read"
    POLICIES_WRITE = "policies.write"
    CLIENTS_READ = "clients.read"
    CLIENTS_WRITE = "clients.write"
    INVOICES_READ = "invoices.read"
    INVOICES_WRITE = "invoices.write"
    INVOICES_OWN = "invoices.own"
    PAYROLL_READ = "payroll.read"
    PAYROLL_WRITE = "payroll.write"
    PAYROLL_APPROVE = "payroll.approve"
    CONTRACTS_READ = "contracts.read"
    CONTRACTS_WRITE = "contracts.write"
    INBOX_READ = "inbox.read"
    INBOX_WRITE = "inbox.write"
    WEBHOOKS_READ = "webhooks.read"
    WEBHOOKS_WRITE = "webhooks.write"
    DASHBOARD_READ = "dashboard.read"
    TASKS_READ = "tasks.read"
    TASKS_WRITE = "tasks.write"
    CONSOLES_READ = "consoles.read"
    PLATFORM_READ = "platform.read"
    PLATFORM_WRITE = "platform.write"


PLATFORM = frozenset({Permission.PLATFORM_READ, Permission.PLATFORM_WRITE})
"""Of the installation, not of an organisation: no role of an organisation can hold them."""

GRANTABLE = frozenset(Permission) - PLATFORM
"""What a role of an organisation can be made of."""


class PayslipMail(StrEnum):
    """What the letter about a payslip holds."""

    LINK = "link"  # the way to it: what somebody earns lies in no mailbox
    ATTACHED = "attached"  # the payslip itself as a PDF as well


class Role(StrEnum):
    """The built-in ones. An organisation's own role goes by its id."""

    ADMIN = "ADMIN"
    MANAGER = "MANAGER"
    ACCOUNTANT = "ACCOUNTANT"
    APPROVER = "APPROVER"
    AUDITOR = "AUDITOR"
    USER = "USER"
    CLIENT = "CLIENT"
    PLATFORM_ADMIN = "PLATFORM_ADMIN"


MEMBER_ROLES = tuple(role for role in Role if role is not Role.PLATFORM_ADMIN)

_READS = frozenset(
    permission
    for permission in GRANTABLE
    if permission.endswith(".read") and permission not in (Permission.CONSOLES_READ, Permission.AUDIT_READ, Permission.WEBHOOKS_READ)
)

PERMISSIONS: Mapping[str, frozenset[Permission]] = {
    Role.ADMIN: GRANTABLE,
    Role.MANAGER: _READS
    | {Permission.CONSOLES_READ, Permission.WALLETS_WRITE, Permission.EMPLOYEES_VERIFY, Permission.PAYMENTS_APPROVE, Permission.PAYROLL_APPROVE},
    Role.ACCOUNTANT: _READS
    | {
        Permission.TRANSACTIONS_WRITE,
        Permission.LEDGER_WRITE,
        Permission.LEDGER_CLOSE,
        Permission.PRICES_WRITE,
        Permission.WALLETS_WRITE,
        Permission.PAYMENTS_PREPARE,
        Permission.ADDRESS_BOOK_WRITE,
        Permission.CLIENTS_WRITE,
        Permission.INVOICES_WRITE,
        Permission.PAYROLL_WRITE,
        Permission.CONTRACTS_WRITE,
        Permission.INBOX_WRITE,
    },
    Role.APPROVER: _READS | {Permission.PAYMENTS_APPROVE, Permission.ADDRESS_BOOK_VERIFY, Permission.LEDGER_APPROVE, Permission.PAYROLL_APPROVE},
    Role.AUDITOR: _READS | {Permission.AUDIT_READ, Permission.WEBHOOKS_READ},
    Role.USER: frozenset({Permission.ORGANIZATION_READ}),
    Role.CLIENT: frozenset({Permission.INVOICES_OWN}),
    Role.PLATFORM_ADMIN: PLATFORM,
}


ABOUT: Mapping[str, str] = {
    Role.ADMIN: "Everything in the organisation.",
    Role.MANAGER: "Own team: verifies and removes employees; approves their payslips, and payments up to a limit; reads the rest.",
    Role.ACCOUNTANT: "Books, invoices, payroll, reports, tax and classification; prepares payments.",
    Role.APPROVER: "Approves what others prepared; prepares nothing.",
    Role.AUDITOR: "Reads everything, the audit log too; changes nothing.",
    Role.USER: "An employee: own profile, own wallets, own payslips.",
    Role.CLIENT: "Own invoices and payments only.",
}
"""What each built-in role is for, in words for the person who gives it."""

INVITATION_LIFETIME = timedelta(days=7)
RESEND_PAUSE = timedelta(minutes=1)
OPEN_INVITATIONS_MAX = 500
CUSTOM_ROLES_MAX = 100


@dataclass(frozen=True)
class NewOrganization:
    name: str
    functional_currency: str = "USD"  # ISO 4217
    time_zone: str = "UTC"  # IANA
    fiscal_year_start: str = "01-01"  # MM-DD


class Denied(StrEnum):
    """Why a member has no permission at the moment, although their role has some. The value is the `code` of the 403."""

    SECOND_FACTOR_REQUIRED = "second_factor_required"
    SUSPENDED = "suspended"


@dataclass(frozen=True)
class Principal:
    """Who is asking: a person in one organisation through one session. Without an organisation there is no permission, but for a
    PLATFORM_ADMIN, who is a member of none."""

    user_id: str
    org_id: str | None
    role: str | None  # a `Role`, or the id of the organisation's own
    permissions: frozenset[Permission]
    session_id: str
    expires_at: datetime  # when what they showed (access token, cookie, session) runs out
    denied: Denied | None = None  # then `permissions` is empty
    username: str = ""  # as it is now, for the audit log

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions
