"""Facts about statements."""

from typing import ClassVar

from crypto_api.events.types import DomainEvent


class StatementMade(DomainEvent):
    kind: ClassVar[str] = "statement.made"
    permission: ClassVar[str] = "ledger.read"

    report_id: str
    statement: str
