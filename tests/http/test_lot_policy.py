"""The method by which disposals take lots: proposed, looked at, confirmed by another; and books that follow it by entries of their own."""

import random
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from crypto_api.audit.documents import AuditRecord
from crypto_api.flows import settle_lots as flow
from crypto_api.flows.settle_lots import plan_corrections, settle_lots
from crypto_api.kit.amounts import add_exactly, text
from crypto_api.ledger import store as ledger
from crypto_api.ledger.documents import JournalEntry
from crypto_api.lots import service as policies
from crypto_api.lots import store
from crypto_api.lots.documents import LotCheckpoint, LotPolicy
from crypto_api.lots.rules import History
from crypto_api.organizations import store as organizations
from crypto_api.organizations.types import Role
from crypto_api.reports.lot_events import read_lot_events
from crypto_api.runtime import Runtime
from tests.http.conftest import Join, Person, random_address, wallet_body

HEADER = "timestamp,type,asset,amount,price,fee,fee_asset,wallet,to_wallet,description,external_id"
FIFO = {"method": "fifo", "scope": "wallet"}


@pytest.fixture
async def ada(join: Join) -> Person:
    ada = await join("ada", founds="Byron Treasury")
    for name in ("Operations", "Reserve"):
        assert (await ada.http.post("/api/wallets/", json=wallet_body(name=name, address=random_address()))).status_code == 201
    return ada


async def bring(ada: Person, *rows: str) -> None:
    table = "\n".join([HEADER, *rows])
    answer = await ada.http.post("/api/transactions/import/", files={"file": ("rows.csv", table.encode())})
    assert answer.status_code == 201, answer.text


async def settle(runtime: Runtime, ada: Person) -> int:
    return await settle_lots(runtime.uow, runtime.clock, ada.org_id)


async def balances(ada: Person) -> dict[str, str]:
    """Debit less credit by account, of those that lots have to do with."""
    rows = (await ada.http.get("/api/ledger/trial-balance/")).json()["accounts"]
    return {
        row["account_code"]: text(Decimal(row["debit"]) - Decimal(row["credit"]))
        for row in rows
        if row["account_code"] in ("1100", "1900", "4200", "5900")
    }


async def corrections(ada: Person) -> list[JournalEntry]:
    return await JournalEntry.find({"org_id": ada.org_id, "source_kind": "lots"}).sort("+_id").to_list()


def told(entry: JournalEntry) -> list[tuple[str, str, str]]:
    return [(line.account_code, text(line.debit), text(line.credit)) for line in entry.lines]


TRADES = (
    "2025-01-10T10:00:00Z,BUY,ETH,1,1000,,,Operations,,,k-1",
    "2025-02-10T10:00:00Z,BUY,ETH,1,3000,,,Operations,,,k-2",
    "2025-03-10T10:00:00Z,SELL,ETH,1,2500,,,Operations,,,k-3",
)


# ---- the policy ------------------------------------------------------------------------------------------------------------------


async def test_the_default_is_average_cost_and_nothing_is_corrected(ada: Person, runtime: Runtime) -> None:
    policy = (await ada.http.get("/api/lot-policy/")).json()
    assert policy == {
        "rules": [{"method": "average", "scope": "wallet", "holding_period_months": 12, "start_date": None}],
        "proposal": None,
        "decisions": [],
        "version": 0,
    }
    await bring(ada, *TRADES)
    assert await settle(runtime, ada) == 0 and await corrections(ada) == []
    assert (await balances(ada))["4200"] == "-500"


async def test_a_cost_is_provisional_until_it_was_compared_with_the_lots(ada: Person, runtime: Runtime) -> None:
    """Of what left alone: what came cost what it was bought for."""

    async def provisional() -> tuple[dict[str, bool], dict[str, bool]]:
        """By what was brought, as its transaction and its entry tell it; one by one as the lists do."""
        rows = (await ada.http.get("/api/transactions/")).json()["items"]
        entries = {row["id"]: row for row in (await ada.http.get("/api/journal-entries/")).json()["items"]}
        for row in rows:
            assert (await ada.http.get(f"/api/transactions/{row['id']}/")).json() == row
            for entry_id in row["entry_ids"]:
                assert (await ada.http.get(f"/api/journal-entries/{entry_id}/")).json() == entries[entry_id]
        names = {entry_id: row["brought"]["external_id"] for row in rows for entry_id in row["entry_ids"]}
        told = {row["brought"]["external_id"]: row["cost_provisional"] for row in rows}
        return told, {names[key]: row["cost_provisional"] for key, row in entries.items() if key in names}

    await bring(ada, *TRADES)
    waiting = {"k-1": False, "k-2": False, "k-3": True}
    assert await provisional() == (waiting, waiting)
    await settle(runtime, ada)
    settled = dict.fromkeys(waiting, False)
    assert await provisional() == (settled, settled)


async def test_one_proposes_and_another_confirms(ada: Person, join: Join, runtime: Runtime) -> None:
    bob = await join("bob", org_id=ada.org_id, role=Role.APPROVER)
    proposed = await ada.http.put("/api/lot-policy/", json=FIFO)
    assert proposed.status_code == 200 and proposed.json()["proposal"]["method"] == "fifo" and proposed.json()["rules"][0]["method"] == "average"
    version = proposed.json()["version"]
    again = await ada.http.put("/api/lot-policy/", json=FIFO)
    assert (again.status_code, again.json()["code"]) == (409, "proposal_waits")
    own = await ada.http.post("/api/lot-policy/confirm/", json={"version": version})
    assert (own.status_code, own.json()["code"]) == (403, "own_proposal")
    assert (await bob.http.post("/api/lot-policy/confirm/", json={"version": version + 1})).status_code == 412
    confirmed = await bob.http.post("/api/lot-policy/confirm/", json={"version": version})
    assert confirmed.json()["rules"] == [{"method": "fifo", "scope": "wallet", "holding_period_months": 12, "start_date": None}]
    assert (await bob.http.post("/api/lot-policy/reject/", json={"version": version + 1})).json()["code"] == "no_proposal"
    second = await ada.http.put("/api/lot-policy/", json={"method": "hifo", "start_date": "2026-01-01"})
    rejected = await bob.http.post("/api/lot-policy/reject/", json={"version": second.json()["version"]})
    assert rejected.json()["proposal"] is None and len(rejected.json()["rules"]) == 1
    told = [(row["method"], row["verdict"], row["proposed_by"], row["decided_by"]) for row in rejected.json()["decisions"]]
    assert told == [("fifo", "confirmed", ada.user["id"], bob.user["id"]), ("hifo", "rejected", ada.user["id"], bob.user["id"])]
    actions = {row.action for row in await AuditRecord.find({"org_id": ada.org_id, "subject_kind": "lot_policy"}).to_list()}
    assert actions == {"lot_policy.proposed", "lot_policy.changed", "lot_policy.proposal_rejected"}


async def test_whoever_proposed_withdraws_and_nobody_else(ada: Person, join: Join) -> None:
    """An accountant may propose and not confirm: what they proposed they can take back all the same."""
    carl = await join("carl", org_id=ada.org_id, role=Role.ACCOUNTANT)
    bob = await join("bob", org_id=ada.org_id, role=Role.APPROVER)
    version = (await carl.http.put("/api/lot-policy/", json=FIFO)).json()["version"]
    other = await ada.http.post("/api/lot-policy/withdraw/", json={"version": version})
    assert (other.status_code, other.json()["code"]) == (403, "proposal_of_another")
    assert (await bob.http.post("/api/lot-policy/withdraw/", json={"version": version})).status_code == 403
    assert (await carl.http.post("/api/lot-policy/reject/", json={"version": version})).status_code == 403
    assert (await carl.http.post("/api/lot-policy/withdraw/", json={"version": version + 1})).status_code == 412
    gone = (await carl.http.post("/api/lot-policy/withdraw/", json={"version": version})).json()
    assert gone["proposal"] is None and [row["method"] for row in gone["rules"]] == ["average"]
    assert [(row["verdict"], row["decided_by"]) for row in gone["decisions"]] == [("withdrawn", carl.user["id"])]
    again = await carl.http.post("/api/lot-policy/withdraw/", json={"version": gone["version"]})
    assert (again.status_code, again.json()["code"]) == (409, "no_proposal")
    summaries = [row.summary for row in await AuditRecord.find({"org_id": ada.org_id, "action": "lot_policy.proposal_rejected"}).to_list()]
    assert summaries == ["Withdrew the method FIFO (wallet) from the beginning on"]


async def test_a_rule_never_begins_before_the_one_that_holds(ada: Person) -> None:
    """Nobody else may confirm: what is proposed holds at once."""
    assert (await ada.http.put("/api/lot-policy/", json=FIFO | {"start_date": "2026-01-01"})).json()["proposal"] is None
    refused = await ada.http.put("/api/lot-policy/", json={"method": "lifo", "start_date": "2025-06-01"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "start_date")
    assert (await ada.http.put("/api/lot-policy/", json={"method": "lifo"})).status_code == 422
    replaced = (await ada.http.put("/api/lot-policy/", json={"method": "hifo", "start_date": "2026-01-01"})).json()["rules"]
    assert [(rule["method"], rule["start_date"]) for rule in replaced] == [("average", None), ("hifo", "2026-01-01")]


# ---- what it does to the books ---------------------------------------------------------------------------------------------------


async def test_what_is_previewed_is_what_is_posted(ada: Person, runtime: Runtime) -> None:
    await bring(ada, *TRADES)
    preview = (await ada.http.post("/api/lot-policy/preview/", json=FIFO)).json()
    assert (preview["entries"], preview["cost"], preview["gain"]) == (1, "-1000", "1000")
    year = {"start_date": "2025-01-01", "end_date": "2025-12-31", "gain_before": "500", "gain_after": "1500"}
    assert preview["years"] == [year]
    assert await corrections(ada) == []
    assert (await ada.http.put("/api/lot-policy/", json=FIFO)).status_code == 200
    assert await settle(runtime, ada) == 1 and await settle(runtime, ada) == 0
    (entry,) = await corrections(ada)
    assert told(entry) == [("1100", "1000", "0"), ("4200", "0", "1000")]
    assert entry.id and entry.date == date(2025, 3, 10) and entry.source_id == preview["corrections"][0]["entry_id"]
    assert await balances(ada) == {"1100": "3000", "4200": "-1500"}
    assert (await ada.http.get("/api/ledger/verify/")).json()["ok"] is True


async def test_another_method_leaves_what_was_before_its_day(ada: Person, runtime: Runtime) -> None:
    await bring(ada, *TRADES, "2026-01-05T10:00:00Z,BUY,ETH,1,4000,,,Operations,,,k-4", "2026-02-05T10:00:00Z,SELL,ETH,1,5000,,,Operations,,,k-5")
    preview = (await ada.http.post("/api/lot-policy/preview/", json=FIFO | {"start_date": "2026-01-01"})).json()
    assert [(row["gain_before"], row["gain_after"]) for row in preview["years"]] == [("500", "500"), ("2000", "3000")]
    await ada.http.put("/api/lot-policy/", json=FIFO | {"start_date": "2026-01-01"})
    assert await settle(runtime, ada) == 1
    (entry,) = await corrections(ada)
    assert entry.date == date(2026, 2, 5) and told(entry) == [("1100", "1000", "0"), ("4200", "0", "1000")]  # 2,000 by FIFO, 3,000 on average
    report = (await ada.http.post("/api/tax-reports/generate/", json={"start_date": "2025-01-01", "end_date": "2026-12-31"})).json()
    assert [row["cost_basis"] for row in report["disposals"]] == ["1000", "1000", "2000"] or report["total_cost_basis"] == "4000"


async def test_older_rows_change_what_later_disposals_cost(ada: Person, runtime: Runtime) -> None:
    await ada.http.put("/api/lot-policy/", json=FIFO)
    await bring(ada, *TRADES)
    await settle(runtime, ada)
    before = {entry.id for entry in await JournalEntry.find({"org_id": ada.org_id}).to_list()}
    await bring(ada, "2024-12-01T10:00:00Z,BUY,ETH,0.5,400,,,Operations,,,k-0")
    assert await settle(runtime, ada) == 1
    first, second = await corrections(ada)
    assert told(second) == [("1100", "300", "0"), ("4200", "0", "300")]  # half of it cost 200 instead of 500
    assert first.id in before and first.status == "posted"  # nothing was rewritten
    assert await balances(ada) == {"1100": "3500", "4200": "-1800"}


async def test_a_correction_goes_with_the_entry_that_it_corrects(ada: Person, runtime: Runtime) -> None:
    await ada.http.put("/api/lot-policy/", json=FIFO)
    await bring(ada, *TRADES)
    await settle(runtime, ada)
    rows = (await ada.http.get("/api/transactions/")).json()["items"]
    sold = next(row for row in rows if row["direction"] == "out")
    assert (await ada.http.delete(f"/api/transactions/{sold['id']}/")).status_code == 204
    assert await settle(runtime, ada) == 0
    assert await balances(ada) == {"1100": "4000", "4200": "0"}
    assert [entry.status for entry in await corrections(ada)] == ["reversed"]
    assert (await ada.http.get("/api/ledger/verify/")).json()["ok"] is True


async def test_what_was_never_acquired_is_no_gain(ada: Person, runtime: Runtime) -> None:
    """Booked at no cost, it would be all gain: it stands in suspense until somebody says where it came from."""
    await bring(ada, TRADES[0], "2025-03-10T10:00:00Z,SELL,ETH,3,2000,,,Operations,,,k-3")
    assert (await balances(ada))["4200"] == "-5000"
    assert await settle(runtime, ada) == 1
    assert await balances(ada) == {"1100": "0", "1900": "-4000", "4200": "-1000"}
    await bring(ada, "2025-01-05T10:00:00Z,BUY,ETH,2,1500,,,Operations,,,k-0")
    assert await settle(runtime, ada) == 1
    assert await balances(ada) == {"1100": "0", "1900": "0", "4200": "-2000"}
    assert (await ada.http.get("/api/ledger/verify/")).json()["ok"] is True


async def test_an_entry_by_hand_takes_lots_too(ada: Person, runtime: Runtime) -> None:
    await ada.http.put("/api/lot-policy/", json={"method": "fifo", "scope": "universal"})
    await bring(ada, *TRADES[:2])
    lines = [
        {"account_code": "5300", "debit_amount": "2000"},
        {"account_code": "1100", "credit_amount": "2000", "asset": "ETH", "quantity": "-1"},
    ]
    drafted = await ada.http.post("/api/journal-entries/", json={"date": "2025-04-01", "description": "A prize", "line_items": lines})
    assert drafted.status_code == 201, drafted.text
    posted = await ada.http.post(f"/api/journal-entries/{drafted.json()['id']}/post/", headers={"If-Match": drafted.headers["ETag"]})
    assert posted.status_code == 200, posted.text
    assert await settle(runtime, ada) == 1
    (entry,) = await corrections(ada)
    assert entry.reference == drafted.json()["id"] and told(entry) == [("1100", "1000", "0"), ("4200", "0", "1000")]


# ---- any history -----------------------------------------------------------------------------------------------------------------


def rows_of(seed: int) -> list[str]:
    chance, day, rows = random.Random(seed), date(2024, 1, 1), []
    for number in range(24):
        day += timedelta(days=chance.randrange(1, 25))
        kind = chance.choice(("BUY", "BUY", "SELL", "TRANSFER", "INCOME", "EXPENSE"))
        wallet, other = chance.sample(("Operations", "Reserve"), 2)
        amount, price = Decimal(chance.randrange(1, 4000)).scaleb(-3), Decimal(chance.randrange(1, 500000)).scaleb(-2)
        priced = "" if kind == "TRANSFER" else str(price)
        rows.append(f"{day}T12:00:00Z,{kind},ETH,{amount},{priced},,,{wallet},{other if kind == 'TRANSFER' else ''},,x-{seed}-{number}")
    return rows


async def books_and_lots(ada: Person) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """Cost and quantity as the books have them, and as the lots do, from zero."""
    organization, policy = await organizations.get(ada.org_id), await LotPolicy.find_one({"org_id": ada.org_id})
    assert organization is not None and policy is not None
    history, book = await read_lot_events(ada.org_id, "UTC"), History(policies.rules_of(policy))
    missing = 0
    for event in history.events:
        outcome = book.apply(event)
        missing += outcome.missing if outcome is not None else 0
    lots = [lot for pool in book.pools.values() for lot in pool.open_lots()]
    rows = [row for row in await ledger.balances(ada.org_id) if row.account_code == "1100"]
    cost = add_exactly([value for row in rows for value in (row.debit, row.credit.copy_negate())])
    quantity = add_exactly([row.quantity for row in rows])
    return cost, Decimal(sum(lot.cost_left for lot in lots)).scaleb(-8), quantity, Decimal(sum(lot.left for lot in lots) - missing).scaleb(-36)


@pytest.mark.parametrize(
    ("method", "scope", "seed"), [("fifo", "wallet", 1), ("lifo", "universal", 2), ("hifo", "wallet", 3), ("average", "universal", 4)]
)
async def test_books_cost_what_the_lots_do(ada: Person, runtime: Runtime, method: str, scope: str, seed: int) -> None:
    """In whatever order the rows come: settled once at the end, or after every part, the books are the same."""
    await ada.http.put("/api/lot-policy/", json={"method": method, "scope": scope})
    rows = rows_of(seed)
    random.Random(seed).shuffle(rows)
    for at in range(0, len(rows), 6):
        await bring(ada, *rows[at : at + 6])
        await settle(runtime, ada)
    cost, lots, quantity, held = await books_and_lots(ada)
    assert (cost, quantity) == (lots, held)
    assert await settle(runtime, ada) == 0
    verified = (await ada.http.get("/api/ledger/verify/")).json()
    assert verified["ok"] is True, verified
    organization, policy = await organizations.get(ada.org_id), await store.policy(ada.org_id)
    assert organization is not None and policy is not None
    rules = policies.rules_of(policy)
    for since in (None, date(2024, 6, 15), date(2025, 1, 1)):  # from zero, and from what was kept
        plan = await plan_corrections(organization, rules, policy.rules_version, since, runtime.clock.now())
        assert plan.corrections == [] and plan.orphans == []
    assert await LotCheckpoint.find({"org_id": ada.org_id}).count() > 3


async def test_a_checkpoint_says_what_a_rebuild_does(ada: Person, runtime: Runtime) -> None:
    await ada.http.put("/api/lot-policy/", json={"method": "hifo", "scope": "wallet"})
    await bring(ada, *rows_of(7))
    await settle(runtime, ada)
    kept = {row.day: row for row in await LotCheckpoint.find({"org_id": ada.org_id}).to_list()}
    organization, policy = await organizations.get(ada.org_id), await store.policy(ada.org_id)
    assert organization is not None and policy is not None
    plan = await plan_corrections(organization, policies.rules_of(policy), policy.rules_version, None, runtime.clock.now())
    made = {row.day: (row.pools, row.held, row.short) for row in plan.checkpoints}
    assert made == {day: (row.pools, row.held, row.short) for day, row in kept.items()}


async def test_only_what_lies_behind_is_read_again(ada: Person, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    await ada.http.put("/api/lot-policy/", json=FIFO)
    await bring(ada, *rows_of(8))
    await settle(runtime, ada)
    asked: list[Any] = []

    async def watched(*arguments: Any, **named: Any) -> Any:
        asked.append(named.get("since"))
        return await read_lot_events(*arguments, **named)

    monkeypatch.setattr(flow, "read_lot_events", watched)
    await bring(ada, "2024-12-20T10:00:00Z,BUY,ETH,1,700,,,Operations,,,late")
    await settle(runtime, ada)
    assert asked == [date(2024, 12, 1)] or (asked[0] is not None and date(2024, 8, 1) <= asked[0] <= date(2024, 12, 1))
    cost, lots, _, _ = await books_and_lots(ada)
    assert cost == lots
