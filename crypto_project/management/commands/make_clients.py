"""`make_clients`: clients of the API for TypeScript and Python, out of the committed schema."""

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crypto_api.adapters.own_environment import NotInstalled
from crypto_project.client_tools import ClientToolsFailed, make_python, make_typescript
from crypto_project.npm import NpmFailed


class Command(BaseCommand):
    help = "Writes a client for TypeScript and one for Python, each with an example, from docs/openapi.json."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--out", type=Path, default=Path(".data/clients"), help="where to: a folder each below it (default: .data/clients)")

    def handle(self, **options: Any) -> None:
        started, out = time.monotonic(), options["out"].resolve()
        try:
            make_typescript(out / "typescript")
            make_python(out / "python")
        except (ClientToolsFailed, NpmFailed, NotInstalled) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"clients are in {out}/typescript and {out}/python ({time.monotonic() - started:.0f} s)")
