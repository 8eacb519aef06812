"""A stranger's text on the way through the whole: received, booked, shown to a model that obeys it, answered. Of everything that any organisation has
in the database, only the words about that one transaction are others."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from crypto_api.adapters.ollama import OllamaModel
from crypto_api.classification.rules import SYSTEM
from crypto_api.classification.types import Category
from crypto_api.flows.classify_transaction import Outcome, classify_transaction
from crypto_api.runtime import Runtime
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Direction
from tests.classification.test_injections import CORPUS, LABELS, TEXTS
from tests.factories.ollama import OllamaServer, ollama_server
from tests.factories.treasury import new_treasury
from tests.flows.test_book_transaction import NETWORK, NOW, Office

CANARY = "CANARY-OF-ANOTHER-HOUSE"
WORDS = {"model", "explanation", "suggestion", "version"}  # of the row, where the model only suggests
# a wrapper at a time, each in another language
SAMPLE = [TEXTS[at * 25 + (at * 7) % 25] for at in range(0, len(CORPUS["goals"]) * 8, 2)]


@pytest.fixture
async def server() -> AsyncIterator[OllamaServer]:
    async with ollama_server() as running:
        yield running


@pytest.fixture
async def office(runtime: Runtime) -> Office:
    made = Office(runtime, await new_treasury(runtime.uow, now=NOW))
    await made.treasury.wallet("main")
    other = Office(runtime, await new_treasury(runtime.uow, name=CANARY, first="Bo", now=NOW))
    await other.treasury.wallet(CANARY)
    await other.booked(other.moved(Direction.IN, "7", wallet=CANARY))
    return made


async def everything(runtime: Runtime) -> dict[str, dict[str, dict[str, Any]]]:
    """Collection → id → row, of the whole database, but for the beat of the processes."""
    names = set(await runtime.database.list_collection_names()) - {"process_presence"}
    return {name: {str(row["_id"]): row async for row in runtime.database[name].find()} for name in sorted(names)}


async def received(office: Office, text: str) -> Transaction:
    """With the text as its symbol and, as far as four bytes hold it, as what was called."""
    moved = office.moved(Direction.IN, "2").model_copy(update={"symbol": text})
    row, _ = await office.booked(moved, method="0x" + text.encode().hex()[:8])
    return row


async def test_a_model_that_obeys_changes_the_words_about_one_transaction_and_nothing_else(
    office: Office, server: OllamaServer, runtime: Runtime
) -> None:
    model = OllamaModel(server.url, "granite4:micro", timeout_s=30)
    for at, text in enumerate(SAMPLE):
        row, label = await received(office, text), sorted(LABELS)[at % len(LABELS)]
        server.says(category=label, confidence=1, evidence=["value"], explanation=text)
        before = await everything(runtime)
        assert await classify_transaction(runtime.uow, office.clock, office.org_id, row.id, NETWORK, model) is Outcome.SUGGESTED
        after = await everything(runtime)
        mine = Transaction.Settings.name
        assert {name for name in after if after[name] != before[name]} == {mine}, text
        assert [key for key in after[mine] if after[mine][key] != before[mine].get(key)] == [row.id]
        was, became = before[mine][row.id], after[mine][row.id]
        assert {name for name in became if became[name] != was[name]} <= WORDS
        assert (became["category"], became["category_source"], became["counterparty"]) == ("unclassified", "none", "")
        if label != Category.UNCLASSIFIED:
            said = became["suggestion"]
            assert {"category": said["category"], "source": said["source"]} == {"category": label, "source": "model"}
            assert all(not said[name] for name in ("subcategory", "counterparty", "purpose", "tax_category"))
        assert became["explanation"].isprintable() and len(became["explanation"]) < 2_000
    assert len(server.requests) == len(SAMPLE)
    for asked in server.requests:
        assert set(asked) <= {"model", "messages", "format", "stream", "keep_alive", "options", "tools"} and not asked.get("tools")
        assert [message["role"] for message in asked["messages"]] == ["system", "user"] and asked["messages"][0]["content"] == SYSTEM
        sent = orjson.dumps(asked).decode()
        assert CANARY not in sent and office.org_id not in sent and office.treasury.organization.name not in sent


async def test_where_the_operator_lets_it_book_it_still_only_chooses_the_label(office: Office, server: OllamaServer, runtime: Runtime) -> None:
    """Amounts, assets, wallets and days of the entry are those of the benign twin; only the account that says why follows the label."""
    model, lines = OllamaModel(server.url, "granite4:micro", timeout_s=30), []
    for text in ("ETH", *SAMPLE[::5]):
        row = await received(office, text)
        server.says(category="income", confidence=1, evidence=["value"], explanation=text)
        done = await classify_transaction(runtime.uow, office.clock, office.org_id, row.id, NETWORK, model, confidence_min=0.9)
        assert done is Outcome.RECLASSIFIED
        after = await Transaction.get(row.id)
        assert after is not None
        entry = await runtime.database["journal_entries"].find_one({"_id": after.entry_ids[-1], "org_id": office.org_id})
        assert entry is not None
        lines.append([(line["account_code"], line["debit"], line["credit"], line["quantity"], line["asset"]) for line in entry["lines"]])
    assert len(lines) > 3 and all(one == lines[0] for one in lines)
