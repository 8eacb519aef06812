from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints
from stdnum import bic, iban
from stdnum.exceptions import ValidationError

from crypto_api.http.schemas.base import Choice, Prose, ReadSchema, RequestSchema, Word, inert
from crypto_api.http.schemas.invoices import RoundingRead
from crypto_api.invoices.documents import InvoiceSettings
from crypto_api.invoices.service import PATTERNS
from crypto_api.invoices.types import InvoiceKind, Rounding, RoundingMode, TaxRounding

Pattern = Annotated[str, StringConstraints(min_length=1, max_length=80), AfterValidator(inert)]


def _iban(value: str) -> str:
    inert(value)
    try:
        return str(iban.validate(value)) if value.strip() else ""
    except ValidationError as error:
        raise ValueError("is no valid IBAN: look for a typing error") from error


def _bic(value: str) -> str:
    inert(value)
    try:
        return str(bic.validate(value)) if value.strip() else ""
    except ValidationError as error:
        raise ValueError("is no valid BIC") from error


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

    def fields(self) -> dict[str, Any]:
        sent = {name: getattr(self, name) for name in self.model_fields_set if name == "company_id" or getattr(self, name) is not None}
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

    @classmethod
    def of(cls, row: InvoiceSettings | None) -> "InvoiceSettingsRead":
        own = row.number_patterns if row else {}
        rounding = row.rounding if row else Rounding()
        return cls(
            company_id=row.company_id if row else None,
            number_patterns={kind: own.get(kind) or pattern for kind, pattern in PATTERNS.items()},
            rounding=RoundingRead(**rounding.model_dump()),
            **{name: getattr(row, name) if row else "" for name in ("iban", "bic", "payment_details", "footer")},
        )
