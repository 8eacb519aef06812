"""Facts of the slice."""

from typing import ClassVar

from crypto_api.events.types import DomainEvent


class _PolicyEvent(DomainEvent):
    permission: ClassVar[str] = "policies.read"

    version: int
    by_user_id: str


class PolicyProposed(_PolicyEvent):
    """A change waits for a second person."""

    kind: ClassVar[str] = "payment_policy.proposed"


class PolicyChanged(_PolicyEvent):
    """Another policy holds from now on."""

    kind: ClassVar[str] = "payment_policy.changed"


class ProposalRejected(_PolicyEvent):
    """Or withdrawn by the one who proposed it. The policy stays as it was."""

    kind: ClassVar[str] = "payment_policy.proposal_rejected"
