from typing import Any

from pydantic import Field

from crypto_api.events.types import DomainEvent
from crypto_api.flows.keep_webhooks import NewWebhook
from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import Line, Prose, ReadSchema, RequestSchema, Time, Word
from crypto_api.webhooks import rules
from crypto_api.webhooks.documents import Webhook, WebhookDelivery
from crypto_api.webhooks.types import Attempt, WebhookDeliveryPurpose, WebhookDeliveryStatus, WebhookStatus

_URL = "https://accounting.example.com/coffer"
_KINDS = "`invoice.paid`, or `invoice.*` for all that begin so; empty: everything."


class WebhookQuery(PageQuery):
    status: WebhookStatus | None = None


class WebhookCreate(RequestSchema):
    """It is told what happens from now on, as far as an administrator may see it."""

    url: Word = Field(max_length=rules.URL_MAX, examples=[_URL], description="Over https, in the open internet.")
    kinds: list[Line] = Field(default=[], max_length=rules.KINDS_MAX, examples=[["invoice.paid", "payment.*"]], description=_KINDS)
    description: Prose = Field(default="", max_length=200, examples=["Our accounting system"])

    def new(self) -> NewWebhook:
        return NewWebhook(self.url, self.kinds, self.description)


class WebhookUpdate(RequestSchema):
    """What is left out stays."""

    url: Word | None = Field(default=None, max_length=rules.URL_MAX, examples=[_URL])
    kinds: list[Line] | None = Field(default=None, max_length=rules.KINDS_MAX, examples=[["invoice.*"]], description=_KINDS)
    description: Prose | None = Field(default=None, max_length=200)
    paused: bool | None = Field(default=None, description="While paused nothing is sent; what happens meanwhile is sent afterwards.")

    def fields(self) -> dict[str, Any]:
        told = {name: value for name in ("url", "kinds", "description") if (value := getattr(self, name)) is not None}
        if self.paused is not None:
            told["status"] = WebhookStatus.PAUSED if self.paused else WebhookStatus.ACTIVE
        return told


class WebhookRotate(RequestSchema):
    at_once: bool = Field(default=False, examples=[False], description="True: the old secret signs no more. False: both sign for 24 hours.")


class WebhookResume(RequestSchema):
    after_seq: int | None = Field(
        default=None,
        ge=0,
        examples=[1200],
        description="It is sent what comes behind this number, also what it was sent before. Left out: what comes behind the last that it took.",
    )


class WebhookSecretRead(ReadSchema):
    secret: str = Field(examples=["whsec_c2VjcmV0"], description="Base64 behind `whsec_`: the key of the HMAC-SHA256 in `webhook-signature`.")


class WebhookRead(ReadSchema):
    id: str = Field(examples=["whk_01k9x5r3v8"])
    url: str = Field(examples=[_URL])
    kinds: list[str]
    description: str
    status: WebhookStatus
    done_seq: int = Field(description="It took every event up to this number that it wants.")
    tries: int = Field(description="How often the event behind that was tried in vain.")
    failing_since: Time | None
    retry_at: Time | None
    taken_at: Time | None = Field(description="When it took something last.")
    problem: str = Field(description="Of the last attempt, if that failed.")
    created_by: str
    created_at: Time

    @classmethod
    def of(cls, row: Webhook) -> "WebhookRead":
        return cls(**row.model_dump(include=set(cls.model_fields)))


class WebhookDeliveryQuery(PageQuery):
    status: WebhookDeliveryStatus | None = None
    purpose: WebhookDeliveryPurpose | None = None


class WebhookAttemptRead(ReadSchema):
    at: Time
    took_ms: int
    status: int | None = Field(description="Of HTTP; null: there was no answer.")
    problem: str = Field(description="Why it counts as failed; empty: it was taken.")
    answer: str = Field(description="The beginning of what the receiver said.")

    @classmethod
    def of(cls, row: Attempt) -> "WebhookAttemptRead":
        return cls(**row.model_dump())


class WebhookDeliveryRead(ReadSchema):
    id: str = Field(examples=["whd_01k9x5r3v8"])
    webhook_id: str
    event_id: str = Field(description="The header `webhook-id`: the same at every attempt and replay.")
    event_kind: str = Field(examples=["invoice.paid"])
    seq: int | None
    purpose: WebhookDeliveryPurpose
    status: WebhookDeliveryStatus
    tries: int
    attempts: list[WebhookAttemptRead] = Field(description="The last 20.")
    requested_by: str | None
    created_at: Time

    @classmethod
    def of(cls, row: WebhookDelivery) -> "WebhookDeliveryRead":
        told = row.model_dump(include=set(cls.model_fields) - {"attempts"})
        return cls(**told, attempts=[WebhookAttemptRead.of(attempt) for attempt in row.attempts])


class EventKindRead(ReadSchema):
    kind: str = Field(examples=["invoice.paid"])
    permission: str = Field(examples=["invoices.read"])
    about: str
    data_schema: dict[str, Any] = Field(description="JSON Schema of `data`.")

    @classmethod
    def of(cls, event: type[DomainEvent]) -> "EventKindRead":
        schema = event.model_json_schema()
        return cls(kind=event.kind, permission=str(event.permission), about=schema.pop("description", ""), data_schema=schema)


class EventKindsRead(ReadSchema):
    items: list[EventKindRead]
