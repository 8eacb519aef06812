"""An invoice that is paid on a chain, over HTTP from the wish to the refund: the seller's API, the payer's page, a real node, the real signer."""

import re
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from crypto_api.chains import store as chain_store
from crypto_api.classification.types import Category
from crypto_api.events.documents import Event
from crypto_api.flows import refund_receipt as refunding
from crypto_api.flows.authenticate import authenticate_access
from crypto_api.flows.book_transaction import reverse_bookings
from crypto_api.flows.inbox_sweep import sweep_inbox
from crypto_api.flows.match_receipts import Matcher, match_due
from crypto_api.flows.note_receipts import note_receipts
from crypto_api.flows.prepare_payment import NewPayment, prepare_payment
from crypto_api.flows.prepare_wanted import PaymentDesk
from crypto_api.flows.price_at import Prices
from crypto_api.flows.refund_receipt import settle_refunds
from crypto_api.flows.send_due_mail import send_due_mail
from crypto_api.http.auth import tokens_of
from crypto_api.identity.documents import DueMail
from crypto_api.kit.amounts import text
from crypto_api.kit.mail import Attachment
from crypto_api.ledger.documents import JournalEntry
from crypto_api.organizations.types import Principal, Role
from crypto_api.payments.documents import Payment
from crypto_api.payments.types import Origin, PaymentState
from crypto_api.receivables.documents import PaymentRequest, Receipt
from crypto_api.receivables.types import UseKind
from crypto_api.runtime import Runtime
from crypto_api.transactions import store as transactions
from crypto_api.wallets.documents import Wallet
from mongodb_config.base_document import encoded
from tests.factories.clock import MovableClock
from tests.factories.following import open_due
from tests.factories.killed import killed_at
from tests.factories.paying import ETHER, FREE, SLUG, Node, PayingHouse, fresh_key
from tests.factories.receiving import XPUB
from tests.http.conftest import Join, Person, confirmed
from tests.http.organization_calls import code_of
from tests.http.paying import ada, networks, node

__all__ = ["ada", "networks", "node"]  # fixtures

PATH = "/api/invoices/"
ITEM = {"description": "Analysis", "unit_price": "100.00"}


@pytest.fixture
async def house(runtime: Runtime, node: Node, ada: Person) -> PayingHouse:
    actor, _, contracts = node
    actor.forget_nonces()
    made = PayingHouse(runtime, actor, contracts, ada.org_id)
    await made.policy(FREE)
    await made.mine()
    return made


async def post(person: Person, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
    return await person.http.post(path, json=body or {}, headers=fresh_key())


async def sent(person: Person, **crypto: Any) -> dict[str, Any]:
    body = {"client_name": "Engines", "client_email": "billing@engines.example", "items": [ITEM], "currency": "USD"}
    drafted = await post(person, PATH, body | crypto)
    assert drafted.status_code == 201, drafted.text
    issued = await person.http.put(f"{PATH}{drafted.json()['id']}/status/", json={"status": "SENT"})
    assert issued.status_code == 200, issued.text
    return dict(issued.json())


async def opened(house: PayingHouse) -> None:
    """As the follower does between two blocks."""
    cursor = await chain_store.cursor(SLUG)
    assert cursor is not None
    await house.watched.opened(await open_due(house.runtime, house.runtime.networks[SLUG], cursor))


async def matched(house: PayingHouse) -> Matcher:
    await house.mine(4)
    await house.book()
    await house.mine(1)
    runtime = house.runtime
    matcher = Matcher(runtime.uow, runtime.clock, Prices(runtime.networks, runtime.prices))
    await match_due(matcher)
    await settle_refunds(matcher)
    return matcher


async def balances(person: Person) -> dict[str, Decimal]:
    rows = (await person.http.get("/api/ledger/trial-balance/")).json()["accounts"]
    found = {row["account_code"]: Decimal(row["debit"]) - Decimal(row["credit"]) for row in rows}
    return {code: value for code, value in found.items() if value}


async def invoice(person: Person, row: dict[str, Any]) -> dict[str, Any]:
    return dict((await person.http.get(f"{PATH}{row['id']}/")).json())


async def killed_while_asking(house: PayingHouse, ada: Person, receipt_id: str, wallet_id: str, folder: Path) -> None:
    """Whoever asks for a refund dies before its payment is prepared, and another one right after: one comes back, one stands."""
    runtime, org_id = house.runtime, ada.org_id
    who = await authenticate_access(tokens_of(runtime), ada.tokens["access"], runtime_now(house))
    imports = (
        "from datetime import UTC, datetime\nfrom crypto_api.desks import payment_desk_of\n"
        "from crypto_api.flows.refund_receipt import refund_receipt\n"
        "from crypto_api.organizations.types import PERMISSIONS, Principal, Role"
    )
    person = f'Principal("{who.user_id}", "{org_id}", Role.ADMIN, PERMISSIONS[Role.ADMIN], "{who.session_id}", datetime.max.replace(tzinfo=UTC))'
    call = f'refund_receipt(payment_desk_of(runtime), {person}, "{org_id}", "{receipt_id}", "{wallet_id}")'
    clock = MovableClock()
    matcher = Matcher(runtime.uow, clock, Prices(runtime.networks, runtime.prices))
    for step, prepared in (("refund.set_aside", 0), ("refund.prepared", 1)):
        await killed_at(runtime.config, folder, step, imports, call)
        rows = await Payment.find({"org_id": org_id}).to_list()
        assert len(rows) == prepared, step
        assert code_of(await post(ada, f"/api/receipts/{receipt_id}/refund/", {"wallet_id": wallet_id})) == (409, "not_open")
        clock.forward(minutes=11)
        await settle_refunds(matcher)
        row = await Receipt.find_one({"_id": receipt_id})
        assert row is not None and [use.kind for use in row.uses].count(UseKind.REFUND) == prepared, step
    ended = {"state": PaymentState.CANCELLED, "due_at": None}  # as the machine leaves what a person cancelled before it was signed
    await Payment.get_pymongo_collection().update_one({"_id": rows[0].id}, {"$set": ended})
    clock.forward(minutes=1)
    await settle_refunds(matcher)


async def test_from_the_wish_to_the_refund(
    house: PayingHouse, ada: Person, api: str, join: Join, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    row, first, page = await wished_for(ada, api)
    async with httpx.AsyncClient(timeout=60) as payer:
        row = await told_where_and_how_much(house, ada, payer, page, row, first)
        someone = await paid_too_much(house, ada, payer, page, row, first)
    open_, second = await applied_in_part(house, ada, row)
    wallet, _ = await house.wallet(wei=5 * ETHER)
    had = await house.ether(someone.address)
    await too_late_for_the_desk(ada, open_["id"], wallet.id, monkeypatch)
    await killed_while_asking(house, ada, open_["id"], wallet.id, tmp_path)
    await sent_back_once(house, ada, row, open_["id"], wallet.id, tmp_path)
    await matched(house)
    back = (await ada.http.get(f"/api/receipts/{open_['id']}/")).json()["receipt"]
    assert back["uses"][-1]["settled"] and back["uses"][-1]["journal_entry_id"], back
    assert await house.ether(someone.address) - had == int(Decimal(back["uses"][-1]["amount"]) * ETHER)
    after = await balances(ada)
    assert after.get("2150", 0) == 0 and after.get("2100", 0) == 0 and after.get("1900", 0) == 0, after
    assert after["1200"] == Decimal((await invoice(ada, second))["due_amount"])
    assert code_of(await ada.http.put(f"/api/transactions/{open_['transaction_id']}/", json={"category": "reward"})) == (409, "matched")
    assert (await post(ada, f"/api/receipts/{open_['id']}/undo/")).status_code == 200
    again = await balances(ada)
    assert again["1200"] == 150 and round(again["2150"], 2) == -70, "both invoices wait again for what this one had paid, and the refund stays"
    verified = (await ada.http.get("/api/ledger/verify/")).json()
    assert verified["first_failure"]["subject"] == f"{wallet.id} ETH", "the ether that the factory gave it, and no block tells of"
    cora = await join("cora", org_id=ada.org_id, role=Role.USER)
    assert (await cora.http.get("/api/receipts/")).status_code == 403


async def wished_for(ada: Person, api: str) -> tuple[dict[str, Any], PaymentRequest, str]:
    """The first invoice, what is known of its payment, and the address of the payer's page."""
    settings = await ada.http.put(f"{PATH}receiving/", json={"extended_key": XPUB, "lock_minutes": 30})
    assert (settings.status_code, settings.json()["gap_limit"]) == (200, 20), settings.text
    refused = await ada.http.put(f"{PATH}receiving/", json={"extended_key": XPUB.replace("xpub", "xprv")})
    assert refused.json()["errors"][0]["code"] == "invalid_extended_key"
    for wrong in ({"crypto_currency": "DOGE"}, {"network": SLUG}, {"crypto_currency": "ETH", "network": "mars"}):
        assert code_of(await post(ada, PATH, {"client_name": "X", "items": [ITEM], "currency": "USD", **wrong}))[0] == 422
    row = await sent(ada, crypto_currency="ETH")
    assert (row["crypto_payment_address"], row["network"], row["receive_wallet_id"]) == (None, SLUG, None), "nobody is told before it is watched"
    first = await PaymentRequest.find_one({"org_id": ada.org_id})
    assert first is not None and (first.path, first.address) == ("m/44'/60'/0'/0/0", "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
    token = row["pay_url"].rstrip("/").rpartition("/")[2]
    assert token not in str(encoded(first)) and len(token) == 43
    return row, first, f"{api}/pay/{token}/"


async def told_where_and_how_much(
    house: PayingHouse, ada: Person, payer: httpx.AsyncClient, page: str, row: dict[str, Any], first: PaymentRequest
) -> dict[str, Any]:
    """The payer's page before somebody watches the address, and after. The invoice as it is then."""
    early = await payer.get(page)
    assert early.status_code == 200 and "One moment" in early.text and first.address not in early.text
    assert early.headers["x-robots-tag"].startswith("noindex") and early.headers["referrer-policy"] == "no-referrer"
    assert early.headers["cache-control"] == "no-store" and "script-src 'self'" in early.headers["content-security-policy"]
    assert (await payer.get(f"{page[:-2]}x/")).status_code == 404
    await opened(house)
    row = await invoice(ada, row)
    assert row["crypto_payment_address"] == first.address and Decimal(row["crypto_amount"]) * Decimal(row["rate"]) >= 100
    due = await payer.get(page)
    amount = row["crypto_amount"]
    assert first.address in due.text and amount in due.text and "data:image/svg+xml" in due.text
    raw = raw_of(row)
    assert f"ethereum:{first.address}@{first.chain_id}?value={raw}" in due.text
    call = (await payer.get(f"{page}transaction/")).json()["transaction"]
    assert call == {"to": first.address, "value": hex(raw), "data": "0x", "chainId": hex(first.chain_id)}
    form = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', due.text)
    assert form is not None
    csrf = {"csrfmiddlewaretoken": form.group(1)}
    assert (await payer.post(f"{page}renew/", data=csrf)).status_code == 302
    assert len((await ada.http.get(f"{PATH}{row['id']}/payment-request/")).json()["crypto_amount"]) > 0
    assert code_of(await post(ada, f"{PATH}{row['id']}/payment-request/renew/")) == (409, "rate_still_locked")
    return row


def raw_of(row: dict[str, Any]) -> int:
    """What is asked for, in wei."""
    return int(Decimal(row["crypto_amount"]) * ETHER)


async def paid_too_much(
    house: PayingHouse, ada: Person, payer: httpx.AsyncClient, page: str, row: dict[str, Any], first: PaymentRequest
) -> LocalAccount:
    """Half of it, seen and then final; then far too much. Whoever paid."""
    someone: LocalAccount = Account.create()
    raw = raw_of(row)
    await house.actor.set_balance(someone.address, 10 * ETHER)
    await house.actor.send(someone, first.address, value=raw // 2)
    await house.mine()
    await house.book()
    seen = await payer.get(f"{page}status/")
    assert "1 of 2 blocks" in seen.text and (await invoice(ada, row))["status"] == "SENT"
    await matched(house)
    half = await invoice(ada, row)
    assert (half["status"], half["paid_amount"], half["due_amount"]) == ("PARTIAL", "50.00", "50.00")
    assert "50.00 of 100.00 USD are paid" in re.sub(r"<[^>]+>", "", (await payer.get(page)).text)
    await house.actor.send(someone, first.address, value=raw)
    await matched(house)
    over = await invoice(ada, row)
    assert (over["status"], over["flags"], over["due_amount"]) == ("PAID", ["overpaid"], "0.00")
    told = (await payer.get(page)).text
    assert 'data-state="paid"' in told and "More than was due came." in told and (await payer.get(f"{page}transaction/")).status_code == 422
    return someone


async def applied_in_part(house: PayingHouse, ada: Person, row: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is left of the payment at the desk, and the second invoice, of which it paid a part."""
    raw = raw_of(row)
    (open_,) = (await ada.http.get("/api/receipts/", params={"state": "open"})).json()["items"]
    assert (open_["flags"], Decimal(open_["open_amount"])) == (
        ["overpaid"],
        Decimal(raw // 2).scaleb(-18) if raw % 2 == 0 else Decimal(open_["open_amount"]),
    )
    before = await balances(ada)
    assert before["2150"] == -Decimal(open_["open_value"]) and before.get("1200", 0) == 0 and before.get("1900", 0) == 0
    there = f"/api/receipts/{open_['id']}/"
    await sweep_inbox(house.runtime.uow, house.runtime.clock, ada.org_id, house.runtime.networks)
    (item,) = (await ada.http.get("/api/inbox/", params={"kind": "receipt_open"})).json()["items"]
    assert item["subject_id"] == open_["id"] and "more came than was due" in item["cause"]
    second = await sent(ada, crypto_currency="ETH")
    found = (await ada.http.get(there)).json()
    assert found["receipt"]["id"] == open_["id"]
    applied = await post(ada, "/api/receipts/apply/", {"receipt_ids": [open_["id"]], "invoices": [{"invoice_id": second["id"], "amount": "20.00"}]})
    assert applied.status_code == 200, applied.text
    assert ((await invoice(ada, second))["status"], (await invoice(ada, row))["flags"]) == ("PARTIAL", ["overpaid"])
    asked = {"receipt_ids": [open_["id"]], "invoices": [{"invoice_id": second["id"], "amount": "90.00"}]}
    assert code_of(await post(ada, "/api/receipts/apply/", asked)) == (409, "more_than_due")
    return open_, second


async def too_late_for_the_desk(ada: Person, receipt_id: str, wallet_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    there = f"/api/receipts/{receipt_id}/"

    async def too_late(desk: PaymentDesk, principal: Principal, org_id: str, new: NewPayment, origin: Origin, **values: Any) -> Payment:
        """It took so long that the desk had its part back."""
        await desk.uow.run(lambda session: refunding._give_back(session, org_id, receipt_id, origin.component, desk.clock.now()))
        return await prepare_payment(desk, principal, org_id, new, origin, **values)

    with monkeypatch.context() as race:
        race.setattr(refunding, "prepare_payment", too_late)
        assert code_of(await post(ada, f"{there}refund/", {"wallet_id": wallet_id})) == (409, "not_open")
    assert await Payment.find({"org_id": ada.org_id}).count() == 0
    assert (await ada.http.get(there)).json()["receipt"]["open_amount"] != "0"


async def sent_back_once(house: PayingHouse, ada: Person, row: dict[str, Any], receipt_id: str, wallet_id: str, tmp_path: Path) -> None:
    """The rest goes back, through the payment machine, whose end is noted by processes that are killed at it."""
    there = f"/api/receipts/{receipt_id}/"
    answer = await post(ada, f"{there}refund/", {"wallet_id": wallet_id})
    assert answer.status_code == 202, answer.text
    left = answer.json()["receipt"]
    assert (left["state"], left["open_amount"], left["uses"][-1]["settled"]) == ("done", "0", False)
    assert (await invoice(ada, row))["flags"] == []
    assert code_of(await post(ada, f"{there}refund/", {"wallet_id": wallet_id})) == (409, "not_open"), "once"
    for _ in range(6):
        await house.sweep()
        await house.mine(2)
        await house.book()
    await house.mine(4)
    await house.book()
    await house.mine(1)
    for step in ("refund.before_settle", "refund.settled"):
        past = {"$set": {"look_at": runtime_now(house) - timedelta(seconds=1)}}
        await Receipt.get_pymongo_collection().update_many({"org_id": ada.org_id}, past)
        imports = "from crypto_api.desks import matcher_of\nfrom crypto_api.flows.refund_receipt import settle_refunds"
        await killed_at(house.runtime.config, tmp_path, step, imports, "settle_refunds(matcher_of(runtime))")


async def test_another_key_asks_who_is_there_and_every_administrator_is_told(runtime: Runtime, join: Join) -> None:
    ada, there = await join("ada", founds="Byron Treasury"), f"{PATH}receiving/"
    admin, clerk = await join("bea", org_id=ada.org_id, role=Role.ADMIN), await join("cora", org_id=ada.org_id, role=Role.ACCOUNTANT)
    assert (await clerk.http.put(there, json={"lock_minutes": 30, "extended_key": ""})).status_code == 200, "as it was"
    assert code_of(await clerk.http.put(there, json={"extended_key": XPUB[:-1] + "1"}))[0] == 422, "said before anything is confirmed"
    assert code_of(await clerk.http.put(there, json={"extended_key": XPUB, "lock_minutes": 5})) == (403, "session_not_approved")
    assert (await clerk.http.get(there)).json() == {"extended_key": "", "gap_limit": 20, "lock_minutes": 30}
    await confirmed(clerk)
    stale = await clerk.http.put(there, json={"extended_key": XPUB}, headers={"If-Match": '"7"'})
    assert stale.status_code == 412
    assert await Event.find({"org_id": ada.org_id, "kind": "receiving_key.changed"}).count() == 0
    changed = await clerk.http.put(there, json={"extended_key": XPUB})
    assert (changed.status_code, changed.json()["extended_key"]) == (200, XPUB)
    assert (await clerk.http.put(there, json={"extended_key": XPUB, "gap_limit": 30})).status_code == 200
    assert await Event.find({"org_id": ada.org_id, "kind": "receiving_key.changed"}).count() == 1, "the same key is no change"
    owed = await DueMail.find({"kind": "receiving_key"}).to_list()
    assert {row.user_id for row in owed} == {ada.user["id"], admin.user["id"]}, "the administrators, and nobody else"
    assert all(row.data["by"].startswith("cora") and row.data["first"] == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266" for row in owed)
    posted = Posted()
    assert await send_due_mail(runtime.uow, runtime.clock, posted, "https://coffer.example", owed[0].id, runtime.box)
    assert not await send_due_mail(runtime.uow, runtime.clock, posted, "https://coffer.example", owed[0].id, runtime.box), "once"
    ((to, subject, text),) = posted.letters
    assert to == owed[0].to and subject == "Where clients of Byron Treasury pay to was changed"
    assert "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266" in text and "https://coffer.example/invoices/receiving/" in text
    log = (await ada.http.get("/api/audit-log/?action=receiving_settings.changed")).json()["items"]
    assert (log[1]["before"]["first_address"], log[1]["after"]["first_address"]) == ("", "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
    assert (await clerk.http.delete("/api/auth/confirm-password/")).status_code == 204
    assert code_of(await clerk.http.put(there, json={"extended_key": ""})) == (403, "session_not_approved"), "none is another as well"


async def test_a_refund_of_what_left_the_chain_stands_in_the_inbox_until_it_is_covered(house: PayingHouse, ada: Person) -> None:
    runtime = house.runtime
    wallet, _ = await house.wallet(wei=5 * ETHER)
    row = await sent(ada, crypto_currency="ETH", receive_wallet_id=wallet.id)
    someone, raw = Account.create(), int(Decimal(row["crypto_amount"]) * ETHER)
    await house.actor.set_balance(someone.address, 10 * ETHER)
    for _ in range(2):
        await house.actor.send(someone, wallet.address, value=raw)
        await matched(house)
    assert (await invoice(ada, row))["status"] == "PAID"
    (open_,) = (await ada.http.get("/api/receipts/", params={"state": "open"})).json()["items"]
    answer = await post(ada, f"/api/receipts/{open_['id']}/refund/", {"wallet_id": wallet.id})
    assert answer.status_code == 202, answer.text
    for _ in range(6):
        await house.sweep()
        await house.mine(2)
        await house.book()
    await Receipt.get_pymongo_collection().update_many({"org_id": ada.org_id}, {"$set": {"look_at": runtime_now(house) - timedelta(seconds=1)}})
    await matched(house)
    before = await balances(ada)
    assert before.get("2150", 0) == 0
    # the refund itself leaves the chain after it was settled, as the machine opens it again
    paid_back = await Payment.find_one({"org_id": ada.org_id, "origin.kind": "refund"})
    assert paid_back is not None
    assert answer.json()["payment_id"] == paid_back.id
    refund = paid_back.id

    async def alerts() -> list[tuple[str, str, bool]]:
        await sweep_inbox(runtime.uow, runtime.clock, ada.org_id, runtime.networks)
        found = (await ada.http.get("/api/inbox/", params={"kind": "refund_gone", "state": "open"})).json()["items"]
        return [(row["subject_id"], row["title"], "come to nothing" in row["cause"]) for row in found]

    assert await alerts() == []
    title = f"The refund of {text(paid_back.amount)} {paid_back.asset} left the chain after it was settled"
    for state, stands in (("BROADCAST", [(refund, title, False)]), ("CANCELLED", [(refund, title, True)]), ("CONFIRMED", [])):
        await Payment.find({"_id": refund}).update({"$set": {"state": state}})
        assert await alerts() == stands
    assert await Event.find({"org_id": ada.org_id, "kind": "inbox.opened", "data.item_kind": "refund_gone"}).count() == 1, (
        "of which people have a notice"
    )
    # the block of the second payment leaves the chain, as the follower undoes it
    (gone,) = await transactions.by_ids(ada.org_id, [open_["transaction_id"]])
    await runtime.uow.run(lambda session: reverse_bookings(session, gone, runtime.clock.now()))
    receipt = (await ada.http.get(f"/api/receipts/{open_['id']}/")).json()["receipt"]
    lost = Decimal(receipt["uses"][-1]["value"])
    assert (receipt["state"], (await balances(ada))["2150"]) == ("gone", lost) and lost > 0

    async def told() -> list[dict[str, Any]]:
        await sweep_inbox(runtime.uow, runtime.clock, ada.org_id, runtime.networks)
        return list((await ada.http.get("/api/inbox/", params={"kind": "refund_uncovered", "state": "open"})).json()["items"])

    (item,) = await told()
    assert item["subject_id"] == open_["id"] and item["facts"]["difference"] == f"{lost.normalize():f}" and "left the chain" in item["title"]
    resolve = f"/api/inbox/{item['id']}/remedy/"
    assert (await post(ada, resolve, {"remedy": "book_difference", "account_code": "5400"})).status_code == 422, "why it is lost is said"
    assert (await post(ada, resolve, {"remedy": "book_difference", "account_code": "1100", "reason": "x"})).status_code == 422
    assert (await balances(ada))["2150"] == lost
    written = await post(ada, resolve, {"remedy": "book_difference", "account_code": "5400", "reason": "The client does not answer."})
    assert written.status_code == 200, written.text
    after = await balances(ada)
    assert (after.get("2150", 0), after["5400"] - before.get("5400", 0)) == (0, lost) and await told() == []
    # and yet it comes back
    await runtime.uow.run(lambda session: note_receipts(session, ada.org_id, [(gone, gone.movements, Category.INVOICE_PAYMENT)], runtime.clock.now()))
    again = await balances(ada)
    assert again.get("5400", 0) == before.get("5400", 0) and await told() == [], "what was written off is not lost any more"
    kept = await Receipt.find_one({"_id": open_["id"]})
    assert kept is not None and kept.state == "waiting" and [use.written_off for use in kept.uses] == [None]


class Posted:
    """Takes letters as a mail server does."""

    def __init__(self) -> None:
        self.letters: list[tuple[str, str, str]] = []

    async def send(self, to: str, subject: str, text: str, *, attachments: Sequence[Attachment] = ()) -> None:
        assert attachments == []
        self.letters.append((to, subject, text))


def runtime_now(house: PayingHouse) -> Any:
    return house.runtime.clock.now()


async def test_the_payer_chooses_among_assets_and_gets_no_better_rate_by_going_to_and_fro(house: PayingHouse, ada: Person, api: str) -> None:
    wallet, _ = await house.wallet()
    row = await sent(ada, crypto_currency="ETH", crypto_alternatives=["USDC"], receive_wallet_id=wallet.id)
    assert (row["crypto_currency"], row["crypto_alternatives"]) == ("ETH", ["USDC"])
    ether = row["crypto_amount"]
    asked = f"{PATH}{row['id']}/payment-request/"
    again = {"crypto_currency": "ETH", "receive_wallet_id": wallet.id}
    assert (await post(ada, asked, again | {"crypto_alternatives": ["USDC"]})).status_code == 201, "as it is"
    assert code_of(await post(ada, asked, again)) == (409, "not_payable")
    async with httpx.AsyncClient(timeout=60) as payer:
        there = f"{api}/pay/{row['pay_url'].rstrip('/').rpartition('/')[2]}/"
        page = await payer.get(there)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token is not None

        async def choose(asset: str) -> httpx.Response:
            return await payer.post(f"{there}asset/", data={"csrfmiddlewaretoken": token.group(1), "asset": asset})

        refused = await choose("DAI")
        assert refused.status_code == 422 and "Choose one of the assets that are offered." in refused.text
        assert (await choose("USDC")).status_code == 302
        chosen = (await ada.http.get(asked)).json()
        assert (chosen["crypto_currency"], chosen["crypto_alternatives"], chosen["crypto_amount"]) == ("USDC", ["ETH"], "100.010002")
        call = (await payer.get(f"{there}transaction/")).json()["transaction"]
        assert (call["to"], call["value"]) == (chosen["contract"], "0x0") and call["data"].startswith("0xa9059cbb")
        assert (await choose("ETH")).status_code == 302 and (await choose("USDC")).status_code == 302 and (await choose("ETH")).status_code == 302
        assert (await ada.http.get(asked)).json()["crypto_amount"] == ether
        kept = await PaymentRequest.find_one({"org_id": ada.org_id})
        assert kept is not None and [(lock.number, lock.asset) for lock in kept.locks] == [(1, "ETH"), (2, "USDC")], "one each"
        # what is on its way is not asked for a second time in another asset
        someone = Account.create()
        await house.actor.set_balance(someone.address, 10 * ETHER)
        paid = await house.actor.send(someone, wallet.address, value=int(kept.locks[0].raw_amount))
        told = await payer.post(
            f"{there}sent/", json={"hash": paid.hash}, headers={"X-CSRFToken": token.group(1), "Content-Type": "application/json"}
        )
        assert told.status_code == 200, told.text
        assert (await choose("USDC")).status_code == 302, "nobody has seen it yet"
        await house.mine()
        await house.book()
        seen = await payer.get(there)
        assert "Payment seen" in seen.text and "pay-choose" not in seen.text
        await matched(house)
        assert (await invoice(ada, row))["status"] == "PAID", "in ether, whose rate stood, though USDC was chosen since"


async def test_no_more_addresses_than_a_wallet_would_find_and_a_shared_wallet_tells_by_the_amount(house: PayingHouse, ada: Person) -> None:
    assert code_of(await post(ada, PATH, {"client_name": "X", "items": [ITEM], "currency": "USD", "crypto_currency": "ETH"})) == (
        409,
        "no_receiving_address",
    )
    await ada.http.put(f"{PATH}receiving/", json={"extended_key": XPUB, "gap_limit": 2})
    rows = [await sent(ada, crypto_currency="USDC") for _ in range(2)]
    body = {"client_name": "Engines", "items": [ITEM], "currency": "USD", "crypto_currency": "USDC"}
    third = (await post(ada, PATH, body)).json()
    assert code_of(await ada.http.put(f"{PATH}{third['id']}/status/", json={"status": "SENT"})) == (409, "gap_limit_reached")
    assert (await invoice(ada, third))["status"] == "DRAFT", "neither a number nor an address"
    wallet, _ = await house.wallet()
    asked = [await sent(ada, crypto_currency="USDC", receive_wallet_id=wallet.id) for _ in range(2)]
    assert [row["crypto_payment_address"] for row in asked] == [wallet.address] * 2
    amounts = {row["crypto_amount"] for row in asked}
    assert len(amounts) == 2 and max(map(Decimal, amounts)) - min(map(Decimal, amounts)) == Decimal("0.000001")
    listed = (await ada.http.get("/api/wallets/")).json()["items"]
    assert [row["id"] for row in listed] == [wallet.id], "addresses of invoices are nobody's wallets"
    assert await Wallet.find({"org_id": ada.org_id, "receives": {"$type": "string"}}).count() == 2
    assert len({row["pay_url"] for row in [*rows, *asked]}) == 4
    assert await JournalEntry.find({"org_id": ada.org_id, "source_kind": "invoice_payment"}).count() == 0
