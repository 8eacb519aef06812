"""Errors of the slice."""

from crypto_api.address_book.types import PayeeState
from crypto_api.kit.errors import Conflict, PermissionDenied


class PayeeExists(Conflict):
    code = "payee_exists"

    def __init__(self) -> None:
        super().__init__("This address is in the address book for this network already.")


class PayeeRemoved(Conflict):
    code = "payee_removed"

    def __init__(self) -> None:
        super().__init__("This entry was removed: what is kept is history. Write the address down again.")


class AlreadyDecided(Conflict):
    code = "already_decided"

    def __init__(self, state: PayeeState) -> None:
        super().__init__(f"This entry does not wait for that: it is {state}.")


class OwnEntry(PermissionDenied):
    code = "own_entry"

    def __init__(self) -> None:
        super().__init__("Nobody verifies an address that they wrote down: somebody else compares it with what the payee says.")


class OtherAddress(Conflict):
    code = "other_address"

    def __init__(self) -> None:
        super().__init__("The entry has another address than the one that you compared. Read it again.")
