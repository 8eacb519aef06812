"""`backup FILE`: the database of MONGODB_URI as of one moment, in one file."""

import asyncio
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crypto_api.config import Config, load_config
from crypto_project.management.running import plain_failures
from mongodb_config.backup import BackupFailed, Manifest, write_backup
from mongodb_config.client import connect
from mongodb_config.probe import inspect
from mongodb_config.unit_of_work import UnitOfWork


class Command(BaseCommand):
    help = "Writes the whole database as of one moment into one file, which must not be there yet. Workers and API may go on meanwhile."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *, file: Path, **_: Any) -> None:
        with plain_failures():
            try:
                manifest = asyncio.run(_backup(load_config(), file))
            except FileExistsError:
                raise CommandError(f"{file} is there already") from None
            except (BackupFailed, OSError) as problem:
                raise CommandError(str(problem)) from None
        self.stdout.write(f"{manifest.rows} rows of {len(manifest.parts)} collections in {file}, as of {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC")
        self.stdout.write("It holds everything but MASTER_KEY and SECRET_KEY: keep those elsewhere, and this file as safe as the database.")


async def _backup(config: Config, file: Path) -> Manifest:
    client = connect(config.mongodb_uri)
    try:
        await inspect(client)
        return await write_backup(UnitOfWork(client), client[config.mongodb_database], file)
    finally:
        await client.close()
