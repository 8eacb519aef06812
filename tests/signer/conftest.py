"""One database with every index for all tests of this folder, emptied after each: making one takes longer than most of them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from crypto_project.embedded.servers import Addresses
from tests.factories.databases import temporary_database


@pytest.fixture(scope="session")
async def signer_database(addresses: Addresses) -> AsyncIterator[AsyncDatabase[dict[str, Any]]]:
    async with temporary_database(addresses.mongodb_uri, "test_signer") as database:
        yield database


@pytest.fixture
async def database_name(signer_database: AsyncDatabase[dict[str, Any]]) -> AsyncIterator[str]:
    yield signer_database.name
    for name in await signer_database.list_collection_names():
        await signer_database[name].delete_many({})
