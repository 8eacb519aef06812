from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints

from crypto_api.deliveries.rules import REMINDER_DAYS_MAX, REMINDERS_MAX
from crypto_api.http.schemas.auth import Email
from crypto_api.http.schemas.base import Choice, Prose, ReadSchema, RequestSchema, Word, inert
from crypto_api.http.schemas.clients import OptionalLine
from crypto_api.http.schemas.invoices import RoundingRead
from crypto_api.invoices.documents import InvoiceSettings
from crypto_api.invoices.letters import PLACES
from crypto_api.invoices.rules import checked_bic, checked_iban
from crypto_api.invoices.service import PATTERNS, TEXTS
from crypto_api.invoices.types import ACCENT, InvoiceKind, Layout, Rounding, RoundingMode, TaxRounding

Pattern = Annotated[str, StringConstraints(min_length=1, max_length=80), AfterValidator(inert)]


def _iban(value: str) -> str:
    return checked_iban(inert(value))


def _bic(value: str) -> str:
    return checked_bic(inert(value))


Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9A-Fa-f]{6}$")]
ReminderDay = Annotated[int, Field(ge=-REMINDER_DAYS_MAX, le=REMINDER_DAYS_MAX)]
_PLACES = f"May name {', '.join(f'{{{place}}}' for place in PLACES)}."
_PLAIN = ("iban", "bic", "payment_details", "footer", "default_note", "reply_to", *TEXTS)


def _distinct(days: list[int]) -> list[int]:
    if len(set(days)) < len(days):
        raise ValueError("names a day twice")
    return sorted(days)


class RoundingBody(RequestSchema):
    mode: Choice[RoundingMode] = Field(default=RoundingMode.HALF_UP, examples=["half_up"])
    tax: Choice[TaxRounding] = Field(default=TaxRounding.PER_RATE, examples=["per_rate"], description="EN 16931 asks for `per_rate`.")


class InvoiceSettingsUpdate(RequestSchema):
    """What is left out stays as it is. It counts for drafts written from then on."""

    company_id: Word | None = Field(default=None, examples=["com_01k9x5r3v8"], description="Who sells; null: the organisation by its name alone.")
    number_patterns: dict[Choice[InvoiceKind], Pattern] | None = Field(
        default=None,
        examples=[{"invoice": "INV-{year}-{number:05}"}],
        description="By kind, with {number} or {number:05}, and {year}. Each pattern is a series.",
    )
    rounding: RoundingBody | None = None
    iban: Annotated[str, StringConstraints(max_length=60), AfterValidator(_iban)] | None = Field(default=None, examples=["DE89370400440532013000"])
    bic: Annotated[str, StringConstraints(max_length=20), AfterValidator(_bic)] | None = Field(default=None, examples=["COBADEFFXXX"])
    payment_details: Prose | None = Field(default=None, description="How to pay, in words.")
    footer: Prose | None = None
    default_note: Prose | None = Field(default=None, description="Of invoices that are written without a note.")
    template: Choice[Layout] | None = Field(default=None, examples=["classic"], description="One of GET /api/invoices/templates/.")
    accent: Colour | None = Field(default=None, examples=["#0B5CAD"], description="Its contrast with white must be 4.5 to 1: text is written in it.")
    reply_to: Email | None = Field(default=None, examples=["billing@byron.example"], description="Where answers to letters go; null: to the sender.")
    mail_subject: OptionalLine | None = Field(default=None, description=_PLACES, examples=["Invoice {number} from {seller}"])
    mail_text: Prose | None = Field(default=None, description="Empty: a text of ours, as everywhere here.")
    reminder_days: Annotated[list[ReminderDay], Field(max_length=REMINDERS_MAX), AfterValidator(_distinct)] | None = Field(
        default=None,
        examples=[[-3, 1, 14]],
        description="Days after the due date on which the client is reminded, before it where negative. Each once.",
    )
    reminder_subject: OptionalLine | None = None
    reminder_text_before: Prose | None = None
    reminder_text_after: Prose | None = None

    def fields(self) -> dict[str, Any]:
        sent = {name: getattr(self, name) for name in self.model_fields_set if name == "company_id" or getattr(self, name) is not None}
        if "reply_to" in self.model_fields_set:
            sent["reply_to"] = self.reply_to or ""
        if self.rounding is not None:
            sent["rounding"] = Rounding(**self.rounding.model_dump())
        if self.number_patterns is not None:
            sent["number_patterns"] = {kind.value: pattern for kind, pattern in self.number_patterns.items()}
        return sent


class InvoiceSettingsRead(ReadSchema):
    company_id: str | None = Field(examples=["com_01k9x5r3v8"])
    number_patterns: dict[InvoiceKind, str] = Field(examples=[{"invoice": "INV-{year}-{number:05}"}])
    rounding: RoundingRead
    iban: str
    bic: str
    payment_details: str
    footer: str
    default_note: str
    template: Layout
    accent: str
    reply_to: str
    mail_subject: str
    mail_text: str
    reminder_days: list[int]
    reminder_subject: str
    reminder_text_before: str
    reminder_text_after: str

    @classmethod
    def of(cls, row: InvoiceSettings | None) -> "InvoiceSettingsRead":
        own = row.number_patterns if row else {}
        rounding = row.rounding if row else Rounding()
        return cls(
            company_id=row.company_id if row else None,
            number_patterns={kind: own.get(kind) or pattern for kind, pattern in PATTERNS.items()},
            rounding=RoundingRead(**rounding.model_dump()),
            **{name: getattr(row, name) if row else "" for name in _PLAIN},
            template=row.template if row else Layout.CLASSIC,
            accent=row.accent if row else ACCENT,
            reminder_days=row.reminder_days if row else [],
        )


class TemplateRead(ReadSchema):
    id: Layout = Field(examples=["classic"])
    name: str
    description: str
    selected: bool = Field(description="Whether the organisation's invoices look so.")
