"""Errors of lots."""

from crypto_api.kit.errors import Conflict, PermissionDenied


class LotProposalWaits(Conflict):
    code = "proposal_waits"

    def __init__(self) -> None:
        super().__init__("A change of the method waits for confirmation already: it is confirmed or rejected first.")


class NoLotProposal(Conflict):
    code = "no_proposal"

    def __init__(self) -> None:
        super().__init__("No change of the method waits for confirmation.")


class OwnLotProposal(PermissionDenied):
    code = "own_proposal"

    def __init__(self) -> None:
        super().__init__("Nobody confirms what they proposed: a second person has to do that.")
