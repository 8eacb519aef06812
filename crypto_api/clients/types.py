"""Values of the slice."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from crypto_api.kit.languages import Language

CONTACTS_MAX = 20
TERMS_DAYS_MAX = 365
TERMS_DAYS = 30


class ClientKind(StrEnum):
    COMPANY = "company"
    PERSON = "person"


class PostalAddress(BaseModel):
    """As EN 16931 BG-8 asks for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    line1: str = ""
    line2: str = ""
    city: str = ""
    postal_code: str = ""
    region: str = ""
    country: str = ""  # ISO 3166-1 alpha-2


class Contact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    email: str = ""
    phone: str = ""
    role: str = ""


@dataclass(frozen=True)
class NewClient:
    name: str
    kind: ClientKind = ClientKind.COMPANY
    email: str = ""
    phone: str = ""
    contacts: tuple[Contact, ...] = ()
    address: PostalAddress = field(default_factory=PostalAddress)
    tax_id: str = ""
    payment_terms_days: int = TERMS_DAYS
    currency: str | None = None
    language: Language | None = None
    note: str = ""

    def fields(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class TaxId:
    """A tax id in the form that its country writes it in. `checked`: the rule that it passed; empty where no rule of that country is known."""

    number: str
    checked: str
