"""`signer`: the one process that can open the keys of wallets. API and workers ask it over its socket."""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crypto_project.main_task import run
from crypto_project.management.running import plain_failures


class Command(BaseCommand):
    help = "Runs the signer, which alone needs MASTER_KEY."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--ready-file", type=Path, help="write the process id there once it answers")

    def handle(self, *, ready_file: Path | None, **_: Any) -> None:
        from signer import running
        from signer.desk import SocketInUse
        from signer.settings import DeskSettings
        from signer.vault_link import VaultUnfit

        os.umask(0o077)
        with plain_failures():
            try:
                settings = DeskSettings()
                if unsafe := settings.unsafe():
                    raise CommandError(
                        f"signer: {'; '.join(unsafe)} (on a machine where nobody's money is: DEVELOPMENT=true)", returncode=os.EX_CONFIG
                    )
                raise SystemExit(run(running.run(settings, ready_file)))
            except (VaultUnfit, SocketInUse) as problem:
                raise CommandError(f"signer: {problem}", returncode=problem.EXIT_CODE) from None
