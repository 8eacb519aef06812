"""Facts of the slice."""

from typing import ClassVar

from crypto_api.events.types import DomainEvent
from crypto_api.organizations.types import Permission


class _RuleEvent(DomainEvent):
    permission: ClassVar[str] = Permission.TRANSACTIONS_READ

    rule_id: str


class ClassificationRuleAdded(_RuleEvent):
    kind: ClassVar[str] = "classification_rule.added"


class ClassificationRuleChanged(_RuleEvent):
    """It says something else, stands elsewhere in the order, or was enabled or disabled."""

    kind: ClassVar[str] = "classification_rule.changed"


class ClassificationRuleDeleted(_RuleEvent):
    kind: ClassVar[str] = "classification_rule.deleted"


class ClassificationRulesApplied(DomainEvent):
    """The rules were applied to what had been booked before; what became of each transaction has events of its own."""

    kind: ClassVar[str] = "classification_rules.applied"
    permission: ClassVar[str] = Permission.TRANSACTIONS_READ

    changed: int
