"""`test`: the whole suite, by pytest, with whatever arguments pytest takes."""

import os
import sys

from django.core.management.base import BaseCommand

from crypto_project.catalogues import ensure_catalogues
from crypto_project.npm import NpmFailed, ensure_npm_parts
from crypto_project.vendor_assets import UnknownIcon, ensure_vendor_assets

WORKERS_MAX = 4  # each starts servers of its own; one more than there are processors, since many tests wait


class Command(BaseCommand):
    help = "Runs every test (pytest). All arguments are pytest's."
    requires_system_checks: tuple[str, ...] = ()

    def run_from_argv(self, argv: list[str]) -> None:
        """Django's parser would refuse pytest's options, so it is not asked."""
        try:
            ensure_npm_parts()
            ensure_vendor_assets()
            ensure_catalogues()
        except (NpmFailed, UnknownIcon) as problem:
            sys.exit(f"manage.py test: {problem}")
        # A process of its own: this one has read its settings, and the tests bring theirs.
        os.execv(sys.executable, [sys.executable, "-m", "pytest", *_beside_each_other(argv[2:]), *argv[2:]])


def _beside_each_other(arguments: list[str]) -> list[str]:
    """The whole suite runs on several cores, a file at a time; for part of it the servers of one run are enough."""
    if arguments:
        return []
    return ["--numprocesses", str(min((os.cpu_count() or 1) + 1, WORKERS_MAX)), "--dist", "loadfile"]
