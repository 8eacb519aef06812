"""Jobs of the slice."""

from typing import ClassVar

from crypto_api.kit.jobs import Job


class MakeTaxReport(Job):
    """Compute a report that waits."""

    name: ClassVar[str] = "make_tax_report"

    org_id: str
    report_id: str
