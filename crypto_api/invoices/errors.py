"""Errors of the slice."""

from decimal import Decimal

from crypto_api.invoices.types import InvoiceStatus
from crypto_api.kit.amounts import text
from crypto_api.kit.errors import Conflict


class InvoiceIssued(Conflict):
    code = "invoice_issued"

    def __init__(self) -> None:
        super().__init__("It was issued: what was sent is neither altered nor deleted. Cancel it, or write a credit note.")


class InvoiceNotIssued(Conflict):
    code = "invoice_not_issued"

    def __init__(self) -> None:
        super().__init__("It is a draft: send it first.")


class StatusCannotFollow(Conflict):
    code = "status_cannot_follow"

    def __init__(self, before: InvoiceStatus, after: InvoiceStatus, why: str) -> None:
        super().__init__(f"It is {before} and cannot become {after}: {why}")


class MoreThanDue(Conflict):
    code = "more_than_due"

    def __init__(self, due: Decimal, currency: str) -> None:
        super().__init__(f"No more than {text(due)} {currency} is due.")


class NoRate(Conflict):
    code = "no_rate"

    def __init__(self, base: str, quote: str) -> None:
        super().__init__(f"No source tells a rate of {base} in {quote}. Say which rate to book at, or enter one among the prices.")


class WrongKind(Conflict):
    code = "wrong_kind"


class NumberTaken(Conflict):
    code = "number_taken"

    def __init__(self, number: str) -> None:
        super().__init__(f"There is a document with the number {number} already: change the pattern of numbers.")
