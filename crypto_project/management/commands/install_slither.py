"""`install_slither`: the static analyser for audits of contracts, in an environment of its own, ahead of the first audit."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crypto_api.adapters import slither_environment
from crypto_api.config import load_config


class Command(BaseCommand):
    help = "Makes the environment that Slither runs in, from its hash-pinned lock. Without it the first audit does."
    requires_system_checks: tuple[str, ...] = ()

    def handle(self, **_: Any) -> None:
        started = time.monotonic()
        try:
            python = slither_environment.ensure(load_config().slither_dir)
        except slither_environment.SlitherMissing as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Slither is installed in {python.parent.parent} ({time.monotonic() - started:.1f} s)")
