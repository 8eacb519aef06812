"""Values of the slice."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

INSTALLATION = "installation"
"""The `org_id` of what happened outside every organisation: an account without one, the work of a PLATFORM_ADMIN."""


class Outcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True)
class AuditFilter:
    """What a reader looks for. None is everything."""

    action: str | None = None  # its beginning: `wallet.` is everything about wallets
    actor_id: str | None = None
    subject_kind: str | None = None
    subject_id: str | None = None
    outcome: Outcome | None = None
    ip: str | None = None
    request_id: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    q: str | None = None  # part of the summary, of the actor's name or of the subject's id


class Fault(StrEnum):
    ALTERED = "altered"
    MISSING = "missing"
    INSERTED = "inserted"
    BROKEN = "broken"  # the seals themselves: one is gone, or does not follow from the one before


@dataclass(frozen=True)
class Failure:
    fault: Fault
    record_id: str
    seq: int | None
    detail: str
