from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, StringConstraints, WithJsonSchema, model_validator

from crypto_api.flows.queue_invoice_mail import Cover
from crypto_api.flows.request_payment import Asked
from crypto_api.flows.settle_invoice import Received
from crypto_api.flows.write_invoice import Preview, Wish
from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.auth import Email
from crypto_api.http.schemas.base import Choice, Date, Line, Prose, ReadSchema, RequestSchema, Time, Word, inert
from crypto_api.http.schemas.clients import OptionalLine
from crypto_api.http.schemas.receipts import Alternatives
from crypto_api.invoices.documents import Invoice, InvoicePayment
from crypto_api.invoices.types import (
    ITEMS_MAX,
    PRICE_DIGITS,
    QUANTITY_DIGITS,
    QUANTITY_PLACES,
    RATE_PLACES,
    TAXES_MAX,
    InvoiceFlag,
    InvoiceKind,
    InvoiceStatus,
    Item,
    Party,
    PaymentMethod,
    RoundingMode,
    Tax,
    TaxCategory,
    TaxRounding,
    Totals,
)
from crypto_api.kit.amounts import Money, parse, text
from crypto_api.ledger.types import AccountCode

Day = date  # behind a field that is called `date`, the name stands for that


def _decimal(value: Any, digits: int, places: int) -> Decimal:
    number = value if isinstance(value, Decimal) else parse(value)
    if number >= Decimal(10) ** digits:
        raise ValueError(f"must have at most {digits} digits before the point")
    if -int(number.normalize().as_tuple().exponent) > places:
        raise ValueError(f"must have at most {places} decimals")
    return number


def _bounded(digits: int, places: int, example: str) -> Any:
    schema = {"type": "string", "pattern": r"^(0|[1-9][0-9]*)(\.[0-9]+)?$", "examples": [example]}
    return BeforeValidator(lambda value: _decimal(value, digits, places)), WithJsonSchema(schema)


def _percent(value: Any) -> Decimal:
    number = _decimal(value, 3, RATE_PLACES)
    if number > 100:
        raise ValueError("must be per cent, 100 at most")
    return number


def fixed(value: Decimal) -> str:
    """An amount of an invoice keeps the decimals of its currency: 10.00, not 10."""
    return format(value, "f")


Price = Annotated[Decimal, *_bounded(PRICE_DIGITS, 18, "120.00")]
Quantity = Annotated[Decimal, *_bounded(QUANTITY_DIGITS, QUANTITY_PLACES, "2.5")]
Percent = Annotated[
    Decimal, BeforeValidator(_percent), WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]{1,4})?$", "examples": ["19"]})
]
Amount = Annotated[
    Decimal,
    PlainSerializer(fixed, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$", "examples": ["119.00"]}),
]
InvoiceCurrency = Annotated[str, StringConstraints(min_length=1, max_length=20), AfterValidator(inert)]
_CURRENCY = "ISO 4217, or a listed asset such as ETH. Left out: the client's, or the organisation's."
_INCLUDE = "Whether unit prices include their taxes. Then gross amounts stay what they are, and taxes are taken out of them line by line."
_DUE = "Left out: by the client's terms, from the day of issue."


class TaxBody(RequestSchema):
    name: Line = Field(default="VAT", examples=["VAT"])
    rate: Percent = Field(description="Per cent.")
    category: Choice[TaxCategory] = Field(default=TaxCategory.STANDARD, description="UNTDID 5305. `S` with rate 0 counts as `Z`.")

    def tax(self) -> Tax:
        zero = self.rate == 0 and self.category is TaxCategory.STANDARD
        return Tax(name=self.name, rate=self.rate, category=TaxCategory.ZERO if zero else self.category)

    @model_validator(mode="after")
    def _agrees(self) -> "TaxBody":
        if self.rate and self.category is not TaxCategory.STANDARD:
            raise ValueError("a rate above 0 goes with category S")
        return self


class ItemBody(RequestSchema):
    description: Annotated[Line, StringConstraints(max_length=500)] = Field(examples=["Analysis of the engine"])
    quantity: Quantity = Field(default=Decimal(1))
    unit_price: Price
    unit: Annotated[OptionalLine, StringConstraints(max_length=20)] = Field(default="", examples=["h"])
    discount: Price = Field(default=Decimal(0), description="An amount, off the line.", examples=["10.00"])
    discount_percent: Percent = Field(default=Decimal(0), description="Per cent of the line, beside or instead of an amount.", examples=["5"])
    tax_rate: Percent | None = Field(default=None, description="Per cent: one tax called VAT. Left out: that of the invoice.", examples=["19"])
    taxes: Annotated[list[TaxBody], Field(max_length=TAXES_MAX)] | None = Field(
        default=None, description="Several taxes, each of the net amount; instead of `tax_rate`."
    )

    @model_validator(mode="after")
    def _one_of(self) -> "ItemBody":
        if self.taxes is not None and self.tax_rate is not None:
            raise ValueError("tax_rate or taxes, not both")
        return self

    def item(self, default: Decimal | None) -> Item:
        taxes = self.taxes
        rate = self.tax_rate if self.tax_rate is not None else default
        if taxes is None:
            taxes = [TaxBody(rate=rate)] if rate is not None else []
        names = ("description", "quantity", "unit_price", "unit", "discount", "discount_percent")
        return Item(taxes=tuple(tax.tax() for tax in taxes), **{name: getattr(self, name) for name in names})


Items = Annotated[list[ItemBody], Field(min_length=1, max_length=ITEMS_MAX)]


class InvoiceCreate(RequestSchema):
    """`client_id`, or `client_name` with `client_email`: then the client of that name and address is taken, or added where there is none."""

    kind: Choice[InvoiceKind] = Field(default=InvoiceKind.INVOICE, description="`quote` for an offer. Credit notes are written from their invoice.")
    client_id: Word | None = Field(default=None, examples=["cli_01k9x5r3v8"])
    client_name: Line | None = None
    client_email: Email | None = None
    items: Items
    tax_rate: Percent | None = Field(default=None, description="Per cent, for items that name no tax.", examples=["19"])
    currency: InvoiceCurrency | None = Field(default=None, examples=["EUR"], description=_CURRENCY)
    due_date: Date | None = Field(default=None, description=_DUE)
    prices_include_tax: bool = Field(default=False, description=_INCLUDE)
    discount: Price = Field(default=Decimal(0), description="An amount off the whole, in the terms of the prices.", examples=["10.00"])
    discount_percent: Percent = Field(default=Decimal(0), description="Per cent off the whole.", examples=["2"])
    reference: OptionalLine = Field(default="", description="The buyer's: an order number.", examples=["PO 4711"])
    note: Prose = ""
    crypto_currency: Word | None = Field(default=None, examples=["ETH"], description="The asset that it may be paid in on a chain.")
    network: Word | None = Field(default=None, examples=["ethereum"], description="Slug. Left out: the only network, or that of the wallet.")
    receive_wallet_id: Word | None = Field(default=None, description="A wallet to be paid at. Left out: an address of the invoice's own.")
    crypto_alternatives: Alternatives = []

    @model_validator(mode="after")
    def _agrees(self) -> "InvoiceCreate":
        if self.crypto_currency is None and (self.network is not None or self.receive_wallet_id is not None or self.crypto_alternatives):
            raise ValueError("network, receive_wallet_id and crypto_alternatives go with crypto_currency")
        if self.kind is InvoiceKind.CREDIT_NOTE:
            raise ValueError("a credit note is written from its invoice")
        if (self.client_id is None) == (self.client_name is None):
            raise ValueError("client_id or client_name, one of them")
        if self.client_id is not None and self.client_email is not None:
            raise ValueError("client_email goes with client_name")
        return self

    def wish(self) -> Wish:
        names = ("client_id", "client_name", "client_email", "kind", "currency", "due_date", "prices_include_tax", "discount", "discount_percent")
        plain = {name: getattr(self, name) for name in names}
        items = tuple(row.item(self.tax_rate) for row in self.items)
        return Wish(items=items, reference=self.reference, note=self.note, **plain)


class InvoiceUpdate(RequestSchema):
    """Of a draft. What is left out stays as it is; `items` are replaced as a whole; `due_date` may be null."""

    client_id: Word | None = Field(default=None, examples=["cli_01k9x5r3v8"])
    items: Items | None = None
    tax_rate: Percent | None = Field(default=None, description="Per cent, for those of the sent items that name no tax.", examples=["19"])
    currency: InvoiceCurrency | None = Field(default=None, examples=["EUR"])
    due_date: Date | None = Field(default=None, description=_DUE)
    prices_include_tax: bool | None = Field(default=None, description=_INCLUDE)
    discount: Price | None = Field(default=None, examples=["10.00"])
    discount_percent: Percent | None = Field(default=None, examples=["2"])
    reference: OptionalLine | None = Field(default=None, examples=["PO 4711"])
    note: Prose | None = None

    @model_validator(mode="after")
    def _present(self) -> "InvoiceUpdate":
        if any(getattr(self, name) is None for name in self.model_fields_set - {"due_date"}):
            raise ValueError("only due_date can be null")
        if self.tax_rate is not None and self.items is None:
            raise ValueError("tax_rate goes with items")
        return self

    def changes(self) -> dict[str, Any]:
        sent = {name: getattr(self, name) for name in self.model_fields_set - {"items", "tax_rate"}}
        return sent | ({"items": tuple(row.item(self.tax_rate) for row in self.items)} if self.items is not None else {})


class InvoiceCover(RequestSchema):
    to: Email | None = Field(default=None, examples=["billing@engines.example"], description="Left out: the client's address.")
    message: Prose = Field(
        default="", examples=["As agreed on the phone."], description="Instead of the text of the settings; the same names in braces may stand in it."
    )

    def cover(self) -> Cover:
        return Cover(to=self.to, message=self.message)


class InvoiceSend(InvoiceCover):
    rate: Money | None = Field(default=None, description="To book at, where the currency is another than the organisation's and no source tells one.")


class InvoiceStatusBody(RequestSchema):
    status: Choice[InvoiceStatus] = Field(examples=["CANCELLED"], description="SENT or CANCELLED. The other states follow from payments and dates.")
    rate: Money | None = Field(default=None, description="As in `send`, where it becomes SENT, without a letter.")


class CreditNoteCreate(RequestSchema):
    items: Items | None = Field(default=None, description="What is credited, in the currency and with the terms of the invoice. Left out: all of it.")
    note: Prose = Field(default="", examples=["Not delivered."])

    def given(self) -> tuple[Item, ...] | None:
        return tuple(row.item(None) for row in self.items) if self.items is not None else None


class InvoicePaymentCreate(RequestSchema):
    amount: Money = Field(examples=["50.00"], description="In the currency of the invoice; no more than what is due.")
    date: Date | None = Field(default=None, description="The day it came. Left out: today in the organisation's time zone.")
    method: Choice[PaymentMethod] = Field(default=PaymentMethod.BANK, examples=["bank"])
    account_code: Word = Field(default=AccountCode.CASH.value, examples=["1010"], description="The account that the money lies on.")
    reference: OptionalLine = Field(default="", examples=["RF18 5390 0754 7034"])
    note: Prose = ""
    rate: Money | None = Field(default=None, description="Functional currency for one unit. Left out: what the sources tell of that day.")

    def told(self) -> Received:
        return Received(
            amount=self.amount,
            day=self.date,
            method=self.method,
            account_code=self.account_code,
            reference=self.reference,
            note=self.note,
            rate=self.rate,
        )


class InvoiceQuery(PageQuery):
    status: InvoiceStatus | None = None
    kind: InvoiceKind | None = None
    client_id: Word | None = None
    currency: Word | None = None
    due_from: Date | None = Field(default=None, description="Due on that day or later.")
    due_to: Date | None = None
    q: Word | None = Field(default=None, description="Part of the number, the client's name or the reference.")


# ---- answers ---------------------------------------------------------------------------------------------------------------------


class TaxRead(ReadSchema):
    name: str
    rate: Amount
    category: TaxCategory


class TaxTotalRead(TaxRead):
    base: Amount
    amount: Amount


class ItemRead(ReadSchema):
    description: str
    quantity: Amount
    unit_price: Amount
    unit: str
    discount: Amount
    discount_percent: Amount
    taxes: list[TaxRead]
    net_amount: Amount = Field(description="Rounded, after its own discount, without taxes.")
    tax_amount: Amount = Field(description="Its taxes, rounded. Where taxes are rounded per rate, for information.")
    total_amount: Amount = Field(description="After its share of the discount on the whole, with its taxes.")


class RoundingRead(ReadSchema):
    mode: RoundingMode
    tax: TaxRounding


class PartyRead(ReadSchema):
    name: str
    email: str
    tax_id: str
    line1: str
    line2: str
    city: str
    postal_code: str
    region: str
    country: str

    @classmethod
    def of(cls, party: Party) -> "PartyRead":
        return cls(**party.model_dump())


class TotalsRead(ReadSchema):
    """What an invoice would come to: nothing is stored."""

    currency: str
    rounding: RoundingRead
    items: list[ItemRead]
    taxes: list[TaxTotalRead]
    subtotal: Amount
    discount_amount: Amount
    tax_amount: Amount
    total_amount: Amount

    @classmethod
    def of(cls, found: Preview, items: tuple[Item, ...]) -> "TotalsRead":
        rounding = RoundingRead(**found.rounding.model_dump())
        return cls(currency=found.currency, rounding=rounding, **figures(list(items), found.totals))


def figures(items: list[Item], totals: Totals) -> dict[str, Any]:
    lines = [
        ItemRead(
            **{name: getattr(item, name) for name in ("description", "quantity", "unit_price", "unit", "discount", "discount_percent")},
            taxes=[TaxRead(**tax.model_dump()) for tax in item.taxes],
            net_amount=line.net,
            tax_amount=line.tax,
            total_amount=line.gross,
        )
        for item, line in zip(items, totals.lines, strict=True)
    ]
    sums = {"subtotal": totals.subtotal, "discount_amount": totals.discount, "tax_amount": totals.tax, "total_amount": totals.total}
    return {"items": lines, "taxes": [TaxTotalRead(**row.model_dump()) for row in totals.taxes], **sums}


class InvoiceRead(ReadSchema):
    id: str = Field(examples=["inv_01k9x5r3v8"])
    kind: InvoiceKind
    invoice_number: str | None = Field(examples=["INV-2026-00042"], description="Given when it is issued; a draft has none.")
    status: InvoiceStatus
    flags: list[InvoiceFlag] = Field(description="What is out of the ordinary, beside the status.")
    client_id: str = Field(examples=["cli_01k9x5r3v8"])
    client_name: str
    buyer: PartyRead | None = Field(description="As it stood when it was issued.")
    seller: PartyRead | None
    currency: str = Field(examples=["EUR"])
    prices_include_tax: bool
    rounding: RoundingRead
    items: list[ItemRead]
    taxes: list[TaxTotalRead] = Field(description="One row for each tax, rate and category.")
    discount: Amount
    discount_percent: Amount
    subtotal: Amount = Field(description="The sum of the items' net amounts.")
    discount_amount: Amount = Field(description="Off the whole, without taxes.")
    tax_amount: Amount
    total_amount: Amount = Field(description="subtotal - discount_amount + tax_amount")
    paid_amount: Amount
    credited_amount: Amount
    due_amount: Amount
    issue_date: date | None
    due_date: date | None
    paid_date: date | None = Field(description="When nothing was due any more.")
    reference: str
    note: str
    invoice_id: str | None = Field(description="Of a credit note: what it credits. Of a quote: the invoice that it became.")
    quote_id: str | None
    crypto_currency: str | None = Field(examples=["ETH"], description="The asset that it may be paid in on a chain.")
    crypto_alternatives: list[str] = Field(description="Assets that its payer may choose instead.")
    network: str | None = Field(examples=["ethereum"])
    receive_wallet_id: str | None = Field(description="Null where it has an address of its own.")
    crypto_payment_address: str | None = Field(description="Once it is sent, and once the address is watched: a moment later for one of its own.")
    crypto_amount: str | None = Field(examples=["0.05"], description="What was last asked for; it stands until rate_expires_at.")
    rate: str | None = Field(examples=["2000"], description="The invoice's currency for one unit of crypto_currency, locked until rate_expires_at.")
    rate_source: str | None
    rate_expires_at: Time | None
    pay_url: str | None = Field(description="Whoever has it can see and pay the invoice: hand it to the payer alone.")
    exchange_rate: str | None = Field(description="At which it was booked: functional currency for one unit.")
    exchange_rate_source: str
    journal_entry_id: str | None
    issued_at: Time | None
    created_by: str = Field(examples=["usr_01k9x5r3v8"])
    created_at: Time
    updated_at: Time

    @classmethod
    def of(cls, row: Invoice, asked: Asked | None = None) -> "InvoiceRead":
        own = (
            *("id", "kind", "status", "flags", "client_id", "client_name", "currency", "prices_include_tax", "discount", "discount_percent"),
            *("issue_date", "due_date", "reference", "note", "invoice_id", "quote_id", "issued_at", "created_by", "created_at", "updated_at"),
        )
        return cls(
            **{name: getattr(row, name) for name in own},
            **figures(row.items, row.totals),
            invoice_number=row.number,
            buyer=PartyRead.of(row.buyer) if row.buyer else None,
            seller=PartyRead.of(row.seller) if row.seller else None,
            rounding=RoundingRead(**row.rounding.model_dump()),
            paid_amount=row.paid.quantize(row.total),
            credited_amount=row.credited.quantize(row.total),
            due_amount=row.due.quantize(row.total),
            paid_date=row.settled_on,
            exchange_rate=fixed(row.rate) if row.rate is not None else None,
            exchange_rate_source=row.rate_source,
            journal_entry_id=row.entry_id,
            **_asked(row, asked),
        )


def _asked(row: Invoice, asked: Asked | None) -> dict[str, Any]:
    request = asked.request if asked else None
    lock = request.lock if request else None
    terms = row.crypto
    return {
        "crypto_currency": request.asset if request else terms.asset if terms else None,
        "crypto_alternatives": request.alternatives if request else list(terms.also) if terms else [],
        "network": request.network if request else terms.network if terms else None,
        "receive_wallet_id": (None if request.own else request.wallet_id) if request else terms.wallet_id if terms else None,
        "crypto_payment_address": request.address if request and asked and asked.watched else None,
        "crypto_amount": text(lock.amount) if lock else None,
        "rate": text(lock.rate) if lock else None,
        "rate_source": lock.source if lock else None,
        "rate_expires_at": lock.expires_at if lock else None,
        "pay_url": asked.link if asked else None,
    }


class InvoicePaymentRead(ReadSchema):
    id: str = Field(examples=["ipy_01k9x5r3v8"])
    invoice_id: str
    amount: Amount
    currency: str
    date: date
    method: PaymentMethod
    account_code: str
    reference: str
    note: str
    exchange_rate: Amount
    exchange_rate_source: str
    received_amount: Amount = Field(description="In the functional currency.")
    settled_amount: Amount = Field(description="What of the receivable it settled, in the functional currency. The difference is a gain or a loss.")
    journal_entry_id: str
    created_by: str | None = Field(description="Null: by itself, from what came on a chain.")
    created_at: Time
    receipt_id: str | None = Field(description="What came on a chain.")
    transaction_hash: str | None
    taken_back_on: Day | None = Field(description="Its block left the chain, or its matching was undone: it does not count any more.")

    @classmethod
    def of(cls, row: InvoicePayment) -> "InvoicePaymentRead":
        same = ("id", "invoice_id", "amount", "currency", "date", "method", "account_code", "reference", "note", "created_by", "created_at")
        chain = ("receipt_id", "transaction_hash", "taken_back_on")
        return cls(
            **{name: getattr(row, name) for name in (*same, *chain)},
            exchange_rate=row.rate,
            exchange_rate_source=row.rate_source,
            received_amount=row.received,
            settled_amount=row.settled,
            journal_entry_id=row.entry_id,
        )
