"""Pure decisions of the slice: what a policy says of one payment. Amounts are in the organisation's functional currency.

A value of None is one that nobody could price. It counts as above every limit, because a limit that an unpriced token slips under is none. A
call of a contract passes None as well: what it moves is not known from what it sends.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from crypto_api.kit.amounts import text
from crypto_api.organizations.types import Role
from crypto_api.policies.types import Payees, PaymentPolicy

_NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What has to be true before the payment is signed."""

    refusal: str | None  # a sentence: over a limit, whoever approves
    holds: tuple[str, ...]  # values of `payments.types.Hold` that come from the payee; the machine adds those of approvals and delay
    approvals_needed: int  # by different people, none of them the one who prepared it
    managers_count: bool  # whether the approval of a MANAGER is one of them
    signed: bool  # whether each approval is an EIP-712 signature by the approver's own Ethereum account
    delay: timedelta  # between the last approval that was needed and the signature


def judge(policy: PaymentPolicy, *, value: Decimal | None, today: Decimal | None, payee_hold: str | None) -> Verdict:
    """`today` is the sum of the organisation's other payments of this calendar day in its time zone (neither rejected, cancelled nor failed),
    None when one of them has no value. `payee_hold` is why the address book does not let the payee be paid yet, None when it does."""
    held = payee_hold is not None and policy.payees is Payees.ADDRESS_BOOK
    return Verdict(
        refusal=_over_limit(policy, value, today),
        holds=(payee_hold,) if held and payee_hold is not None else (),
        approvals_needed=policy.approvals_required if above(value, policy.approval_free_max) else 0,
        managers_count=not above(value, policy.manager_max),
        signed=policy.signed_above is not None and above(value, policy.signed_above),
        delay=timedelta(hours=policy.delay_hours) if policy.delay_above is not None and above(value, policy.delay_above) else _NOTHING,
    )


def above(value: Decimal | None, limit: Decimal) -> bool:
    """Exactly at the limit is not above it."""
    return value is None or value > limit


def counts(verdict: Verdict, role: str, *, signature: bool) -> bool:
    """Whether an approval by somebody with this role, signed or not, is one of those needed. That the role may approve at all, and that it
    is not the person who prepared the payment, is checked by the caller."""
    return (verdict.managers_count or role != Role.MANAGER) and (signature or not verdict.signed)


def approvals_missing(verdict: Verdict, approvals: Iterable[tuple[str, str, bool]]) -> int:
    """How many are still needed, from (user id, role, whether signed) of those given: a person counts once."""
    people = {user_id for user_id, role, signature in approvals if counts(verdict, role, signature=signature)}
    return max(0, verdict.approvals_needed - len(people))


def _over_limit(policy: PaymentPolicy, value: Decimal | None, today: Decimal | None) -> str | None:
    if value is None and (policy.transaction_max is not None or policy.day_max is not None):
        return "It has no price, and what has none counts as above every limit of the payment policy."
    if policy.transaction_max is not None and above(value, policy.transaction_max):
        return f"It is above the most that one payment may be: {text(policy.transaction_max)}."
    if policy.day_max is None:
        return None
    if today is None:
        return f"A payment of today has no price, so the limit of {text(policy.day_max)} a day counts as used up."
    if value is not None and value + today > policy.day_max:
        return f"With the payments of today it would be above the limit of a day: {text(policy.day_max)}, of which {text(today)} is used."
    return None
