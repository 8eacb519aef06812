"""Companies: added, found, changed on the version that was read, deactivated and brought back."""

from typing import Any

from crypto_api.kit.standards import COUNTRIES, CURRENCIES, is_month_day
from crypto_api.organizations.documents import Company
from crypto_api.organizations.types import Role
from tests.http.conftest import Join
from tests.http.organization_calls import code_of, records, told

LTD = {"legal_name": "Byron Analytical Ltd", "tax_id": "GB123456789", "address": "12 St James's Square\nLondon", "country": "GB"}


async def test_a_company_is_added_changed_deactivated_and_brought_back(join: Join) -> None:
    ada = await join("ada", founds="First")
    await ada.http.put(f"/api/organizations/{ada.org_id}/", json={"time_zone": "Europe/London", "fiscal_year_start": "04-06"})
    created = await ada.http.post("/api/companies/", json={**LTD, "functional_currency": "GBP"})
    assert (created.status_code, created.headers["etag"]) == (201, '"1"')
    company = created.json()
    given = {**LTD, "functional_currency": "GBP", "time_zone": "Europe/London", "fiscal_year_start": "04-06", "active": True}
    assert {name: company[name] for name in given} == given
    path = f"/api/companies/{company['id']}/"
    assert (await ada.http.get(path)).json() == company
    changed = await ada.http.put(path, json={"legal_name": "Byron & Co", "country": ""}, headers={"If-Match": '"1"'})
    assert (changed.json()["legal_name"], changed.json()["country"], changed.json()["tax_id"]) == ("Byron & Co", "", "GB123456789")
    assert (await ada.http.put(path, json={"country": "DE"}, headers={"If-Match": '"1"'})).status_code == 412
    assert (await ada.http.delete(path, headers={"If-Match": '"1"'})).status_code == 412
    assert (await ada.http.delete(path)).status_code == 204
    assert (await ada.http.get("/api/companies/")).json()["items"] == []
    assert (await ada.http.get("/api/companies/", params={"active": "false"})).json()["items"][0]["id"] == company["id"]
    assert (await ada.http.get(path)).json()["active"] is False
    assert (await ada.http.put(path, json={"active": True})).json()["active"] is True
    actions = [row.action for row in await records(ada.org_id, "company.")]
    assert actions == ["company.created", "company.changed", "company.deactivated", "company.changed"]
    assert (await told(ada.org_id)).count("company.changed") == 4


async def test_a_legal_name_is_taken_once_among_the_active(join: Join) -> None:
    ada, eve = await join("ada", founds="First"), await join("eve", founds="Other")
    first = (await ada.http.post("/api/companies/", json=LTD)).json()["id"]
    assert code_of(await ada.http.post("/api/companies/", json={"legal_name": "BYRON  analytical ltd"})) == (409, "company_exists")
    assert (await eve.http.post("/api/companies/", json=LTD)).status_code == 201
    assert (await ada.http.delete(f"/api/companies/{first}/")).status_code == 204
    assert (await ada.http.post("/api/companies/", json=LTD)).status_code == 201
    assert code_of(await ada.http.put(f"/api/companies/{first}/", json={"active": True})) == (409, "company_exists")


NOT_A_COMPANY: list[tuple[dict[str, Any], str]] = [
    ({"country": "UK"}, "country"),
    ({"country": "gb"}, "country"),
    ({"country": "GBR"}, "country"),
    ({"functional_currency": "BTC"}, "functional_currency"),
    ({"time_zone": "London"}, "time_zone"),
    ({"fiscal_year_start": "04-31"}, "fiscal_year_start"),
    ({"tax_id": "<script>"}, "tax_id"),
    ({"tax_id": "x" * 51}, "tax_id"),
    ({"legal_name": ""}, "legal_name"),
    ({"legal_name": None}, "legal_name"),
    ({"active": 1}, "active"),
]


async def test_what_a_company_cannot_be_is_named(join: Join) -> None:
    ada = await join("ada", founds="First")
    for changes, field in NOT_A_COMPANY:
        answer = await ada.http.post("/api/companies/", json={**LTD, **changes})
        assert answer.status_code == 422, (changes, answer.text)
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert await Company.find_all().count() == 0


async def test_companies_are_paged_and_found(join: Join) -> None:
    ada = await join("ada", founds="First")
    for name in ("Charlie", "alpha", "Bravo"):
        await ada.http.post("/api/companies/", json={"legal_name": name, "country": "DE" if name == "Bravo" else "FR"})
    first = (await ada.http.get("/api/companies/", params={"limit": 2, "count": "true"})).json()
    assert ([row["legal_name"] for row in first["items"]], first["total"]) == (["alpha", "Bravo"], 3)
    rest = (await ada.http.get("/api/companies/", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert ([row["legal_name"] for row in rest["items"]], rest["next_cursor"]) == (["Charlie"], None)
    assert [row["legal_name"] for row in (await ada.http.get("/api/companies/", params={"country": "DE"})).json()["items"]] == ["Bravo"]
    assert [row["legal_name"] for row in (await ada.http.get("/api/companies/", params={"q": "ALPH"})).json()["items"]] == ["alpha"]


async def test_readers_read_and_do_not_write(join: Join) -> None:
    ada = await join("ada", founds="First")
    company = (await ada.http.post("/api/companies/", json=LTD)).json()["id"]
    uma, carl = await join("uma", org_id=ada.org_id, role=Role.USER), await join("carl", org_id=ada.org_id, role=Role.CLIENT)
    assert (await uma.http.get(f"/api/companies/{company}/")).status_code == 200
    assert (await carl.http.get(f"/api/companies/{company}/")).status_code == 403
    for answer in (
        await uma.http.post("/api/companies/", json=LTD),
        await uma.http.put(f"/api/companies/{company}/", json={"country": "DE"}),
        await uma.http.delete(f"/api/companies/{company}/"),
    ):
        assert code_of(answer) == (403, "permission_denied")


def test_the_codes_are_those_of_the_standards() -> None:
    assert len(COUNTRIES) == 249
    assert all(len(code) == 2 and code.isascii() and code.isupper() for code in COUNTRIES)
    assert {"GB", "AX", "SS", "ZW"} <= COUNTRIES
    assert not {"UK", "EU", "XK", "AN"} & COUNTRIES
    assert all(len(code) == 3 and code.isascii() and code.isupper() for code in CURRENCIES)
    assert {"USD", "EUR", "CHF", "XCG", "ZWG"} <= CURRENCIES
    assert not {"XXX", "XTS", "XAU", "BTC", "HRK", "ANG"} & CURRENCIES
    assert [text for text in ("01-01", "12-31", "02-28", "04-30", "02-29", "04-31", "00-10", "13-01", "1-1") if is_month_day(text)] == [
        "01-01",
        "12-31",
        "02-28",
        "04-30",
    ]
