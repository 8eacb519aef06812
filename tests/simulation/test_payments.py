"""A short run of the simulator, and bugs planted in the machine that it must find. The long run: `manage.py simulate`."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from crypto_api.payments import rules, sent, unsigned
from crypto_api.payments.events import Happened
from crypto_api.payments.ports import Signed
from crypto_api.payments.sent import _InFlight
from crypto_api.payments.types import ENDED, Hold, PaymentState
from crypto_api.payments.visit import Visit
from tests.simulation.book import Book, Tables
from tests.simulation.chain import Provider
from tests.simulation.payments import Schedule, SimSigner
from tests.simulation.proving import expect_found, traces_of

SCHEDULES = 150
TO_FIND = 600  # schedules in which a planted bug must show
FOUND = {1283817: "a nonce that a reorganisation freed between two questions was held against the wallet, which stood still until somebody looked"}
"""Seeds of long runs that found something, by what it was."""


def test_every_payment_ends_and_none_is_paid_twice() -> None:
    for seed in (*range(SCHEDULES), *FOUND):
        Schedule(seed).run()


def test_the_same_seed_gives_the_same_trace() -> None:
    first, _ = traces_of(Schedule, 7)
    assert len(first) > 100


# ---- the simulator proves itself ---------------------------------------------------------------------------------------------------


async def _sends_before_it_is_stored(self: Any, asked: Any) -> Any:
    found = await _SIGNATURES(self, asked)
    await self.chain.send_raw([each.bytes.raw for each in found if isinstance(each, Signed)])
    return found


async def _an_answer_is_a_verdict(self: Any, rows: Any) -> None:
    """What a node says against a broadcast counts as a failure, and the payment begins anew."""
    tables = self.book.tables
    for payment, attempt in rows:
        (answer,) = await self.chain.send_raw([attempt.raw])
        if answer.note and payment.state is PaymentState.SIGNED:
            anew = self.into(payment, PaymentState.APPROVED) | {"hash": None, "nonce": None, "version": payment.version + 1}
            tables.payments[payment.id] = payment.model_copy(update=anew)
            tables.attempts[payment.id] = []
            key = (payment.chain_id, payment.from_address, payment.nonce)
            tables.slots[key] = tables.slots[key].model_copy(update={"live": False})
        else:
            await _SEND(self, [(payment, attempt)])


async def _nonce_of_the_pool(self: Any, wanted: Any, chain_nonce: int) -> Any:
    """Each time the next one that a node tells, as with `pending`: two payments share it, or one is left out."""
    payment = wanted[0].payment
    last = self.tables.last_slot((payment.chain_id, payment.from_address))
    nonce = chain_nonce + (2 if last is not None else 0)
    self.tables.slots.pop((payment.chain_id, payment.from_address, nonce), None)
    return await _TAKE_SLOTS(self, wanted, nonce)


def _never_back(visit: Any, row: Any) -> None:
    """What was mined once is mined for ever: one confirmation, and nobody looks again."""
    visit.wait(row.payment, [], "", timedelta(hours=1))


def _other_bytes_each_time(self: Any, asked: Any) -> Any:
    """Signs with higher fees whenever it is asked, as a signer that asks the market itself would."""
    found = _SIGN(self, asked)
    rows = self.tables.attempts.get(asked.payment_id, [])
    for place, row in enumerate(rows):
        if row.id == asked.attempt_id:
            rows[place] = row.model_copy(update={"call": row.call.model_copy(update={"to": f"{row.call.to}x"})})
    return found


async def _a_lost_payment_gets_another_slot(self: Any, row: Any) -> bool:
    """What is not mined in time is taken for dead and paid again from a new nonce."""
    payment, visit = row.payment, self.visit
    if payment.state is PaymentState.BROADCAST and payment.tries > 1:
        key = (payment.chain_id, payment.from_address, payment.nonce)
        visit.book.tables.slots[key] = visit.book.tables.slots[key].model_copy(update={"live": False})
        visit.write(payment, visit.into(payment, PaymentState.APPROVED) | {"nonce": None, "hash": None}, Happened.HELD)
        return True
    return False


def _no_compare(self: Any, payment: Any, changes: Any, happened: Any) -> None:
    """Whole rows are written, whatever happened to them since they were read."""
    self.payments[payment.id] = payment.model_copy(update={**changes, "version": payment.version + 1})


def _a_tenth_more(value: int) -> int:
    return value + value // 10


async def _ends_at_once(self: Any) -> None:
    """Cancelled by asking for it, although signed bytes are out."""
    for row in self.rows:
        if row.payment.cancel_requested_by is not None:
            self.visit.write(row.payment, self.visit.into(row.payment, PaymentState.CANCELLED), Happened.CANCELLED, live=False)
    self.rows = [row for row in self.rows if row.payment.cancel_requested_by is None]
    await _GO(self)


async def _waits_without_end(visit: Any, payments: Any) -> None:
    for payment in payments:
        visit.wait(payment, [Hold.NO_FUNDS], "It waits.", timedelta(days=365))


def _is_not_looked_at(visit: Any, row: Any) -> None:
    visit.postpone(row.payment, visit.now + timedelta(days=365))


def _what_a_node_says_is_believed(visit: Any, payment: Any, receipt: Any) -> None:
    """Although our own reading of the block says something else."""
    if payment.state is PaymentState.MINED:
        ends = PaymentState.CONFIRMED if receipt.succeeded else PaymentState.FAILED
        visit.write(payment, visit.into(payment, ends) | {"hash": receipt.hash}, Happened(f"payment.{ends.lower()}"), live=False)
    elif payment.state not in ENDED:
        visit.write(payment, visit.into(payment, PaymentState.MINED) | {"hash": receipt.hash, "block_hash": receipt.block_hash}, Happened.MINED)


async def _those_behind_keep_their_nonces(self: Any, writes: Any) -> None:
    """Only what cannot be signed gives its nonce back, and a gap is left before the others."""
    slots = {key: slot for key, slot in self.tables.slots.items() if slot.payment_id in {write.payment.id for write in writes}}
    behind = {key: slot for key, slot in self.tables.slots.items() if key not in slots}
    first = min(write.payment.nonce for write in writes)
    self.tables.slots = slots | {key: slot for key, slot in behind.items() if slot.nonce < first}
    try:
        await _RELEASE(self, writes)
    finally:
        self.tables.slots |= behind


_SIGNATURES, _SEND, _GO = Visit.signatures, Visit.send, _InFlight.go
_TAKE_SLOTS, _RELEASE, _SIGN = Book.take_slots, Book.release, SimSigner.sign

PLANTED = {
    "sent before it is stored": (Visit, "signatures", _sends_before_it_is_stored),
    "an answer of a node is a verdict": (Visit, "send", _an_answer_is_a_verdict),
    "nonces as a node tells them": (Book, "take_slots", _nonce_of_the_pool),
    "a block is for ever": (sent, "_mined", _never_back),
    "a signature is not what is stored": (SimSigner, "sign", _other_bytes_each_time),
    "a new slot for a payment that may still be mined": (_InFlight, "_replace", _a_lost_payment_gets_another_slot),
    "replacements that bid too little": (rules, "_eighth_more", _a_tenth_more),
    "cancelled by asking": (_InFlight, "go", _ends_at_once),
    "whole rows are written": (Tables, "change", _no_compare),
    "a wait without an end": (unsigned, "look", _waits_without_end),
    "an ended payment is never looked at again": (sent, "_ended", _is_not_looked_at),
    "a disputed receipt is a verdict": (sent, "_disputed", _what_a_node_says_is_believed),
    "a gap among the nonces": (Book, "release", _those_behind_keep_their_nonces),
}


@pytest.fixture
def planted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    place, name, bug = PLANTED[request.param]
    monkeypatch.setattr(place, name, bug)
    yield request.param


@pytest.mark.parametrize("planted", PLANTED, indirect=True)
def test_a_planted_bug_is_found(planted: str) -> None:
    expect_found(planted, Schedule, TO_FIND)


def test_a_provider_without_faults_answers_as_the_chain_is() -> None:
    """Else the simulator would blame the machine for itself."""
    schedule = Schedule(3, faults=0.0)
    schedule.run()
    assert isinstance(schedule.provider, Provider)
    assert schedule.provider.faulty == []
    assert {row.state for row in schedule.tables.payments.values()} <= {PaymentState.CONFIRMED, PaymentState.CANCELLED, PaymentState.FAILED}
