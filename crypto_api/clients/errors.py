"""Errors of the slice."""

from crypto_api.kit.errors import Conflict


class ClientArchived(Conflict):
    code = "client_archived"

    def __init__(self) -> None:
        super().__init__("This client is archived: bring it back before anything new is written for it.")
