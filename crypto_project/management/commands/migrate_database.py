"""`migrate_database`: the deploy step. Refuses an unfit server, then makes collections, validators and indexes and runs the migrations."""

import asyncio
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crypto_api.config import load_config
from crypto_api.migrations import prepare_database
from crypto_project.management.running import plain_failures
from mongodb_config.migrations import DeployReport


class Command(BaseCommand):
    help = "Brings the database of MONGODB_URI to what this release expects. Run it once before processes start; repeating it is harmless."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--verify", action="store_true", help="compare every index and validator even when nothing changed since the last time")
        told = "run the migrations of this release once more, for what processes of the release before wrote meanwhile: when they have ended"
        parser.add_argument("--again", action="store_true", help=told)

    def handle(self, **options: Any) -> None:
        with plain_failures():
            config = load_config()
            report = asyncio.run(prepare_database(config.mongodb_uri, config.mongodb_database, verify=options["verify"], again=options["again"]))
        self._show(report)
        if report.drift:
            raise CommandError(f"{len(report.drift)} index(es) differ from the code; nothing was rebuilt")

    def _show(self, report: DeployReport) -> None:
        if report.newer:
            self.stdout.write("the release after this one has migrated the database; this one runs on it, and changes nothing of it")
            return
        for what, names in (
            ("collection", report.collections),
            ("validator", report.validators),
            ("index", report.indexes),
            ("migration", report.migrations),
            ("differs:", report.drift),
        ):
            for name in names:
                self.stdout.write(f"{what} {name}")
        self.stdout.write(f"{'done' if report.changed else 'nothing to change'} in {report.seconds * 1000:.0f} ms")
