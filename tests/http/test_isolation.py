"""Two organisations on one installation: what belongs to the other one does not exist."""

import ast
from typing import Any

import httpx
import pytest

from crypto_api.backfills.documents import Backfill
from crypto_api.http.api import api as http_api
from crypto_api.identity.documents import OneTimeToken
from crypto_api.kit.ids import new_id
from crypto_api.runtime import Runtime
from crypto_api.saved_views.documents import SavedView
from crypto_api.tasks.documents import DeadLetter, Task
from crypto_api.tasks.types import JobRef, TaskStatus
from crypto_api.transactions.documents import Transaction
from crypto_api.wallets.documents import Wallet
from tests.architecture.reading import ROOT, functions
from tests.http.conftest import Join, Person, wallet_body
from tests.http.world import stored_transaction
from tests.tenant_guard import CROSSING, guard

HEADERS = {"X-Request-Id": "same"}
HELD = (Wallet, Transaction, Task, DeadLetter, SavedView, Backfill, OneTimeToken)

# Each operation that names an object: how to call it with that object's id. A new one must be added here.
BY_ID: dict[str, tuple[str, str, Any]] = {
    "get_organization": ("GET", "organization", None),
    "update_organization": ("PUT", "organization", {"name": "Taken over"}),
    "leave_organization": ("POST", "organization", None),
    "get_wallet": ("GET", "wallet", None),
    "update_wallet": ("PUT", "wallet", {"name": "Taken over"}),
    "delete_wallet": ("DELETE", "wallet", None),
    "get_wallet_balance": ("GET", "wallet", None),
    "monitor_wallet": ("POST", "wallet", {"monitoring_enabled": False}),
    "begin_wallet_ownership": ("POST", "wallet", None),
    "prove_wallet_ownership": ("POST", "wallet", {"message": "mine", "signature": "0x" + "1b" * 65}),
    "backfill_wallet": ("POST", "wallet", {"from_block": 1}),
    "list_checkpoints": ("GET", "wallet", None),
    "get_transaction": ("GET", "transaction", None),
    "update_transaction": ("PUT", "transaction", {"note": "Taken over"}),
    "delete_transaction": ("DELETE", "transaction", None),
    "delete_saved_view": ("DELETE", "view", None),
    "get_task": ("GET", "task", None),
    "cancel_task": ("POST", "task", None),
    "retry_task": ("POST", "task", None),
    "get_dead_letter": ("GET", "dead_letter", None),
    "replay_dead_letter": ("POST", "dead_letter", None),
    "discard_dead_letter": ("POST", "dead_letter", None),
    "get_wallet_delegation": ("GET", "wallet", None),
}


def operations() -> dict[str, tuple[str, str]]:
    """operationId → method, path, of those in this file's care that name an object in their path."""
    found = {}
    for path, methods in http_api.get_openapi_schema()["paths"].items():
        for method, details in methods.items():
            if "{" in path and details["tags"][0] in ("organizations", "wallets", "transactions", "system"):
                found[details["operationId"]] = (method.upper(), path)
    found.pop("list_transactions_of_category")  # a category is nobody's
    for confirmed_first in ("allow_wallet_delegation", "revoke_wallet_delegation"):  # refused before anything is looked for: the authorisation matrix
        found.pop(confirmed_first)
    return found


def test_every_operation_on_an_object_is_tried_below() -> None:
    assert set(operations()) == set(BY_ID)


async def owned_by(person: Person, runtime: Runtime) -> dict[str, str]:
    wallet = (await person.http.post("/api/wallets/", json=wallet_body())).json()["id"]
    transaction = stored_transaction(person.org_id, wallet)
    await transaction.insert()
    task = Task(id="tsk_" + person.org_id, created_at=runtime.clock.now(), org_id=person.org_id, kind="backfill", status=TaskStatus.QUEUED)
    await task.insert()
    job, letter = JobRef(id=new_id("job"), name="true_up_prices", payload={"org_id": person.org_id}), new_id("dead")
    await DeadLetter(id=letter, created_at=runtime.clock.now(), org_id=person.org_id, job=job, task_id=None, error="It failed.", attempts=3).insert()
    view = await person.http.post("/api/transactions/views/", json={"name": "Payroll", "filters": {"category": "payroll"}})
    return {
        "organization": person.org_id,
        "wallet": wallet,
        "transaction": transaction.id,
        "task": task.id,
        "dead_letter": letter,
        "view": view.json()["id"],
    }


@pytest.mark.parametrize("name", sorted(BY_ID))
async def test_a_foreign_object_answers_as_an_absent_one(name: str, join: Join, runtime: Runtime) -> None:
    ada, eve = await join("ada", founds="Byron Treasury"), await join("eve", founds="Other")
    ids = await owned_by(ada, runtime)
    before = await snapshot()
    (method, path), (_, noun, body) = operations()[name], BY_ID[name]

    async def call(person: Person, object_id: str) -> httpx.Response:
        filled = path.split("{")[0] + object_id + path.split("}")[1]
        return await person.http.request(method, filled, json=body, headers=HEADERS)

    foreign, absent = await call(eve, ids[noun]), await call(eve, ids[noun][:-4] + "0000")
    assert foreign.status_code == absent.status_code == 404
    assert foreign.content == absent.content
    ignored = {"date", "content-length"}
    assert {k: v for k, v in foreign.headers.items() if k not in ignored} == {k: v for k, v in absent.headers.items() if k not in ignored}
    assert await snapshot() == before
    assert (await call(ada, ids[noun])).status_code != 404


async def snapshot() -> list[Any]:
    return [row.model_dump() for document in HELD for row in await document.find_all().sort("+_id").to_list()]


async def test_lists_hold_what_is_ones_own(join: Join, runtime: Runtime) -> None:
    ada, eve = await join("ada", founds="Byron Treasury"), await join("eve", founds="Other")
    ids = await owned_by(ada, runtime)
    for path in (
        "/api/wallets/",
        "/api/transactions/",
        "/api/transactions/history/",
        "/api/transactions/category/unclassified/",
        "/api/system/tasks/",
    ):
        assert len((await ada.http.get(path)).json()["items"]) == 1, path
        answer = await eve.http.get(path, params={"count": "true", "wallet_id": ids["wallet"], "org_id": ada.org_id})
        assert answer.json() == {"items": [], "next_cursor": None, "total": 0}, path
    assert [row["name"] for row in (await eve.http.get("/api/organizations/")).json()["items"]] == ["Other"]
    assert ids["wallet"] not in (await eve.http.get("/api/blockchain/networks/")).text


async def test_a_cursor_of_another_organisation_opens_nothing(join: Join, runtime: Runtime) -> None:
    ada, eve = await join("ada", founds="Byron Treasury"), await join("eve", founds="Other")
    wallet = (await ada.http.post("/api/wallets/", json=wallet_body())).json()["id"]
    await Transaction.insert_many([stored_transaction(ada.org_id, wallet, number=number) for number in range(3)])
    cursor = (await ada.http.get("/api/transactions/", params={"limit": 1})).json()["next_cursor"]
    assert (await eve.http.get("/api/transactions/", params={"cursor": cursor})).json()["items"] == []


async def test_a_token_acts_in_the_organisation_of_its_session_only(join: Join, runtime: Runtime) -> None:
    """Somebody taken out of an organisation loses it at once, whatever their token says."""
    from crypto_api.organizations.documents import Membership

    ada = await join("ada", founds="Byron Treasury")
    assert (await ada.http.get("/api/wallets/")).status_code == 200
    await Membership.find({"user_id": ada.user["id"]}).delete()
    assert (await ada.http.get("/api/wallets/")).status_code == 403
    assert (await ada.http.get("/api/auth/profile/")).json()["organization_id"] is None


async def test_the_guard_sees_a_query_without_organisation(join: Join, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shown on a planted mistake: the store forgets the organisation."""
    from crypto_api.wallets import store

    ada = await join("ada", founds="Byron Treasury")
    seen = guard.seen
    wallet = (await ada.http.post("/api/wallets/", json=wallet_body())).json()["id"]
    assert guard.seen > seen
    source = compile(
        "async def get(org_id, wallet_id):\n    return await Wallet.find_one({'_id': wallet_id, 'active': True})", store.__file__, "exec"
    )
    planted: dict[str, Any] = {"Wallet": Wallet}
    exec(source, planted)  # noqa: S102
    monkeypatch.setattr(store, "get", planted["get"])
    assert (await ada.http.get(f"/api/wallets/{wallet}/")).status_code == 200
    assert [violation.split(":")[0] for violation in guard.violations] == ["wallets/store.py"]
    guard.violations.clear()


def test_what_may_cross_exists() -> None:
    """A name that no store has any more would let the next function of that name cross."""
    places = {f"{path.parent.name}:{node.name}" for path in (ROOT / "crypto_api").rglob("*.py") for node in functions(ast.parse(path.read_text()))}
    assert set(CROSSING) <= places
