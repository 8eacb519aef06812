"""Jobs of the slice."""

from typing import ClassVar

from crypto_api.kit.jobs import Job


class ClassifyTransaction(Job):
    """Ask the model about a transaction that no rule decided."""

    name: ClassVar[str] = "classify_transaction"

    org_id: str
    transaction_id: str
