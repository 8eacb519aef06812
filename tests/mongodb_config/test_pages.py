from datetime import UTC, datetime, timedelta

from pymongo import ASCENDING, DESCENDING

from crypto_project.embedded.servers import Addresses
from mongodb_config.client import connect
from mongodb_config.pages import not_before


async def test_a_bound_includes_what_is_equal_to_it(addresses: Addresses, database_name: str) -> None:
    """Also on an index that has further fields behind the descending one: there the embedded server loses what equals a `$gte`."""
    client = connect(addresses.mongodb_uri)
    rows = client[database_name]["pages_of_days"]
    await rows.create_index([("org_id", ASCENDING), ("day", DESCENDING), ("_id", DESCENDING)])
    first = datetime(2026, 1, 1, tzinfo=UTC)
    await rows.insert_many([{"_id": f"{day}.{n}", "org_id": "org", "day": first + timedelta(days=day)} for day in range(5) for n in range(3)])
    found = await rows.find({"org_id": "org", "day": not_before(first + timedelta(days=2))}).to_list()
    assert {row["_id"] for row in found} == {f"{day}.{n}" for day in (2, 3, 4) for n in range(3)}
    assert await rows.count_documents({"org_id": "org", "day": not_before(first + timedelta(days=4, milliseconds=1))}) == 0
    await client.close()
