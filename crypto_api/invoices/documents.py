from datetime import date, datetime
from decimal import Decimal

from pymongo import ASCENDING, DESCENDING, IndexModel

from crypto_api.invoices.types import (
    ACCENT,
    CryptoTerms,
    InvoiceFlag,
    InvoiceKind,
    InvoiceStatus,
    Item,
    Layout,
    Party,
    PaymentMethod,
    Rounding,
    Terms,
    Totals,
)
from crypto_api.kit.amounts import StoredDecimal
from mongodb_config.base_document import TenantDocument
from mongodb_config.kept_row import KeptRow

Day = date  # behind a field that is called `date`, the name stands for that


class Invoice(TenantDocument):
    """An invoice, a credit note or a quote. A draft may change in everything; from the day that it is issued on only what happens to it is added:
    payments, credits, its end."""

    kind: InvoiceKind
    status: InvoiceStatus = InvoiceStatus.DRAFT
    flags: list[InvoiceFlag] = []
    number: str | None = None  # given when it is issued
    client_id: str
    client_name: str
    client_name_folded: str
    buyer: Party | None = None  # both as they stood when it was issued
    seller: Party | None = None
    currency: str  # ISO 4217
    decimals: int
    rounding: Rounding
    prices_include_tax: bool = False
    discount: StoredDecimal = Decimal(0)
    discount_percent: StoredDecimal = Decimal(0)
    items: list[Item]
    totals: Totals
    total: StoredDecimal  # as `totals.total`, to be sorted by
    reference: str = ""  # the buyer's: an order number
    note: str = ""
    crypto: CryptoTerms | None = None
    due_date: Day | None = None  # None in a draft: by the terms, from the day of issue
    due_key: str = ""  # the due date to sort by: what has none yet comes first
    terms_days: int
    issue_date: Day | None = None
    issued_at: datetime | None = None
    invoice_id: str | None = None  # of a credit note: what it credits; of a quote: the invoice that it became
    quote_id: str | None = None  # of an invoice that was a quote
    # what happened to it
    paid: StoredDecimal = Decimal(0)
    credited: StoredDecimal = Decimal(0)
    settled_on: Day | None = None  # the day on which nothing was due any more
    # in the books
    rate: StoredDecimal | None = None  # functional currency for one unit of `currency`, on the day of issue
    rate_source: str = ""
    booked: StoredDecimal = Decimal(0)  # what account 1200 was charged with
    settled: StoredDecimal = Decimal(0)  # what of that has gone again
    booked_on: Day | None = None  # the day of the entry: later than the day of issue where that month is closed
    entry_id: str | None = None
    cancelled_on: Day | None = None  # the day of the reversal
    created_by: str
    updated_at: datetime
    version: int = 1

    class Settings:
        name = "invoices"
        indexes = [
            IndexModel(
                [("org_id", ASCENDING), ("kind", ASCENDING), ("number", ASCENDING)],
                unique=True,
                partialFilterExpression={"number": {"$type": "string"}},
                name="org_number",
            ),
            IndexModel([("org_id", ASCENDING), ("_id", DESCENDING)], name="org_latest"),
            IndexModel([("org_id", ASCENDING), ("client_id", ASCENDING), ("_id", DESCENDING)], name="org_client"),
            IndexModel([("org_id", ASCENDING), ("client_name_folded", ASCENDING), ("_id", ASCENDING)], name="org_client_name"),
            IndexModel([("org_id", ASCENDING), ("status", ASCENDING), ("due_date", ASCENDING)], name="org_status_due"),
            IndexModel([("org_id", ASCENDING), ("invoice_id", ASCENDING)], name="org_about"),
            IndexModel([("status", ASCENDING), ("due_date", ASCENDING)], name="status_due"),  # what falls due, over all organisations
        ]

    @property
    def due(self) -> Decimal:
        """What is still to be paid."""
        return self.total - self.paid - self.credited if self.status is not InvoiceStatus.CANCELLED else Decimal(0)

    @property
    def terms(self) -> Terms:
        return Terms(self.decimals, self.rounding, self.prices_include_tax, self.discount, self.discount_percent)


class InvoicePayment(TenantDocument):
    """Money that came for an invoice: told by a person, or seen on a chain. Never altered, but for its being taken back."""

    invoice_id: str
    amount: StoredDecimal  # in the currency of the invoice
    currency: str
    date: Day
    method: PaymentMethod
    account_code: str  # where the money is
    reference: str = ""
    note: str = ""
    rate: StoredDecimal  # functional currency for one unit, on the day of payment
    rate_source: str
    received: StoredDecimal  # functional: what came
    settled: StoredDecimal  # functional: what of the receivable it settled; the difference is a gain or loss of exchange
    entry_id: str
    booked_on: Day
    created_by: str | None  # None: by itself, from what came on a chain
    receipt_id: str | None = None  # what came on a chain
    transaction_hash: str | None = None
    taken_back_on: Day | None = None  # its block left the chain, or a person undid the matching

    class Settings:
        name = "invoice_payments"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("invoice_id", ASCENDING), ("_id", ASCENDING)], name="org_invoice"),
            IndexModel([("org_id", ASCENDING), ("booked_on", ASCENDING)], name="org_booked"),
        ]


class InvoiceCounter(TenantDocument):
    """The last number of a series; `_id` is `<org>|<kind>|<pattern of that year>`. It moves in the unit of work that issues the document, so that no
    number is ever lost."""

    last: int

    class Settings:
        name = "invoice_counters"


class InvoiceLogo(KeptRow):
    """Of the organisation, on its invoices; `_id` is that of the organisation. A PNG that we wrote ourselves, pixel by pixel."""

    content: bytes

    class Settings:
        name = "invoice_logos"


class InvoiceSettings(KeptRow):
    """How the organisation writes its invoices; `_id` is that of the organisation."""

    company_id: str | None = None  # who sells; None: the organisation by its name
    number_patterns: dict[str, str] = {}  # by kind
    rounding: Rounding = Rounding()
    payment_details: str = ""  # how to pay, in words: stands on the PDF
    iban: str = ""
    bic: str = ""
    footer: str = ""
    default_note: str = ""  # of invoices that are written without one
    template: Layout = Layout.CLASSIC
    accent: str = ACCENT  # sRGB
    # the letters that go out with them; an empty text is the one of `letters.py`
    reply_to: str = ""
    mail_subject: str = ""
    mail_text: str = ""
    reminder_days: list[int] = []  # days after the due date, before it where negative; empty: nobody is reminded
    reminder_subject: str = ""
    reminder_text_before: str = ""
    reminder_text_after: str = ""

    class Settings:
        name = "invoice_settings"
