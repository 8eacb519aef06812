"""The verbs of the payment policy. Each is part of the caller's unit of work, in which it was found out who else could confirm a change."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from crypto_api.audit import service as audit
from crypto_api.events import service as events
from crypto_api.kit.errors import PreconditionFailed
from crypto_api.kit.proposals import confirmable, none_waits, waiting
from crypto_api.policies import store
from crypto_api.policies.documents import OrganizationPolicy, Proposal
from crypto_api.policies.events import PolicyChanged, PolicyProposed, ProposalRejected
from crypto_api.policies.types import PaymentPolicy
from mongodb_config.base_document import encoded
from mongodb_config.kept_row import UNSTORED
from mongodb_config.unit_of_work import Session

_SUBJECT = "payment_policy"


async def current(org_id: str, now: datetime, session: Session | None = None) -> OrganizationPolicy:
    """What holds. Where nothing was ever decided, the default at version 0."""
    found = await store.get(org_id, session)
    return found or OrganizationPolicy(id=org_id, org_id=org_id, created_at=now, policy=PaymentPolicy(), updated_at=now, version=UNSTORED)


async def expected(session: Session, org_id: str, versions: Collection[int] | None, now: datetime) -> OrganizationPolicy:
    """PreconditionFailed when it stands at none of `versions`."""
    row = await current(org_id, now, session)
    if versions is not None and row.version not in versions:
        raise PreconditionFailed
    return row


async def propose(session: Session, before: OrganizationPolicy, policy: PaymentPolicy, by: str, now: datetime) -> OrganizationPolicy:
    """It waits for a second person. ProposalWaits while another does. `before` was read in this unit of work."""
    none_waits(before.proposal)
    proposal = Proposal(policy=policy, proposed_by=by, proposed_at=now)
    after = await _put(session, before, {"proposal": encoded(proposal), "updated_at": now})
    await events.append(session, after.org_id, PolicyProposed(version=after.version, by_user_id=by), now)
    await _record(session, after, "proposed", "Proposed another payment policy", now, before.policy, policy)
    return after


async def put(session: Session, before: OrganizationPolicy, policy: PaymentPolicy, by: str, now: datetime) -> OrganizationPolicy:
    """Holds at once: there is nobody else who could confirm it. ProposalWaits as in `propose`."""
    none_waits(before.proposal)
    return await _take_effect(session, before, policy, by, "Changed the payment policy, as the only one who may", now)


async def confirm(session: Session, before: OrganizationPolicy, by: str, now: datetime) -> OrganizationPolicy:
    """NoProposal, OwnProposal. `before` was read in this unit of work."""
    proposal = confirmable(before.proposal, by)
    return await _take_effect(session, before, proposal.policy, by, "Confirmed the proposed payment policy", now)


async def reject(session: Session, before: OrganizationPolicy, by: str, now: datetime) -> OrganizationPolicy:
    """By whoever may change the policy, the one who proposed it too. NoProposal."""
    proposal = waiting(before.proposal)
    after = await _put(session, before, {"proposal": None, "updated_at": now})
    await events.append(session, after.org_id, ProposalRejected(version=after.version, by_user_id=by), now)
    done = "Withdrew" if proposal.proposed_by == by else "Rejected"
    await _record(session, after, "proposal_rejected", f"{done} the proposed payment policy", now, proposal.policy, before.policy)
    return after


async def _take_effect(
    session: Session, before: OrganizationPolicy, policy: PaymentPolicy, by: str, summary: str, now: datetime
) -> OrganizationPolicy:
    after = await _put(session, before, {"policy": encoded(policy), "proposal": None, "updated_at": now})
    await events.append(session, after.org_id, PolicyChanged(version=after.version, by_user_id=by), now)
    await _record(session, after, "changed", summary, now, before.policy, policy)
    return after


async def _put(session: Session, before: OrganizationPolicy, changes: dict[str, Any]) -> OrganizationPolicy:
    """Compare-and-set on the version of `before`: of two at the same moment one comes too late."""
    after = await store.change(session, before.org_id, before, changes)
    if after is None:
        raise PreconditionFailed("It was changed at the same moment. Read it again.")
    return after


async def _record(
    session: Session, row: OrganizationPolicy, action: str, summary: str, now: datetime, before: PaymentPolicy, after: PaymentPolicy
) -> None:
    was, became = before.model_dump(), after.model_dump()
    await audit.record(session, row.org_id, f"{_SUBJECT}.{action}", summary, now, subject=(_SUBJECT, row.id), before=was, after=became)
