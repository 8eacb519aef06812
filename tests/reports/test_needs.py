"""What waits for one person among the payments of all."""

from datetime import UTC, datetime
from typing import Any

from crypto_api.organizations.types import Permission, Principal, Role
from crypto_api.payments.documents import Payment
from crypto_api.payments.types import Approval, Decision, PaymentState
from crypto_api.reports import needs
from crypto_api.reports.overview import COUNT_MAX
from crypto_api.runtime import Runtime
from tests.factories.stored_payment import stored_payment

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
ORG = "org_1"


def somebody(user_id: str, *permissions: Permission) -> Principal:
    return Principal(user_id, ORG, Role.APPROVER, frozenset({Permission.PAYMENTS_READ, *permissions}), "ses_1", NOW)


def waiting(number: int, prepared_by: str, **fields: Any) -> Payment:
    usual = {"state": PaymentState.PENDING_APPROVAL, "due_at": None, "prepared_by": prepared_by}
    return stored_payment(f"pay_{number:04}", ORG, NOW, **usual | fields)


async def test_payments_of_others_wait_for_an_approver_and_their_own_do_not(runtime: Runtime) -> None:
    approved = Approval(user_id="usr_m", decision=Decision.APPROVED, payload_hash="0x", at=NOW, session_id="ses_1")
    rows = [
        waiting(4, "usr_a"),
        *(waiting(number, "usr_m") for number in range(10, 20)),
        waiting(2, "usr_z"),
        waiting(3, "usr_b", approvals=[approved]),
        waiting(1, "usr_z", state=PaymentState.APPROVED),
        waiting(5, "usr_ma"),
    ]
    await Payment.insert_many([*rows, waiting(6, "usr_z").model_copy(update={"org_id": "org_2"})])
    approver = somebody("usr_m", Permission.PAYMENTS_APPROVE)
    assert [row.id for row in (await needs.needs_of(ORG, approver)).approvals] == ["pay_0002", "pay_0004", "pay_0005"]
    assert await needs.count_of(ORG, approver) == 3
    nobody = somebody("usr_m")
    assert (await needs.needs_of(ORG, nobody)).approvals == [] and await needs.count_of(ORG, nobody) == 0


async def test_many_are_counted_no_further_than_a_page_needs(runtime: Runtime) -> None:
    await Payment.insert_many([waiting(number, "usr_a" if number % 2 else "usr_z") for number in range(COUNT_MAX + 20)])
    approver = somebody("usr_m", Permission.PAYMENTS_APPROVE)
    assert await needs.count_of(ORG, approver) == COUNT_MAX
    shown = (await needs.needs_of(ORG, approver)).approvals
    assert [row.id for row in shown] == [f"pay_{number:04}" for number in range(needs.SHOWN)]
