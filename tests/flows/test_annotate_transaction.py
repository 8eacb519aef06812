"""A person's word goes into the books as well."""

from decimal import Decimal

import pytest

from crypto_api.classification.types import Category
from crypto_api.flows.annotate_transaction import Annotation, annotate_transaction
from crypto_api.flows.verify_ledger import verify_ledger
from crypto_api.ledger import store as ledger
from crypto_api.ledger.documents import JournalEntry
from crypto_api.runtime import Runtime
from crypto_api.transactions import store as transactions
from crypto_api.transactions.types import Direction
from tests.factories.treasury import new_treasury
from tests.flows.test_book_transaction import NOW, Office

D = Decimal


@pytest.fixture
async def office(runtime: Runtime) -> Office:
    made = Office(runtime, await new_treasury(runtime.uow, now=NOW))
    await made.treasury.wallet("main")
    return made


async def balances(office: Office) -> dict[str, Decimal]:
    return {row.account_code: row.debit - row.credit for row in await ledger.trial_balance(office.org_id) if row.debit != row.credit}


async def say(office: Office, row_id: str, **words: object) -> None:
    await annotate_transaction(office.runtime.uow, office.clock, office.org_id, row_id, Annotation(**words))  # type: ignore[arg-type]


async def test_a_category_moves_it_out_of_suspense_and_on_again(office: Office) -> None:
    row, _ = await office.booked(office.moved(Direction.IN, "2"))
    await say(office, row.id, category=Category.REWARD)
    assert await balances(office) == {"1100": D(6000), "4300": D(-6000)}
    await say(office, row.id, category=Category.INCOME)
    assert await balances(office) == {"1100": D(6000), "4100": D(-6000)}
    entries = await JournalEntry.find({"org_id": office.org_id, "reverses": None}).sort("+_id").to_list()
    assert [(entry.status, entry.source_purpose) for entry in entries] == [
        ("reversed", "movements"), ("reversed", "reclassified:1"), ("posted", "reclassified:2"),
    ]  # fmt: skip
    assert (await verify_ledger(office.runtime.uow, office.org_id, {}, {})).ok


async def test_a_note_changes_nothing_in_the_books(office: Office) -> None:
    row, _ = await office.booked(office.moved(Direction.IN, "2"))
    await say(office, row.id, note="see contract 17", counterparty="Somebody")
    assert await JournalEntry.find({"org_id": office.org_id}).count() == 1


async def test_what_is_not_booked_yet_is_booked_as_said(office: Office) -> None:
    row = await office.store(office.moved(Direction.IN, "2"))
    await say(office, row.id, category=Category.REWARD)
    assert await balances(office) == {}
    assert not (await office.book(row)).booked, "it was read before the person spoke"
    fresh = await transactions.get(office.org_id, row.id)
    assert fresh is not None and (await office.book(fresh)).booked
    assert await balances(office) == {"1100": D(6000), "4300": D(-6000)}
