"""Which of a sender's payments the sweep looks at first, and how often at what waits for a person."""

from datetime import UTC, datetime, timedelta

import pytest

from crypto_api.payments import rules, store
from crypto_api.payments.documents import Payment
from crypto_api.payments.types import PaymentState
from tests.factories.stored_payment import PAYEE, PAYER, stored_payment

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
NETWORK, SENDER, OTHER = "testnet", PAYER, PAYEE


def payment(number: int, state: PaymentState, overdue_s: int, sender: str = SENDER) -> Payment:
    return stored_payment(f"pay_{number:03d}", "org_1", NOW, from_address=sender, state=state, due_at=NOW - timedelta(seconds=overdue_s))


@pytest.mark.usefixtures("runtime")
async def test_what_may_go_goes_before_all_that_waits_for_a_person() -> None:
    waiting = [payment(number, PaymentState.PENDING_APPROVAL, 1000 - number) for number in range(30)]
    going = [payment(30, PaymentState.APPROVED, 2), payment(31, PaymentState.BROADCAST, 3), payment(32, PaymentState.CONFIRMED, 1)]
    later = [payment(33, PaymentState.APPROVED, -5), payment(34, PaymentState.APPROVED, 9, OTHER), payment(35, PaymentState.DRAFT, 2000)]
    await Payment.insert_many([*waiting, *going, *later])

    async def due(limit: int) -> list[str]:
        return [row["_id"] for row in await store.due_of_network(NETWORK, SENDER, NOW, limit)]

    first = ["pay_031", "pay_030", "pay_032"]
    assert await due(2) == first[:2]
    assert await due(3) == first
    assert await due(5) == [*first, "pay_035", "pay_000"]
    assert await due(100) == [*first, "pay_035", *(f"pay_{number:03d}" for number in range(30))]
    assert await store.due_of_network(NETWORK, OTHER, NOW, 100) != [] and await store.due_of_network("other", SENDER, NOW, 100) == []


def test_the_longer_something_waits_for_a_person_the_less_often_it_is_looked_at() -> None:
    minutes = [rules.patience(timedelta(minutes=waited)) / timedelta(minutes=1) for waited in (0, 3, 8, 40, 60, 10_000)]
    assert minutes == [1, 1, 2, 10, 15, 15]
