"""Clients over HTTP."""

import asyncio
from typing import Any

import httpx

from crypto_api.clients import service
from crypto_api.clients.documents import Client
from crypto_api.clients.errors import ClientArchived
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from tests.http.conftest import Join, Person
from tests.http.organization_calls import code_of, records, told

PATH = "/api/clients/"
ENGINES: dict[str, Any] = {
    "name": "Analytical Engines GmbH",
    "email": "billing@engines.example",
    "address": {"line1": "Unter den Linden 1", "city": "Berlin", "postal_code": "10117", "country": "DE"},
    "tax_id": "136 695 976",
    "contacts": [{"name": "Jonas Weber", "email": "jonas@engines.example", "role": "Accounts payable"}],
    "payment_terms_days": 14,
    "currency": "EUR",
}


async def add(person: Person, **fields: Any) -> httpx.Response:
    return await person.http.post(PATH, json=ENGINES | fields)


async def client_of(person: Person, **fields: Any) -> dict[str, Any]:
    answer = await add(person, **fields)
    assert answer.status_code == 201, answer.text
    client: dict[str, Any] = answer.json()
    return client


async def test_a_client_is_added_read_changed_and_told_of(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    created = await add(ada, language="de")
    client = created.json()
    assert (created.status_code, created.headers["etag"]) == (201, '"1"')
    assert (client["tax_id"], client["tax_id_checked"], client["kind"], client["archived_at"]) == ("DE136695976", "de.vat", "company", None)
    assert client["contacts"] == [{"name": "Jonas Weber", "email": "jonas@engines.example", "phone": "", "role": "Accounts payable"}]
    at = f"{PATH}{client['id']}/"
    assert (client["language"], (await add(ada, language="xx")).status_code) == ("de", 422)
    read = await ada.http.get(at)
    assert (read.json(), read.headers["etag"]) == (client, '"1"')
    changed = await ada.http.put(at, json={"name": "Engines SE", "email": None, "currency": None, "language": None}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"'), changed.text
    after = changed.json()
    assert (after["name"], after["email"], after["currency"], after["language"], after["tax_id"]) == ("Engines SE", "", None, None, "DE136695976")
    assert after["contacts"] == client["contacts"], "what is left out stays"
    assert (await ada.http.put(at, json={"name": "X"}, headers={"If-Match": '"1"'})).status_code == 412
    assert (await ada.http.put(at, json={"name": "Engines SE"})).headers["etag"] == '"2"', "nothing changed"
    rows = await records(ada.org_id, "client.")
    assert [(row.action, row.subject_id) for row in rows] == [("client.added", client["id"]), ("client.changed", client["id"])]
    assert [kind for kind in await told(ada.org_id) if kind.startswith("client.")] == ["client.added", "client.changed"]


async def test_a_tax_id_goes_by_the_country_also_when_only_one_of_them_changes(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    refused = await add(ada, tax_id="136695978")
    assert code_of(refused) == (422, "invalid_input")
    assert refused.json()["errors"] == [{"field": "tax_id", "message": refused.json()["errors"][0]["message"], "code": "invalid_tax_id"}]
    client = await client_of(ada)
    at = f"{PATH}{client['id']}/"
    assert (await ada.http.put(at, json={"address": {"country": "FR"}})).status_code == 422, "a German number is none of France"
    assert (await ada.http.put(at, json={"tax_id": "DE136695970"})).status_code == 422
    moved = await ada.http.put(at, json={"address": {"country": "FR"}, "tax_id": "40 303 265 045"})
    assert (moved.json()["tax_id"], moved.json()["tax_id_checked"]) == ("FR40303265045", "fr.vat")
    nowhere = await ada.http.put(at, json={"address": {"country": "AQ"}})
    assert (nowhere.json()["tax_id_checked"], nowhere.json()["tax_id"]) == ("", "FR40303265045")


async def test_bodies_that_are_refused(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    cases: list[tuple[dict[str, Any], str]] = [
        ({"name": ""}, "name"),
        ({"kind": "state"}, "kind"),
        ({"email": "nobody"}, "email"),
        ({"payment_terms_days": 366}, "payment_terms_days"),
        ({"payment_terms_days": "30"}, "payment_terms_days"),
        ({"currency": "XXX"}, "currency"),
        ({"address": {"country": "ZZ"}}, "address.country"),
        ({"address": {"street": "x"}}, "address.street"),
        ({"contacts": [{"name": "x"}] * 21}, "contacts"),
        ({"nmae": "x"}, "nmae"),
        ({"name": "a\u202eb"}, "name"),
    ]
    for fields, field in cases:
        answer = await add(ada, **fields)
        assert answer.status_code == 422, (fields, answer.text)
        assert field in [row["field"] for row in answer.json()["errors"]], answer.text
    client = await client_of(ada)
    assert (await ada.http.put(f"{PATH}{client['id']}/", json={"name": None})).status_code == 422
    assert await Client.find({"org_id": ada.org_id}).count() == 1


async def test_lists_are_searched_paged_and_walled(join: Join) -> None:
    ada, eve = await join("ada", founds="Byron Treasury"), await join("eve", founds="Elsewhere")
    for number in range(3):
        await client_of(ada, name=f"Client {number}", email=f"c{number}@engines.example", contacts=[])
    person = await client_of(ada, name="Zoë Jürgens", kind="person", tax_id="", address={"country": "CH"}, contacts=[{"name": "Agent Smith"}])
    foreign = await client_of(eve)

    async def names(**query: str) -> list[str]:
        return [row["name"] for row in (await ada.http.get(PATH, params=query)).json()["items"]]

    assert await names() == ["Client 0", "Client 1", "Client 2", "Zoë Jürgens"]
    assert await names(sort="-created_at", limit="2") == ["Zoë Jürgens", "Client 2"]
    assert (await names(q="smith"), await names(kind="person"), await names(country="CH")) == (["Zoë Jürgens"],) * 3
    assert (await names(q="C1@ENGINES"), await names(q="de1366"), await names(q=".*")) == (["Client 1"], ["Client 0", "Client 1", "Client 2"], [])
    first = (await ada.http.get(PATH, params={"limit": "3", "count": "true"})).json()
    assert first["total"] == 4
    assert await names(limit="3", cursor=first["next_cursor"]) == ["Zoë Jürgens"]
    for method, body in (("GET", None), ("PUT", {"name": "Mine"}), ("DELETE", None)):
        answer = await ada.http.request(method, f"{PATH}{foreign['id']}/", json=body)
        absent = await ada.http.request(method, f"{PATH}cli_nothing/", json=body)
        assert (answer.status_code, absent.status_code) == (404, 404)
    assert (await eve.http.get(f"{PATH}{foreign['id']}/")).json() == foreign
    assert (await eve.http.get(f"{PATH}{person['id']}/")).status_code == 404


async def test_one_who_was_written_for_is_archived_and_one_who_was_not_is_deleted(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="Byron Treasury")
    idle, busy = await client_of(ada, name="Idle"), await client_of(ada, name="Busy")
    written = await runtime.uow.run(lambda session: service.write_for(session, ada.org_id, busy["id"]))
    assert written.name == "Busy"
    assert (await ada.http.delete(f"{PATH}{idle['id']}/", headers={"If-Match": '"9"'})).status_code == 412
    assert [(await ada.http.delete(f"{PATH}{row['id']}/")).status_code for row in (idle, busy)] == [204, 204]
    assert (await ada.http.get(f"{PATH}{idle['id']}/")).status_code == 404
    kept = (await ada.http.get(f"{PATH}{busy['id']}/")).json()
    assert kept["archived_at"] is not None
    assert (await ada.http.get(PATH)).json()["items"] == []
    assert [row["id"] for row in (await ada.http.get(PATH, params={"archived": "true"})).json()["items"]] == [busy["id"]]
    try:
        await runtime.uow.run(lambda session: service.write_for(session, ada.org_id, busy["id"]))
    except ClientArchived:
        pass
    else:
        raise AssertionError("something was written for a client that is archived")
    back = await ada.http.put(f"{PATH}{busy['id']}/", json={"archived": False})
    assert back.json()["archived_at"] is None
    assert [kind for kind in await told(ada.org_id) if kind.startswith("client.")][2:] == ["client.deleted", "client.archived", "client.restored"]


async def test_the_same_key_adds_one_client_also_at_the_same_moment(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    headers = {"Idempotency-Key": "client-1"}
    answers = await asyncio.gather(*(ada.http.post(PATH, json=ENGINES, headers=headers) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await Client.find({"org_id": ada.org_id}).count() == 1
    assert (await ada.http.post(PATH, json=ENGINES | {"name": "Other"}, headers=headers)).status_code == 409


async def test_who_may(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    client = await client_of(ada)
    for role, reads, writes in ((Role.ACCOUNTANT, 200, 201), (Role.AUDITOR, 200, 403), (Role.USER, 403, 403)):
        bob = await join(f"bob-{role.lower()}", org_id=ada.org_id, role=role)
        assert (await bob.http.get(f"{PATH}{client['id']}/")).status_code == reads
        assert (await add(bob)).status_code == writes
