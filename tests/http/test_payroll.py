"""A payroll over HTTP on a real node, with the real signer: prepared by one, approved by another, paid to everybody once, booked to zero."""

from datetime import datetime, timedelta
from decimal import Decimal
from email import message_from_bytes, policy
from io import BytesIO
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller
from eth_account import Account
from eth_account.messages import encode_defunct
from pypdf import PdfReader

from crypto_api.adapters.mail import Mailer
from crypto_api.address_book.documents import Payee
from crypto_api.address_book.types import PayeeState
from crypto_api.desks import payment_desk_of
from crypto_api.employees.documents import Employee
from crypto_api.employees.types import EmployeeStatus
from crypto_api.flows import advance_payroll as advancing
from crypto_api.flows import run_payroll
from crypto_api.flows.advance_payroll import advance_payroll
from crypto_api.flows.prepare_many import prepare_many
from crypto_api.flows.prepare_wanted import PaymentDesk
from crypto_api.flows.reseal import reseal
from crypto_api.flows.send_due_mail import send_due_mail
from crypto_api.identity.documents import DueMail
from crypto_api.kit.errors import CoreError
from crypto_api.ledger.documents import AccountBalance, JournalEntry
from crypto_api.organizations.types import Role
from crypto_api.payments.batch import BATCH_CONTRACT, deployment
from crypto_api.payments.batch_code import PACKED_BATCH_CREATION
from crypto_api.payments.documents import Payment
from crypto_api.payroll.documents import Payout, PayrollStep, Payslip
from crypto_api.payroll.typed_data import signer_of
from crypto_api.payroll.types import PayMethod, ShareRule
from crypto_api.runtime import Runtime
from tests.factories.paying import ETHER, FREE, ONE_APPROVAL, Node, PayingHouse, fresh_key, stranger
from tests.factories.payrolls import ALL_USDC, MONTH, Paid, employed
from tests.http.conftest import Join, Person, confirmed
from tests.http.paying import ada, networks, node
from tests.http.test_invitations import Inbox

__all__ = ["ada", "networks", "node"]  # fixtures


@pytest.fixture
async def bob(join: Join, ada: Person) -> Person:
    return await confirmed(await join("bob", org_id=ada.org_id, role=Role.APPROVER))


@pytest.fixture
async def house(runtime: Runtime, node: Node, ada: Person) -> PayingHouse:
    actor, _, contracts = node
    actor.forget_nonces()
    made = PayingHouse(runtime, actor, contracts, ada.org_id)
    await made.policy(FREE)
    call, (payer, *_) = deployment(PACKED_BATCH_CREATION), await actor.rpc("eth_accounts")
    if await actor.rpc("eth_getCode", BATCH_CONTRACT, "latest") == "0x":
        await actor.rpc("eth_sendTransaction", {"from": payer, "to": call.to, "data": call.data, "gas": hex(2_000_000)})
        await actor.mine()
    return made


async def post(person: Person, path: str, body: Any = None, status: int = 200) -> dict[str, Any]:
    answer = await person.http.post(path, json=body, headers=fresh_key())
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def get(person: Person, path: str) -> dict[str, Any]:
    answer = await person.http.get(path)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def approved_period(ada: Person, bob: Person) -> str:
    period_id: str = (await post(ada, "/api/payroll/periods/", MONTH, 201))["id"]
    await post(ada, f"/api/payroll/periods/{period_id}/process/")
    done = await post(bob, f"/api/payroll/periods/{period_id}/approve/")
    assert done["refused"] == []
    return period_id


async def carry_on(house: PayingHouse, rounds: int = 4) -> None:
    """The plan and its payments, until nothing is left to do but to grow old."""
    desk = payment_desk_of(house.runtime)
    for _ in range(rounds):
        await PayrollStep.find({"org_id": house.org_id}).update({"$set": {"look_at": house.runtime.clock.now()}})
        await advance_payroll(desk)
        await house.sweep()
        await house.mine(2)
        await house.sweep()


async def balance(house: PayingHouse, code: str) -> Decimal:
    rows = await AccountBalance.find({"org_id": house.org_id, "account_code": code}).to_list()
    return sum((row.debit - row.credit for row in rows), Decimal(0))


async def staff(house: PayingHouse, now: datetime) -> tuple[list[Paid], list[Paid], Paid]:
    """Four who are paid in the coin, at three accounts that are in use and one that is not; three in a token; and one in parts."""
    thirds = [("crypto", "33.3333", "ETH"), ("crypto", "33.3333", "USDC"), ("bank", "33.3334", None)]
    split = [ShareRule(method=PayMethod(method), percent=Decimal(percent), asset=asset) for method, percent, asset in thirds]
    used = [stranger() for _ in range(3)]
    for address in used:
        await house.actor.set_balance(address, 1)
    coins = [
        await employed(house.org_id, address, now, basic="2000.01", name=name) for address, name in zip([*used, stranger()], "ABCD", strict=True)
    ]
    tokens = [await employed(house.org_id, stranger(), now, basic="5000", shares=ALL_USDC, tax_table="EXAMPLE", name=name) for name in "EFG"]
    mixed = await employed(house.org_id, stranger(), now, basic="100.01", shares=split, name="H")
    return coins, tokens, mixed


async def test_a_payroll_from_the_first_draft_to_the_last_entry(house: PayingHouse, ada: Person, bob: Person, client: httpx.AsyncClient) -> None:
    runtime, now = house.runtime, house.runtime.clock.now()
    wallet, _ = await house.wallet(wei=50 * ETHER, usdc=100_000_000_000)
    await house.mine(2)
    coins, tokens, mixed = await staff(house, now)
    period_id = (await post(ada, "/api/payroll/periods/", MONTH, 201))["id"]
    prepared = await post(ada, f"/api/payroll/periods/{period_id}/process/")
    assert (prepared["prepared"], prepared["left_out"], prepared["period"]["status"]) == (8, [], "PREPARED")
    again = await post(ada, f"/api/payroll/periods/{period_id}/process/")
    assert (again["prepared"], again["changed"]) == (0, 0), "nothing changed"
    slips = (await get(ada, f"/api/payslips/?period_id={period_id}&sort=employee_name"))["items"]
    assert [row["net"] for row in slips] == ["2000.01"] * 4 + ["4400"] * 3 + ["100.01"]
    assert [share["amount"] for share in slips[7]["shares"]] == ["33.34", "33.33", "33.34"], "they sum to the net pay"
    extra = {"earnings": [{"name": "Launch", "amount": "100.00"}], "overtime_hours": "0", "note": "Thank you"}
    changed = await ada.http.put(f"/api/payslips/{slips[0]['id']}/", json=extra)
    assert (changed.status_code, changed.json()["net"]) == (200, "2100.01")
    again = await post(ada, f"/api/payroll/periods/{period_id}/process/")
    assert again["changed"] == 0, "what was written for this period stays"

    mine = await post(ada, f"/api/payroll/periods/{period_id}/approve/")
    assert (mine["approved"], {row["code"] for row in mine["refused"]}) == (0, {"own_payslip"}), "nobody approves what they prepared"
    await post(ada, f"/api/payroll/periods/{period_id}/pay/", {"wallet_id": wallet.id}, 409)
    done = await post(bob, f"/api/payroll/periods/{period_id}/approve/")
    assert (done["approved"], done["refused"], done["period"]["status"]) == (8, [], "APPROVED")
    gross = Decimal("2000.01") * 4 + 100 + 15_000 + Decimal("100.01")
    net = gross - 1800
    assert [await balance(house, code) for code in ("5200", "2200", "2210")] == [gross, -net, Decimal(-1800)]
    late = await ada.http.put(f"/api/payslips/{slips[0]['id']}/", json=extra)
    assert (late.status_code, late.json()["code"]) == (409, "not_a_draft")

    ordered = await post(ada, f"/api/payroll/periods/{period_id}/pay/", {"wallet_id": wallet.id}, 202)
    kinds = [(row["kind"], row["asset"]) for row in ordered["steps"]]
    assert kinds == [("batch", "ETH"), ("single", "ETH"), ("single", "ETH"), ("allowance", "USDC"), ("batch", "USDC")], "the new accounts go alone"
    assert (ordered["shares"], ordered["held"], {row["asset"]: row["source"] for row in ordered["rates"]}.keys()) == (9, [], {"ETH", "USDC"})
    twice = await post(ada, f"/api/payroll/periods/{period_id}/pay/", {"wallet_id": wallet.id}, 409)
    assert twice["code"] == "nothing_to_pay"
    await carry_on(house)
    rates = {row["asset"]: Decimal(row["rate"]) for row in ordered["rates"]}
    slips = (await get(ada, f"/api/payslips/?period_id={period_id}&sort=employee_name"))["items"]
    assert [row["status"] for row in slips] == ["PAID"] * 7 + ["PAYING"]
    wei = [int(row["shares"][0]["raw_amount"]) for row in [*slips[:4], slips[7]]]
    assert [await house.ether(one.address) for one in [*coins, mixed]] == [raw + (1 if place < 3 else 0) for place, raw in enumerate(wei)]
    assert all(
        abs(raw - Decimal(row["shares"][0]["amount"]) / rates["ETH"] * ETHER) <= 1 for raw, row in zip(wei, [*slips[:4], slips[7]], strict=True)
    )
    cents = [int(row["shares"][0]["raw_amount"]) for row in slips[4:7]] + [int(slips[7]["shares"][1]["raw_amount"])]
    assert [await house.usdc(one.address) for one in [*tokens, mixed]] == cents
    assert (await house.usdc(wallet.address), await house.usdc(BATCH_CONTRACT)) == (100_000_000_000 - sum(cents), 0)
    assert await Payment.find({"org_id": house.org_id}).count() == 5

    paid = await post(ada, f"/api/payslips/{slips[7]['id']}/process-payment/", {"account_code": "1010", "reference": "SEPA 17"})
    assert (paid["status"], paid["shares"][2]["state"]) == ("PAID", "paid")
    once = await ada.http.post(f"/api/payslips/{slips[7]['id']}/process-payment/", json={"account_code": "1010"})
    assert (once.status_code, once.json()["code"]) == (409, "wrong_state")
    assert (await get(ada, f"/api/payroll/periods/{period_id}/"))["status"] == "PAID"
    await house.book()
    assert await balance(house, "2200") == 0, "what was owed is settled to the last unit"
    assert await balance(house, "5200") == gross, "and costs what was agreed"
    entries = await JournalEntry.find({"org_id": house.org_id, "source_kind": "transaction"}).to_list()
    assert all(sum(line.debit for line in entry.lines) == sum(line.credit for line in entry.lines) for entry in entries)
    await prove_genuine(house, ada, client, slips[0]["id"])
    assert runtime.clock.now() > now


async def prove_genuine(house: PayingHouse, ada: Person, client: httpx.AsyncClient, payslip_id: str) -> None:
    row = await Payslip.get(payslip_id)
    assert row is not None
    told = (await client.get(f"/api/payslips/verify/{row.verify_token}/")).json()
    assert signer_of(told["typed_data"], told["signature"]) == told["signer"]
    assert told["typed_data"]["message"]["transfers"][0]["transaction"] == row.hashes[0]
    checked = await client.post("/api/payslips/verify/", json={"typed_data": told["typed_data"], "signature": told["signature"]})
    assert checked.json() == {"genuine": True, "signer": told["signer"]}
    assert await reseal(house.runtime.uow, house.runtime.box, house.runtime.clock.now()) >= 1, "after SECRET_KEY was changed"
    assert (await client.get(f"/api/payslips/verify/{row.verify_token}/")).json()["signature"] == told["signature"]
    told["typed_data"]["message"]["net"] = "9999.99"
    forged = (await client.post("/api/payslips/verify/", json={"typed_data": told["typed_data"], "signature": told["signature"]})).json()
    assert forged["genuine"] is False and forged["signer"] != told["signer"]
    assert (await client.get("/api/payslips/verify/nothing/")).status_code == 404
    file = await ada.http.get(f"/api/payslips/{payslip_id}/pdf/")
    assert (file.status_code, file.content[:5]) == (200, b"%PDF-")
    alone = await ada.http.get(f"/api/payslips/{payslip_id}/download/")
    assert (alone.status_code, alone.json()["code"]) == (403, "not_your_payslip")


async def test_who_cannot_be_paid_is_held_and_one_who_makes_a_batch_fail_holds_up_nobody(house: PayingHouse, ada: Person, bob: Person) -> None:
    now = house.runtime.clock.now()
    wallet, _ = await house.wallet(wei=50 * ETHER)
    await house.mine(2)
    good = [stranger() for _ in range(3)]
    for address in good:
        await house.actor.set_balance(address, 1)
    refuser = house.contracts.usdc  # takes no coin
    paid = [await employed(house.org_id, address, now, name=f"A{place}") for place, address in enumerate(good)]
    bad = await employed(house.org_id, refuser, now, name="Refuser")
    cooling = await employed(house.org_id, stranger(), now, name="Cooling", cools_until=now + timedelta(hours=23))
    moved = await employed(house.org_id, stranger(), now, name="Moved")
    await Payee.find({"_id": moved.payee_id}).update({"$set": {"address": stranger()}})  # somebody wrote another address into the book
    period_id = await approved_period(ada, bob)
    ordered = await post(ada, f"/api/payroll/periods/{period_id}/pay/", {"wallet_id": wallet.id}, 202)
    assert sorted(row["message"].split(":")[0] for row in ordered["held"]) == ["Cooling Hopper", "Moved Hopper"]
    await carry_on(house)
    rows = {row.employee_id: row for row in await Payslip.find({"period_id": period_id}).to_list()}
    states = [rows[one.employee_id].status for one in (*paid, bad, cooling, moved)]
    assert states == ["FAILED"] * 4 + ["APPROVED"] * 2, "nothing was sent: it would have failed"
    assert [await house.ether(one.address) for one in paid] == [1, 1, 1]
    again = await post(ada, f"/api/payroll/periods/{period_id}/pay/", {"wallet_id": wallet.id}, 202)
    assert [row["kind"] for row in again["steps"]] == ["single"] * 4, "each alone this time"
    await carry_on(house)
    rows = {row.employee_id: row for row in await Payslip.find({"period_id": period_id}).to_list()}
    assert [rows[one.employee_id].status for one in (*paid, bad)] == ["PAID"] * 3 + ["FAILED"]
    payouts = {row.payslip_id: row for row in await Payout.find({"period_id": period_id}).to_list()}
    assert [await house.ether(one.address) for one in paid] == [int(payouts[rows[one.employee_id].id].raw_amount) + 1 for one in paid]
    assert await Payment.find({"org_id": house.org_id}).count() == 3


async def test_a_request_that_does_not_reach_everybody_says_so_and_the_next_goes_on(
    house: PayingHouse, ada: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_payroll, "TOGETHER", 2)
    monkeypatch.setattr(run_payroll, "WITHIN_S", 0)
    for place in range(5):
        await employed(house.org_id, stranger(), house.runtime.clock.now(), name=f"A{place}", basic=f"{1000 + place}")
    period_id: str = (await post(ada, "/api/payroll/periods/", MONTH, 201))["id"]
    asked = [await post(ada, f"/api/payroll/periods/{period_id}/process/") for _ in range(4)]
    assert [(row["prepared"], row["changed"], row["left"]) for row in asked] == [(2, 0, 3), (2, 0, 3), (1, 0, 3), (0, 0, 3)], "without a draft: first"
    assert {row["period"]["status"] for row in asked} == {"PREPARED"}
    rows = await Payslip.find({"period_id": period_id}).to_list()
    assert sorted(row.net for row in rows) == [Decimal(1000 + place) for place in range(5)]
    begun = await post(bob, f"/api/payroll/periods/{period_id}/approve/")
    assert (begun["approved"], begun["left"], begun["period"]["status"]) == (2, 3, "PREPARED")
    assert await Payslip.find({"period_id": period_id, "status": "DRAFT"}).count() == 3
    assert await balance(house, "5200") == Decimal(1000 + 1001), "what is approved is booked, and nothing else"
    monkeypatch.setattr(run_payroll, "WITHIN_S", 60)
    rest = await post(bob, f"/api/payroll/periods/{period_id}/approve/")
    assert (rest["approved"], rest["left"], rest["refused"], rest["period"]["status"]) == (3, 0, [], "APPROVED")
    assert await balance(house, "5200") == Decimal(5010)
    slips = await Payslip.find({"period_id": period_id}).to_list()
    assert len({row.entry_id for row in slips} - {None}) == len({row.verify_token for row in slips}) == 5
    assert (await post(bob, f"/api/payroll/periods/{period_id}/approve/"))["approved"] == 0
    assert await balance(house, "5200") == Decimal(5010), "nobody twice"


async def test_payments_wait_for_others_and_a_reorganisation_takes_payslips_back(house: PayingHouse, ada: Person, bob: Person) -> None:
    now = house.runtime.clock.now()
    await house.policy(ONE_APPROVAL)
    wallet, _ = await house.wallet(wei=50 * ETHER)
    await house.mine(2)
    people = [await employed(house.org_id, stranger(), now, name=f"A{place}") for place in range(2)]
    period_id = await approved_period(ada, bob)
    await post(ada, f"/api/payroll/periods/{period_id}/pay/", {"wallet_id": wallet.id}, 202)
    await carry_on(house, 1)
    assert await house.nonce(wallet.address) == 0, "nobody has approved the payments"
    mine = await post(ada, f"/api/payroll/periods/{period_id}/approve-payments/")
    assert (mine["approved"], {row["code"] for row in mine["refused"]}) == (0, {"own_payment"})
    assert (await post(bob, f"/api/payroll/periods/{period_id}/approve-payments/"))["approved"] == 2
    await house.sweep()
    await carry_on(house, 3)
    assert {row.status for row in await Payslip.find({"period_id": period_id}).to_list()} == {"PAID"}
    first = {row.id: row.hash for row in await Payout.find({"period_id": period_id}).to_list()}
    await house.book()
    await house.actor.rpc("anvil_reorg", 6, [])
    await house.actor.mine_many(7)
    await house.follow()
    for later in (0, 15):  # in doubt first, then taken up again
        house.clock.later = timedelta(seconds=later)
        await house.sweep()
    await PayrollStep.find({"org_id": house.org_id}).update({"$set": {"look_at": house.runtime.clock.now()}})
    await advance_payroll(payment_desk_of(house.runtime))
    taken_back = {row.status for row in await Payslip.find({"period_id": period_id}).to_list()}
    assert taken_back == {"PAYING"}
    assert (await get(ada, f"/api/payroll/periods/{period_id}/"))["status"] == "PAYING"
    house.clock.later = timedelta(seconds=30)
    await carry_on(house, 3)
    assert {row.status for row in await Payslip.find({"period_id": period_id}).to_list()} == {"PAID"}
    assert {row.id: row.hash for row in await Payout.find({"period_id": period_id}).to_list()} == first, "the same bytes"
    assert await house.nonce(wallet.address) == 2
    payouts = {row.address: int(row.raw_amount) for row in await Payout.find({"period_id": period_id}).to_list()}
    assert [await house.ether(one.address) for one in people] == [payouts[one.address] for one in people]


class Died(Exception):
    """Here a process was killed."""


async def ordered_for_one(house: PayingHouse, ada: Person, bob: Person) -> tuple[Paid, str, str, PayrollStep]:
    wallet, _ = await house.wallet(wei=50 * ETHER)
    await house.mine(2)
    paid = await employed(house.org_id, stranger(), house.runtime.clock.now())
    period_id = await approved_period(ada, bob)
    await post(ada, f"/api/payroll/periods/{period_id}/pay/", {"wallet_id": wallet.id}, 202)
    (step,) = await PayrollStep.find({"period_id": period_id}).to_list()
    return paid, wallet.id, period_id, step


async def test_what_was_prepared_before_a_crash_counts_also_where_it_could_not_be_prepared_any_more(
    house: PayingHouse, ada: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid, wallet_id, period_id, step = await ordered_for_one(house, ada, bob)

    def die(name: str) -> None:
        if name == "payroll.after_payment":
            raise Died

    with monkeypatch.context() as crash:
        crash.setattr(advancing, "faultpoint", die)
        with pytest.raises(Died):
            await advance_payroll(payment_desk_of(house.runtime))
    await house.sweep()
    await house.mine(2)
    await house.sweep()
    (payment,) = await Payment.find({"org_id": house.org_id}).to_list()
    assert payment.state == "MINED"
    await Payee.find({"_id": paid.payee_id}).update({"$set": {"state": PayeeState.REMOVED}})
    await advancing._give_up(payment_desk_of(house.runtime), [(step, "as whoever looked before it was stored would")])
    await carry_on(house, 2)
    (row,) = await PayrollStep.find({"period_id": period_id}).to_list()
    (payslip,) = await Payslip.find({"period_id": period_id}).to_list()
    assert (row.payment_id, payslip.status, payslip.hashes) == (payment.id, "PAID", [payment.hash])
    again = await ada.http.post(f"/api/payroll/periods/{period_id}/pay/", json={"wallet_id": wallet_id}, headers=fresh_key())
    assert again.status_code in (409, 422), "nobody is left to pay"
    assert await Payment.find({"org_id": house.org_id}).count() == 1


async def test_a_step_that_is_given_up_while_it_is_being_prepared_has_no_payment(
    house: PayingHouse, ada: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid, wallet_id, period_id, step = await ordered_for_one(house, ada, bob)

    async def overtaken(desk: PaymentDesk, *args: Any, **values: Any) -> list[Payment | CoreError]:
        await advancing._give_up(desk, [(step, "another process found that it cannot be paid")])
        return await prepare_many(desk, *args, **values)

    with monkeypatch.context() as race:
        race.setattr(advancing, "prepare_many", overtaken)
        await advance_payroll(payment_desk_of(house.runtime))
    assert await Payment.find({"org_id": house.org_id}).count() == 0
    (payslip,) = await Payslip.find({"period_id": period_id}).to_list()
    assert payslip.status == "FAILED"
    await post(ada, f"/api/payroll/periods/{period_id}/pay/", {"wallet_id": wallet_id}, 202)
    await carry_on(house)
    (payout,) = await Payout.find({"period_id": period_id}).to_list()
    assert (payout.state, await house.ether(paid.address)) == ("paid", int(payout.raw_amount))
    assert await Payment.find({"org_id": house.org_id}).count() == 1


async def test_an_address_that_somebody_changes_after_the_order_gets_nothing(house: PayingHouse, ada: Person, bob: Person) -> None:
    paid, _, period_id, _ = await ordered_for_one(house, ada, bob)
    other = stranger()
    await Payee.find({"_id": paid.payee_id}).update({"$set": {"address": other}})
    await carry_on(house, 2)
    (payout,) = await Payout.find({"period_id": period_id}).to_list()
    assert (payout.state, payout.payment_id) == ("failed", None) and "another address" in payout.reason
    assert [await house.ether(address) for address in (other, paid.address)] == [0, 0]
    assert await Payment.find({"org_id": house.org_id}).count() == 0


async def test_an_employee_proves_a_wallet_that_another_person_verifies(
    house: PayingHouse, ada: Person, bob: Person, join: Join, runtime: Runtime, unused_tcp_port: int
) -> None:
    gus = await join("gus", org_id=ada.org_id, role=Role.USER)
    now = house.runtime.clock.now()
    me = await employed(house.org_id, stranger(), now, user_id=gus.user["id"], name="Gus")
    other = await employed(house.org_id, stranger(), now, name="Other")
    assert (await get(gus, "/api/employees/me/pay/"))["wallet_state"] == "verified"
    key = Account.create()
    text = await post(gus, "/api/employees/me/wallet/challenge/", {"address": key.address})
    signature = "0x" + bytes(Account.create().sign_message(encode_defunct(text=text["message"])).signature).hex()
    wrong = await gus.http.post("/api/employees/me/wallet/", json={"message": text["message"], "signature": signature})
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (422, "invalid_signature")
    text = await post(gus, "/api/employees/me/wallet/challenge/", {"address": key.address})
    proof = {"message": text["message"], "signature": "0x" + bytes(key.sign_message(encode_defunct(text=text["message"])).signature).hex()}
    proven = await post(gus, "/api/employees/me/wallet/", proof)
    assert (proven["wallet_address"], proven["wallet_state"], proven["payee_id"]) == (key.address, "unverified", me.payee_id)
    verify = f"/api/address-book/{me.payee_id}/verify/"
    assert (await gus.http.post(verify, json={"address": key.address})).status_code == 403
    await post(bob, verify, {"address": key.address})
    mine = await get(gus, "/api/employees/me/pay/")
    assert mine["wallet_state"] == "verified" and mine["wallet_payable_from"] > mine["updated_at"], "a change cools off"

    period_id = await approved_period(ada, bob)
    slips = (await get(gus, "/api/payslips/"))["items"]
    assert [row["employee_id"] for row in slips] == [me.employee_id], "one's own, and nobody else's"
    theirs = await Payslip.find_one({"employee_id": other.employee_id})
    assert theirs is not None
    assert (await gus.http.get(f"/api/payslips/{theirs.id}/")).status_code == 404
    assert (await gus.http.get(f"/api/payslips/{theirs.id}/download/")).status_code == 404
    file = await gus.http.get(f"/api/payslips/{slips[0]['id']}/download/")
    assert (file.status_code, file.headers["cache-control"]) == (200, "no-store")
    assert (await gus.http.get(f"/api/payroll/periods/{period_id}/")).status_code == 403
    years = (await get(gus, "/api/employees/me/pay/years/"))["items"]
    assert [(row["year"], row["net"], row["paid"]) for row in years] == [(2026, "1000", "0")]
    told = await post(ada, f"/api/payslips/{slips[0]['id']}/send/")
    mail = await DueMail.find_one({"kind": "payslip"})
    assert told["mailed_at"] and mail is not None and mail.to == gus.user["email"] and "1000" not in str(mail.data)
    # over a real mail server: the way to it, and the file only where the organisation wants that, by the time that it leaves
    mailer, office = Mailer("127.0.0.1", unused_tcp_port, sender="coffer@example.com"), Inbox()
    controller = Controller(office, hostname="127.0.0.1", port=unused_tcp_port)
    controller.start()
    try:
        for wanted in ("link", "attached"):
            changed = await ada.http.put(f"/api/organizations/{ada.org_id}/", json={"payslip_mail": wanted})
            assert (changed.status_code, changed.json()["payslip_mail"]) == (200, wanted), changed.text
            assert await send_due_mail(runtime.uow, runtime.clock, mailer, "https://coffer.example", mail.id, runtime.box)
            await post(ada, f"/api/payslips/{slips[0]['id']}/send/")
            mail = await DueMail.find_one({"kind": "payslip", "sent_at": None})
            assert mail is not None
    finally:
        controller.stop()
    plain, carrying = (message_from_bytes(envelope.content, policy=policy.default) for envelope in office.envelopes)
    assert plain["To"] == carrying["To"] == gus.user["email"]
    assert (
        not plain.is_multipart() and f"https://coffer.example/my-pay/{slips[0]['id']}/" in plain.get_content() and "1,000" not in plain.get_content()
    )
    (attached,) = carrying.iter_attachments()
    shown = "\n".join(sheet.extract_text() for sheet in PdfReader(BytesIO(attached.get_content())).pages)
    assert attached.get_content_type() == "application/pdf" and "1,000.00" in shown and "Gus" in shown
    assert "1,000" not in carrying.get_body(("plain",)).get_content(), "the letter itself says no amount"
    log = (await get(ada, "/api/audit-log/?action=organization.changed"))["items"]
    assert (log[0]["before"]["payslip_mail"], log[0]["after"]["payslip_mail"]) == ("link", "attached")
    refused = await ada.http.post(f"/api/payslips/{theirs.id}/send/", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")


async def test_what_is_wrong_is_refused_and_named(house: PayingHouse, ada: Person, join: Join) -> None:
    now = house.runtime.clock.now()
    one = await employed(house.org_id, stranger(), now, name="One")
    await Employee.find({"_id": one.employee_id}).update({"$set": {"status": EmployeeStatus.SUSPENDED}})
    two = await employed(house.org_id, stranger(), now, name="Two", tax_table="NOWHERE")
    period_id = (await post(ada, "/api/payroll/periods/", MONTH, 201))["id"]
    assert (await post(ada, "/api/payroll/periods/", MONTH, 409))["code"] == "period_exists"
    back = await post(ada, "/api/payroll/periods/", MONTH | {"end_date": "2026-10-01"}, 422)
    assert back["errors"][0]["code"] == "end_before_start"
    found = await post(ada, f"/api/payroll/periods/{period_id}/process/")
    assert (found["prepared"], [row["employee_id"] for row in found["left_out"]]) == (0, [two.employee_id])
    table = {"code": "NOWHERE", "name": "Nowhere", "currency": "USD", "effective_from": "2026-12-01", "brackets": [{"above": "0", "percent": "50"}]}
    assert (await post(ada, "/api/payroll/tax-tables/", table, 201))["code"] == "NOWHERE"
    assert (await post(ada, f"/api/payroll/periods/{period_id}/process/"))["prepared"] == 0, "it is not in force yet on the day of payment"
    await post(ada, "/api/payroll/tax-tables/", table | {"effective_from": "2026-11-30"}, 201)
    assert (await post(ada, "/api/payroll/tax-tables/", table, 422))["errors"][0]["code"] == "table_exists"
    assert (await post(ada, f"/api/payroll/periods/{period_id}/process/"))["prepared"] == 1
    (slip,) = (await get(ada, "/api/payslips/"))["items"]
    assert (slip["tax"], slip["net"]) == ("500", "500")
    body = {"period_id": period_id, "employee_id": two.employee_id}
    assert (await post(ada, "/api/payslips/", body, 409))["code"] == "payslip_exists"
    much = await ada.http.put(f"/api/payslips/{slip['id']}/", json={"deductions": [{"name": "Loan", "amount": "500.01"}]})
    assert (much.status_code, much.json()["code"]) == (409, "negative_net")
    profile = f"/api/employees/{two.employee_id}/pay/"
    shares = [{"method": "crypto", "percent": "60", "asset": "USDC"}, {"method": "bank", "percent": "39.9999"}]
    short = await ada.http.put(profile, json={"shares": shares})
    assert (short.status_code, short.json()["errors"][0]["code"]) == (422, "invalid_shares")
    strange = await ada.http.put(profile, json={"shares": [{"method": "crypto", "percent": "100", "asset": "DOGE"}]})
    assert strange.json()["errors"][0]["code"] == "unknown_asset"
    stale = await ada.http.put(profile, json={"basic": "7"}, headers={"If-Match": '"9"'})
    assert stale.status_code == 412
    gone = await ada.http.delete(f"/api/payslips/{slip['id']}/")
    assert (gone.status_code, (await get(ada, f"/api/payroll/periods/{period_id}/"))["status"]) == (204, "DRAFT")
    assert (await ada.http.delete(f"/api/payroll/periods/{period_id}/")).status_code == 204
