"""Errors of the slice."""

from crypto_api.kit.errors import Conflict


class TooManyUnfinished(Conflict):
    code = "too_many_audits"

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} audits are waiting or running. Wait until one is ready, or cancel one.")


class TooManyKept(Conflict):
    code = "too_many_audits_of_yours"

    def __init__(self, most: int) -> None:
        super().__init__(f"You have uploaded {most:,} contracts, which are kept. Somebody else may upload the next.")


class HasEnded(Conflict):
    code = "audit_ended"

    def __init__(self) -> None:
        super().__init__("The audit is not running any more.")


class NotReady(Conflict):
    code = "not_ready"

    def __init__(self) -> None:
        super().__init__("The audit is not ready.")


class NothingToRetry(Conflict):
    code = "nothing_to_retry"

    def __init__(self) -> None:
        super().__init__("Only what failed or was cancelled is done again.")


class AlreadySo(Conflict):
    code = "already_so"

    def __init__(self, state: str) -> None:
        super().__init__(f"The finding is {state} already.")
