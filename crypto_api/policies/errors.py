"""Errors of the slice."""

from crypto_api.kit.errors import Conflict, PermissionDenied


class OverLimit(Conflict):
    """The policy refuses the payment; no approval helps, only another policy."""

    code = "over_limit"


class ProposalWaits(Conflict):
    code = "proposal_waits"

    def __init__(self) -> None:
        super().__init__("A change of the policy waits for confirmation already: it is confirmed or rejected first.")


class NoProposal(Conflict):
    code = "no_proposal"

    def __init__(self) -> None:
        super().__init__("No change of the policy waits for confirmation.")


class OwnProposal(PermissionDenied):
    code = "own_proposal"

    def __init__(self) -> None:
        super().__init__("Nobody confirms what they proposed: a second person has to do that.")
