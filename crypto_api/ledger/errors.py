"""Errors of the books."""

from collections.abc import Sequence
from datetime import date

from crypto_api.kit.errors import Conflict, FieldError, PermissionDenied
from crypto_api.ledger.types import GateCheck


class NotADraft(Conflict):
    code = "not_a_draft"

    def __init__(self) -> None:
        super().__init__("The entry is posted: it can be reversed, not changed.")


class NotPosted(Conflict):
    code = "not_posted"

    def __init__(self) -> None:
        super().__init__("Only a posted entry can be reversed.")


class AccountInUse(Conflict):
    code = "account_in_use"


class AccountExists(Conflict):
    code = "account_exists"

    def __init__(self) -> None:
        super().__init__("There is an account with this code.")


class ChangedMeanwhile(Conflict):
    code = "changed_meanwhile"

    def __init__(self) -> None:
        super().__init__("Somebody else changed it at the same moment: read it again.")


class ReversalIsFixed(Conflict):
    code = "reversal_is_fixed"

    def __init__(self) -> None:
        super().__init__("This draft takes another entry back: its lines are that entry's. Delete it, or post it as it is.")


class ApprovalRequired(PermissionDenied):
    code = "approval_required"

    def __init__(self) -> None:
        super().__init__("This organisation asks for another person's approval before an entry by hand is posted.")


class OwnEntry(PermissionDenied):
    code = "own_entry"

    def __init__(self) -> None:
        super().__init__("Nobody approves what they prepared: somebody who did not write or edit this entry has to.")


class PeriodClosed(Conflict):
    code = "period_closed"

    def __init__(self, through: date) -> None:
        super().__init__(f"The books are closed up to {through}: date it later, or reopen the period.")


class PeriodNotReady(Conflict):
    """Names every reason."""

    code = "period_not_ready"

    def __init__(self, checks: Sequence[GateCheck]) -> None:
        wrong = [check for check in checks if not check.passed]
        super().__init__("The period cannot be closed: " + " ".join(check.detail for check in wrong))
        self.errors = [FieldError(check.name, check.detail, "not_ready") for check in wrong]


class PeriodNotClosed(Conflict):
    code = "period_not_closed"

    def __init__(self) -> None:
        super().__init__("The period is open.")


class LaterPeriodClosed(Conflict):
    code = "later_period_closed"

    def __init__(self, period: str) -> None:
        super().__init__(f"{period} is closed and rests on this period: reopen that first.")


class PeriodAlreadyClosed(Conflict):
    code = "period_already_closed"

    def __init__(self) -> None:
        super().__init__("The period is closed already.")


class AnchorNotMined(Conflict):
    code = "not_mined"

    def __init__(self) -> None:
        super().__init__("No block of this network holds such a transaction: it waits, was replaced, or stands on another network.")


class AnchorNotFinal(Conflict):
    code = "not_final"

    def __init__(self) -> None:
        super().__init__("The transaction stands in a block that is not final yet: try again once it is.")
