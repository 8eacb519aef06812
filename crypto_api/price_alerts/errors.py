"""Errors of the slice."""

from crypto_api.kit.errors import Conflict
from crypto_api.price_alerts.types import ALERTS_MAX


class TooManyAlerts(Conflict):
    code = "too_many_alerts"

    def __init__(self) -> None:
        super().__init__(f"The organisation has {ALERTS_MAX} alerts already. Delete one that nobody needs any more.")
