"""The method of lots in plain words."""

from dataclasses import dataclass
from datetime import date

from crypto_api.lots.documents import LotDecision, LotPolicy, LotRule
from crypto_api.lots.service import rule_on
from crypto_api.lots.types import LotMethod, LotScope, Verdict

METHODS = {LotMethod.FIFO: "FIFO", LotMethod.LIFO: "LIFO", LotMethod.HIFO: "HIFO", LotMethod.AVERAGE: "Average cost"}
SCOPES = {LotScope.WALLET: "Each wallet by itself", LotScope.UNIVERSAL: "All wallets together"}
ABOUT = {
    LotMethod.FIFO: "First in, first out: the lot that was acquired first goes first.",
    LotMethod.LIFO: "Last in, first out: the lot that was acquired last goes first.",
    LotMethod.HIFO: "Highest in, first out: the lot whose unit cost most goes first.",
    LotMethod.AVERAGE: "Every unit of a pool costs the same; which was held how long is told as by FIFO.",
}
VERDICTS = {
    Verdict.CONFIRMED: "Confirmed",
    Verdict.ALONE: "Held at once: nobody else could confirm it",
    Verdict.REJECTED: "Rejected",
    Verdict.WITHDRAWN: "Withdrawn",
}


@dataclass(frozen=True, slots=True)
class RuleSaid:
    rule: LotRule

    @property
    def method(self) -> str:
        return METHODS[self.rule.method]

    @property
    def about(self) -> str:
        return ABOUT[self.rule.method]

    @property
    def scope(self) -> str:
        return SCOPES[self.rule.scope]

    @property
    def long_term(self) -> str:
        months = self.rule.months
        return f"Held for more than {months} month{'' if months == 1 else 's'}" if months else "From the day after the acquisition"


@dataclass(frozen=True, slots=True)
class RuleHeld(RuleSaid):
    until: date | None  # the first day on which another holds
    holds: bool
    decision: LotDecision | None  # None: the default, which nobody decided


@dataclass(frozen=True, slots=True)
class DecisionSaid(RuleSaid):
    decision: LotDecision

    @property
    def verdict(self) -> str:
        return VERDICTS[self.decision.verdict]

    @property
    def alone(self) -> bool:
        return self.decision.decided_by == self.decision.proposed_by


def rules_held(policy: LotPolicy, today: date) -> list[RuleHeld]:
    """The latest first."""
    effective = {row.rule: row for row in policy.decisions if row.verdict in (Verdict.CONFIRMED, Verdict.ALONE)}
    ends = [rule.start for rule in policy.rules[1:]] + [None]
    current = rule_on(policy, today)
    held = [RuleHeld(rule, end, rule is current, effective.get(rule)) for rule, end in zip(policy.rules, ends, strict=True)]
    return held[::-1]


def decisions_said(policy: LotPolicy) -> list[DecisionSaid]:
    """The latest first."""
    return [DecisionSaid(row.rule, row) for row in reversed(policy.decisions)]
