"""What policy, address book and approvals say of a payment at this moment. Asked when it is prepared, decided, and again before each signature."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from crypto_api.address_book import service as address_book
from crypto_api.identity import store as identities
from crypto_api.kit.amounts import add_exactly
from crypto_api.kit.clock import Clock
from crypto_api.organizations import service as organizations
from crypto_api.organizations import store as organization_store
from crypto_api.organizations.types import Permission
from crypto_api.payments import store as payments
from crypto_api.payments.documents import Payment
from crypto_api.payments.types import Approval, Decision, Hold, Standing
from crypto_api.policies import rules, service
from crypto_api.policies.rules import Verdict
from crypto_api.policies.types import Payees
from mongodb_config.unit_of_work import Session

_GWEI = 10**9
_WHY = {
    Hold.PAYEE_UNVERIFIED: "Nobody has verified the payee's address in the address book yet.",
    Hold.COOLING_OFF: "The payee's entry in the address book is new or was changed: it cools off.",
    Hold.SIGNATURE_MISSING: "The payment policy asks for approvals that are signed by the approvers' own Ethereum accounts.",
}


@dataclass(frozen=True)
class Subject:
    """What is judged: a payment, or what is to become one."""

    org_id: str
    payment_id: str | None
    network: str
    payee_address: str
    value: Decimal | None


@dataclass(frozen=True)
class Judgement:
    verdict: Verdict
    not_before: datetime | None  # the end of the payee's cooling-off
    fee_per_gas_max: int  # wei
    policy_version: int


class PolicyJudge:
    """`payments.machine.Judge`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def standing(self, payment: Payment) -> Standing:
        return await standing_of(payment, self._clock.now())


async def standing_of(payment: Payment, now: datetime, session: Session | None = None) -> Standing:
    subject = Subject(payment.org_id, payment.id, payment.network, payment.payee_address, payment.value)
    judged = await judge(subject, now, session)
    verdict = judged.verdict
    given = await counted(payment, session)
    missing = rules.approvals_missing(verdict, given)
    holds = [Hold(hold) for hold in verdict.holds]
    if verdict.refusal is not None:
        holds.insert(0, Hold.OVER_LIMIT)
    if verdict.signed and missing and len(given) > verdict.approvals_needed - missing:
        holds.append(Hold.SIGNATURE_MISSING)
    reasons = ([verdict.refusal] if verdict.refusal else []) + [_WHY[hold] for hold in holds if hold in _WHY]
    return Standing(
        approvals_needed=verdict.approvals_needed,
        approvals_missing=missing,
        holds=tuple(holds),
        reason=" ".join(reasons),
        not_before=judged.not_before if Hold.COOLING_OFF in holds else None,
        delay=verdict.delay,
        fee_per_gas_max=judged.fee_per_gas_max,
        policy_version=judged.policy_version,
    )


async def judge(subject: Subject, now: datetime, session: Session | None = None) -> Judgement:
    row = await service.current(subject.org_id, now, session)
    policy = row.policy
    hold, not_before = None, None
    if policy.payees is Payees.ADDRESS_BOOK:
        listed = await address_book.payable(subject.org_id, subject.payee_address, subject.network, now, session)
        hold, not_before = listed.hold, listed.payable_from
    today = await _today(subject, now, session) if policy.day_max is not None else Decimal(0)
    verdict = rules.judge(policy, value=subject.value, today=today, payee_hold=hold)
    return Judgement(verdict, not_before, policy.fee_per_gas_max_gwei * _GWEI, row.version)


async def counted(payment: Payment, session: Session | None = None) -> list[tuple[str, str, bool]]:
    """(user, role, whether signed) of the approvals that stand: over exactly this payload, by somebody else, who still may approve."""
    found = []
    for approval in payment.approvals:
        if approval.decision is not Decision.APPROVED or approval.payload_hash != payment.payload_hash or approval.user_id == payment.prepared_by:
            continue
        if (role := await _role_of_approver(payment.org_id, approval, session)) is not None:
            found.append((approval.user_id, role, approval.signature is not None))
    return found


async def _role_of_approver(org_id: str, approval: Approval, session: Session | None) -> str | None:
    membership = await organization_store.membership(org_id, approval.user_id, session)
    if membership is None or membership.suspended_at is not None:
        return None
    permissions = await organizations.permissions_of(org_id, membership.role, session) or frozenset()
    user = await identities.user(approval.user_id, session)
    if Permission.PAYMENTS_APPROVE not in permissions or user is None or user.suspended_at is not None:
        return None
    return membership.role


async def _today(subject: Subject, now: datetime, session: Session | None) -> Decimal | None:
    """What the organisation's other payments of this calendar day are worth; None when one of them has no value."""
    organization = await organization_store.get(subject.org_id, session)
    zone = ZoneInfo(organization.time_zone) if organization is not None else UTC
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
    values = [row["value"] for row in await payments.values_since(subject.org_id, midnight, subject.payment_id, session)]
    if any(value is None for value in values):
        return None
    return add_exactly([value.to_decimal() for value in values])
