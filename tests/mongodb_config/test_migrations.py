"""The deploy step against the real server: what it makes, what it refuses, and that it costs nothing when nothing changed."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from pymongo import IndexModel
from pymongo.errors import DuplicateKeyError, WriteError

from crypto_api.documents import DOCUMENTS
from crypto_project.embedded.servers import Addresses
from mongodb_config.base_document import SharedDocument, TenantDocument
from mongodb_config.client import Database, MongoClient, connect
from mongodb_config.migrations import Checkpoint, DeployFailed, Migration, NewerDatabase, deploy, refuse_newer


class Ship(TenantDocument):
    name: str

    VALIDATOR: ClassVar[dict[str, Any] | None] = {"$jsonSchema": {"required": ["name"]}}

    class Settings:
        name = "ships"
        indexes: ClassVar[list[IndexModel]] = [
            IndexModel([("org_id", 1), ("name", 1)], unique=True, name="org_name"),
            IndexModel([("created_at", 1)], expireAfterSeconds=0, name="expiry"),
        ]


class Port(SharedDocument):
    """Shared: for this test."""

    class Settings:
        name = "ports"


@pytest.fixture
async def client(addresses: Addresses) -> AsyncIterator[MongoClient]:
    client = connect(addresses.mongodb_uri)
    yield client
    await client.close()


@pytest.fixture
async def name(client: MongoClient) -> AsyncIterator[str]:
    name = f"test_{secrets.token_hex(8)}"
    yield name
    await client.drop_database(name)


async def test_makes_collections_indexes_and_validators_that_the_database_enforces(client: MongoClient, name: str) -> None:
    report = await deploy(client, name, [Ship, Port])

    assert report.collections == ["ships", "ports"]
    assert report.indexes == ["ships.org_name", "ships.expiry"]
    assert report.validators == ["ships"]
    assert report.drift == []
    ships = client[name]["ships"]
    await ships.insert_one({"org_id": "o", "name": "Ada"})
    with pytest.raises(DuplicateKeyError):
        await ships.insert_one({"org_id": "o", "name": "Ada"})
    with pytest.raises(WriteError, match="validation"):
        await ships.insert_one({"org_id": "o"})


async def test_every_document_of_the_product_deploys_and_a_second_time_changes_nothing(client: MongoClient, name: str) -> None:
    first = await deploy(client, name, DOCUMENTS)
    again = await deploy(client, name, DOCUMENTS, verify=True)

    assert first.changed
    assert set(first.collections) == {str(vars(document.Settings)["name"]) for document in DOCUMENTS}
    assert not again.changed
    assert again.drift == []


async def test_a_deploy_with_nothing_to_do_takes_less_than_100_ms(client: MongoClient, name: str) -> None:
    await deploy(client, name, DOCUMENTS)
    took = []
    for _ in range(5):  # the machine may have other work in one of them
        started = time.perf_counter()
        report = await deploy(client, name, DOCUMENTS)
        took.append(time.perf_counter() - started)
        assert not report.changed
    assert min(took) < 0.1


async def test_two_at_once_do_the_work_once(client: MongoClient, name: str) -> None:
    reports = await asyncio.gather(*(deploy(client, name, [Ship, Port]) for _ in range(3)))
    assert sorted(len(report.indexes) for report in reports) == [0, 0, 2]


async def test_a_changed_validator_is_replaced_and_a_removed_one_goes(client: MongoClient, name: str) -> None:
    await deploy(client, name, [Ship])

    class Stricter(Ship):
        VALIDATOR: ClassVar[dict[str, Any] | None] = {"$jsonSchema": {"required": ["name", "flag"]}}

        class Settings(Ship.Settings):
            name = "ships"
            indexes = Ship.Settings.indexes

    assert (await deploy(client, name, [Stricter])).validators == ["ships"]
    with pytest.raises(WriteError, match="validation"):
        await client[name]["ships"].insert_one({"org_id": "o", "name": "Ada"})

    class Looser(Stricter):
        VALIDATOR: ClassVar[dict[str, Any] | None] = None

    assert (await deploy(client, name, [Looser])).validators == ["ships"]
    await client[name]["ships"].insert_one({"org_id": "o"})


async def test_drift_is_told_at_every_deploy_and_not_rebuilt(client: MongoClient, name: str) -> None:
    ships = client[name]["ships"]
    await ships.create_index([("created_at", 1)], expireAfterSeconds=60, name="expiry")
    await ships.create_index([("colour", 1)], name="by_hand")

    for _ in range(2):
        report = await deploy(client, name, [Ship])
        assert report.drift == ["ships.expiry differs from the code's", "ships.by_hand is not in the code"]
    assert (await ships.index_information())["expiry"]["expireAfterSeconds"] == 60


async def test_a_unique_index_that_differs_stops_the_deploy(client: MongoClient, name: str) -> None:
    await client[name]["ships"].create_index([("org_id", 1), ("name", 1)], name="org_name")
    with pytest.raises(DeployFailed, match=r"ships\.org_name differs"):
        await deploy(client, name, [Ship])


async def test_duplicates_in_the_data_stop_the_deploy_with_the_name_of_the_index(client: MongoClient, name: str) -> None:
    now = datetime.now(UTC)
    await client[name]["ships"].insert_many([{"org_id": "o", "name": "Ada", "created_at": now} for _ in range(2)])
    with pytest.raises(DeployFailed, match=r"ships\.org_name cannot be made: the data holds duplicates"):
        await deploy(client, name, [Ship])


def counting(done: list[int], *, stop_at: int | None = None) -> Migration:
    """Does ten numbered batches, with a checkpoint after each."""

    async def step(_: Database, checkpoint: Checkpoint) -> None:
        for batch in range((checkpoint.at or 0) + 1, 11):
            if batch == stop_at:
                raise ConnectionError("interrupted")
            done.append(batch)
            await checkpoint.reached(batch)

    return Migration(1, "count", step)


async def test_an_interrupted_migration_goes_on_where_it_was(client: MongoClient, name: str) -> None:
    done: list[int] = []
    with pytest.raises(ConnectionError):
        await deploy(client, name, [Port], migrations=[counting(done, stop_at=5)])
    assert done == [1, 2, 3, 4]

    report = await deploy(client, name, [Port], migrations=[counting(done)])

    assert done == list(range(1, 11))
    assert report.migrations == ["1 count"]
    assert (await deploy(client, name, [Port], migrations=[counting(done)], verify=True)).migrations == []


async def test_a_new_migration_runs_alone_and_from_its_own_beginning(client: MongoClient, name: str) -> None:
    seen: list[Any] = []

    async def second(_: Database, checkpoint: Checkpoint) -> None:
        seen.append(checkpoint.at)

    await deploy(client, name, [Port], migrations=[counting([])])
    report = await deploy(client, name, [Port], migrations=[counting([]), Migration(2, "second", second)])

    assert report.migrations == ["2 second"]
    assert seen == [None]


async def test_a_database_of_a_newer_release_is_refused(client: MongoClient, name: str) -> None:
    await deploy(client, name, [Port], migrations=[counting([])])
    with pytest.raises(NewerDatabase, match="at migration 1 and this release knows 0"):
        await deploy(client, name, [Ship, Port])
    with pytest.raises(NewerDatabase):
        await refuse_newer(client[name], [])
    assert "ships" not in await client[name].list_collection_names()


async def test_numbers_have_no_gaps(client: MongoClient, name: str) -> None:
    with pytest.raises(DeployFailed, match="numbered"):
        await deploy(client, name, [Port], migrations=[Migration(2, "second", counting([]).step)])
