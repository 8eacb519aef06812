"""Errors of the slice."""

from crypto_api.kit.errors import Conflict


class TooManyUnfinished(Conflict):
    code = "too_many_reports"

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} reports are waiting or being made. Wait until one is ready, or cancel one.")


class NotReady(Conflict):
    code = "not_ready"

    def __init__(self) -> None:
        super().__init__("The report is not ready.")


class HasNoFile(Conflict):
    code = "no_file"

    def __init__(self) -> None:
        super().__init__("It is no file: its result is kept as a statement or a tax report.")


class HasEnded(Conflict):
    code = "report_ended"

    def __init__(self) -> None:
        super().__init__("The report is not being made any more.")


class NotEnded(Conflict):
    code = "report_unfinished"

    def __init__(self) -> None:
        super().__init__("The report is being made. Cancel it first.")


class NothingToRetry(Conflict):
    code = "nothing_to_retry"

    def __init__(self) -> None:
        super().__init__("Only what failed or was cancelled is made again.")


class Lost(Exception):
    """Whoever makes it has lost it: it was cancelled, or another worker took it up. No fault, and nobody is told."""
