"""Values of the slice, and the port through which a receiver is asked."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from crypto_api.kit.outside import Answered

WEBHOOKS_MAX = 20
"""Of one organisation."""

TEST_KIND = "webhook.test"
"""What the test button sends: no fact, so it is in no log."""


class WebhookStatus(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"  # by a person
    SUSPENDED = "suspended"  # its receiver took nothing for too long, or said that it is gone


class WebhookDeliveryStatus(StrEnum):
    DELIVERED = "delivered"
    WAITING = "waiting"  # for its next attempt; what comes behind it waits as well
    FAILED = "failed"  # it was tried once, as a person asked, and is not tried again by itself


class WebhookDeliveryPurpose(StrEnum):
    EVENT = "event"
    REPLAY = "replay"  # of one event, as a person asked
    TEST = "test"


class Attempt(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    at: datetime
    took_ms: int
    status: int | None  # of HTTP; None: there was no answer
    problem: str  # why it counts as failed, in words; empty: it was taken
    answer: str  # the beginning of what the receiver said


class SigningSecret(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    sealed: str
    made_at: datetime
    ends_at: datetime | None = None  # after a rotation; None: it is the one of today


class Receivers(Protocol):
    def refusal(self, url: str) -> str | None:
        """Why this address is never asked, as far as it can be told without asking."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answered:
        """Never raises for what a receiver does."""
        ...
