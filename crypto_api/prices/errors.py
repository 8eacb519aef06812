"""Errors of the slice."""

from crypto_api.kit.errors import CoreError


class NoPrice(CoreError):
    """Said, never a zero in its place."""

    status, code, title = 404, "no_price", "No price"

    def __init__(self, base: str, quote: str) -> None:
        super().__init__(f"There is no price of {base} in {quote} for that time: none was entered, and no feed has one that is fresh enough.")
