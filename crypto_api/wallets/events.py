"""Facts of the slice. Nothing here may ever hold a key."""

from typing import ClassVar

from crypto_api.events.types import DomainEvent


class _WalletEvent(DomainEvent):
    permission: ClassVar[str] = "wallets.read"

    wallet_id: str
    network: str
    address: str
    name: str
    monitoring_enabled: bool


class WalletCreated(_WalletEvent):
    kind: ClassVar[str] = "wallet.created"


class WalletUpdated(_WalletEvent):
    """Its name or whether it is watched."""

    kind: ClassVar[str] = "wallet.updated"


class WalletDeleted(_WalletEvent):
    """No longer watched or shown; what it did stays in the books."""

    kind: ClassVar[str] = "wallet.deleted"


class WalletOpened(_WalletEvent):
    """Its opening balance is in the books; its movements count from the block after this one."""

    kind: ClassVar[str] = "wallet.opened"

    block_number: int


class WalletOpeningWaits(_WalletEvent):
    """Its books are not opened yet: as many providers as must agree on what it held do not."""

    kind: ClassVar[str] = "wallet.opening_waits"

    reason: str
