"""Values of the slice."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

INTERVAL_MAX = 99
OCCURRENCES_MAX = 1_200


class Frequency(StrEnum):
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    YEARLY = "yearly"


class RecurringMode(StrEnum):
    DRAFT = "draft"  # a person looks at it and issues it
    SEND = "send"  # issued and mailed at once


class RecurringStatus(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


class Schedule(BaseModel):
    """When. Every date is counted from the first one, so that a short month moves none after it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frequency: Frequency
    interval: int = 1  # every so many of them
    start_date: date
    month_end: bool = False  # always the last day of the month; else the day of the first date, or the last where the month has no such day
    end_date: date | None = None  # none after it
    occurrences: int | None = None  # no more than these


@dataclass(frozen=True)
class Recurred:
    """What is written each time, as it was reckoned once."""

    client_id: str
    client_name: str
    currency: str
    total: Decimal
    mode: RecurringMode
    template: dict[str, Any]  # the fields of an invoice that a person writes; in descriptions {date} and {month} stand for those of the period
