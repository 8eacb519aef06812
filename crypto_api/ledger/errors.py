"""Errors of the books."""

from crypto_api.kit.errors import Conflict, PermissionDenied


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
