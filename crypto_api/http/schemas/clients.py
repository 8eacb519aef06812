from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from crypto_api.clients.documents import Client
from crypto_api.clients.types import CONTACTS_MAX, TERMS_DAYS, TERMS_DAYS_MAX, ClientKind, Contact, NewClient, PostalAddress
from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.auth import Email
from crypto_api.http.schemas.base import Choice, Line, Prose, QueryFlag, ReadSchema, RequestSchema, Time, Word, inert
from crypto_api.http.schemas.companies import Country, TaxId
from crypto_api.http.schemas.organizations import Currency
from crypto_api.kit.languages import Language

OptionalLine = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(inert)]
Phone = Annotated[str, StringConstraints(strip_whitespace=True, max_length=40, pattern=r"^[0-9+(][0-9 +()./-]*$|^$")]
_LANGUAGE = "In which letters to it are written, where the organisation has no text of its own; null: English."
_TERMS = "Days between issuing and due."
_TAX_ID = "Checked by the rule of the address's country (length, shape, check digits), and written as that country writes it."


class AddressBody(RequestSchema):
    line1: OptionalLine = Field(default="", examples=["Unter den Linden 1"])
    line2: OptionalLine = ""
    city: OptionalLine = Field(default="", examples=["Berlin"])
    postal_code: Annotated[OptionalLine, StringConstraints(max_length=20)] = Field(default="", examples=["10117"])
    region: OptionalLine = ""
    country: Country = Field(default="", examples=["DE"], description="ISO 3166-1 alpha-2.")


class ContactBody(RequestSchema):
    name: Line = Field(examples=["Jonas Weber"])
    email: Email | None = Field(default=None, examples=["jonas@example.com"])
    phone: Phone = Field(default="", examples=["+49 30 1234567"])
    role: OptionalLine = Field(default="", examples=["Accounts payable"])

    def contact(self) -> Contact:
        return Contact(name=self.name, email=self.email or "", phone=self.phone, role=self.role)


Contacts = Annotated[list[ContactBody], Field(max_length=CONTACTS_MAX)]
Terms = Annotated[int, Field(ge=0, le=TERMS_DAYS_MAX)]


class ClientCreate(RequestSchema):
    name: Line = Field(examples=["Analytical Engines GmbH"])
    kind: Choice[ClientKind] = Field(default=ClientKind.COMPANY, examples=["company"])
    email: Email | None = Field(default=None, examples=["billing@example.com"], description="Where invoices are sent.")
    phone: Phone = ""
    contacts: Contacts = Field(default_factory=list)
    address: AddressBody = Field(default_factory=AddressBody)
    tax_id: TaxId = Field(default="", examples=["DE136695976"], description=_TAX_ID)
    payment_terms_days: Terms = Field(default=TERMS_DAYS, description=_TERMS)
    currency: Currency | None = Field(default=None, examples=["EUR"], description="Of its invoices; null: the organisation's.")
    language: Choice[Language] | None = Field(default=None, examples=["de"], description=_LANGUAGE)
    note: Prose = ""

    def new(self) -> NewClient:
        return NewClient(
            name=self.name,
            kind=self.kind,
            email=self.email or "",
            phone=self.phone,
            contacts=tuple(row.contact() for row in self.contacts),
            address=PostalAddress(**self.address.model_dump()),
            tax_id=self.tax_id,
            payment_terms_days=self.payment_terms_days,
            currency=self.currency,
            language=self.language,
            note=self.note,
        )


class ClientUpdate(RequestSchema):
    """What is left out stays as it is; `email`, `currency` and `language` may be null. `contacts` and `address` are replaced as a whole."""

    name: Line | None = Field(default=None, examples=["Analytical Engines GmbH"])
    kind: Choice[ClientKind] | None = None
    email: Email | None = Field(default=None, examples=["billing@example.com"])
    phone: Phone | None = None
    contacts: Contacts | None = None
    address: AddressBody | None = None
    tax_id: TaxId | None = Field(default=None, examples=["DE136695976"], description=_TAX_ID)
    payment_terms_days: Terms | None = Field(default=None, description=_TERMS)
    currency: Currency | None = Field(default=None, examples=["EUR"])
    language: Choice[Language] | None = Field(default=None, examples=["de"], description=_LANGUAGE)
    note: Prose | None = None
    archived: bool | None = Field(default=None, description="True takes it off the list, false brings it back.")

    @model_validator(mode="after")
    def _present(self) -> "ClientUpdate":
        if any(getattr(self, name) is None for name in self.model_fields_set - {"email", "currency", "language"}):
            raise ValueError("only email, currency and language can be null")
        return self

    def fields(self) -> dict[str, Any]:
        """Those that were sent."""
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        if "email" in sent:
            sent["email"] = sent["email"] or ""
        if self.contacts is not None:
            sent["contacts"] = [row.contact() for row in self.contacts]
        if self.address is not None:
            sent["address"] = PostalAddress(**self.address.model_dump())
        return sent


class ClientQuery(PageQuery):
    archived: QueryFlag = Field(default=False, description="True: those that were archived, and only those.")
    kind: ClientKind | None = None
    country: Word | None = None
    q: Word | None = Field(default=None, description="Part of the name, the e-mail address, the tax id, or of a contact.")


class AddressRead(ReadSchema):
    line1: str
    line2: str
    city: str
    postal_code: str
    region: str
    country: str = Field(examples=["DE"])


class ContactRead(ReadSchema):
    name: str = Field(examples=["Jonas Weber"])
    email: str
    phone: str
    role: str


class ClientRead(ReadSchema):
    id: str = Field(examples=["cli_01k9x5r3v8"])
    name: str = Field(examples=["Analytical Engines GmbH"])
    kind: ClientKind
    email: str = Field(examples=["billing@example.com"])
    phone: str
    contacts: list[ContactRead]
    address: AddressRead
    tax_id: str = Field(examples=["DE136695976"])
    tax_id_checked: str = Field(examples=["de.vat"], description="The rule that the tax id passed; empty: none is known for that country.")
    payment_terms_days: int = Field(examples=[30])
    currency: str | None = Field(examples=["EUR"])
    language: Language | None = Field(examples=["de"])
    note: str
    created_by: str = Field(examples=["usr_01k9x5r3v8"])
    archived_at: Time | None
    created_at: Time
    updated_at: Time

    @classmethod
    def of(cls, row: Client) -> "ClientRead":
        plain = {name: getattr(row, name) for name in cls.model_fields}
        contacts = [ContactRead(**contact.model_dump()) for contact in row.contacts]
        return cls(**{**plain, "contacts": contacts, "address": AddressRead(**row.address.model_dump())})
