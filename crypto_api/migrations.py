"""What the deploy step does for this product: a fit server, then collections, validators, indexes and the numbered migrations below."""

from crypto_api.documents import DOCUMENTS
from mongodb_config.client import connect
from mongodb_config.migrations import DeployReport, Migration, deploy
from mongodb_config.probe import probe

MIGRATIONS: list[Migration] = []
"""In order, numbered from 1. A released one is never changed or removed: databases remember how far they are."""


async def prepare_database(mongodb_uri: str, database_name: str, *, verify: bool = False) -> DeployReport:
    """Once, before processes start. UnfitServer or DeployFailed when it cannot be; both carry the EXIT_CODE to end with."""
    client = connect(mongodb_uri)
    try:
        await probe(client, database_name)
        return await deploy(client, database_name, DOCUMENTS, migrations=MIGRATIONS, verify=verify)
    finally:
        await client.close()
