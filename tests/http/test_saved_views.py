"""Saved views of the transactions: kept, personal, bounded."""

import asyncio

import pytest

from crypto_api.organizations.types import Role
from crypto_api.saved_views import service
from crypto_api.saved_views.documents import SavedView
from tests.http.conftest import Join

VIEWS = "/api/transactions/views/"
PAYROLL = {"name": "Payroll", "filters": {"category": "payroll", "asset": "USDC", "amount_min": "100.5", "date_from": "2026-11-01"}}


async def test_a_view_is_kept_listed_and_deleted(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    made = await ada.http.post(VIEWS, json=PAYROLL | {"name": "  Payroll "})
    assert made.status_code == 201, made.text
    view = made.json()
    assert (view["name"], view["filters"]) == ("Payroll", PAYROLL["filters"])
    await ada.http.post(VIEWS, json={"name": "am Ende", "filters": {"q": "0xabc"}})
    assert [row["name"] for row in (await ada.http.get(VIEWS)).json()["items"]] == ["am Ende", "Payroll"]
    assert (await ada.http.delete(f"{VIEWS}{view['id']}/")).status_code == 204
    assert (await ada.http.delete(f"{VIEWS}{view['id']}/")).status_code == 404
    assert [row["name"] for row in (await ada.http.get(VIEWS)).json()["items"]] == ["am Ende"]


async def test_a_name_is_taken_once_whatever_its_case_and_however_many_ask(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    answers = await asyncio.gather(*(ada.http.post(VIEWS, json=PAYROLL | {"name": name}) for name in ("Payroll", "PAYROLL", "payroll")))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"view_exists"}


async def test_what_a_colleague_keeps_is_not_there(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    view_id = (await ada.http.post(VIEWS, json=PAYROLL)).json()["id"]
    bob = await join("bob", org_id=ada.org_id, role=Role.ADMIN)
    assert (await bob.http.get(VIEWS)).json() == {"items": []}
    foreign, absent = await bob.http.delete(f"{VIEWS}{view_id}/"), await bob.http.delete(f"{VIEWS}svw_none/")
    assert foreign.status_code == absent.status_code == 404
    assert foreign.json() | {"request_id": ""} == absent.json() | {"request_id": ""}
    assert (await bob.http.post(VIEWS, json=PAYROLL)).status_code == 201  # the same name, for himself
    assert len((await ada.http.get(VIEWS)).json()["items"]) == 1


async def test_there_is_an_end_to_them(join: Join, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "VIEWS_MAX", 2)
    ada = await join("ada", founds="Byron Treasury")
    codes = [(await ada.http.post(VIEWS, json=PAYROLL | {"name": name})).status_code for name in ("a", "b", "c")]
    assert codes == [201, 201, 409]
    assert await SavedView.find({"org_id": ada.org_id}).count() == 2


REFUSED: list[tuple[dict[str, object], str]] = [
    ({"name": " ", "filters": {"q": "x"}}, "name"),
    ({"name": "x" * 61, "filters": {"q": "x"}}, "name"),
    ({"name": "a\u202eb", "filters": {"q": "x"}}, "name"),
    ({"name": "x", "filters": {}}, "filters"),
    ({"name": "x", "filters": {"categry": "payroll"}}, "filters.categry"),
    ({"name": "x", "filters": {"category": "gambling"}}, "filters.category"),
    ({"name": "x", "filters": {"amount_min": 5}}, "filters.amount_min"),
    ({"name": "x", "filters": {"amount_min": "-5"}}, "filters.amount_min"),
    ({"name": "x", "filters": {"amount_max": "1" * 35}}, "filters.amount_max"),
    ({"name": "x", "filters": {"date_from": "1.11.2026"}}, "filters.date_from"),
    ({"name": "x", "filters": {"q": {"$gt": ""}}}, "filters.q"),
]


async def test_what_no_list_takes_is_not_kept(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    for body, field in REFUSED:
        answer = await ada.http.post(VIEWS, json=body)
        assert (answer.status_code, [row["field"] for row in answer.json()["errors"]]) == (422, [field]), body
    assert (await ada.http.get(VIEWS)).json() == {"items": []}
