"""The books on pages: an entry by hand from the form to the journal, with what is refused on the way."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest

from crypto_api.classification.types import Category, Decision, DecisionSource
from crypto_api.flows.book_transaction import Valued, book_valued, changes_of
from crypto_api.flows.seal_entries import seal_entries
from crypto_api.flows.settle_lots import settle_lots
from crypto_api.kit.clock import SystemClock
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import Line
from crypto_api.organizations.documents import Organization
from crypto_api.organizations.types import Role
from crypto_api.transactions.types import Direction
from tests.dashboard.conftest import Site, log_in, token
from tests.factories.treasury import Treasury

Field = tuple[str, str]


def lines(*rows: tuple[str, str, str]) -> list[Field]:
    """(account, debit, credit)"""
    return [field for account, debit, credit in rows for field in (("account", account), ("note", ""), ("debit", debit), ("credit", credit))]


async def send(client: httpx.AsyncClient, path: str, form: str, fields: list[Field]) -> httpx.Response:
    sent: dict[str, list[str]] = {"csrfmiddlewaretoken": [await token(client, form)]}
    for name, value in fields:
        sent.setdefault(name, []).append(value)
    return await client.post(path, data=sent)


RENT = [("date", "2026-11-20"), ("description", "Rent <b>November</b>"), ("reference", "INV-7")]
BALANCED = lines(("5300 Suppliers and services", "1,200.50", ""), ("2100", "", "1200.50"), ("", "", ""))


@pytest.fixture
async def ada(visitor: httpx.AsyncClient) -> httpx.AsyncClient:
    assert (await log_in(visitor)).status_code == 302
    return visitor


async def test_an_entry_is_written_edited_posted_and_reversed_on_pages(ada: httpx.AsyncClient, treasury: Treasury) -> None:
    done = await send(ada, "/journal/new/", "/journal/new/", [*RENT, *BALANCED, ("then", "draft")])
    assert done.status_code == 302, done.text
    url = done.headers["location"].split("?")[0]
    shown = (await ada.get(done.headers["location"])).text
    assert "The draft was saved" in shown and "Rent &lt;b&gt;November" in shown and "1,200.50" in shown
    edited = await send(ada, f"{url}edit/", f"{url}edit/", [*RENT, *lines(("5300", "1300", ""), ("2100", "", "1300")), ("version", "1")])
    assert edited.status_code == 302
    stale = await send(ada, f"{url}edit/", f"{url}edit/", [*RENT, *BALANCED, ("version", "1")])
    assert stale.status_code == 412 and 'value="1300"' in stale.text and "changed this draft meanwhile" in stale.text
    assert (await send(ada, f"{url}post/", url, [("version", "1")])).status_code == 409
    assert (await send(ada, f"{url}post/", url, [("version", "2")])).headers["location"] == f"{url}?done=posted"
    assert (await ada.get(f"{url}edit/")).headers["location"] == url
    assert (await send(ada, f"{url}reverse/", url, [("reason", "")])).status_code == 422
    assert (await send(ada, f"{url}reverse/", url, [("reason", "Twice"), ("date", "2026-11-21")])).status_code == 302
    entries = await JournalEntry.find({"org_id": treasury.org_id, "description": {"$regex": "Rent"}}).sort("+_id").to_list()
    assert [(row.status, str(row.total_debit)) for row in entries] == [("reversed", "1300"), ("posted", "1300")]
    journal = (await ada.get("/journal/?q=rent&status=reversed&account=2100&source=manual&date_from=2026-11-20&date_to=2026-11-20")).text
    assert entries[0].id in journal and entries[1].id not in journal
    assert "Nothing matches these filters" in (await ada.get("/journal/?q=nothing+like+this")).text
    assert "could not be read" in (await ada.get("/journal/?date_from=yesterday")).text


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ([*RENT, *lines(("5300", "1", ""), ("2100", "", "2"))], "must be equal"),
        ([*RENT, *lines(("5300", "1", ""))], "at least two lines"),
        ([*RENT, *lines(("5300", "1e3", ""), ("2100", "", "1"))], "Debit must be an amount such as 1234.50."),
        ([*RENT, *lines(("5300", "0.000000001", ""), ("2100", "", "1"))], "Debit must have at most 8 decimals."),
        ([*RENT, *lines(("9999", "1", ""), ("2100", "", "1"))], "Account is not an active account of this organisation."),
        ([*RENT, *lines(("", "1", ""), ("2100", "", "1"))], "Account is needed."),
        ([("date", "tomorrow"), *RENT[1:], *BALANCED], "The date is not a date such as 2026-11-21."),
        ([RENT[0], ("description", ""), *BALANCED], "The description is needed."),
        ([*RENT, *lines(("5300", "1", "1"), ("2100", "", "0"))], "not both"),
    ],
)
async def test_what_is_no_entry_is_told_where_it_stands(ada: httpx.AsyncClient, treasury: Treasury, fields: list[Field], says: str) -> None:
    answer = await send(ada, "/journal/new/", "/journal/new/", [*fields, ("then", "post")])
    assert answer.status_code == 422 and says in answer.text
    assert await JournalEntry.find({"org_id": treasury.org_id}).count() == 0


async def test_an_account_may_be_given_by_its_name(ada: httpx.AsyncClient, treasury: Treasury) -> None:
    """Where only one has it; without a script as well."""
    named = lines(("suppliers AND services", "5", ""), ("2100", "", "5"))
    assert (await send(ada, "/journal/new/", "/journal/new/", [*RENT, *named, ("then", "draft")])).status_code == 302
    (entry,) = await JournalEntry.find({"org_id": treasury.org_id}).to_list()
    assert [line.account_code for line in entry.lines] == ["5300", "2100"]


async def test_more_lines_come_without_a_script(ada: httpx.AsyncClient, treasury: Treasury) -> None:
    answer = await send(ada, "/journal/new/", "/journal/new/", [*RENT, *lines(*[("5300", "1", "")] * 6), ("then", "rows")])
    assert answer.status_code == 200 and answer.text.count('name="account"') == 8


async def test_whoever_wrote_it_is_not_offered_to_approve_it(site: Site, ada: httpx.AsyncClient, treasury: Treasury) -> None:
    await Organization.find_one({"_id": treasury.org_id}).set({"entry_approval": True})
    await treasury.member("Cleo", "Marsh", Role.APPROVER)
    done = await send(ada, "/journal/new/", "/journal/new/", [*RENT, *BALANCED, ("then", "draft")])
    url = done.headers["location"].split("?")[0]
    own = (await ada.get(url)).text
    assert "has to approve it" in own and f"{url}approve/" not in own and f"{url}post/" not in own
    assert (await send(ada, f"{url}post/", "/journal/new/", [])).status_code == 403
    assert "Save and post" not in (await ada.get("/journal/new/")).text
    assert "To approve" in (await ada.get("/journal/")).text
    async with httpx.AsyncClient(base_url=site.url, timeout=60, headers={"Origin": site.url}) as cleo:
        await log_in(cleo, "cleo.marsh")
        assert f"{url}approve/" in (await cleo.get(url)).text
        assert (await send(cleo, f"{url}approve/", url, [("version", "1")])).headers["location"] == f"{url}?done=approved"
    assert "approved by Cleo Marsh" in (await ada.get(url)).text
    assert (await send(ada, f"{url}post/", url, [])).headers["location"] == f"{url}?done=posted"


async def test_a_draft_is_deleted_on_its_page(ada: httpx.AsyncClient, treasury: Treasury) -> None:
    done = await send(ada, "/journal/new/", "/journal/new/", [*RENT, *BALANCED, ("then", "draft")])
    url = done.headers["location"].split("?")[0]
    assert (await send(ada, f"{url}delete/", url, [])).headers["location"] == "/journal/?done=deleted"
    assert (await ada.get(url)).status_code == 404


# ---- chart of accounts -----------------------------------------------------------------------------------------------------------


async def test_accounts_are_added_changed_and_taken_away_on_pages(ada: httpx.AsyncClient, treasury: Treasury) -> None:
    added = await send(
        ada, "/accounts/add/", "/accounts/add/", [("code", "4500"), ("name", "Grants & gifts"), ("account_type", "income"), ("parent_code", "4000")]
    )
    assert added.headers["location"] == "/accounts/?done=added"
    shown = (await ada.get("/accounts/?done=added")).text
    assert "Grants &amp; gifts" in shown and "The account was added." in shown
    url = f"/accounts/{treasury.org_id}:4500/"
    again = await send(ada, "/accounts/add/", "/accounts/add/", [("code", "4500"), ("name", "x"), ("account_type", "income")])
    assert again.status_code == 409 and "There is an account with this code." in again.text
    wrong = await send(ada, "/accounts/add/", "/accounts/add/", [("code", "4 5"), ("name", ""), ("account_type", "")])
    assert wrong.status_code == 422 and "The code must be letters" in wrong.text and "The type must be chosen" in wrong.text
    circle = await send(ada, url, url, [("name", "Grants"), ("parent_code", "4500"), ("active", "on"), ("version", "1")])
    assert circle.status_code == 422 and "its own parent" in circle.text
    saved = await send(ada, url, url, [("name", "Grants"), ("parent_code", ""), ("version", "1")])
    assert saved.headers["location"] == "/accounts/?done=saved"
    assert (await send(ada, url, url, [("name", "Late"), ("version", "1")])).status_code == 412
    assert (await send(ada, f"{url}remove/", url, [])).headers["location"] == "/accounts/?done=deleted"
    system = f"/accounts/{treasury.org_id}:1900/"
    assert "it stays active" in (await ada.get(system)).text
    assert (await send(ada, f"{system}remove/", system, [])).status_code == 409
    assert (await ada.get("/accounts/export/")).headers["content-type"].startswith("text/csv")


async def test_a_chart_is_looked_at_and_brought_in(ada: httpx.AsyncClient, treasury: Treasury) -> None:
    csrf = {"csrfmiddlewaretoken": await token(ada, "/accounts/import/")}
    good, bad = b"code,name,type\n6000,Grants,income\n", b"code,name,type\n6000,Grants,money\n"
    looked = await ada.post("/accounts/import/", data=csrf | {"do": "look"}, files={"file": ("c.csv", good)})
    assert looked.status_code == 200 and "1 account would be new" in looked.text
    refused = await ada.post("/accounts/import/", data=csrf | {"do": "bring"}, files={"file": ("c.csv", bad)})
    assert refused.status_code == 422 and "must be one of asset" in refused.text
    assert (await ada.post("/accounts/import/", data=csrf | {"do": "bring"})).status_code == 422
    brought = await ada.post("/accounts/import/", data=csrf | {"do": "bring"}, files={"file": ("c.csv", good)})
    assert brought.headers["location"] == "/accounts/?done=imported" and "Grants" in (await ada.get("/accounts/")).text


async def test_what_left_is_shown_as_provisional_until_it_was_compared_with_the_lots(ada: httpx.AsyncClient, treasury: Treasury) -> None:
    wallet = await treasury.wallet("Operations")
    entry = await treasury.opening(wallet, "ETH", "2", "3000", treasury.now - timedelta(days=2))
    moved = treasury.movement(wallet, Direction.OUT, "0.5", "ETH", other="Acme", value="900")
    row = await treasury.record(treasury.transaction([moved], treasury.now - timedelta(days=1)))
    decision = Decision(category=Category.EXPENSE, confidence=1, source=DecisionSource.RULE, explanation="")
    valued = Valued(row, decision, (moved,), tuple(changes_of((moved,), Category.EXPENSE)), "UTC")
    (booked,) = await book_valued(treasury.uow, SystemClock(), [valued])
    pages = ("/journal/", f"/journal/{booked.entry_id}/", "/transactions/", f"/transactions/{row.id}/")
    for path in pages:
        shown = (await ada.get(path)).text
        assert shown.count("every 5s") == 1 and "being compared with the lots" in shown, path
    assert (await ada.get("/journal/")).text.count("provisional cost") == 1, "the opening has the cost that it came at"
    assert "provisional" not in (await ada.get(f"/journal/{entry.id}/")).text
    await settle_lots(treasury.uow, SystemClock(), treasury.org_id)
    for path in pages:
        shown = (await ada.get(path)).text
        assert "provisional" not in shown and "every 5s" not in shown, path


# ---- trial balance and general ledger --------------------------------------------------------------------------------------------


async def test_balances_of_another_day_and_the_lines_behind_them(ada: httpx.AsyncClient, treasury: Treasury) -> None:
    wallet = await treasury.wallet("Operations")
    await treasury.opening(wallet, "ETH", "1.5", "3000", treasury.now - timedelta(days=40))
    await treasury.opening(wallet, "USDC", "10", "10", treasury.now)
    day = (treasury.now - timedelta(days=1)).date()
    then = (await ada.get(f"/trial-balance/?at={day}")).text
    assert "3,000.00" in then and "3,010.00" not in then and "3,010.00" in (await ada.get("/trial-balance/")).text
    assert "must be a date" in (await ada.get("/trial-balance/?at=soon&known_at=later")).text
    assert "must be a time" in (await ada.get("/trial-balance/?known_at=0001-01-01T00:00:00%2B10:00")).text
    assert (await ada.get("/trial-balance/?at=9999-12-31")).status_code == 200
    beside = (await ada.get(f"/trial-balance/?compare_to={day}")).text
    assert (
        "3,010.00" in beside
        and "3,000.00" in beside
        and ">Change</th>" in beside
        and beside.count(">+10.00</span>") == 1
        and "+0.3\N{NARROW NO-BREAK SPACE}%" in beside
        and ">new</div>" not in beside
    )
    assert "must lie before" in (await ada.get(f"/trial-balance/?at={day}&compare_to={day}")).text
    assert "Choose an account" in (await ada.get("/general-ledger/")).text
    ledger = (await ada.get(f"/general-ledger/?account=1100&date_from={day}")).text
    assert ledger.count(">3,010.00<") == 2 and f"Balance before {day}" in ledger  # the closing balance, and the one behind the line
    assert "No lines" in (await ada.get("/general-ledger/?account=4300")).text
    assert "Nothing is sealed yet: 2 entries wait for their seals" in ledger
    await seal_entries(treasury.uow, SystemClock())
    assert "Sealed up to entry 2." in (await ada.get("/trial-balance/")).text
    assert (await ada.get("/ledger-seals/")).text.splitlines()[-1].startswith('{"seals":2')


async def test_a_month_is_closed_on_its_page_and_its_certificate_shown(ada: httpx.AsyncClient, treasury: Treasury) -> None:
    day = (treasury.now - timedelta(days=62)).date().replace(day=1)
    month, old = f"{day:%Y-%m}", datetime(day.year, day.month, 3, 12, tzinfo=UTC)
    lines = [Line(account_code="1000", debit=Decimal(7)), Line(account_code="4900", credit=Decimal(7))]
    await treasury.post("A grant", lines, old)
    url = f"/closing/{month}/"
    assert "have no seal yet" in (await ada.get(url)).text and "disabled" in (await ada.get(url)).text
    refused = await send(ada, f"{url}close/", url, [])
    assert refused.status_code == 409 and "cannot be closed" in refused.text
    await seal_entries(treasury.uow, SystemClock())
    closed = await send(ada, f"{url}close/", url, [])
    assert closed.headers["location"] == f"{url}certificate/?done=closed"
    certificate = (await ada.get(closed.headers["location"])).text
    assert "Head of the seals" in certificate and "7.00" in certificate and "was changed in the database" not in certificate
    assert "Closed" in (await ada.get("/closing/")).text
    fresh = await send(ada, "/journal/new/", "/journal/new/", [("date", str(old.date())), *RENT[1:], *BALANCED, ("then", "post")])
    assert fresh.status_code == 409 and "The books are closed up to" in fresh.text
    assert (await send(ada, f"{url}reopen/", url, [("reason", "")])).status_code == 422
    assert (await send(ada, f"{url}reopen/", url, [("reason", "Late")])).headers["location"] == f"{url}?done=reopened"
    assert (await ada.get("/closing/2026-13/")).status_code == (await ada.get("/closing/2020-01/certificate/")).status_code == 404
