"""What policy, address book and approvals say of a payment at this moment. Asked when it is prepared, decided, and again before each signature."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from crypto_api.address_book import service as address_book
from crypto_api.address_book import store as address_book_store
from crypto_api.address_book.documents import Payee
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
from crypto_api.policies.types import Payees, PaymentPolicy
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
    payee_addresses: tuple[str, ...]  # each of them has to be in the address book, where the policy asks for it
    value: Decimal | None

    @classmethod
    def of(cls, payment: Payment) -> "Subject":
        return cls(payment.org_id, payment.id, payment.network, payment.paid_addresses, payment.value)


@dataclass(frozen=True)
class Judgement:
    verdict: Verdict
    not_before: datetime | None  # the end of the payee's cooling-off
    fee_per_gas_max: int  # wei
    policy_version: int


class PolicyJudge:
    """`payments.ports.Judge`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def standings(self, payments: Sequence[Payment]) -> list[Standing]:
        return await standings_of(payments, self._clock.now())


async def standings_of(payments: Sequence[Payment], now: datetime) -> list[Standing]:
    """In that order. What is the same for all of an organisation is read once."""
    found: dict[str, Standing] = {}
    for org_id in dict.fromkeys(payment.org_id for payment in payments):
        roles: dict[str, str | None] = {}
        of_org = [payment for payment in payments if payment.org_id == org_id]
        desk = await _desk_of(org_id, {address for payment in of_org for address in payment.paid_addresses}, now)
        for payment in of_org:
            given = await counted(payment, roles=roles) if payment.approvals else []
            found[payment.id] = _standing(_judged(Subject.of(payment), desk, now), given)
    return [found[payment.id] for payment in payments]


async def standing_of(payment: Payment, now: datetime, session: Session | None = None) -> Standing:
    return _standing(await judge(Subject.of(payment), now, session), await counted(payment, session))


def first_standing(judged: Judgement) -> Standing:
    """Before anybody has said anything of it."""
    return _standing(judged, [])


def _standing(judged: Judgement, given: Sequence[tuple[str, str, bool]]) -> Standing:
    verdict = judged.verdict
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


@dataclass(frozen=True)
class _Desk:
    """What payments of an organisation are judged by."""

    policy: PaymentPolicy
    version: int
    payees: Mapping[str, Sequence[Payee]]  # entries of the address book by address; none where anybody may be paid
    today: Mapping[str, Decimal | None]  # values of the payments of this calendar day, by id; none where the policy has no limit of a day
    today_priced: Decimal  # sum of those that have a value
    today_unpriced: frozenset[str]

    def beside(self, subject: Subject) -> "_Desk":
        """Once it is a payment of this day, where the policy has a limit of one."""
        if self.policy.day_max is None or subject.payment_id is None:
            return self
        if subject.value is None:
            return replace(self, today_unpriced=self.today_unpriced | {subject.payment_id})
        return replace(self, today={**self.today, subject.payment_id: subject.value}, today_priced=add_exactly([self.today_priced, subject.value]))


async def judge(subject: Subject, now: datetime, session: Session | None = None) -> Judgement:
    return _judged(subject, await _desk_of(subject.org_id, set(subject.payee_addresses), now, session), now)


async def judge_in_turn(subjects: Sequence[Subject], now: datetime) -> list[Judgement]:
    """Of one organisation, what are to become payments: each beside those before it that are not refused, so that together they keep within a limit
    of the day."""
    if not subjects:
        return []
    desk = await _desk_of(subjects[0].org_id, {address for subject in subjects for address in subject.payee_addresses}, now)
    found = []
    for subject in subjects:
        found.append(_judged(subject, desk, now))
        if found[-1].verdict.refusal is None:
            desk = desk.beside(subject)
    return found


async def _desk_of(org_id: str, addresses: Collection[str], now: datetime, session: Session | None = None) -> _Desk:
    row = await service.current(org_id, now, session)
    payees: dict[str, list[Payee]] = {}
    if row.policy.payees is Payees.ADDRESS_BOOK:
        for entry in await address_book_store.at_any(org_id, addresses, session):
            payees.setdefault(entry.address, []).append(entry)
    today = await _today(org_id, now, session) if row.policy.day_max is not None else {}
    priced = add_exactly([value for value in today.values() if value is not None])
    return _Desk(row.policy, row.version, payees, today, priced, frozenset(payment_id for payment_id, value in today.items() if value is None))


def _judged(subject: Subject, desk: _Desk, now: datetime) -> Judgement:
    policy, hold, not_before = desk.policy, None, None
    if policy.payees is Payees.ADDRESS_BOOK:
        listed = [address_book.standing(desk.payees.get(address, ()), subject.network, now) for address in subject.payee_addresses]
        held = [each for each in listed if each.hold is not None]
        hold = (held[0].hold if len({each.hold for each in held}) == 1 else Hold.PAYEE_UNVERIFIED) if held else None
        not_before = max((each.payable_from for each in held if each.payable_from is not None), default=None)
    own = desk.today.get(subject.payment_id or "") or Decimal(0)
    today = None if desk.today_unpriced - {subject.payment_id} else add_exactly([desk.today_priced, -own])
    verdict = rules.judge(policy, value=subject.value, today=today, payee_hold=hold)
    return Judgement(verdict, not_before, policy.fee_per_gas_max_gwei * _GWEI, desk.version)


async def counted(payment: Payment, session: Session | None = None, *, roles: dict[str, str | None] | None = None) -> list[tuple[str, str, bool]]:
    """(user, role, whether signed) of the approvals that stand: over exactly this payload, by somebody else, who still may approve. `roles` keeps,
    within one look at many payments, what each approver may."""
    found, roles = [], {} if roles is None else roles
    for approval in payment.approvals:
        if approval.decision is not Decision.APPROVED or approval.payload_hash != payment.payload_hash or approval.user_id == payment.prepared_by:
            continue
        if approval.user_id not in roles:
            roles[approval.user_id] = await _role_of_approver(payment.org_id, approval, session)
        if (role := roles[approval.user_id]) is not None:
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


async def _today(org_id: str, now: datetime, session: Session | None) -> dict[str, Decimal | None]:
    """What the organisation's payments of this calendar day are worth, by id; None of one that has no value."""
    organization = await organization_store.get(org_id, session)
    zone = ZoneInfo(organization.time_zone) if organization is not None else UTC
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
    rows = await payments.values_since(org_id, midnight, session)
    return {row["_id"]: row["value"].to_decimal() if row["value"] is not None else None for row in rows}
