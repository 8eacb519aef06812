"""Jobs of the slice."""

from typing import ClassVar

from crypto_api.kit.jobs import Job


class ClassifyTransaction(Job):
    """Ask the model about a transaction that no rule decided."""

    name: ClassVar[str] = "classify_transaction"

    org_id: str
    transaction_id: str


class ApplyClassificationRules(Job):
    """Make what is booked already what the organisation's rules say. Days as YYYY-MM-DD; empty: no bound."""

    name: ClassVar[str] = "apply_classification_rules"

    org_id: str
    task_id: str
    first: str = ""
    last: str = ""
