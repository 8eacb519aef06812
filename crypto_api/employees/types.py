"""Values of the slice."""

from dataclasses import dataclass
from enum import StrEnum

DEPTH_MAX = 50
"""How many people may stand one above the other, the highest and the lowest included."""


class EmployeeStatus(StrEnum):
    """INVITED → PENDING (has an account here, waits for the manager) → ACTIVE or REJECTED; ACTIVE ⇄ SUSPENDED; any → REMOVED, kept for
    its history."""

    INVITED = "invited"
    PENDING = "pending"
    ACTIVE = "active"
    REJECTED = "rejected"
    SUSPENDED = "suspended"
    REMOVED = "removed"


class EmployeeDecision(StrEnum):
    """Of whoever verifies an employee."""

    APPROVE = "approve"
    REJECT = "reject"


@dataclass(frozen=True)
class NewEmployee:
    """`email` is folded, or `@` and the user name of somebody who was named by that and has not agreed yet."""

    email: str
    first_name: str = ""
    last_name: str = ""
    job_title: str = ""
    department: str = ""
    manager_id: str | None = None
    start_date: str | None = None  # YYYY-MM-DD


@dataclass(frozen=True)
class Asked:
    """How somebody is asked to come: the ids are made before anything is stored."""

    employee_id: str
    invitation_id: str
    account_id: str | None = None  # made for them
    username: str = ""  # that it is to have


@dataclass(frozen=True)
class Scope:
    """Whom somebody may see or decide about. `team` is None for everybody in the organisation, else the ids of the own team; `own_id` is their
    own record, which they see and never decide about."""

    team: frozenset[str] | None = None
    own_id: str | None = None

    def sees(self, employee_id: str) -> bool:
        return self.team is None or employee_id in self.team or employee_id == self.own_id

    def governs(self, employee_id: str) -> bool:
        return employee_id != self.own_id and (self.team is None or employee_id in self.team)
