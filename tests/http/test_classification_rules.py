"""Classification rules through HTTP: kept, ordered, tried on history, applied; refusals; and one transaction judged at once."""

from typing import Any

import pytest

from crypto_api.audit.documents import AuditRecord
from crypto_api.events.documents import Event
from crypto_api.flows.apply_rules import apply_next
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from crypto_api.tasks.documents import Task
from crypto_api.transactions import store as transactions
from tests.http.conftest import Join, Person, random_address, wallet_body
from tests.http.world import OTHER, stored_transaction

RULES = "/api/classification-rules/"
RULE = {"name": "Rewards", "conditions": {"addresses": [OTHER.lower()], "ways": ["in"]}, "outcome": {"category": "reward", "purpose": "Staking"}}


@pytest.fixture
async def ada(join: Join) -> Person:
    return await join("ada", founds="Byron Treasury")


async def booked(ada: Person, runtime: Runtime, number: int = 1) -> str:
    wallet = (await ada.http.post("/api/wallets/", json=wallet_body(name=f"W{number}", address=random_address()))).json()
    row = stored_transaction(ada.org_id, wallet["id"], number=number, booking="done")
    await row.insert()
    return row.id


async def made(ada: Person, **changes: Any) -> dict[str, Any]:
    answer = await ada.http.post(RULES, json=RULE | changes)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_rules_are_kept_in_order_with_all_that_they_said(ada: Person) -> None:
    first = await made(ada)
    assert (first["position"], first["enabled"], first["rule_version"]) == (1, True, 1)
    assert first["conditions"]["addresses"] == [OTHER], "as EIP-55"
    assert first["outcome"] == {
        "category": "reward",
        "subcategory": "",
        "counterparty": "",
        "purpose": "Staking",
        "tax_category": None,
        "account": "",
    }
    second = await made(
        ada, name="Second", conditions={"assets": ["ETH"], "amount_min": "0.1", "hour_from": 22, "hour_to": 6, "date_to": "2027-01-31"}
    )
    assert (second["conditions"]["amount_min"], second["conditions"]["date_to"]) == ("0.1", "2027-01-31")

    answer = await ada.http.post(f"{RULES}order/", json={"rule_ids": [second["id"], first["id"]]})
    assert [(row["name"], row["position"]) for row in answer.json()["items"]] == [("Second", 1), ("Rewards", 2)]
    for wrong in ([second["id"]], [second["id"], second["id"]], [second["id"], first["id"], "crl_x"]):
        refused = await ada.http.post(f"{RULES}order/", json={"rule_ids": wrong})
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "other_rules")

    path = f"{RULES}{first['id']}/"
    stale = await ada.http.put(path, json={"enabled": False}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412, "the order changed it"
    changed = await ada.http.put(path, json={"outcome": {"category": "income"}}, headers={"If-Match": (await ada.http.get(path)).headers["ETag"]})
    assert (changed.status_code, changed.json()["rule_version"], changed.json()["outcome"]["purpose"]) == (200, 2, "")
    off = await ada.http.put(path, json={"enabled": False})
    assert (off.json()["rule_version"], off.json()["enabled"]) == (2, False), "it says the same"

    assert (await ada.http.delete(path)).status_code == 204
    assert (await ada.http.get(path)).status_code == 404
    versions = (await ada.http.get(f"{path}versions/")).json()["items"]
    assert [(row["rule_version"], row["outcome"]["category"]) for row in versions] == [(2, "income"), (1, "reward")]
    assert [(row["name"], row["position"]) for row in (await ada.http.get(RULES)).json()["items"]] == [("Second", 1)]
    told = [row.kind for row in await Event.find({"org_id": ada.org_id, "kind": {"$regex": "^classification"}}).sort("+_id").to_list()]
    assert told.count("classification_rule.added") == 2 and told[-1] == "classification_rule.deleted"
    assert await AuditRecord.find({"org_id": ada.org_id, "action": {"$regex": "^classification_rule"}}).count() == 6


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"conditions": {}}, "conditions", "no_conditions"),
        ({"conditions": {"amount_min": "1"}}, "conditions.assets", "asset_needed"),
        ({"conditions": {"ways": ["out"]}}, "outcome.category", "other_way"),
        ({"conditions": {"networks": ["testnet", "moon"]}}, "conditions.networks.1", "unknown_network"),
        ({"conditions": {"wallet_ids": ["wal_x"]}}, "conditions.wallet_ids.0", "unknown_wallet"),
        ({"conditions": {"addresses": ["0x12"]}}, "conditions.addresses.0", None),
        ({"conditions": {"methods": ["transfer"]}}, "conditions.methods.0", None),
        ({"conditions": {"weekdays": [0]}}, "conditions.weekdays.0", None),
        ({"conditions": {"pattern": ".*"}}, "conditions.pattern", None),
        ({"outcome": {"category": "own_transfer"}}, "outcome.category", None),
        ({"outcome": {"category": "reward", "account": "9999"}}, "outcome.account", "unknown_account"),
        ({"outcome": {"category": "reward", "account": "1100"}}, "outcome.account", "wrong_account"),
        ({"outcome": {"category": "reward", "account": "4200"}}, "outcome.account", "wrong_account"),
        ({"conditions": {"ways": ["both"]}, "outcome": {"category": "swap", "account": "4900"}}, "outcome.account", "no_choice"),
    ],
)
async def test_a_rule_that_makes_no_sense_is_refused(ada: Person, changes: dict[str, Any], field: str, code: str | None) -> None:
    for path, body in ((RULES, RULE | changes), (f"{RULES}dry-run/", {"rule": RULE | changes})):
        answer = await ada.http.post(path, json=body)
        assert answer.status_code == 422, answer.text
        faults = [(error["field"].removeprefix("rule."), error["code"]) for error in answer.json()["errors"]]
        assert [name for name, _ in faults] == [field] and code in (None, faults[0][1])
    assert (await ada.http.get(RULES)).json()["items"] == []


async def test_a_rule_is_tried_on_history_and_applied_by_a_task(ada: Person, join: Join, runtime: Runtime) -> None:
    row_id = await booked(ada, runtime)
    tried = (await ada.http.post(f"{RULES}dry-run/", json={"rule": RULE})).json()
    assert (tried["looked_at"], tried["matched"], tried["would_change"], tried["in_closed_periods"], tried["complete"]) == (1, 1, 1, 0, True)
    assert tried["by_category"] == [{"before": "unclassified", "after": "reward", "count": 1}]
    (item,) = tried["items"]
    assert (item["transaction_id"], item["rule_id"]) == (row_id, "draft")
    assert (item["before"]["category"], item["after"]["category"], item["after"]["purpose"]) == ("unclassified", "reward", "Staking")
    assert (await ada.http.get(f"/api/transactions/{row_id}/")).json()["category"] == "unclassified"
    assert (await ada.http.post(f"{RULES}dry-run/", json={"rule": RULE, "rule_id": "crl_x"})).status_code == 404

    rule = await made(ada)
    answer = await ada.http.post(f"{RULES}apply/", json={"date_from": "2026-11-01"})
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert [await apply_next(runtime.uow, runtime.clock, runtime.networks) for _ in range(2)] == [True, False]
    task = await Task.get(answer.json()["id"])
    assert task is not None and (task.status, task.result) == (
        "succeeded", {"looked_at": 1, "matched": 1, "changed": 1, "in_closed_periods": 0, "matched_invoices": 0},
    )  # fmt: skip
    read = (await ada.http.get(f"/api/transactions/{row_id}/")).json()
    assert (read["category"], read["category_source"], read["purpose"], read["tax_category"]) == ("reward", "rule", "Staking", "income")
    assert (read["provenance"]["rule_id"], read["provenance"]["rule_version"], read["suggestion"]) == (rule["id"], 1, None)
    assert await AuditRecord.find({"org_id": ada.org_id, "action": "classification_rules.applied"}).count() == 1

    other = await join("bob", founds="Elsewhere")
    assert (await other.http.get(f"{RULES}{rule['id']}/versions/")).status_code == 404
    assert (await other.http.post(f"{RULES}dry-run/", json={})).json()["looked_at"] == 0
    auditor = await join("eve", org_id=ada.org_id, role=Role.AUDITOR)
    assert (await auditor.http.post(RULES, json=RULE)).status_code == 403
    assert (await auditor.http.post(f"{RULES}dry-run/", json={"rule": RULE})).status_code == 200


async def test_one_transaction_is_judged_at_once_and_a_person_says_the_rest(ada: Person, runtime: Runtime) -> None:
    row_id = await booked(ada, runtime)
    path = "/api/ai/classify-transaction/"
    nobody = (await ada.http.post(path, json={"transaction_id": row_id})).json()
    assert (nobody["outcome"], nobody["transaction"]["category"]) == ("unchanged", "unclassified")
    await made(ada)
    known = (await ada.http.post(path, json={"transaction_id": row_id})).json()
    assert (known["outcome"], known["transaction"]["category"], known["transaction"]["category_source"]) == ("classified", "reward", "rule")
    refused = await ada.http.post(path, json={"transaction_id": "elsewhere"})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "unknown_transaction")

    said = await ada.http.put(f"/api/transactions/{row_id}/", json={"category": "income", "purpose": "Consulting", "tax_category": "not_taxable"})
    assert {name: said.json()[name] for name in ("category_source", "purpose", "tax_category", "confidence")} == {
        "category_source": "person", "purpose": "Consulting", "tax_category": "not_taxable", "confidence": "1",
    }  # fmt: skip
    await ada.http.put(f"/api/transactions/{row_id}/", json={"category": "reward"})
    row = await transactions.get(ada.org_id, row_id)
    assert row is not None and (row.tax_category, row.purpose) == ("income", "Consulting"), "with another category what that is for taxes"


async def test_the_organisations_threshold(ada: Person) -> None:
    path = f"/api/organizations/{ada.org_id}/"
    assert (await ada.http.get(path)).json()["classification_threshold"] == "0.9"
    assert (await ada.http.put(path, json={"classification_threshold": "0.75"})).json()["classification_threshold"] == "0.75"
    for wrong in ("1.01", "-0.1", 0.5, "x"):
        assert (await ada.http.put(path, json={"classification_threshold": wrong})).status_code == 422
    record = await AuditRecord.find_one({"org_id": ada.org_id, "action": "organization.changed"})
    assert record is not None and (record.before, record.after) == ({"classification_threshold": "0.9"}, {"classification_threshold": "0.75"})
