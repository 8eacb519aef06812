"""`restore FILE`: a backup into the empty database of MONGODB_URI, with every sender stopped."""

import asyncio
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from beanie import init_beanie
from django.core.management.base import BaseCommand, CommandError
from pymongo.asynchronous.database import AsyncDatabase

from crypto_api.config import Config, load_config
from crypto_api.documents import DOCUMENTS
from crypto_api.flows.freeze_senders import freeze_senders
from crypto_api.migrations import MIGRATIONS, prepare_database
from crypto_project.management.running import plain_failures
from mongodb_config.backup import BadBackup, Manifest, NotEmpty, read_manifest, restored
from mongodb_config.client import connect
from mongodb_config.migrations import NewerDatabase
from mongodb_config.probe import probe
from mongodb_config.unit_of_work import UnitOfWork


class Command(BaseCommand):
    help = (
        "Puts a backup into the empty database of MONGODB_URI. Nothing may run on it meanwhile. Every wallet with a key is stopped: the backup has "
        "forgotten what was sent since, so a person looks at what the chain has of each, and lets it go on."
    )
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--verify", action="store_true", help="only say whether the file is whole")

    def handle(self, *, file: Path, verify: bool, **_: Any) -> None:
        with plain_failures():
            try:
                manifest = read_manifest(file)
                frozen = 0 if verify else asyncio.run(_restore(load_config(), file, manifest))
            except (BadBackup, NotEmpty, OSError) as problem:
                raise CommandError(str(problem)) from None
        done = "are whole" if verify else "were put back"
        self.stdout.write(f"{manifest.rows} rows of {len(manifest.parts)} collections {done}, as of {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC")
        if not verify:
            self.stdout.write(f"{frozen} wallets sign nothing until a person has looked: docs/runbooks.md, The database came back from a backup")


async def _restore(config: Config, file: Path, manifest: Manifest) -> int:
    if manifest.schema > len(MIGRATIONS):
        raise NewerDatabase(manifest.schema, len(MIGRATIONS))
    client = connect(config.mongodb_uri)
    try:
        await probe(client, config.mongodb_database)
        database = client[config.mongodb_database]
        await init_beanie(database=database, document_models=DOCUMENTS, skip_indexes=True)
        return await put_back(UnitOfWork(client), database, config, file, manifest)
    finally:
        await client.close()


async def put_back(uow: UnitOfWork, database: AsyncDatabase[dict[str, Any]], config: Config, file: Path, manifest: Manifest) -> int:
    """How many senders were stopped. Documents are bound to the database, which is that of the settings. NotEmpty, BadBackup."""
    async with restored(database, file, manifest):
        await prepare_database(config.mongodb_uri, config.mongodb_database, verify=True)  # rows say that all is made; it is not
        return await freeze_senders(uow, manifest.taken_at, datetime.now(UTC))
