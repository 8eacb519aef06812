"""`export_schemas`: writes the OpenAPI schema and the schemas of all events under `docs/`, where they are committed."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crypto_project.schemas import DOCS, ROOT, committed_files


class Command(BaseCommand):
    help = "Writes docs/openapi.json and docs/events/*.json from the code."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; fail when a file differs from the code")

    def handle(self, **options: Any) -> None:
        files = committed_files()
        changed = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
        gone = [path for path in (DOCS / "events").glob("*.json") if path not in files]
        if options["check"]:
            if changed or gone:
                raise CommandError("differ from the code: " + ", ".join(str(path.relative_to(ROOT)) for path in [*changed, *gone]))
            return
        (DOCS / "events").mkdir(parents=True, exist_ok=True)
        for path in changed:
            path.write_text(files[path])
        for path in gone:
            path.unlink()
        self.stdout.write(f"{len(files)} schemas, {len(changed)} written, {len(gone)} removed")
