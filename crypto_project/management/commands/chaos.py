"""`chaos`: real processes, killed at each of their named steps, against a real node; counted afterwards by what shares nothing with them."""

import os
import sys

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Kills followers, payment workers and signers at their named steps, and counts what is left (see --help of tests.chaos)."
    requires_system_checks: tuple[str, ...] = ()

    def run_from_argv(self, argv: list[str]) -> None:
        """All arguments are the programme's. It is no part of the product, so it runs in a process of its own."""
        os.execv(sys.executable, [sys.executable, "-m", "tests.chaos", *argv[2:]])
