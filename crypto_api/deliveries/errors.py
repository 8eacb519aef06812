"""Errors of the slice."""

from crypto_api.kit.errors import Conflict


class NoAddress(Conflict):
    code = "no_address"

    def __init__(self) -> None:
        super().__init__("The client has no e-mail address: add one, name one in `to`, or issue it without a letter (PUT status).")


class DeliveryQueued(Conflict):
    code = "delivery_queued"

    def __init__(self) -> None:
        super().__init__("It is on its way already: wait until the mail server has taken or refused it.")


class NotOverdue(Conflict):
    code = "not_overdue"

    def __init__(self) -> None:
        super().__init__("Nothing of it is overdue, so nobody is reminded.")


class RemindedToday(Conflict):
    code = "reminded_today"

    def __init__(self) -> None:
        super().__init__("Its client was reminded of it today already.")
