"""Errors of tax reports."""

from crypto_api.kit.errors import Conflict


class NotReady(Conflict):
    code = "not_ready"

    def __init__(self) -> None:
        super().__init__("The report is not computed yet.")


class TooManyReports(Conflict):
    code = "too_many_reports"

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} reports are waiting already. Let them end first.")


class TooManyRows(Conflict):
    code = "too_many_rows"

    def __init__(self, most: int) -> None:
        super().__init__(f"A sheet of a workbook holds at most {most:,} rows. Take the CSV.")
