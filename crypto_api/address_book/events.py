"""Facts of the slice. They name the entry by id alone."""

from typing import ClassVar

from crypto_api.events.types import DomainEvent


class _PayeeEvent(DomainEvent):
    permission: ClassVar[str] = "address_book.read"

    payee_id: str
    state: str


class PayeeAdded(_PayeeEvent):
    kind: ClassVar[str] = "payee.added"


class PayeeChanged(_PayeeEvent):
    """With another address or network it is unverified again: the state says so."""

    kind: ClassVar[str] = "payee.changed"


class PayeeVerified(_PayeeEvent):
    """By somebody else than who wrote the address. It is payable after its cooling-off."""

    kind: ClassVar[str] = "payee.verified"


class PayeeRejected(_PayeeEvent):
    """It is not the payee's address, or no longer."""

    kind: ClassVar[str] = "payee.rejected"


class PayeeRemoved(_PayeeEvent):
    kind: ClassVar[str] = "payee.removed"
