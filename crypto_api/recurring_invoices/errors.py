"""Errors of the slice."""

from crypto_api.kit.errors import Conflict


class RecurringBegun(Conflict):
    code = "recurring_begun"

    def __init__(self) -> None:
        super().__init__("Invoices were made by it: its dates stand. End it, and begin another.")


class RecurringEnded(Conflict):
    code = "recurring_ended"

    def __init__(self) -> None:
        super().__init__("It has ended.")
