"""Every change that a person makes stands in the audit log, with what was and what became, and is there exactly when the change is."""

from typing import Any

import pytest
from eth_account import Account as EthAccount

from crypto_api.audit import service as audit
from crypto_api.audit.documents import AuditRecord
from crypto_api.runtime import Runtime
from crypto_api.transactions.documents import Transaction
from crypto_api.wallets.documents import Wallet
from tests.http.conftest import Join, Person, random_address, wallet_body
from tests.http.world import stored_transaction


async def log_of(person: Person, **where: Any) -> list[AuditRecord]:
    """What this person did since they came, oldest first."""
    found = await AuditRecord.find({"org_id": person.org_id, "actor_id": person.user["id"], **where}).sort("+_id").to_list()
    return [row for row in found if row.action.partition(".")[0] in ("wallet", "transaction", "ledger_account", "journal_entry", "exchange_rate")]


async def test_wallets(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    created = (await ada.http.post("/api/wallets/", json=wallet_body(), headers={"X-Request-Id": "trace-1", "User-Agent": "Lynx"})).json()
    path = f"/api/wallets/{created['id']}/"
    for method, at, body in (
        ("PUT", path, {"name": "Cold"}),
        ("POST", path + "monitor/", {"monitoring_enabled": False}),
        ("POST", path + "monitor/", {"monitoring_enabled": True}),
        ("DELETE", path, None),
    ):
        assert (await ada.http.request(method, at, json=body)).status_code in (200, 204)
    rows = await log_of(ada)
    assert [(row.action, row.before, row.after) for row in rows[1:4]] == [
        ("wallet.renamed", {"name": "Operations"}, {"name": "Cold"}),
        ("wallet.unwatched", {"monitoring_enabled": True}, {"monitoring_enabled": False}),
        ("wallet.watched", {"monitoring_enabled": False}, {"monitoring_enabled": True}),
    ]
    facts = {"name": "Operations", "address": created["address"], "network": "testnet", "wallet_type": "watch", "monitoring_enabled": True}
    facts |= {"owner_verified_at": None, "pays_delegated": False}  # nobody has shown that it is ours
    assert (rows[0].action, rows[0].before, rows[0].after) == ("wallet.created", None, facts)
    assert (rows[4].action, rows[4].before, rows[4].after) == ("wallet.deleted", facts | {"name": "Cold"}, None)
    first = rows[0]
    assert (first.subject_kind, first.subject_id, first.request_id, first.device) == ("wallet", created["id"], "trace-1", "Lynx")
    assert (first.actor_name, first.ip) == ("ada", "127.0.0.1")
    assert first.session_id
    assert len(rows) == 5


async def test_a_stored_key_is_nowhere_in_the_log(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    account = EthAccount.create()
    key = account.key.hex().removeprefix("0x")
    made = await ada.http.post("/api/wallets/", json=wallet_body(wallet_type="private_key", address=account.address, private_key=f"0x{key}"))
    assert made.status_code == 201, made.text
    wallet = await Wallet.find_one({"_id": made.json()["id"]})
    assert wallet is not None
    assert wallet.sealed_key
    rows = await AuditRecord.get_pymongo_collection().find({}).to_list()
    assert any(row["action"] == "wallet.created" for row in rows)
    assert key not in repr(rows).lower()
    assert not any(str(part) in repr(rows) for part in wallet.sealed_key.values() if len(str(part)) > 12)


async def test_what_a_person_says_about_a_transaction(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    wallet = (await ada.http.post("/api/wallets/", json=wallet_body())).json()["id"]
    row = stored_transaction(ada.org_id, wallet)
    await row.insert()
    path = f"/api/transactions/{row.id}/"
    assert (await ada.http.put(path, json={"note": "asked the client"})).status_code == 200
    assert (await ada.http.put(path, json={"category": "income"})).status_code == 200
    noted, classified = (await log_of(ada))[1:]
    assert (noted.action, noted.before, noted.after) == ("transaction.annotated", {"note": ""}, {"note": "asked the client"})
    assert classified.action == "transaction.classified"
    assert classified.before is not None
    assert classified.after is not None
    assert (classified.before["category"], classified.after["category"], classified.after["category_source"]) == ("unclassified", "income", "person")
    assert (classified.subject_kind, classified.subject_id) == ("transaction", row.id)
    assert row.hash in classified.summary


async def test_accounts_entries_and_prices(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    made = await ada.http.post("/api/accounts/", json={"code": "5310", "name": "Rent", "account_type": "expense", "parent_code": "5000"})
    assert made.status_code == 201, made.text
    at = f"/api/accounts/{made.json()['id']}/"
    assert (await ada.http.put(at, json={"name": "Office rent"})).status_code == 200
    lines = [{"account_code": "5310", "debit_amount": "120.50"}, {"account_code": "3000", "credit_amount": "120.50"}]
    draft = {"date": "2026-11-20", "description": "Rent", "line_items": lines}
    entry = await ada.http.post("/api/journal-entries/", json=draft)
    assert entry.status_code == 201, entry.text
    entry_path = f"/api/journal-entries/{entry.json()['id']}/"
    assert (await ada.http.put(entry_path, json=draft | {"description": "Rent, November"})).status_code == 200
    assert (await ada.http.post(entry_path + "post/")).status_code == 200
    assert (await ada.http.post(entry_path + "reverse/", json={"reason": "Twice"})).status_code == 201
    assert (await ada.http.delete(at)).status_code == 200
    rate = {"asset": "ETH", "quote": "USD", "at": "2026-11-20T12:00:00Z", "rate": "3000.5", "reason": "by hand"}
    assert (await ada.http.post("/api/exchange-rates/", json=rate)).status_code == 201

    rows = {row.action: row for row in await log_of(ada)}
    assert list(rows) == [
        "ledger_account.created", "ledger_account.updated", "journal_entry.drafted", "journal_entry.edited", "journal_entry.posted",
        "journal_entry.reversed",
        "ledger_account.deactivated", "exchange_rate.entered",
    ]  # fmt: skip
    assert (rows["ledger_account.updated"].before, rows["ledger_account.updated"].after) == ({"name": "Rent"}, {"name": "Office rent"})
    assert (rows["ledger_account.deactivated"].before, rows["ledger_account.deactivated"].after) == ({"active": True}, {"active": False})
    drafted = rows["journal_entry.drafted"].after
    assert drafted is not None
    assert (drafted["total_debit"], drafted["lines"][0]["account_code"], drafted["lines"][0]["debit"]) == ("120.50", "5310", "120.50")
    assert rows["journal_entry.edited"].after == {"description": "Rent, November"}
    assert (rows["journal_entry.posted"].before, rows["journal_entry.posted"].after) == ({"status": "draft"}, {"status": "posted"})
    assert rows["journal_entry.reversed"].after is not None
    assert rows["journal_entry.reversed"].after["status"] == "reversed"
    entered = rows["exchange_rate.entered"].after
    assert entered is not None
    assert (entered["rate"], entered["reason"]) == ("3000.5", "by hand")


async def test_a_refused_change_leaves_no_record_of_a_change(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    wallet = (await ada.http.post("/api/wallets/", json=wallet_body())).json()["id"]
    before = len(await log_of(ada))
    assert (await ada.http.put(f"/api/wallets/{wallet}/", json={"name": "x"}, headers={"If-Match": '"99"'})).status_code == 412
    assert (await ada.http.post("/api/wallets/", json=wallet_body())).status_code == 409
    assert (await ada.http.put("/api/wallets/wal_nothing/", json={"name": "x"})).status_code == 404
    assert len(await log_of(ada)) == before


async def test_a_change_whose_record_cannot_be_written_is_not_made(join: Join, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await join("ada", founds="Byron Treasury")
    wallet = (await ada.http.post("/api/wallets/", json=wallet_body())).json()["id"]

    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("no log, no change")

    monkeypatch.setattr(audit, "record", broken)
    assert (await ada.http.put(f"/api/wallets/{wallet}/", json={"name": "Unseen"})).status_code == 500
    assert (await ada.http.post("/api/wallets/", json=wallet_body(address=random_address()))).status_code == 500
    found = await Wallet.find({"org_id": ada.org_id}).to_list()
    assert [row.name for row in found] == ["Operations"]
    assert await Transaction.find_all().count() == 0
