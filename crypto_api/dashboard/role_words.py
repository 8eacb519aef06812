"""Roles and permissions in plain words, as a person who gives them needs to read them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from crypto_api.dashboard.translation import gettext, pgettext
from crypto_api.organizations.types import ABOUT, GRANTABLE, Permission, Role

ROLE_NAMES: Mapping[str, str] = {
    Role.ADMIN: "Administrator",
    Role.MANAGER: "Manager",
    Role.ACCOUNTANT: "Accountant",
    Role.APPROVER: "Approver",
    Role.AUDITOR: "Auditor",
    Role.USER: "Employee",
    Role.CLIENT: "Client",
    Role.PLATFORM_ADMIN: "Platform administrator",
}

_P = Permission
SUBJECTS: tuple[tuple[str, tuple[tuple[Permission, str, str], ...]], ...] = (
    (
        "Treasury",
        (
            (_P.DASHBOARD_READ, "See the overview", "Total value, balances and what moved last."),
            (_P.TRANSACTIONS_READ, "See transactions", "Every movement with its category and parties."),
            (_P.TRANSACTIONS_WRITE, "Annotate transactions", "Categories, notes and purposes; what a person says overrides the machine."),
            (_P.WALLETS_READ, "See wallets", "Names, addresses and what they hold."),
            (_P.WALLETS_WRITE, "Manage wallets", "Add, rename, pause and remove them. A stored key stays hidden."),
            (_P.BLOCKCHAIN_READ, "See networks", "Which chains are watched and how far they were read."),
            (_P.CONTRACTS_READ, "See contracts", "Registered contracts, their interface and source."),
            (_P.CONTRACTS_WRITE, "Manage contracts", "Register, verify and call them. A call that changes something is a payment."),
            (_P.INBOX_READ, "See open issues", "What does not agree yet, and why."),
            (_P.INBOX_WRITE, "Resolve open issues", "Apply a remedy, or waive with a reason."),
        ),
    ),
    (
        "Payments",
        (
            (_P.PAYMENTS_READ, "See payments", "What is to be paid, by whom it was approved, and how far it is."),
            (_P.PAYMENTS_PREPARE, "Prepare payments", "Draft, simulate and submit them, speed them up and cancel them."),
            (_P.PAYMENTS_APPROVE, "Approve payments", "What others prepared; never their own. Managers: up to the limit of the policy."),
            (_P.ADDRESS_BOOK_READ, "See the address book", "Who may be paid, and at which address."),
            (_P.ADDRESS_BOOK_WRITE, "Keep the address book", "Add, change and remove payees. Each needs another person's verification."),
            (_P.ADDRESS_BOOK_VERIFY, "Verify payees", "Say that an address is the payee's. Never one that they wrote down themselves."),
            (_P.POLICIES_READ, "See payment policies", "Limits, approvals and delays."),
            (_P.POLICIES_WRITE, "Change payment policies", "Propose changes and confirm those of others."),
        ),
    ),
    (
        "Getting paid",
        (
            (_P.CLIENTS_READ, "See clients", "Whom invoices go to, their terms and contacts."),
            (_P.CLIENTS_WRITE, "Manage clients", "Add, change and archive them."),
            (_P.INVOICES_READ, "See invoices", "Every invoice, quote and credit note, what is owed and since when."),
            (_P.INVOICES_WRITE, "Write invoices", "Write and issue them, record payments, credit and cancel."),
            (_P.INVOICES_OWN, "See own invoices", "Those issued to the client that somebody was invited as, and nothing else."),
        ),
    ),
    (
        "Paying people",
        (
            (_P.PAYROLL_READ, "See payroll", "What people earn, their payslips, and how they were paid. Managers: of their own team."),
            (_P.PAYROLL_WRITE, "Prepare payroll", "Write what people earn, open payrolls and prepare payslips; recurring payments."),
            (_P.PAYROLL_APPROVE, "Approve payslips", "What others prepared; never their own. Managers: of their own team."),
        ),
    ),
    (
        "Books",
        (
            (_P.LEDGER_READ, "See the books", "Journal, accounts and trial balance."),
            (_P.LEDGER_WRITE, "Keep the books", "Write, post and reverse entries; manage accounts."),
            (_P.LEDGER_APPROVE, "Approve entries", "By hand, where the organisation asks for it; never what they wrote or edited themselves."),
            (_P.LEDGER_CLOSE, "Close periods", "Close a month when everything agrees, and reopen it."),
            (_P.PRICES_READ, "See exchange rates", "The rates that values rest on."),
            (_P.PRICES_WRITE, "Enter exchange rates", "Where no source has one."),
        ),
    ),
    (
        "People",
        (
            (_P.EMPLOYEES_READ, "See the team", "Who works here, and who leads whom."),
            (_P.EMPLOYEES_WRITE, "Manage the team", "Add people, change their place and manager, suspend and remove them."),
            (_P.EMPLOYEES_VERIFY, "Verify people", "Decide whether somebody who joined is who they say. Managers: in their own team."),
            (_P.MEMBERS_READ, "See members", "Everybody with access, their role, and open invitations."),
            (_P.MEMBERS_WRITE, "Manage members", "Invite, change roles, suspend and remove. Nobody gives more than they have."),
        ),
    ),
    (
        "Organisation",
        (
            (_P.ORGANIZATION_READ, "See the organisation", "Its settings, policies and companies."),
            (_P.ORGANIZATION_WRITE, "Change the organisation", "Name, time zone, policies and companies."),
            (_P.ROLES_READ, "See roles", "What each role may do."),
            (_P.ROLES_WRITE, "Manage roles", "Make roles of the organisation's own and change them."),
            (_P.AUDIT_READ, "Read the audit log", "Who did what, when and from where. Also download it."),
            (_P.WEBHOOKS_READ, "See webhooks", "Which programs are told what happens, and what became of it."),
            (_P.WEBHOOKS_WRITE, "Manage webhooks", "Tell a program everything that happens here, read its secret, send again."),
        ),
    ),
    (
        "Live",
        (
            (_P.TASKS_READ, "See tasks", "Long work in progress and how it went."),
            (_P.TASKS_WRITE, "Operate automation", "Starts, stops and runs schedules; cancels tasks and has them done again."),
            (_P.CONSOLES_READ, "Watch the consoles", "Live statistics and task logs, for operations."),
        ),
    ),
)
"""Every permission that a role can be made of, once, by what it is about."""


@dataclass(frozen=True, slots=True)
class PermissionChoice:
    value: str
    label: str
    says: str
    held: bool
    grantable: bool  # nobody gives away more than they have


@dataclass(frozen=True, slots=True)
class PermissionGroup:
    label: str
    choices: list[PermissionChoice]

    @property
    def held(self) -> int:
        return sum(choice.held for choice in self.choices)


def permission_groups(held: Collection[str], givable: Collection[str] = GRANTABLE) -> list[PermissionGroup]:
    return [
        PermissionGroup(
            gettext(label), [PermissionChoice(row.value, gettext(name), gettext(says), row in held, row in givable) for row, name, says in rows]
        )
        for label, rows in SUBJECTS
    ]


def role_name(role: str | None, own: Mapping[str, str]) -> str:
    """`own` maps the ids of the organisation's own roles to their names."""
    if role is None:
        return ""
    return built_in_name(role) or own.get(role) or gettext("A role that was deleted")


def built_in_name(role: str) -> str:
    """Nothing for one that is not built in."""
    return pgettext("role", ROLE_NAMES[role]) if role in ROLE_NAMES else ""


def about_role(role: str) -> str:
    """What somebody with this built-in role is for."""
    return gettext(ABOUT[role]) if role in ABOUT else ""
