"""Facts about lots."""

from typing import ClassVar

from crypto_api.events.types import DomainEvent


class _LotPolicyEvent(DomainEvent):
    permission: ClassVar[str] = "ledger.read"

    version: int
    by_user_id: str


class LotPolicyProposed(_LotPolicyEvent):
    """Another method waits for a second person."""

    kind: ClassVar[str] = "lot_policy.proposed"


class LotPolicyChanged(_LotPolicyEvent):
    """Another method holds, from its day on."""

    kind: ClassVar[str] = "lot_policy.changed"


class LotProposalRejected(_LotPolicyEvent):
    """Or withdrawn by the one who proposed it."""

    kind: ClassVar[str] = "lot_policy.proposal_rejected"
