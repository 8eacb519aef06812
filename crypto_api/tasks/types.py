"""Values of the slice."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

INSTALLATION = "installation"
"""In the place of an organisation: work of the installation itself. No organisation's id looks like it."""


class TaskStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELLED})

RESUMED = frozenset({"backfill", "report", "audit_contract", "apply_classification_rules"})
"""Kinds that take as long as they take and go on by themselves where they were when a worker dies."""


class TaskLine(BaseModel):
    """One line of what a task said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime
    text: str


class JobRef(BaseModel):
    """The job of the queue that a task is: its name, its ids, and the queue's own id of it, the same at every attempt."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    payload: dict[str, str | int]


class ScheduleName(StrEnum):
    PRICES = "prices"
    CLASSIFICATION = "classification"
    RECEIPTS = "receipts"
    RECURRING_PAYMENTS = "recurring_payments"
    RECURRING_INVOICES = "recurring_invoices"
    OVERDUE_INVOICES = "overdue_invoices"
    INVOICE_REMINDERS = "invoice_reminders"
    INVOICE_LETTERS = "invoice_letters"
    NOTICE_LETTERS = "notice_letters"
    NEWS = "news"
    PAYROLLS = "payrolls"
    ACCOUNT_LETTERS = "account_letters"
    ABANDONED_TASKS = "abandoned_tasks"


@dataclass(frozen=True)
class Schedule:
    """Work that comes round by itself. `per_organization`: each can stop it for itself. `essential`: nobody can stop it, since what people ordered
    waits for it."""

    name: ScheduleName
    title: str
    about: str
    every_s: float
    per_organization: bool = True
    essential: bool = False


@dataclass(frozen=True)
class ScheduleRun:
    """How one pass went. `more`: another one has something to do at once; `soon_s`: after so many seconds. `failed` names organisations that it
    did not get through with, and why."""

    done: int = 0
    more: bool = False
    soon_s: float | None = None
    failed: Mapping[str, str] | None = None
