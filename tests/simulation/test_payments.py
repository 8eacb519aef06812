"""A short run of the simulator, and bugs planted in the machine that it must find. The long run: `manage.py simulate`."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from crypto_api.payments import machine, rules
from crypto_api.payments.machine import _Step
from crypto_api.payments.types import Hold, PaymentState
from tests.simulation.book import Book, Tables
from tests.simulation.chain import Provider
from tests.simulation.payments import Schedule, SimSigner, Violation

SCHEDULES = 150
TO_FIND = 600  # schedules in which a planted bug must show


def test_every_payment_ends_and_none_is_paid_twice() -> None:
    for seed in range(SCHEDULES):
        Schedule(seed).run()


def test_the_same_seed_gives_the_same_trace() -> None:
    first, again, other = Schedule(7), Schedule(7), Schedule(8)
    for schedule in (first, again, other):
        schedule.run()
    assert first.trace == again.trace
    assert first.trace != other.trace
    assert len(first.trace) > 100


# ---- the simulator proves itself ---------------------------------------------------------------------------------------------------


async def _sends_before_it_is_stored(self: Any, attempt: Any, sent: Any = None) -> bool:
    signed = await self.world.signer.sign_payment(self.payment.org_id, self.payment.id, attempt.id)
    await self.chain.send_raw(signed.raw)
    changes = self._into(PaymentState.SIGNED) | {"hash": signed.hash}
    await self.book.record_signed(self.payment, attempt, signed, changes)
    return True


async def _an_answer_is_a_verdict(self: Any, attempt: Any) -> bool:
    """What a node says against a broadcast counts as a failure, and the payment begins anew."""
    if (await self.chain.send_raw(attempt.raw)) is not None:
        changes = self._into(PaymentState.APPROVED) | {"hash": None}
        payment = self.payment.model_copy(update={"hash": None})
        self.book.tables.attempts[payment.id] = []
        await self.book.release_slot(payment, changes, machine.Happened.HELD)
        return True
    return False


async def _nonce_of_the_pool(self: Any, payment: Any, gas_and_fees: Any, chain_nonce: int, changes: Any) -> Any:
    """Each time the next one that a node tells, as with `pending`: two payments share it, or one is left out."""
    last = self.tables.last_slot((payment.chain_id, payment.from_address))
    nonce = chain_nonce + (2 if last is not None else 0)
    self.tables.slots.pop((payment.chain_id, payment.from_address, nonce), None)
    return await _TAKE_SLOT(self, payment, gas_and_fees, nonce, changes)


async def _never_back(self: Any) -> bool:
    """What was mined once is mined for ever: one confirmation, and nobody looks again."""
    return await self.wait([], "", timedelta(hours=1))


async def _other_bytes_each_time(self: Any, org_id: str, payment_id: str, attempt_id: str) -> Any:
    """Signs with higher fees whenever it is asked, as a signer that asks the market itself would."""
    row = next(row for row in self.tables.attempts[payment_id] if row.id == attempt_id)
    found = await _SIGN(self, org_id, payment_id, attempt_id)
    self.tables.attempts[payment_id][row.number] = row.model_copy(update={"call": row.call.model_copy(update={"to": f"{row.call.to}x"})})
    return found


async def _a_lost_payment_gets_another_slot(self: Any, last: Any) -> bool:
    """What is not mined in time is taken for dead and paid again from a new nonce."""
    if self.payment.state is PaymentState.BROADCAST and self.payment.tries > 1:
        key = (self.payment.chain_id, self.payment.from_address, self.payment.nonce)
        self.book.tables.slots[key] = self.book.tables.slots[key].model_copy(update={"live": False})
        changes = self._into(PaymentState.APPROVED) | {"nonce": None, "hash": None}
        await self.book.move(self.payment, changes, machine.Happened.HELD)
        return True
    return False


def _no_compare(self: Any, payment: Any, changes: Any, happened: Any) -> None:
    """Whole rows are written, whatever happened to them since they were read."""
    self.payments[payment.id] = payment.model_copy(update={**changes, "version": payment.version + 1})


def _a_tenth_more(value: int) -> int:
    return value + value // 10


async def _ends_at_once(self: Any) -> bool:
    """Cancelled by asking for it, although signed bytes are out."""
    if self.payment.cancel_requested_by is not None:
        await self.book.finish(self.payment, self._into(PaymentState.CANCELLED), machine.Happened.CANCELLED)
        return False
    return await _IN_FLIGHT(self)


async def _waits_without_end(self: Any) -> bool:
    return await self.wait([Hold.NO_FUNDS], "It waits.", timedelta(days=365))


_TAKE_SLOT, _SIGN, _IN_FLIGHT = Book.take_slot, SimSigner.sign_payment, _Step._in_flight

PLANTED = {
    "sent before it is stored": (_Step, "_sign", _sends_before_it_is_stored),
    "an answer of a node is a verdict": (_Step, "_send", _an_answer_is_a_verdict),
    "nonces as a node tells them": (Book, "take_slot", _nonce_of_the_pool),
    "a block is for ever": (_Step, "_mined", _never_back),
    "a signature is not what is stored": (SimSigner, "sign_payment", _other_bytes_each_time),
    "a new slot for a payment that may still be mined": (_Step, "_replace", _a_lost_payment_gets_another_slot),
    "replacements that bid too little": (rules, "_eighth_more", _a_tenth_more),
    "cancelled by asking": (_Step, "_in_flight", _ends_at_once),
    "whole rows are written": (Tables, "change", _no_compare),
    "a wait without an end": (_Step, "_approved", _waits_without_end),
    "an ended payment is never looked at again": (_Step, "_ended", _waits_without_end),
}


@pytest.fixture
def planted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    place, name, bug = PLANTED[request.param]
    monkeypatch.setattr(place, name, bug)
    yield request.param


@pytest.mark.parametrize("planted", PLANTED, indirect=True)
def test_a_planted_bug_is_found(planted: str) -> None:
    for seed in range(TO_FIND):
        try:
            Schedule(seed).run()
        except Violation as found:
            assert str(found).startswith(f"seed {seed}: ")
            return
    pytest.fail(f"{planted}: not found in {TO_FIND} schedules")


def test_a_provider_without_faults_answers_as_the_chain_is() -> None:
    """Else the simulator would blame the machine for itself."""
    schedule = Schedule(3, faults=0.0)
    schedule.run()
    assert isinstance(schedule.provider, Provider)
    assert schedule.provider.faulty == []
    assert {row.state for row in schedule.tables.payments.values()} <= {PaymentState.CONFIRMED, PaymentState.CANCELLED, PaymentState.FAILED}
