"""The team of the sample organisation: there after the first start, and not twice after the second."""

from decimal import Decimal

from crypto_api.address_book import service as address_book
from crypto_api.address_book import store as address_book_store
from crypto_api.address_book.documents import Payee
from crypto_api.address_book.types import PayeeState
from crypto_api.bootstrap import open_runtime
from crypto_api.employees.documents import Employee
from crypto_api.employees.rules import depths_below
from crypto_api.employees.store import managers
from crypto_api.invoices.documents import Invoice
from crypto_api.invoices.types import InvoiceStatus
from crypto_api.ledger.documents import JournalEntry
from crypto_api.payroll.documents import PayrollPeriod, Payslip
from crypto_api.payroll.types import PayrollStatus
from crypto_project.demo import cast, sales
from crypto_project.demo.seed import seed_organization
from tests.conftest import ConfigMaker

NETWORK: dict[str, object] = {"slug": "demo", "name": "Demo", "chain_id": 31337, "rpc_urls": ["http://127.0.0.1:9"], "confirmations": 2}


async def test_the_team_is_there_once_with_one_to_verify(make_config: ConfigMaker) -> None:
    async with open_runtime(make_config([NETWORK])) as runtime:
        org_id = await seed_organization(runtime, "demo")
        await there_once(org_id)
        before = {row.id: row.version for row in await Employee.find({"org_id": org_id}).to_list()}
        assert await seed_organization(runtime, "demo") == org_id
        assert {row.id: row.version for row in await Employee.find({"org_id": org_id}).to_list()} == before
        book = {row.name: row for row in await Payee.find({"org_id": org_id}).to_list()}
        assert len(book) == await Payee.find({"org_id": org_id}).count() == len(cast.PAYEES)
        assert [name for name, row in book.items() if row.state == PayeeState.UNVERIFIED] == [cast.PAYEE_TO_VERIFY.name]
        entries = await address_book_store.at(org_id, book["Nimbus Cloud Hosting"].address)
        nimbus = address_book.standing(entries, "demo", runtime.clock.now())
        assert nimbus.hold is None, "a visitor can pay it at once"


async def there_once(org_id: str) -> None:
    first = {row.email: row for row in await Employee.find({"org_id": org_id}).to_list()}
    assert first.keys() == {post.email for post in cast.POSTS}
    assert [row.first_name for row in first.values() if row.status == "pending"] == ["Tomás"]
    assert {row.email for row in first.values() if row.user_id} == {person.email for person in (cast.FOUNDER, *cast.STAFF)}
    depths = depths_below(await managers(org_id), first[cast.FOUNDER.email].id)
    assert depths[first["tomas.rivera@northwind.example"].id] == 2
    assert len(depths) == len(cast.POSTS) - 1


async def test_there_is_an_invoice_in_every_state_and_two_payrolls_to_approve(make_config: ConfigMaker) -> None:
    async with open_runtime(make_config([NETWORK])) as runtime:
        org_id = await seed_organization(runtime, "demo")
        for _ in range(2):
            sold = {row.reference: row for row in await Invoice.find({"org_id": org_id}).to_list()}
            assert {reference: row.status for reference, row in sold.items()} == {sale.reference: sale.becomes for sale in sales.SALES}
            assert {row.status for row in sold.values()} == set(InvoiceStatus), "one in every state"
            assert {row.number is None for row in sold.values() if row.status is not InvoiceStatus.DRAFT} == {False}
            assert sold["R-2207"].due == (sold["R-2207"].total / 2).quantize(Decimal("0.01"))
            months = await PayrollPeriod.find({"org_id": org_id}).sort("+start_date").to_list()
            assert [row.status for row in months] == [PayrollStatus.PREPARED] * 2 and months[0].end_date < months[1].start_date
            slips = await Payslip.find({"org_id": org_id}).to_list()
            assert {row.employee_name for row in slips} == {"Ada Moreau", "Jonas Weber", "Priya Nair"} and len(slips) == 6
            assert await seed_organization(runtime, "demo") == org_id
        wrong = [row.id for row in await JournalEntry.find({"org_id": org_id}).to_list() if row.total_debit != row.total_credit]
        assert not wrong and await JournalEntry.find({"org_id": org_id}).count() == 8, "five issued, a reversal, and two payments"
