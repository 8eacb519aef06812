"""`plant`: bugs that are kept as patches, each of which the tests, the simulator, chaos or the rules must find."""

import os
import sys

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Plants each kept bug in a copy of the tree and shows that what is named for it finds it (see --help of tests.planted)."
    requires_system_checks: tuple[str, ...] = ()

    def run_from_argv(self, argv: list[str]) -> None:
        """All arguments are the programme's. It is no part of the product, so it runs in a process of its own."""
        os.execv(sys.executable, [sys.executable, "-m", "tests.planted", *argv[2:]])
