"""`simulate`: the payment machine under seeded schedules of crashes, reorganisations, lying nodes and people who change their mind."""

import os
import sys

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Runs many seeded schedules (see --help of tests.simulation) and names the seed of each violation."
    requires_system_checks: tuple[str, ...] = ()

    def run_from_argv(self, argv: list[str]) -> None:
        """All arguments are the simulator's. It is no part of the product, so it runs in a process of its own."""
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *argv[2:]])
