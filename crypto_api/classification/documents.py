from datetime import datetime

from pymongo import ASCENDING, DESCENDING, IndexModel

from crypto_api.classification.types import Conditions, CounterpartyKind, Outcome, Precedent, Rule, Traits
from mongodb_config.base_document import TenantDocument


class Counterparty(TenantDocument):
    """An address that the organisation knows."""

    address: str  # EIP-55
    name: str
    kind: CounterpartyKind

    class Settings:
        name = "counterparties"
        indexes = [IndexModel([("org_id", ASCENDING), ("address", ASCENDING)], unique=True, name="org_address")]


class ClassificationRule(TenantDocument):
    """A rule of the organisation as it is now. What it said before stands in `ClassificationRuleVersion`: a decision names the version."""

    name: str
    conditions: Conditions
    outcome: Outcome
    position: int  # from 1, without gaps; the first that matches decides
    enabled: bool = True
    created_by: str
    updated_by: str
    updated_at: datetime
    said: int = 1  # the version of what it says; grows with conditions, outcome and name
    version: int = 1

    class Settings:
        name = "classification_rules"
        indexes = [IndexModel([("org_id", ASCENDING), ("position", ASCENDING)], name="org_position")]

    def pure(self) -> Rule:
        return Rule(id=self.id, version=self.said, name=self.name, conditions=self.conditions, outcome=self.outcome)


class ClassificationRuleVersion(TenantDocument):
    """What a rule said from some time on. Never changed, and kept when the rule is deleted: decisions go on naming it. `_id` is `<rule>@<number>`."""

    rule_id: str
    number: int
    name: str
    conditions: Conditions
    outcome: Outcome
    by: str

    class Settings:
        name = "classification_rule_versions"
        indexes = [IndexModel([("org_id", ASCENDING), ("rule_id", ASCENDING), ("number", DESCENDING)], name="org_rule")]


class PersonDecision(TenantDocument):
    """What a person said of a transaction, for later ones to be compared with. `_id` is the transaction's: the last word stands."""

    traits: Traits
    outcome: Outcome
    at: datetime

    class Settings:
        name = "person_decisions"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("traits.parties", ASCENDING), ("at", DESCENDING)], name="org_parties"),
            IndexModel([("org_id", ASCENDING), ("traits.method", ASCENDING), ("at", DESCENDING)], name="org_method"),
        ]

    def pure(self) -> Precedent:
        return Precedent(transaction_id=self.id, traits=self.traits, outcome=self.outcome, at=self.at)
