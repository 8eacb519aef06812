"""Errors of the slice."""

from crypto_api.kit.errors import Conflict


class ItemClosed(Conflict):
    code = "item_closed"

    def __init__(self) -> None:
        super().__init__("The item is closed: what it told of no longer holds, or was waived.")


class NoSuchRemedy(Conflict):
    code = "no_such_remedy"

    def __init__(self, remedies: list[str]) -> None:
        super().__init__(f"That does not help here. What may: {', '.join(remedies)}.")
