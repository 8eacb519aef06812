"""A client's own log-in: its own invoices, and nothing else of the organisation."""

from crypto_api.clients.documents import Client
from crypto_api.flows.send_invitation_mail import send_invitation_mail
from crypto_api.organizations.documents import Invitation
from crypto_api.runtime import Runtime
from tests.http.conftest import Join
from tests.http.organization_calls import code_of, records
from tests.http.test_clients import client_of
from tests.http.test_invoices import at, draft, post, sent

MINE = "/api/my/invoices/"


async def test_a_client_is_invited_and_sees_what_was_issued_to_it_and_nothing_else(join: Join, runtime: Runtime) -> None:
    ada, carl, eve = await join("ada", founds="Byron Treasury"), await join("carl"), await join("eve", founds="Elsewhere")
    client, other = await client_of(ada, currency=None), await client_of(ada, name="Another", currency=None)
    mine, others = await sent(ada, client_id=client["id"]), await sent(ada, client_id=other["id"])
    unsent = await draft(ada, client_id=client["id"])
    path = f"/api/clients/{client['id']}/invitations/"
    assert (await eve.http.post(path, json={"email": "carl@example.com"})).status_code == 404
    invitation = await post(ada, path, {"email": "carl@example.com"})
    assert invitation["role"] == "CLIENT"
    assert code_of(await ada.http.post(path, json={"email": "carl@example.com"})) == (409, "already_invited")
    stored = await Invitation.get(invitation["id"])
    assert stored is not None and stored.client_id == client["id"]
    assert await send_invitation_mail(runtime.uow, runtime.clock, runtime.mail, "https://coffer.example", ada.org_id, invitation["id"])
    assert (await carl.http.post(f"/api/invitations/{invitation['id']}/accept/")).status_code == 200
    assert (await carl.http.get(MINE)).status_code == 200

    rows = (await carl.http.get(MINE)).json()["items"]
    assert [(row["id"], row["due_amount"], row["buyer"]["name"]) for row in rows] == [(mine["id"], "357.00", client["name"])]
    shown = (await carl.http.get(f"{MINE}{mine['id']}/")).json()
    assert "journal_entry_id" not in shown and "created_by" not in shown and shown["invoice_number"] == mine["invoice_number"]
    file = await carl.http.get(f"{MINE}{mine['id']}/pdf/")
    assert (file.status_code, file.content[:5]) == (200, b"%PDF-")
    for row in (others, unsent):
        for deed in ("", "pdf/"):
            assert (await carl.http.get(f"{MINE}{row['id']}/{deed}")).status_code == 404, deed
    for method, way in (
        ("GET", "/api/invoices/"),
        ("GET", at(mine)),
        ("GET", "/api/clients/"),
        ("GET", "/api/ledger/trial-balance/"),
        ("GET", "/api/wallets/"),
    ):
        assert code_of(await carl.http.request(method, way)) == (403, "permission_denied"), way
    assert code_of(await carl.http.post(at(mine, "payments"), json={"amount": "1.00"})) == (403, "permission_denied")
    assert (await ada.http.get(MINE)).json()["items"] == [], "an administrator is nobody's client"
    await post(ada, at(unsent, "send"), code=200)
    assert len((await carl.http.get(MINE)).json()["items"]) == 2
    assert [record.action for record in await records(ada.org_id, "client.let_in")] == ["client.let_in"]

    gone = await ada.http.delete(f"/api/organizations/{ada.org_id}/members/{carl.user['id']}/")
    assert gone.status_code == 204, gone.text
    assert (await carl.http.get(MINE)).status_code in (401, 403)
    after = await Client.get(client["id"])
    assert after is not None and after.user_ids == [], "who comes back is nobody's client"
    await ada.http.delete(f"/api/clients/{other['id']}/")
    assert code_of(await ada.http.post(f"/api/clients/{other['id']}/invitations/", json={})) == (409, "client_archived")
