"""Facts of the slice."""

from typing import ClassVar

from crypto_api.contracts.types import Match
from crypto_api.events.types import DomainEvent


class _ContractEvent(DomainEvent):
    permission: ClassVar[str] = "contracts.read"

    contract_id: str
    network: str
    address: str
    name: str


class ContractRegistered(_ContractEvent):
    kind: ClassVar[str] = "contract.registered"


class ContractUpdated(_ContractEvent):
    """Its name, ABI or source, or what the chain says of it."""

    kind: ClassVar[str] = "contract.updated"


class ContractUpgraded(_ContractEvent):
    """The proxy points at other code than when it was last read, or its code itself changed."""

    kind: ClassVar[str] = "contract.upgraded"

    implementation_before: str | None
    implementation: str | None


class ContractVerified(_ContractEvent):
    kind: ClassVar[str] = "contract.verified"

    verification_id: str
    match: Match


class ContractNotVerified(_ContractEvent):
    """A source was tried, and does not make the code at the address, or does not compile."""

    kind: ClassVar[str] = "contract.verification_failed"

    verification_id: str
    reason: str
