"""Errors of the slice."""

from collections.abc import Sequence

from crypto_api.kit.errors import CoreError
from crypto_api.prices.types import Tried


class NoPrice(CoreError):
    """Said, never a zero in its place."""

    status, code, title = 404, "no_price", "No price"

    def __init__(self, base: str, quote: str, tried: Sequence[Tried] = ()) -> None:
        why = " ".join(f"{row.source}: {row.outcome}." for row in tried)
        super().__init__(f"There is no price of {base} in {quote} for that time. {why}".rstrip())
