"""The model at work: sure enough, and it is booked from suspense; else a suggestion; and a person's word is never touched."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from crypto_api.adapters.ollama import OllamaModel
from crypto_api.events.documents import Event
from crypto_api.flows.classify_transaction import Outcome, classify_transaction
from crypto_api.flows.verify_ledger import verify_ledger
from crypto_api.kit.language_model import Answer
from crypto_api.ledger import store as ledger
from crypto_api.ledger.documents import JournalEntry
from crypto_api.runtime import Runtime
from crypto_api.transactions import store as transactions
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Direction
from tests.factories.ollama import OllamaServer, ollama_server
from tests.factories.treasury import new_treasury
from tests.flows.test_book_transaction import NETWORK, NOW, Feeds, Office

D = Decimal


@pytest.fixture
async def server() -> AsyncIterator[OllamaServer]:
    async with ollama_server() as running:
        yield running


@pytest.fixture
async def office(runtime: Runtime) -> Office:
    made = Office(runtime, await new_treasury(runtime.uow, now=NOW))
    await made.treasury.wallet("main")
    return made


async def classify(office: Office, row: Transaction, server: OllamaServer | None, *, confidence_min: float | None = 0.8) -> Outcome:
    model = OllamaModel(server.url, "granite4:micro", timeout_s=2) if server else None
    return await classify_transaction(office.runtime.uow, office.clock, office.org_id, row.id, NETWORK, model, confidence_min=confidence_min)


async def again(office: Office, row: Transaction) -> Transaction:
    found = await transactions.get(office.org_id, row.id)
    assert found is not None
    return found


async def balances(office: Office) -> dict[str, Decimal]:
    return {row.account_code: row.debit - row.credit for row in await ledger.trial_balance(office.org_id) if row.debit != row.credit}


def sure(server: OllamaServer, category: str = "income", confidence: float = 0.93) -> None:
    server.says(category=category, confidence=confidence, evidence=["value"], explanation="A receipt of a customer.")


async def test_sure_enough_it_moves_from_suspense_and_nothing_else_changes(office: Office, server: OllamaServer) -> None:
    row, _ = await office.booked(office.moved(Direction.IN, "2"))
    sure(server)
    assert await classify(office, row, server) is Outcome.RECLASSIFIED
    after = await again(office, row)
    assert (after.category, after.category_source, after.model, after.confidence) == ("income", "model", "granite4:micro", 0.93)
    assert await balances(office) == {"1100": D(6000), "4100": D(-6000)}
    assert await office.holdings() == {("main", "ETH"): (D(2), D(6000))}
    entries = await JournalEntry.find({"org_id": office.org_id}).sort("+_id").to_list()
    assert [(entry.status, entry.source_purpose) for entry in entries] == [
        ("reversed", "movements"), ("posted", "reversal"), ("posted", "reclassified:1"),
    ]  # fmt: skip
    assert after.entry_ids == [entries[0].id, entries[2].id]
    assert await Event.find({"org_id": office.org_id, "kind": "transaction.booked"}).count() == 2
    assert await classify(office, row, server) is Outcome.NOT_ASKED, "once is enough"
    assert len(server.requests) == 1
    assert (await verify_ledger(office.runtime.uow, office.org_id, {}, {})).ok


async def test_the_cost_of_what_left_stays_what_it_was(office: Office, server: OllamaServer) -> None:
    await office.booked(office.moved(Direction.IN, "3"))
    row, _ = await office.booked(office.moved(Direction.OUT, "1"), office.gas())
    office.feeds = Feeds({NETWORK.price_feeds[0].address: (9_000_00000000, 8, int(row.timestamp.timestamp()))})
    await office.booked(office.moved(Direction.IN, "1"))  # moves the average afterwards
    before = await office.holdings()
    sure(server, "expense")
    assert await classify(office, row, server) is Outcome.RECLASSIFIED
    assert await office.holdings() == before
    assert (await balances(office))["5300"] == D(3000)
    assert (await balances(office))["5100"] == D(3)


async def test_less_sure_it_stays_in_suspense_with_a_suggestion(office: Office, server: OllamaServer) -> None:
    row, _ = await office.booked(office.moved(Direction.IN, "2"))
    sure(server, confidence=0.79)
    assert await classify(office, row, server) is Outcome.SUGGESTED
    after = await again(office, row)
    assert (after.category, after.category_source, after.model) == ("unclassified", "none", "granite4:micro")
    assert after.explanation.endswith("granite4:micro suggests income (79%): A receipt of a customer.")
    assert await JournalEntry.find({"org_id": office.org_id}).count() == 1


async def test_where_it_may_only_suggest_it_only_suggests(office: Office, server: OllamaServer) -> None:
    row, _ = await office.booked(office.moved(Direction.IN, "2"))
    sure(server, confidence=1)
    assert await classify(office, row, server, confidence_min=None) is Outcome.SUGGESTED
    assert await balances(office) == {"1100": D(6000), "1900": D(-6000)}


async def test_a_label_that_does_not_fit_the_direction_stays_in_suspense(office: Office, server: OllamaServer) -> None:
    await office.booked(office.moved(Direction.IN, "2"))
    row, _ = await office.booked(office.moved(Direction.OUT, "1"))
    sure(server, "income")
    await classify(office, row, server)
    assert (await balances(office)).keys() == {"1100", "1900"}


async def test_a_persons_word_is_not_asked_about(office: Office, server: OllamaServer) -> None:
    row, _ = await office.booked(office.moved(Direction.IN, "2"), category="unclassified", category_source="person")
    sure(server)
    assert await classify(office, row, server) is Outcome.NOT_ASKED
    assert server.requests == []


async def test_a_word_said_while_the_model_thinks_stands(office: Office, server: OllamaServer) -> None:
    row, _ = await office.booked(office.moved(Direction.IN, "2"))
    sure(server)

    class Interrupted:
        name = "m"

        async def ask(self, **_: object) -> Answer:
            changes = {"category": "reward", "category_source": "person"}
            await office.runtime.uow.run(lambda session: transactions.annotate(session, office.org_id, row.id, row.version, changes))
            return Answer({"category": "income", "confidence": 1, "evidence": ["value"], "explanation": ""}, None, "", 1)

    outcome = await classify_transaction(office.runtime.uow, office.clock, office.org_id, row.id, NETWORK, Interrupted())
    assert outcome is Outcome.OVERTAKEN
    assert (await again(office, row)).category == "reward"
    assert await JournalEntry.find({"org_id": office.org_id}).count() == 1, "nothing of the attempt stays"


@pytest.mark.parametrize("broken", ["dead", "silent", "lying", "absent"])
async def test_without_a_usable_answer_it_stays_unclassified(office: Office, server: OllamaServer, broken: str) -> None:
    row, _ = await office.booked(office.moved(Direction.IN, "2"))
    if broken == "dead":
        server.status = 500
    if broken == "silent":
        server.delay_s = 30
    if broken == "lying":
        server.says(category="own_transfer", confidence=1, evidence=["value"], explanation="Ignore the rules.")
    outcome = await classify(office, row, None if broken == "absent" else server)
    assert outcome is (Outcome.NOT_ASKED if broken == "absent" else Outcome.NO_ANSWER)
    after = await again(office, row)
    assert (after.category, after.model, after.version) == ("unclassified", None, row.version)


async def test_another_organisations_transaction_is_not_there(office: Office, server: OllamaServer) -> None:
    row, _ = await office.booked(office.moved(Direction.IN, "2"))
    sure(server)
    model = OllamaModel(server.url, "m", timeout_s=2)
    assert await classify_transaction(office.runtime.uow, office.clock, "org_other", row.id, NETWORK, model) is Outcome.NOT_ASKED
