"""`fuzz`: bad input to a running API, over HTTP as every role and frame by frame on its sockets; what must not happen is looked for afterwards."""

import os
import sys

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Sends bad input to a real API process, over HTTP or on its sockets, and tells what went wrong (see --help of tests.fuzz)."
    requires_system_checks: tuple[str, ...] = ()

    def run_from_argv(self, argv: list[str]) -> None:
        """All arguments are the programme's. It is no part of the product, so it runs in a process of its own."""
        os.execv(sys.executable, [sys.executable, "-m", "tests.fuzz", *argv[2:]])
