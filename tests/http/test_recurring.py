"""Recurring payments over HTTP on a real node: each occurrence becomes one payment, also after a while without a worker and after a crash."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from crypto_api.desks import payment_desk_of
from crypto_api.flows.keep_recurring import advance_recurring
from crypto_api.flows.prepare_wanted import PaymentDesk
from crypto_api.payments.documents import Payment
from crypto_api.recurring.documents import Occurrence, RecurringPayment
from tests.factories.paying import ETHER, PayingHouse, fresh_key, stranger
from tests.factories.payrolls import employed
from tests.http.conftest import Person
from tests.http.paying import ada, house, networks, node

__all__ = ["ada", "house", "networks", "node"]  # fixtures


class At:
    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


def desk_at(house: PayingHouse, moment: datetime) -> PaymentDesk:
    desk = payment_desk_of(house.runtime)
    return PaymentDesk(desk.uow, At(moment), desk.networks, desk.nodes, desk.prices, desk.jobs)


async def test_each_occurrence_is_one_payment_also_after_a_while(house: PayingHouse, ada: Person) -> None:
    now = house.runtime.clock.now()
    wallet, _ = await house.wallet(wei=10 * ETHER)
    await house.mine(2)
    payee = await employed(house.org_id, stranger(), now)
    start = now.date() + timedelta(days=1)
    body = {"name": "Rent", "wallet_id": wallet.id, "payee_id": payee.payee_id, "asset": "ETH", "amount": "3", "frequency": "weekly"}
    body |= {"start_date": start.isoformat(), "count": 4}  # type: ignore[dict-item]
    wrong = await ada.http.post("/api/recurring-payments/", json=body | {"end_date": now.date().isoformat()})
    assert wrong.json()["errors"][0]["code"] == "nothing_due"
    made = await ada.http.post("/api/recurring-payments/", json=body, headers=fresh_key())
    assert made.status_code == 201, made.text
    row = made.json()
    path = f"/api/recurring-payments/{row['id']}/"
    ahead = await ada.http.get("/api/recurring-payments/calendar/", params={"until": (start + timedelta(days=14)).isoformat()})
    assert [one["pays_on"] for one in ahead.json()["items"]] == [(start + timedelta(days=7 * week)).isoformat() for week in range(3)]
    assert ahead.json()["funds"] == [{"wallet_id": wallet.id, "asset": "ETH", "needed": "9"}]
    assert await advance_recurring(desk_at(house, now)) == 0
    late = now + timedelta(days=16)  # nothing ran for more than two weeks
    for _ in range(2):
        await advance_recurring(desk_at(house, late))
    payments = await Payment.find({"org_id": house.org_id}).sort("+_id").to_list()
    assert [(one.origin.kind, one.origin.component, one.amount) for one in payments] == [("recurring", str(number), 3) for number in (1, 2, 3)]
    await house.sweep()
    await house.mine(3)
    await house.sweep()
    assert await house.ether(payee.address) == 9 * ETHER
    paused = await ada.http.put(path, json={"paused": True})
    assert (paused.status_code, paused.json()["status"]) == (200, "paused")
    later = late + timedelta(days=10)
    assert await advance_recurring(desk_at(house, later)) == 0
    assert (await ada.http.put(path, json={"paused": False})).status_code == 200
    await advance_recurring(desk_at(house, later))
    found = (await ada.http.get(path)).json()
    assert (found["occurrences"][0]["number"], found["occurrences"][0]["state"]) == (4, "waits"), "the wallet has too little for it"
    assert "holds" in found["occurrences"][0]["reason"] and found["recurring_payment"]["status"] == "active"
    await house.actor.set_balance(wallet.address, 5 * ETHER)
    await house.actor.mine()
    await advance_recurring(desk_at(house, later + timedelta(minutes=5)))
    found = (await ada.http.get(path)).json()
    assert [one["state"] for one in found["occurrences"]] == ["prepared"] * 4 and found["recurring_payment"]["status"] == "ended"
    assert (await ada.http.put(path, json={"paused": True})).json()["code"] == "has_ended"
    assert await Payment.find({"org_id": house.org_id}).count() == 4


async def test_a_crash_at_either_step_leaves_each_once(house: PayingHouse, ada: Person, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a process that dies there leaves is what an exception there leaves: nothing is undone, and nothing more is done."""
    from crypto_api.flows import keep_recurring

    now = house.runtime.clock.now()
    wallet, _ = await house.wallet(wei=10 * ETHER)
    await house.mine(2)
    payee = await employed(house.org_id, stranger(), now)
    body = {"name": "Rent", "wallet_id": wallet.id, "payee_id": payee.payee_id, "asset": "ETH", "amount": "1", "frequency": "daily"}
    body |= {"start_date": (now.date() - timedelta(days=2)).isoformat(), "count": 3}  # type: ignore[dict-item]
    assert (await ada.http.post("/api/recurring-payments/", json=body, headers=fresh_key())).status_code == 201

    class Died(Exception):
        pass

    for step in ("recurring.written_down", "recurring.prepared"):

        def dies(name: str, step: str = step) -> None:
            if name == step:
                raise Died

        monkeypatch.setattr(keep_recurring, "faultpoint", dies)
        with pytest.raises(Died):
            await advance_recurring(desk_at(house, now))
        await RecurringPayment.find({"org_id": house.org_id}).update({"$set": {"look_at": now}})
    monkeypatch.undo()
    await advance_recurring(desk_at(house, now))
    assert sorted(one.origin.component for one in await Payment.find({"org_id": house.org_id}).to_list()) == ["1", "2", "3"]
    assert {one.state for one in await Occurrence.find({"org_id": house.org_id}).to_list()} == {"prepared"}
