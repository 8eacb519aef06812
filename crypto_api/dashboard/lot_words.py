"""The method of lots in plain words."""

from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext_lazy as _

from crypto_api.dashboard.translation import gettext, ngettext
from crypto_api.lots.documents import LotDecision, LotPolicy, LotRule
from crypto_api.lots.service import rule_on
from crypto_api.lots.types import LotMethod, LotScope, Verdict

METHODS = {LotMethod.FIFO: _("FIFO"), LotMethod.LIFO: _("LIFO"), LotMethod.HIFO: _("HIFO"), LotMethod.AVERAGE: _("Average cost")}
SCOPES = {LotScope.WALLET: _("Each wallet by itself"), LotScope.UNIVERSAL: _("All wallets together")}
ABOUT = {
    LotMethod.FIFO: _("First in, first out: the lot that was acquired first goes first."),
    LotMethod.LIFO: _("Last in, first out: the lot that was acquired last goes first."),
    LotMethod.HIFO: _("Highest in, first out: the lot whose unit cost most goes first."),
    LotMethod.AVERAGE: _("Every unit of a pool costs the same; which was held how long is told as by FIFO."),
}
VERDICTS = {
    Verdict.CONFIRMED: _("Confirmed"),
    Verdict.ALONE: _("Held at once: nobody else could confirm it"),
    Verdict.REJECTED: _("Rejected"),
    Verdict.WITHDRAWN: _("Withdrawn"),
}


def held_for(months: int) -> str:
    """After how long a lot is held for long."""
    if not months:
        return gettext("From the day after the acquisition")
    return ngettext("Held for more than %(n)s month", "Held for more than %(n)s months", months) % {"n": months}


@dataclass(frozen=True, slots=True)
class RuleSaid:
    rule: LotRule

    @property
    def method(self) -> str:
        return str(METHODS[self.rule.method])

    @property
    def about(self) -> str:
        return str(ABOUT[self.rule.method])

    @property
    def scope(self) -> str:
        return str(SCOPES[self.rule.scope])

    @property
    def scope_inside(self) -> str:
        """Within a sentence. Only its first letter is made small: German writes nouns large."""
        return self.scope[:1].lower() + self.scope[1:]

    @property
    def long_term(self) -> str:
        return held_for(self.rule.months)


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
        return str(VERDICTS[self.decision.verdict])

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
