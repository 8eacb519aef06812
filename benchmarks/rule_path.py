"""Transactions a second through the rule path with the database, beside the same pure function called bare.

    python -m benchmarks.rule_path [--rows 1000] [--rules 50]

An organisation has so many rules, of which the last matches half of its transactions. `bare`: the decision alone, of facts that are at hand.
`each`: as the follower does it, which reads organisation, rules, counterparties, payments and invoices for each. `history`: a dry run over all of
them, which reads once what is the same for all. All on one machine, in one process; the database is the embedded one.
"""

import argparse
import asyncio
import json
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from beanie import init_beanie

from benchmarks.booking import CHAIN_ID, START, Bench
from crypto_api.classification import rules as pure
from crypto_api.classification import service as classification
from crypto_api.classification.types import Category, Conditions, DecisionSource, Knowledge, MovementWay, NewRule, Outcome
from crypto_api.documents import DOCUMENTS
from crypto_api.flows.apply_rules import Span, preview_rules
from crypto_api.flows.decide_transaction import decide, plain_facts, rules_of
from crypto_api.kit.ethereum import checksummed
from crypto_api.kit.ids import new_id
from crypto_api.kit.networks import NetworkConfig
from crypto_api.organizations.documents import Organization
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Booking, Direction
from crypto_project.embedded.servers import Configured, EmbeddedServers
from mongodb_config.client import connect
from mongodb_config.migrations import deploy
from mongodb_config.unit_of_work import UnitOfWork

OTHER = checksummed("0x" + "0b" * 20)
NETWORK = NetworkConfig.model_validate({"slug": "local", "name": "Local", "chain_id": CHAIN_ID, "rpc_urls": ["http://127.0.0.1:1"]})


def rule(number: int, last: bool) -> NewRule:
    address = OTHER if last else checksummed(f"0x{number + 1:040x}")
    conditions = Conditions(addresses=(address,), ways=(MovementWay.OUT,))
    return NewRule(name=f"Rule {number}", conditions=conditions, outcome=Outcome(category=Category.EXPENSE))


async def fill(bench: Bench, rows: int, rules: int) -> list[Transaction]:
    for number in range(rules):
        new = rule(number, number == rules - 1)
        await bench.uow.run(lambda session, new=new: classification.add_rule(session, bench.org_id, new, "usr_1", START))  # type: ignore[misc]
    made = []
    for number in range(rows):
        due = bench.due(Direction.OUT, "1", "3000").transaction
        moved = due.movements[0].model_copy(update={"to_address": OTHER if number % 2 else checksummed(f"0x{number + 10_000:040x}")})
        made.append(due.model_copy(update={"movements": [moved], "booking": Booking.DONE}))
    await Transaction.insert_many(made)
    return made


async def measure(bench: Bench, rows: list[Transaction]) -> dict[str, float]:
    own = await rules_of(bench.org_id)
    facts, knowledge = [plain_facts(row, NETWORK, "UTC", {}) for row in rows], Knowledge(rules=own)
    started = time.perf_counter()
    bare = [pure.decide(one, knowledge) for one in facts]
    took = {"bare": time.perf_counter() - started}
    started = time.perf_counter()
    each = [await decide(row, NETWORK) for row in rows]
    took["each"] = time.perf_counter() - started
    started = time.perf_counter()
    found = await preview_rules({NETWORK.slug: NETWORK}, bench.org_id, None, Span())
    took["history"] = time.perf_counter() - started
    decided = sum(one.source is DecisionSource.RULE for one in each)
    assert decided == sum(one.source is DecisionSource.RULE for one in bare) == found.changed == len(rows) // 2
    rates = {name: len(rows) / seconds for name, seconds in took.items()}
    return rates | {"each_to_bare": rates["each"] / rates["bare"], "history_to_bare": rates["history"] / rates["bare"]}


async def run(rows: int, rules: int) -> dict[str, float]:
    async with AsyncExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="coffer-bench-")))
        servers = EmbeddedServers(place / "data", place / "logs", configured=Configured.model_construct(), chain=None)
        await stack.enter_async_context(servers)
        client, name = connect(servers.addresses.mongodb_uri), "bench_rule_path"
        stack.push_async_callback(client.close)
        await deploy(client, name, DOCUMENTS)
        await init_beanie(database=client[name], document_models=DOCUMENTS, skip_indexes=True)
        organization = Organization(id=new_id("org"), created_at=START, name="Bench")
        await organization.insert()
        bench = Bench(UnitOfWork(client), organization, servers.children["mongodb"].pid or 0)
        return await measure(bench, await fill(bench, rows, rules))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000)
    parser.add_argument("--rules", type=int, default=50)
    given = parser.parse_args()
    found = asyncio.run(run(given.rows, given.rules))
    print(
        json.dumps({"benchmark": "rule_path", "rows": given.rows, "rules": given.rules, **{name: round(value, 3) for name, value in found.items()}})
    )


if __name__ == "__main__":
    main()
