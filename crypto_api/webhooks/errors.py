"""Errors of the slice."""

from crypto_api.kit.errors import Conflict
from crypto_api.webhooks.types import WEBHOOKS_MAX


class TooManyWebhooks(Conflict):
    code = "too_many_webhooks"

    def __init__(self) -> None:
        super().__init__(f"The organisation has {WEBHOOKS_MAX} webhooks already. Delete one that nobody needs any more.")
