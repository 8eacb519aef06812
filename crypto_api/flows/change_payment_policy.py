"""The payment policy is changed by two people: one proposes, another confirms. Where nobody else could confirm, it takes effect at once."""

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError

from crypto_api.flows.members import require_standing
from crypto_api.flows.second_person import others_who_may
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import FieldError, InvalidInput
from crypto_api.kit.log import security
from crypto_api.organizations.types import Permission, Principal
from crypto_api.payments import store as payments
from crypto_api.policies import service as policies
from crypto_api.policies.documents import OrganizationPolicy
from crypto_api.policies.types import PaymentPolicy
from mongodb_config.unit_of_work import Session, UnitOfWork


async def change_payment_policy(
    uow: UnitOfWork, clock: Clock, principal: Principal, org_id: str, fields: Mapping[str, Any], versions: Collection[int] | None
) -> OrganizationPolicy:
    """Sets `fields`, the others stay. With a proposal in the answer it waits for a second person. InvalidInput, PreconditionFailed when it
    stands at none of `versions`, ProposalWaits. What is the policy already changes nothing."""
    now = clock.now()

    async def work(session: Session) -> OrganizationPolicy:
        await require_standing(session, principal, org_id)
        before = await policies.expected(session, org_id, versions, now)
        wanted = changed(before.policy, fields)
        if wanted == before.policy:
            return before
        if await others_who_may(session, org_id, Permission.POLICIES_WRITE, principal.user_id):
            return await policies.propose(session, before, wanted, principal.user_id, now)
        after = await policies.put(session, before, wanted, principal.user_id, now)
        await payments.make_due(session, org_id, now)
        return after

    row = await uow.run(work)
    security.info("payment_policy_change", user_id=principal.user_id, org_id=org_id, waits=row.proposal is not None, version=row.version)
    return row


async def confirm_payment_policy(
    uow: UnitOfWork, clock: Clock, principal: Principal, org_id: str, versions: Collection[int] | None
) -> OrganizationPolicy:
    """What was proposed holds from now on. `versions`: at which the person has read it. PreconditionFailed, NoProposal, OwnProposal."""
    now = clock.now()

    async def work(session: Session) -> OrganizationPolicy:
        await require_standing(session, principal, org_id)
        before = await policies.expected(session, org_id, versions, now)
        after = await policies.confirm(session, before, principal.user_id, now)
        await payments.make_due(session, org_id, now)
        return after

    row = await uow.run(work)
    security.info("payment_policy_confirmed", user_id=principal.user_id, org_id=org_id, version=row.version)
    return row


async def reject_payment_policy(
    uow: UnitOfWork, clock: Clock, principal: Principal, org_id: str, versions: Collection[int] | None
) -> OrganizationPolicy:
    """The proposal is gone, the policy stays. PreconditionFailed, NoProposal."""
    now = clock.now()

    async def work(session: Session) -> OrganizationPolicy:
        await require_standing(session, principal, org_id)
        before = await policies.expected(session, org_id, versions, now)
        return await policies.reject(session, before, principal.user_id, now)

    row = await uow.run(work)
    security.info("payment_policy_proposal_rejected", user_id=principal.user_id, org_id=org_id, version=row.version)
    return row


def changed(policy: PaymentPolicy, fields: Mapping[str, Any]) -> PaymentPolicy:
    """InvalidInput naming each field that cannot be so."""
    try:
        wanted = PaymentPolicy.model_validate({**policy.model_dump(), **fields})
    except ValidationError as error:
        told = [FieldError(str(row["loc"][0]), row["msg"], row["type"]) for row in error.errors(include_url=False)]
        raise InvalidInput(*told) from error
    if wanted.delay_above is not None and wanted.delay_hours == 0:
        raise InvalidInput.of("delay_hours", "must be at least 1 where there is an amount above which payments wait", "too_small")
    return wanted
