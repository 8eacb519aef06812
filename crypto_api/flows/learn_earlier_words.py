"""What people said of transactions before there was a memory of it, learnt once: a part of the deploy step, where no document is ready yet."""

from collections.abc import Mapping
from typing import Any

from crypto_api.classification import memory
from crypto_api.classification import store as classification
from crypto_api.classification.types import Category, Facts, Outcome
from crypto_api.flows.decide_transaction import leg_of
from crypto_api.transactions import store as transactions
from crypto_api.transactions.types import Movement
from mongodb_config.client import Database

AT_ONCE = 200


async def learn_earlier_words(database: Database, after: str | None) -> str | None:
    """Some of them, by id after `after`; the id of the last, None where there are no more. What was learnt meanwhile stays."""
    rows = await transactions.said_by_people(database, after, AT_ONCE)
    for row in rows:
        traits, category = memory.traits_of(_facts(row)), Category(row["category"])
        if traits is not None and category in memory.LEARNT:
            said = {name: row.get(name) or None for name in ("subcategory", "counterparty", "purpose", "tax_category", "account")}
            outcome = Outcome(category=category, **{name: value for name, value in said.items() if value})
            # when it was said stands in the audit log alone; among each other their blocks put them in order
            await classification.remember_earlier(database, row["org_id"], row["_id"], traits, outcome, row["timestamp"])
    return rows[-1]["_id"] if rows else None


def _facts(row: Mapping[str, Any]) -> Facts:
    legs = tuple(leg_of(Movement.model_validate(one)) for one in row["movements"])
    return Facts(
        succeeded=row["succeeded"],
        method=row.get("method", "0x"),
        sender_is_own=False,
        legs=legs,
        known={},
        wrapped_native=None,
        network=row["network"],
    )
