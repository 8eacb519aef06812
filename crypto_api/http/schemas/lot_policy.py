from datetime import date

from pydantic import Field

from crypto_api.flows.change_lot_policy import Preview, YearOfGains
from crypto_api.flows.settle_lots import Correction
from crypto_api.http.schemas.base import Choice, Date, ReadSchema, RequestSchema, Time
from crypto_api.kit.amounts import SignedMoney
from crypto_api.lots.documents import LotDecision, LotPolicy, LotRule
from crypto_api.lots.types import LotMethod, LotScope, Verdict

_START = "The first day on which it holds; left out: from the beginning, while nothing else was ever decided. What was before is not touched."
_MONTHS = "A disposal is long-term on the day after so many months from the acquisition ended, by the calendar of the organisation's time zone."
SHOWN_MAX = 500


class LotRuleUpdate(RequestSchema):
    method: Choice[LotMethod] = Field(examples=["fifo"])
    scope: Choice[LotScope] = Field(default=LotScope.WALLET, examples=["wallet"])
    holding_period_months: int = Field(default=12, ge=0, le=1200, examples=[12], description=_MONTHS)
    start_date: Date | None = Field(default=None, examples=["2026-01-01"], description=_START)

    def rule(self) -> LotRule:
        return LotRule(start=self.start_date, method=self.method, scope=self.scope, months=self.holding_period_months)


class LotProposalDecision(RequestSchema):
    version: int = Field(ge=1, le=2**53, examples=[3], description="With the proposal, as it was read: nobody decides about another one.")


class LotRuleRead(ReadSchema):
    method: LotMethod
    scope: LotScope
    holding_period_months: int
    start_date: date | None

    @classmethod
    def of(cls, rule: LotRule) -> "LotRuleRead":
        return cls(method=rule.method, scope=rule.scope, holding_period_months=rule.months, start_date=rule.start)


class LotProposalRead(LotRuleRead):
    proposed_by: str
    proposed_at: Time


class LotDecisionRead(LotProposalRead):
    verdict: Verdict
    decided_by: str
    decided_at: Time

    @classmethod
    def read(cls, row: LotDecision) -> "LotDecisionRead":
        return cls(
            **LotRuleRead.of(row.rule).model_dump(),
            proposed_by=row.proposed_by,
            proposed_at=row.proposed_at,
            verdict=row.verdict,
            decided_by=row.decided_by,
            decided_at=row.decided_at,
        )


class LotPolicyRead(ReadSchema):
    """Rules in the order of their start, and the one that waits for a second person."""

    rules: list[LotRuleRead]
    proposal: LotProposalRead | None
    decisions: list[LotDecisionRead] = Field(description="What became of earlier proposals, the latest last; older ones stand in the audit log.")
    version: int = Field(description="0: the default, which nobody has changed yet.")

    @classmethod
    def of(cls, row: LotPolicy) -> "LotPolicyRead":
        waiting = row.proposal
        proposal = None
        if waiting is not None:
            read = LotRuleRead.of(waiting.rule).model_dump()
            proposal = LotProposalRead(**read, proposed_by=waiting.proposed_by, proposed_at=waiting.proposed_at)
        decisions = [LotDecisionRead.read(decision) for decision in row.decisions]
        return cls(rules=[LotRuleRead.of(rule) for rule in row.rules], proposal=proposal, decisions=decisions, version=row.version)


class LotCorrectionRead(ReadSchema):
    """What would be posted for one entry."""

    entry_id: str
    transaction_id: str | None
    date: date
    asset: str
    cost: SignedMoney = Field(description="By how much more its disposals cost.")
    gain: SignedMoney = Field(description="By how much more they realise.")

    @classmethod
    def of(cls, row: Correction) -> "LotCorrectionRead":
        return cls(entry_id=row.entry_id, transaction_id=row.transaction_id, date=row.day, asset=row.asset, cost=row.cost, gain=row.gain)


class YearOfGainsRead(ReadSchema):
    """Of a fiscal year, gains less losses: by the rules in force, and if this one held."""

    start_date: date
    end_date: date
    gain_before: SignedMoney
    gain_after: SignedMoney

    @classmethod
    def of(cls, row: YearOfGains) -> "YearOfGainsRead":
        return cls(start_date=row.start, end_date=row.end, gain_before=row.before, gain_after=row.after)


class LotPreviewRead(ReadSchema):
    entries: int = Field(description="So many entries would be corrected.")
    cost: SignedMoney = Field(description="By how much more all disposals cost.")
    gain: SignedMoney = Field(description="By how much more all of them realise.")
    years: list[YearOfGainsRead] = Field(description="Those in which anything was disposed of, oldest first.")
    corrections: list[LotCorrectionRead] = Field(description=f"The first {SHOWN_MAX}, by day.")

    @classmethod
    def of(cls, preview: Preview) -> "LotPreviewRead":
        rows = sorted(preview.corrections, key=lambda row: (row.day, row.entry_id))
        return cls(
            entries=len(rows),
            cost=preview.cost,
            gain=preview.gain,
            years=[YearOfGainsRead.of(year) for year in preview.years],
            corrections=[LotCorrectionRead.of(row) for row in rows[:SHOWN_MAX]],
        )
