"""The method by which lots are taken is changed by two people: one proposes, having seen what it would change; another, who approves entries,
confirms. Where nobody else could confirm, it takes effect at once. The corrections that it brings are posted by `settle_lots`."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from crypto_api.flows.members import require_standing
from crypto_api.flows.second_person import others_who_may
from crypto_api.flows.settle_lots import Correction, plan_corrections
from crypto_api.kit.amounts import add_exactly
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import NotFound
from crypto_api.ledger.rules import less
from crypto_api.lots import service as policies
from crypto_api.lots.documents import LotPolicy, LotRule
from crypto_api.organizations import store as organizations
from crypto_api.organizations.types import Permission, Principal
from crypto_api.reports.lot_events import read_lot_events
from crypto_api.tax.rules import bounds, gains_by_year
from crypto_api.tax.types import TaxPeriod
from mongodb_config.unit_of_work import Session, UnitOfWork

Decide = Callable[[Session, LotPolicy, str, datetime], Awaitable[LotPolicy]]

UNKEPT = -1
"""No checkpoint is of rules that do not hold."""


@dataclass(frozen=True)
class YearOfGains:
    """Gains less losses of a fiscal year, as a tax report by the organisation's rules says them now, and would."""

    start: date
    end: date
    before: Decimal
    after: Decimal

    @property
    def change(self) -> Decimal:
        return less(self.after, self.before)


@dataclass(frozen=True)
class Preview:
    """What would be posted if the rule held now. `cost`, `gain`: by how much they would grow. `years`: those with a disposal, oldest first."""

    corrections: list[Correction]
    years: list[YearOfGains]

    @property
    def cost(self) -> Decimal:
        return add_exactly([row.cost for row in self.corrections])

    @property
    def gain(self) -> Decimal:
        return add_exactly([row.gain for row in self.corrections])


async def preview_lot_policy(clock: Clock, org_id: str, rule: LotRule) -> Preview:
    """Nothing is changed. InvalidInput as of `with_rule`."""
    organization, now = await organizations.get(org_id), clock.now()
    if organization is None:
        raise NotFound
    policy = await policies.current(org_id, now)
    wanted = policies.rules_of(policy.model_copy(update={"rules": policies.with_rule(policy, rule)}))
    history, begins = await read_lot_events(org_id, organization.time_zone), organization.fiscal_year_start
    plan = await plan_corrections(organization, wanted, UNKEPT, None, now, history)
    before = await asyncio.to_thread(gains_by_year, history, policies.rules_of(policy), begins)
    after = await asyncio.to_thread(gains_by_year, history, wanted, begins)
    years = [YearOfGains(*bounds(TaxPeriod.YEARLY, start, begins), gain, after[start]) for start, gain in before.items()]
    return Preview(plan.corrections, years)


async def propose_lot_rule(
    uow: UnitOfWork, clock: Clock, principal: Principal, org_id: str, rule: LotRule, versions: Collection[int] | None
) -> LotPolicy:
    """With a proposal in the answer it waits for a second person. InvalidInput, PreconditionFailed, ProposalWaits. What holds already changes
    nothing."""
    now = clock.now()

    async def work(session: Session) -> LotPolicy:
        await require_standing(session, principal, org_id)
        before = await policies.expected(session, org_id, versions, now)
        policies.with_rule(before, rule)
        if rule == before.rules[-1]:
            return before
        if await others_who_may(session, org_id, Permission.LEDGER_APPROVE, principal.user_id):
            return await policies.propose(session, before, rule, principal.user_id, now)
        return await policies.put(session, before, rule, principal.user_id, now)

    return await uow.run(work)


async def confirm_lot_rule(uow: UnitOfWork, clock: Clock, principal: Principal, org_id: str, versions: Collection[int]) -> LotPolicy:
    """`versions`: at which the person has read it. PreconditionFailed, NoProposal, OwnProposal."""
    return await _decide(uow, clock, principal, org_id, versions, policies.confirm)


async def reject_lot_rule(uow: UnitOfWork, clock: Clock, principal: Principal, org_id: str, versions: Collection[int]) -> LotPolicy:
    """The proposal is gone, the rules stay. PreconditionFailed, NoProposal."""
    return await _decide(uow, clock, principal, org_id, versions, policies.reject)


async def withdraw_lot_rule(uow: UnitOfWork, clock: Clock, principal: Principal, org_id: str, versions: Collection[int]) -> LotPolicy:
    """As `reject_lot_rule`, by the one who proposed it. PreconditionFailed, NoProposal, ProposalOfAnother."""
    return await _decide(uow, clock, principal, org_id, versions, policies.withdraw)


async def _decide(uow: UnitOfWork, clock: Clock, principal: Principal, org_id: str, versions: Collection[int], decide: Decide) -> LotPolicy:
    now = clock.now()

    async def work(session: Session) -> LotPolicy:
        await require_standing(session, principal, org_id)
        before = await policies.expected(session, org_id, versions, now)
        return await decide(session, before, principal.user_id, now)

    return await uow.run(work)
