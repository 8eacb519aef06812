"""The method of an organisation, from which day on: proposed by one person, confirmed by another."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any

from crypto_api.audit import service as audit
from crypto_api.events import service as events
from crypto_api.kit.errors import InvalidInput, PreconditionFailed
from crypto_api.kit.proposals import confirmable, none_waits, waiting, withdrawable
from crypto_api.lots import store
from crypto_api.lots.documents import LotDecision, LotPolicy, LotProposal, LotRule
from crypto_api.lots.events import LotPolicyChanged, LotPolicyProposed, LotProposalRejected
from crypto_api.lots.types import Rule, Verdict
from mongodb_config.base_document import encoded
from mongodb_config.kept_row import UNSTORED
from mongodb_config.unit_of_work import Session

DECISIONS_MAX = 100  # beyond, the oldest are in the audit log only


async def current(org_id: str, now: datetime, session: Session | None = None) -> LotPolicy:
    """What holds. Where nothing was ever decided, average cost in each wallet, at version 0."""
    found = await store.policy(org_id, session)
    return found or LotPolicy(id=org_id, org_id=org_id, created_at=now, updated_at=now, version=UNSTORED)


async def expected(session: Session, org_id: str, versions: Collection[int] | None, now: datetime) -> LotPolicy:
    """PreconditionFailed when it stands at none of `versions`."""
    row = await current(org_id, now, session)
    if versions is not None and row.version not in versions:
        raise PreconditionFailed
    return row


def rules_of(policy: LotPolicy) -> list[Rule]:
    """As the engine takes them."""
    return [Rule(rule.start.toordinal() if rule.start is not None else 0, rule.method, rule.scope, rule.months) for rule in policy.rules]


def rule_on(policy: LotPolicy, day: date) -> LotRule:
    """Which holds on that day."""
    return next((rule for rule in reversed(policy.rules) if rule.start is None or rule.start <= day), policy.rules[0])


def with_rule(policy: LotPolicy, rule: LotRule) -> list[LotRule]:
    """The rules with another one at the end. InvalidInput when it would begin before the latest: the past is not rewritten. A rule that begins on
    the same day as the latest takes its place."""
    latest = policy.rules[-1]
    if rule.start is None:
        if len(policy.rules) > 1:
            raise InvalidInput.of("start_date", "is needed: another rule began meanwhile", "needed")
        return [rule]
    if latest.start is not None and rule.start < latest.start:
        raise InvalidInput.of("start_date", f"is before {latest.start}, when the rule began that holds", "too_early")
    return [*(row for row in policy.rules if row.start is None or row.start < rule.start), rule]


async def propose(session: Session, before: LotPolicy, rule: LotRule, by: str, now: datetime) -> LotPolicy:
    """It waits for a second person. ProposalWaits while another does. `before` was read in this unit of work."""
    none_waits(before.proposal)
    proposal = LotProposal(rule=rule, proposed_by=by, proposed_at=now)
    after = await _put(session, before, {"proposal": encoded(proposal), "updated_at": now})
    await events.append(session, after.org_id, LotPolicyProposed(version=after.version, by_user_id=by), now)
    await _record(session, after, "proposed", f"Proposed {_told(rule)}", now, before, rule)
    return after


async def put(session: Session, before: LotPolicy, rule: LotRule, by: str, now: datetime) -> LotPolicy:
    """Holds at once: there is nobody else who could confirm it. ProposalWaits as in `propose`."""
    none_waits(before.proposal)
    alone = _decided(LotProposal(rule=rule, proposed_by=by, proposed_at=now), Verdict.ALONE, by, now)
    return await _take_effect(session, before, alone, f"Changed to {_told(rule)}, as the only one who may")


async def confirm(session: Session, before: LotPolicy, by: str, now: datetime) -> LotPolicy:
    """NoProposal, OwnProposal. `before` was read in this unit of work."""
    proposal = confirmable(before.proposal, by)
    return await _take_effect(session, before, _decided(proposal, Verdict.CONFIRMED, by, now), f"Confirmed {_told(proposal.rule)}")


async def reject(session: Session, before: LotPolicy, by: str, now: datetime) -> LotPolicy:
    """By whoever may confirm, the one who proposed it too. NoProposal."""
    proposal = waiting(before.proposal)
    verdict = Verdict.WITHDRAWN if proposal.proposed_by == by else Verdict.REJECTED
    return await _drop(session, before, _decided(proposal, verdict, by, now))


async def withdraw(session: Session, before: LotPolicy, by: str, now: datetime) -> LotPolicy:
    """By the one who proposed it, who need not be one who may confirm. NoProposal, ProposalOfAnother."""
    proposal = withdrawable(before.proposal, by)
    return await _drop(session, before, _decided(proposal, Verdict.WITHDRAWN, by, now))


def _decided(proposal: LotProposal, verdict: Verdict, by: str, now: datetime) -> LotDecision:
    return LotDecision(
        rule=proposal.rule,
        proposed_by=proposal.proposed_by,
        proposed_at=proposal.proposed_at,
        verdict=verdict,
        decided_by=by,
        decided_at=now,
    )


async def _drop(session: Session, before: LotPolicy, decision: LotDecision) -> LotPolicy:
    """The rules stay as they are."""
    by, now = decision.decided_by, decision.decided_at
    after = await _put(session, before, _ended(before, decision))
    await events.append(session, after.org_id, LotProposalRejected(version=after.version, by_user_id=by), now)
    done = "Withdrew" if decision.verdict is Verdict.WITHDRAWN else "Rejected"
    await _record(session, after, "proposal_rejected", f"{done} {_told(decision.rule)}", now, before, decision.rule)
    return after


async def _take_effect(session: Session, before: LotPolicy, decision: LotDecision, summary: str) -> LotPolicy:
    by, now = decision.decided_by, decision.decided_at
    rules = [encoded(row) for row in with_rule(before, decision.rule)]
    after = await _put(session, before, {"rules": rules, "rules_version": before.rules_version + 1} | _ended(before, decision))
    await events.append(session, after.org_id, LotPolicyChanged(version=after.version, by_user_id=by), now)
    await _record(session, after, "changed", summary, now, before, decision.rule)
    return after


def _ended(before: LotPolicy, decision: LotDecision) -> dict[str, Any]:
    decisions = [*before.decisions, decision][-DECISIONS_MAX:]
    return {"proposal": None, "decisions": [encoded(row) for row in decisions], "updated_at": decision.decided_at}


async def _put(session: Session, before: LotPolicy, changes: dict[str, Any]) -> LotPolicy:
    """Compare-and-set on the version of `before`: of two at the same moment one comes too late."""
    after = await store.change_policy(session, before.org_id, before, changes)
    if after is None:
        raise PreconditionFailed("It was changed at the same moment. Read it again.")
    return after


def _told(rule: LotRule) -> str:
    return f"the method {rule.method.upper()} ({rule.scope}) from {rule.start or 'the beginning'} on"


async def _record(session: Session, row: LotPolicy, action: str, summary: str, now: datetime, before: LotPolicy, rule: LotRule) -> None:
    was, became = before.rules[-1].model_dump(), rule.model_dump()
    await audit.record(session, row.org_id, f"lot_policy.{action}", summary, now, subject=("lot_policy", row.id), before=was, after=became)
