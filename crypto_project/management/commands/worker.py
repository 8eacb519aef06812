"""`worker NAME…` and `worker all`: actors alone, as `demo` and `serve` start them and as production runs them."""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from crypto_project.main_task import run
from crypto_project.management.running import plain_failures


class Command(BaseCommand):
    help = "Runs actors of the queue and the followers: NAME..., or all."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("names", nargs="+", metavar="NAME", help="chains, events, jobs, ... or all")
        parser.add_argument("--ready-file", type=Path, help="write the process id there once it has begun")

    def handle(self, *, names: list[str], ready_file: Path | None, **_: Any) -> None:
        import workers  # what cannot be imported is not ready
        from crypto_api.kit import collector

        collector.settle()

        if ready_file is not None:
            ready_file.write_text(str(os.getpid()))

        async def main() -> int:
            await workers.run(names)
            return 0

        with plain_failures():
            raise SystemExit(run(main()))
