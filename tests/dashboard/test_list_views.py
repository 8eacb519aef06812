"""Saved views of every list with filters: one's own, opened again as they were, and what in an address is not understood is said."""

from crypto_api.dashboard.views_lists import VIEWED
from crypto_api.organizations.types import Role
from crypto_api.saved_views import store
from crypto_api.saved_views.documents import SavedView
from tests.dashboard.conftest import Window
from tests.dashboard.desk import Sits, sits
from tests.factories.treasury import Treasury

__all__ = ["sits"]

NARROWED = {
    "payments": "view=paid&q=rent",
    "invoices": "view=overdue&q=RE-2026",
    "journal": "status=posted&date_from=2026-11-01",
    "inbox": "kind=missing_price",
    "clients": "q=acme",
    "address-book": "view=verify&q=acme",
    "team": "status=active",
    "members": "role=AUDITOR",
    "audit-log": "outcome=refused&ip=10.0.0.7",
    "tasks": "status=failed",
}


async def test_each_list_keeps_views_of_its_own(sits: Sits, treasury: Treasury) -> None:
    desk = await sits("ada.okafor")
    assert NARROWED.keys() == VIEWED.keys()
    for name, query in NARROWED.items():
        path = VIEWED[name].path
        page = await desk.text(f"{path}?{query}")
        assert "Save this view" in page and "is not known here" not in page, name
        assert await desk.does(f"/lists/{name}/views/?{query}&colour=red", name="Mine") == f"{path}?{query}", (
            "what the list does not take is not kept"
        )
        (view,) = await store.of_person(treasury.org_id, treasury.admin.id, name)
        page = await desk.text(f"{path}?{query}")
        assert f'href="{path}?{query.replace("&", "&amp;")}" title="Mine" aria-current="true"' in (await desk.get(f"{path}?{query}")).text, name
        assert (await desk.post(f"/lists/{'inbox' if name != 'inbox' else 'team'}/views/{view.id}/delete/")).status_code == 404
        assert await desk.does(f"/lists/{name}/views/{view.id}/delete/?{query}") == f"{path}?{query}"
        assert await store.of_person(treasury.org_id, treasury.admin.id, name) == []
        told = await desk.text(f"{path}?{query}&kind2=gone")
        assert "A filter in the address is not known here" in told and '<span class="mono">kind2</span>' in told, name


async def test_a_view_is_refused_or_somebody_elses(sits: Sits, treasury: Treasury) -> None:
    desk = await sits("ada.okafor")
    await desk.does("/lists/inbox/views/?kind=ambiguous", name="Mine")
    for text, code in (("mine", "view_exists"), ("x" * 61, "name"), ("", "name")):
        assert await desk.does("/lists/inbox/views/?kind=ambiguous", name=text) == f"/inbox/?kind=ambiguous&problem={code}"
    assert "You have a view with this name already." in await desk.text("/inbox/", kind="ambiguous", problem="view_exists")
    assert await desk.does("/lists/inbox/views/?kind=no-such-kind", name="Nothing") == "/inbox/"
    assert "A filter in the address is not known here" in await desk.text("/inbox/", kind="no-such-kind")
    await desk.does("/lists/payments/views/?q=rent", name="Mine")  # the same name, of another list
    (view,) = await store.of_person(treasury.org_id, treasury.admin.id, "inbox")
    await treasury.member("Bo", "Larsen", Role.AUDITOR)
    other = await sits("bo.larsen")
    assert "Mine" not in await other.text("/inbox/", kind="ambiguous")
    assert (await other.post(f"/lists/inbox/views/{view.id}/delete/")).status_code == 404
    await treasury.member("Cy", "Young", Role.USER)
    employee = await sits("cy.young")
    assert (await employee.post("/lists/inbox/views/?kind=ambiguous", name="x")).status_code == 404
    assert (await desk.post("/lists/secrets/views/?kind=ambiguous", name="x")).status_code == 404
    assert [row.list_name for row in await SavedView.find({"org_id": treasury.org_id}).sort("list_name").to_list()] == ["inbox", "payments"]


async def test_views_of_earlier_are_of_the_transactions(treasury: Treasury) -> None:
    database = SavedView.get_pymongo_collection().database
    views = database["saved_views"]
    old = {"_id": "svw_old", "org_id": treasury.org_id, "user_id": treasury.admin.id, "name": "Old", "name_folded": "old", "filters": {"q": "x"}}
    await views.insert_one(old)
    await store.name_their_list(database)
    await store.name_their_list(database)
    assert (await views.find_one({"_id": "svw_old"}))["list_name"] == "transactions"  # type: ignore[index]
    assert "org_user_name" not in await views.index_information()


async def test_views_stand_above_the_list(window: Window, treasury: Treasury) -> None:
    await window.log_in(path="/payments/?q=rent")
    page = window.page
    await page.get_by_text("Save this view").focus()
    await page.keyboard.press("Enter")
    await page.get_by_label("Name", exact=True).fill("Everything about the rent of the offices in Lisbon and Rotterdam")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".view-chip.is-current")
    assert await window.unfit("list-views") == []
    await window.go("/payments/?q=rent&state=lost")
    await page.get_by_role("alert").wait_for()
    assert await window.unfit("list-views-unread") == []
