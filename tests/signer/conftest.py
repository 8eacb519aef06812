"""One database with every index for all tests of this folder, emptied after each: making one takes longer than most of them."""

import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from crypto_api.documents import DOCUMENTS
from crypto_project.embedded.servers import Addresses
from mongodb_config.client import connect
from mongodb_config.migrations import deploy


@pytest.fixture(scope="session")
async def signer_database(addresses: Addresses) -> AsyncIterator[AsyncDatabase[dict[str, Any]]]:
    client = connect(addresses.mongodb_uri)
    name = f"test_signer_{secrets.token_hex(8)}"
    await deploy(client, name, DOCUMENTS)
    yield client[name]
    await client.drop_database(name)
    await client.close()


@pytest.fixture
async def database_name(signer_database: AsyncDatabase[dict[str, Any]]) -> AsyncIterator[str]:
    yield signer_database.name
    for name in await signer_database.list_collection_names():
        await signer_database[name].delete_many({})
