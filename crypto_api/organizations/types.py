"""Roles are named sets of permissions inside one organisation."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Permission(StrEnum):
    ORGANIZATION_READ = "organization.read"
    WALLETS_READ = "wallets.read"
    WALLETS_WRITE = "wallets.write"
    TRANSACTIONS_READ = "transactions.read"
    TRANSACTIONS_WRITE = "transactions.write"
    LEDGER_READ = "ledger.read"
    LEDGER_WRITE = "ledger.write"
    PRICES_READ = "prices.read"
    PRICES_WRITE = "prices.write"
    BLOCKCHAIN_READ = "blockchain.read"
    DASHBOARD_READ = "dashboard.read"
    TASKS_READ = "tasks.read"
    CONSOLES_READ = "consoles.read"


class Role(StrEnum):
    ADMIN = "ADMIN"
    MANAGER = "MANAGER"
    ACCOUNTANT = "ACCOUNTANT"
    APPROVER = "APPROVER"
    AUDITOR = "AUDITOR"
    USER = "USER"
    CLIENT = "CLIENT"


_READS = frozenset(permission for permission in Permission if permission.endswith(".read") and permission != Permission.CONSOLES_READ)

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission),
    Role.MANAGER: _READS | {Permission.CONSOLES_READ, Permission.WALLETS_WRITE},
    Role.ACCOUNTANT: _READS | {Permission.TRANSACTIONS_WRITE, Permission.LEDGER_WRITE, Permission.PRICES_WRITE, Permission.WALLETS_WRITE},
    Role.APPROVER: _READS,
    Role.AUDITOR: _READS,
    Role.USER: frozenset({Permission.ORGANIZATION_READ}),
    Role.CLIENT: frozenset(),
}


@dataclass(frozen=True)
class Principal:
    """Who is asking: a person in one organisation through one session. Without an organisation there is no permission."""

    user_id: str
    org_id: str | None
    role: Role | None
    permissions: frozenset[Permission]
    session_id: str
    expires_at: datetime  # when what they showed (access token, cookie, session) runs out

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions
