"""How words of the books stand on a page."""

from django import template
from django.utils.translation import pgettext_lazy

from crypto_api.ledger.types import AccountType, SourceKind

register = template.Library()

ACCOUNT_TYPES = {
    AccountType.ASSET: pgettext_lazy("account type", "Asset"),
    AccountType.LIABILITY: pgettext_lazy("account type", "Liability"),
    AccountType.EQUITY: pgettext_lazy("account type", "Equity"),
    AccountType.INCOME: pgettext_lazy("account type", "Income"),
    AccountType.EXPENSE: pgettext_lazy("account type", "Expense"),
}
"""In their context, since an asset that is held is called otherwise than a side of the balance sheet."""

SOURCES = {
    SourceKind.MANUAL: pgettext_lazy("source of an entry", "By hand"),
    SourceKind.TRANSACTION: pgettext_lazy("source of an entry", "Transaction"),
    SourceKind.OPENING: pgettext_lazy("source of an entry", "Opening"),
    SourceKind.REVERSAL: pgettext_lazy("source of an entry", "Reversal"),
    SourceKind.LOTS: pgettext_lazy("source of an entry", "Lots"),
    SourceKind.DIFFERENCE: pgettext_lazy("source of an entry", "Difference"),
    SourceKind.INVOICE: pgettext_lazy("source of an entry", "Invoice"),
    SourceKind.INVOICE_PAYMENT: pgettext_lazy("source of an entry", "Invoice payment"),
    SourceKind.PAYSLIP: pgettext_lazy("source of an entry", "Payslip"),
    SourceKind.PAYSLIP_PAYMENT: pgettext_lazy("source of an entry", "Payslip payment"),
}
"""An opening is one of books, where a wallet's is under way."""


@register.filter
def source(value: str) -> str:
    return str(SOURCES[SourceKind(value)])


@register.filter
def account_type(value: AccountType) -> str:
    return str(ACCOUNT_TYPES[value])
