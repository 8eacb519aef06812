"""Payments as people see them: with their attempts, the names of who did what, and what is still missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crypto_api.flows.judge_payment import standings_of
from crypto_api.organizations.types import Permission, Principal
from crypto_api.payments import store
from crypto_api.payments.documents import Payment, PaymentAttempt
from crypto_api.payments.typed_data import typed_data
from crypto_api.payments.types import ENDED, Decision, PaymentState, Standing
from crypto_api.reports.people import names_of

_JUDGED = (PaymentState.DRAFT, PaymentState.PENDING_APPROVAL, PaymentState.APPROVED)


@dataclass(frozen=True)
class PaymentView:
    payment: Payment
    attempts: list[PaymentAttempt]
    names: dict[str, str]  # of people, by id
    standing: Standing | None  # while it can still be approved

    @property
    def approvals_required(self) -> int:
        return (
            self.standing.approvals_needed if self.standing is not None else sum(row.decision is Decision.APPROVED for row in self.payment.approvals)
        )

    @property
    def approvals_missing(self) -> int:
        return self.standing.approvals_missing if self.standing is not None else 0

    def name(self, user_id: str | None) -> str:
        return self.names.get(user_id or "", "")

    def typed_data(self) -> dict[str, Any] | None:
        """For `eth_signTypedData_v4`, once it has left DRAFT."""
        return typed_data(self.payment) if self.payment.payload_hash is not None else None

    def wallet_request(self) -> dict[str, str]:
        """For `eth_sendTransaction` of the person's own wallet."""
        payment = self.payment
        return {
            "from": payment.from_address,
            "to": payment.call.to,
            "value": hex(int(payment.call.value_raw)),
            "data": payment.call.data,
            "chainId": hex(payment.chain_id),
        }

    def may_decide(self, principal: Principal) -> bool:
        """Whether this person is one of those who could approve it."""
        payment = self.payment
        decided = any(row.user_id == principal.user_id for row in payment.approvals)
        waits = payment.state is PaymentState.PENDING_APPROVAL and not decided and payment.prepared_by != principal.user_id
        return waits and principal.may(Permission.PAYMENTS_APPROVE)


async def payment_views(org_id: str, payments: Sequence[Payment], now: datetime) -> list[PaymentView]:
    attempts = await store.attempts_of(org_id, [payment.id for payment in payments])
    people = {user_id for payment in payments for user_id in _people(payment)}
    names = await names_of(people)
    judged = [payment for payment in payments if payment.state in _JUDGED]
    standings = dict(zip((payment.id for payment in judged), await standings_of(judged, now), strict=True))
    return [PaymentView(payment, attempts.get(payment.id, []), names, standings.get(payment.id)) for payment in payments]


async def payment_view(org_id: str, payment: Payment, now: datetime) -> PaymentView:
    (view,) = await payment_views(org_id, [payment], now)
    return view


def has_ended(payment: Payment) -> bool:
    return payment.state in ENDED


def _people(payment: Payment) -> set[str]:
    found = {payment.prepared_by, *(row.user_id for row in payment.approvals)}
    return found | {user_id for user_id in (payment.cancel_requested_by, payment.speed_up_requested_by) if user_id}
