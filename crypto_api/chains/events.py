"""Facts of following, told to every organisation that watches a wallet on the network."""

from typing import ClassVar

from crypto_api.events.types import DomainEvent


class ChainReorganized(DomainEvent):
    """Blocks above `ancestor_height` were undone; what they held follows again from the chain as it now is."""

    kind: ClassVar[str] = "chain.reorganized"
    permission: ClassVar[str] = "blockchain.read"

    network: str
    ancestor_height: int
    depth: int
