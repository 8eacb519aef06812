"""Errors of the books."""

from crypto_api.kit.errors import Conflict


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
