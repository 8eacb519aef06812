"""Pages of clients over plain HTTP."""

from crypto_api.clients import service
from crypto_api.clients.documents import Client
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from tests.dashboard.desk import Sits, sits
from tests.factories.treasury import Treasury

__all__ = ["sits"]
FIELDS = {"name": "Analytical Engines", "kind": "company", "payment_terms_days": "14", "country": "DE", "tax_id": "136695976"}


async def test_a_client_is_added_changed_archived_and_brought_back(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    ada = await sits("ada.okafor")
    assert "No clients yet" in await ada.text("/clients/")
    told = await ada.refused(422, "/clients/add/", **FIELDS | {"name": "", "payment_terms_days": "x", "email": "nobody"})
    assert "The name is needed." in told and "days from 0 to 365" in told and "is not an e-mail address" in told
    assert "wrong check digit for DE" in await ada.refused(422, "/clients/add/", **FIELDS | {"tax_id": "136695978"})
    contacts = {"contact_name": ["Jonas Weber", ""], "contact_email": ["jonas@example.com", ""], "contact_phone": ["", ""], "contact_role": ["", ""]}
    assert "Contact 1: email is not an e-mail address." in await ada.refused(
        422, "/clients/add/", **FIELDS, **contacts | {"contact_email": ["x", ""]}
    )
    to = await ada.does("/clients/add/", **FIELDS, **contacts)
    row = await Client.find_one({"org_id": treasury.org_id})
    assert row is not None and to == f"/clients/{row.id}/?done=added"
    assert (row.tax_id, row.payment_terms_days, [contact.name for contact in row.contacts]) == ("DE136695976", 14, ["Jonas Weber"])
    page = await ada.text(f"/clients/{row.id}/")
    assert "DE136695976" in page and "Jonas Weber" in page and "14 days" in page and "Delete…" in page
    assert await ada.does(f"/clients/{row.id}/edit/", **FIELDS | {"name": "Engines <b>", "version": "1"}) == f"/clients/{row.id}/?done=saved"
    assert "changed since" in await ada.refused(412, f"/clients/{row.id}/edit/", **FIELDS | {"version": "1"})
    assert "Engines <b>" in await ada.text("/clients/", q="engines") and "Nobody matches" in await ada.text("/clients/", q="nobody")
    await runtime.uow.run(lambda session: service.write_for(session, treasury.org_id, row.id))
    assert await ada.does(f"/clients/{row.id}/remove/") == f"/clients/{row.id}/?done=archived"
    assert "No clients yet" in await ada.text("/clients/") and "Engines <b>" in await ada.text("/clients/", view="archived")
    assert await ada.does(f"/clients/{row.id}/restore/") == f"/clients/{row.id}/?done=restored"
    assert "Engines <b>" in await ada.text("/clients/")


async def test_a_reader_is_offered_no_change(sits: Sits, treasury: Treasury) -> None:
    ada = await sits("ada.okafor")
    path = (await ada.does("/clients/add/", **FIELDS)).partition("?")[0]
    await treasury.member("Cora", "Reads", Role.AUDITOR)
    cora = await sits("cora.reads")
    assert "Analytical Engines" in await cora.text("/clients/")
    page = await cora.text(path)
    assert "Delete…" not in page and path + "edit/" not in page
    assert (await cora.post(path + "remove/")).status_code == 403
