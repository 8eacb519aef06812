"""Values of the slice: what is charged, how it is rounded, in which states an invoice stands."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from crypto_api.kit.amounts import StoredDecimal

ITEMS_MAX = 500
TAXES_MAX = 5
QUANTITY_PLACES = 6
RATE_PLACES = 4
PRICE_DIGITS = 15  # before the point: with 18 decimals behind it, and summed, still within the 34 digits of a stored amount
QUANTITY_DIGITS = 9
ACCENT = "#16202B"


class InvoiceKind(StrEnum):
    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    QUOTE = "quote"


class InvoiceStatus(StrEnum):
    DRAFT = "DRAFT"
    SENT = "SENT"
    PARTIAL = "PARTIAL"
    PAID = "PAID"
    OVERDUE = "OVERDUE"
    CANCELLED = "CANCELLED"


class InvoiceFlag(StrEnum):
    """What is out of the ordinary, beside the status."""

    PAID_LATE = "paid_late"
    CREDITED = "credited"  # a credit note settled a part of it, or all of it
    OVERPAID = "overpaid"  # more came on chain than was due, and what is over waits for a decision
    PAID_TWICE = "paid_twice"  # it was paid, and more came
    WRONG_ASSET = "wrong_asset"  # what came is not what was asked for
    AFTER_EXPIRY = "after_expiry"  # some of it came when no rate was locked
    AFTER_CANCELLATION = "after_cancellation"
    REORGANISED = "reorganised"  # a payment of it left the chain, and did not come back yet


class AgeBucket(StrEnum):
    """Days past the due date."""

    NOT_DUE = "not_due"
    DAYS_1_30 = "1-30"
    DAYS_31_60 = "31-60"
    DAYS_61_90 = "61-90"
    OVER_90 = "over_90"


class RoundingMode(StrEnum):
    HALF_UP = "half_up"
    HALF_EVEN = "half_even"


class TaxRounding(StrEnum):
    """Where a tax is rounded: once for each rate (EN 16931, BR-CO-17), or on every line. Where prices include their taxes it is every line: what was
    said to cost 10.00 costs 10.00."""

    PER_RATE = "per_rate"
    PER_LINE = "per_line"


class TaxCategory(StrEnum):
    """UNTDID 5305, the part that EN 16931 uses."""

    STANDARD = "S"
    ZERO = "Z"
    EXEMPT = "E"
    REVERSE_CHARGE = "AE"
    INTRA_COMMUNITY = "K"
    EXPORT = "G"
    OUTSIDE_SCOPE = "O"


class Layout(StrEnum):
    """How the PDF is laid out."""

    CLASSIC = "classic"
    BANNER = "banner"


LAYOUTS = {
    Layout.CLASSIC: ("Classic", "The logo above the title, the title and the rule in the accent colour."),
    Layout.BANNER: ("Banner", "The title in white on a band of the accent colour, the logo beside it."),
}


class PaymentMethod(StrEnum):
    BANK = "bank"
    CASH = "cash"
    CARD = "card"
    CRYPTO = "crypto"  # on a chain, as it was followed there
    OTHER = "other"


class Rounding(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: RoundingMode = RoundingMode.HALF_UP
    tax: TaxRounding = TaxRounding.PER_RATE


class Tax(BaseModel):
    """A tax on a line. Several on one line are each taken of its net amount, none of another."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "VAT"
    rate: StoredDecimal  # per cent
    category: TaxCategory = TaxCategory.STANDARD


class Item(BaseModel):
    """What is charged. `unit_price` is without taxes, unless the invoice's prices include them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str
    quantity: StoredDecimal
    unit_price: StoredDecimal
    unit: str = ""
    discount: StoredDecimal = Decimal(0)  # an amount, off the line
    discount_percent: StoredDecimal = Decimal(0)  # or a part of it
    taxes: tuple[Tax, ...] = ()


class CryptoTerms(BaseModel):
    """In what, and where, an invoice may be paid on a chain."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asset: str
    network: str  # slug
    wallet_id: str | None = None  # None: at an address of its own
    also: tuple[str, ...] = ()  # other assets of that network, of which the payer may choose one


@dataclass(frozen=True, slots=True)
class Terms:
    """How the items are reckoned."""

    decimals: int  # of the currency
    rounding: Rounding = field(default_factory=Rounding)
    prices_include_tax: bool = False
    discount: Decimal = Decimal(0)  # off the whole, in the terms of the prices
    discount_percent: Decimal = Decimal(0)


class LineTotal(BaseModel):
    """A line as it counts: every amount rounded to the currency. `net` is after the line's own discount, before its share of the whole one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    net: StoredDecimal
    discount: StoredDecimal  # the line's own, without taxes
    share: StoredDecimal  # of the discount on the whole, without taxes
    tax: StoredDecimal  # of `net - share`; where taxes are rounded per rate, for information: it is in no total
    gross: StoredDecimal  # net - share + tax


class TaxTotal(BaseModel):
    """One tax at one rate over the whole invoice (EN 16931 BG-23)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    rate: StoredDecimal
    category: TaxCategory
    base: StoredDecimal
    amount: StoredDecimal


class Totals(BaseModel):
    """`subtotal` = sum of the lines' `net`; `total` = subtotal - discount + tax."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lines: tuple[LineTotal, ...]
    taxes: tuple[TaxTotal, ...]
    subtotal: StoredDecimal
    discount: StoredDecimal
    tax: StoredDecimal
    total: StoredDecimal


class Party(BaseModel):
    """Seller or buyer as it stood when the document was issued."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    email: str = ""
    tax_id: str = ""
    line1: str = ""
    line2: str = ""
    city: str = ""
    postal_code: str = ""
    region: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What an invoice's status follows from."""

    issued: bool
    cancelled: bool
    total: Decimal
    settled: Decimal  # paid and credited
    due: date | None
