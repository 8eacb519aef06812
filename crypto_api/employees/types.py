"""Values of the slice."""

from enum import StrEnum


class EmployeeStatus(StrEnum):
    """INVITED → PENDING (has an account here, waits for the manager) → ACTIVE or REJECTED; ACTIVE ⇄ SUSPENDED; any → REMOVED, kept for
    its history."""

    INVITED = "invited"
    PENDING = "pending"
    ACTIVE = "active"
    REJECTED = "rejected"
    SUSPENDED = "suspended"
    REMOVED = "removed"
