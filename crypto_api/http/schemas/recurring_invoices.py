from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field, model_validator

from crypto_api.flows.recur_invoices import wish_of
from crypto_api.flows.write_invoice import Wish
from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import Choice, Date, Prose, ReadSchema, RequestSchema, Time, Word
from crypto_api.http.schemas.clients import OptionalLine
from crypto_api.http.schemas.invoices import Amount, InvoiceCurrency, Items, Percent, Price, TaxRead
from crypto_api.http.schemas.receipts import Alternatives
from crypto_api.recurring_invoices import rules
from crypto_api.recurring_invoices.documents import RecurringInvoice
from crypto_api.recurring_invoices.types import INTERVAL_MAX, OCCURRENCES_MAX, Frequency, RecurringMode, RecurringStatus, Schedule

UPCOMING = 6
_TEMPLATE = ("client_id", "currency", "prices_include_tax", "discount", "discount_percent", "reference", "note")
_TERMS = {"crypto_currency", "network", "receive_wallet_id", "crypto_alternatives"}
_CRYPTO = "The asset that each may be paid in on a chain: it goes out with a page for its payer."
_SCHEDULE = ("frequency", "interval", "start_date", "month_end", "end_date", "occurrences")
Interval = Annotated[int, Field(ge=1, le=INTERVAL_MAX)]
Occurrences = Annotated[int, Field(ge=1, le=OCCURRENCES_MAX)]


class RecurringInvoiceCreate(RequestSchema):
    """An invoice, and when it is written again. In descriptions `{date}` and `{month}` stand for those of the period."""

    client_id: Word = Field(examples=["cli_01k9x5r3v8"])
    items: Items
    tax_rate: Percent | None = Field(default=None, description="Per cent, for items that name no tax.", examples=["19"])
    currency: InvoiceCurrency | None = Field(default=None, examples=["EUR"])
    prices_include_tax: bool = False
    discount: Price = Field(default=Decimal(0), examples=["10.00"])
    discount_percent: Percent = Field(default=Decimal(0), examples=["2"])
    reference: OptionalLine = ""
    note: Prose = ""
    crypto_currency: Word | None = Field(default=None, examples=["ETH"], description=_CRYPTO)
    network: Word | None = Field(default=None, examples=["ethereum"], description="Slug. Left out: the only network, or that of the wallet.")
    receive_wallet_id: Word | None = Field(default=None, description="A wallet to be paid at. Left out: an address of each invoice's own.")
    crypto_alternatives: Alternatives = []
    frequency: Choice[Frequency] = Field(examples=["monthly"])
    interval: Interval = Field(default=1, description="Every so many of them.")
    start_date: Date = Field(description="The first day. Others are counted from it: after 31 January comes 28 February, then 31 March.")
    month_end: bool = Field(default=False, description="Always the last day of the month.")
    end_date: Date | None = Field(default=None, description="None after it.")
    occurrences: Occurrences | None = Field(default=None, description="No more than these.")
    mode: Choice[RecurringMode] = Field(default=RecurringMode.DRAFT, description="`send` issues and mails each at once.", examples=["draft"])

    @model_validator(mode="after")
    def _agrees(self) -> "RecurringInvoiceCreate":
        if self.month_end and self.frequency in (Frequency.DAILY, Frequency.WEEKLY):
            raise ValueError("month_end goes with months, quarters and years")
        if self.crypto_currency is None and (self.network is not None or self.receive_wallet_id is not None or self.crypto_alternatives):
            raise ValueError("network, receive_wallet_id and crypto_alternatives go with crypto_currency")
        return self

    def wish(self) -> Wish:
        return Wish(items=tuple(row.item(self.tax_rate) for row in self.items), **{name: getattr(self, name) for name in _TEMPLATE})

    def schedule(self) -> Schedule:
        return Schedule(**{name: getattr(self, name) for name in _SCHEDULE})


class RecurringInvoiceUpdate(RequestSchema):
    """What is left out stays. Once an invoice was made, its days stand (409 `recurring_begun`), and only their end may move."""

    client_id: Word | None = Field(default=None, examples=["cli_01k9x5r3v8"])
    items: Items | None = None
    tax_rate: Percent | None = Field(default=None, examples=["19"])
    currency: InvoiceCurrency | None = Field(default=None, examples=["EUR"])
    prices_include_tax: bool | None = None
    discount: Price | None = Field(default=None, examples=["10.00"])
    discount_percent: Percent | None = Field(default=None, examples=["2"])
    reference: OptionalLine | None = Field(default=None, examples=["PO 4711"])
    note: Prose | None = None
    crypto_currency: Word | None = Field(default=None, examples=["ETH"], description="With the three below. null: no crypto any more.")
    network: Word | None = Field(default=None, examples=["ethereum"])
    receive_wallet_id: Word | None = None
    crypto_alternatives: Alternatives = []
    frequency: Choice[Frequency] | None = Field(default=None, examples=["monthly"])
    interval: Interval | None = None
    start_date: Date | None = None
    month_end: bool | None = None
    end_date: Date | None = Field(default=None, description="null: without an end.")
    occurrences: Occurrences | None = Field(default=None, description="null: as many as there are days.")
    mode: Choice[RecurringMode] | None = Field(default=None, examples=["send"])
    paused: bool | None = Field(default=None, description="Periods that pass while it is paused are made when it goes on.")

    @model_validator(mode="after")
    def _present(self) -> "RecurringInvoiceUpdate":
        if any(getattr(self, name) is None for name in self.model_fields_set - {"end_date", "occurrences", *_TERMS}):
            raise ValueError("only end_date, occurrences and what is paid in crypto can be null")
        if self.crypto_currency is None and {name for name in _TERMS - {"crypto_currency"} if getattr(self, name)}:
            raise ValueError("network, receive_wallet_id and crypto_alternatives go with crypto_currency")
        if self.tax_rate is not None and self.items is None:
            raise ValueError("tax_rate goes with items")
        return self

    def template(self) -> dict[str, Any]:
        sent = {name: getattr(self, name) for name in self.model_fields_set & set(_TEMPLATE)}
        return sent | ({"items": tuple(row.item(self.tax_rate) for row in self.items)} if self.items is not None else {})

    @property
    def changes_crypto(self) -> bool:
        return "crypto_currency" in self.model_fields_set

    def schedule(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set & set(_SCHEDULE)}


class RecurringInvoiceQuery(PageQuery):
    status: RecurringStatus | None = None
    client_id: Word | None = None


class RecurringItemRead(ReadSchema):
    description: str
    quantity: Amount
    unit_price: Amount
    unit: str
    discount: Amount
    discount_percent: Amount
    taxes: list[TaxRead]


class RecurringInvoiceRead(ReadSchema):
    id: str = Field(examples=["rin_01k9x5r3v8"])
    status: RecurringStatus
    client_id: str = Field(examples=["cli_01k9x5r3v8"])
    client_name: str
    currency: str
    total_amount: Amount = Field(description="Of one, as it was reckoned when it was written.")
    items: list[RecurringItemRead]
    prices_include_tax: bool
    discount: Amount
    discount_percent: Amount
    reference: str
    note: str
    crypto_currency: str | None
    crypto_alternatives: list[str]
    network: str | None
    receive_wallet_id: str | None = Field(description="Null where each has an address of its own.")
    mode: RecurringMode
    frequency: Frequency
    interval: int
    start_date: date
    month_end: bool
    end_date: date | None
    occurrences: int | None
    made: int = Field(description="How many invoices there are by now.")
    next_dates: list[date] = Field(description="The next days, the first being next.")
    last_invoice_id: str | None
    problem: str = Field(description="Why the last try failed. It is tried again every hour.")
    created_by: str
    created_at: Time
    updated_at: Time

    @classmethod
    def of(cls, row: RecurringInvoice) -> "RecurringInvoiceRead":
        own = ("id", "status", "client_id", "client_name", "currency", "mode", "made", "last_invoice_id", "problem")
        wish = wish_of(row)
        terms = wish.crypto
        return cls(
            **{name: getattr(row, name) for name in (*own, "created_by", "created_at", "updated_at")},
            **{name: getattr(wish, name) for name in ("prices_include_tax", "discount", "discount_percent", "reference", "note")},
            **row.schedule.model_dump(),
            total_amount=row.total,
            crypto_currency=terms.asset if terms else None,
            crypto_alternatives=list(terms.also) if terms else [],
            network=terms.network if terms else None,
            receive_wallet_id=terms.wallet_id if terms else None,
            items=[RecurringItemRead(**item.model_dump()) for item in wish.items],
            next_dates=rules.dates_from(row.schedule, row.made, UPCOMING) if row.status is not RecurringStatus.ENDED else [],
        )
