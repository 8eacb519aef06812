"""Values of the slice."""

import hashlib
from datetime import date, datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

TASK_KIND = "report"
KEPT_FOR = timedelta(days=7)
UNFINISHED_MAX = 20  # of an organisation
KEPT_MAX = 50  # of an organisation: what is more than that goes, the oldest first
TRIES_MAX = 3  # of workers that died over it
LEASE = timedelta(seconds=30)
"""How long a worker may say nothing until another takes its report up."""


class LongReportKind(StrEnum):
    GENERAL_LEDGER = "general_ledger"
    BOOKS = "books"
    CRYPTO_ROLL_FORWARD = "crypto_roll_forward"
    TAX_REPORT = "tax_report"
    TAX_REPORT_FILE = "tax_report_file"


class LongReportStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNFINISHED = frozenset({LongReportStatus.QUEUED, LongReportStatus.RUNNING})


class Wanted(BaseModel):
    """What was asked for. `form` is of the file; a report that is kept as a statement or tax report has none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: LongReportKind
    form: str | None = None
    account_code: str | None = None
    wallet_id: str | None = None
    asset: str | None = None
    first: date | None = None
    last: date | None = None
    compare_to: date | None = None
    known_at: datetime | None = None
    by: str | None = None  # into what a roll-forward is divided
    tax_report_id: str | None = None

    @property
    def digest(self) -> str:
        """The same for the same parameters."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()
