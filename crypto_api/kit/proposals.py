"""What one person proposes waits for another, who confirms or rejects it; who proposed it may withdraw it. Values of this shape say who proposed."""

from typing import Protocol, TypeVar

from crypto_api.kit.errors import Conflict, PermissionDenied


class ProposalWaits(Conflict):
    code = "proposal_waits"

    def __init__(self) -> None:
        super().__init__("Another change waits for confirmation already: it is confirmed, rejected or withdrawn first.")


class NoProposal(Conflict):
    code = "no_proposal"

    def __init__(self) -> None:
        super().__init__("No change waits for confirmation.")


class OwnProposal(PermissionDenied):
    code = "own_proposal"

    def __init__(self) -> None:
        super().__init__("Nobody confirms what they proposed: a second person has to do that.")


class ProposalOfAnother(PermissionDenied):
    code = "proposal_of_another"

    def __init__(self) -> None:
        super().__init__("Only who proposed it withdraws it: others reject it.")


class Proposed(Protocol):
    @property
    def proposed_by(self) -> str: ...


P = TypeVar("P", bound=Proposed)


def none_waits(proposal: Proposed | None) -> None:
    """ProposalWaits."""
    if proposal is not None:
        raise ProposalWaits


def waiting(proposal: P | None) -> P:
    """NoProposal."""
    if proposal is None:
        raise NoProposal
    return proposal


def confirmable(proposal: P | None, by: str) -> P:
    """NoProposal, OwnProposal."""
    found = waiting(proposal)
    if found.proposed_by == by:
        raise OwnProposal
    return found


def withdrawable(proposal: P | None, by: str) -> P:
    """NoProposal, ProposalOfAnother."""
    found = waiting(proposal)
    if found.proposed_by != by:
        raise ProposalOfAnother
    return found
