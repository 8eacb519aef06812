"""Errors of the slice."""

from crypto_api.kit.errors import Conflict


class HasEnded(Conflict):
    code = "has_ended"

    def __init__(self) -> None:
        super().__init__("It has ended: what it paid stays. Write a new one.")
