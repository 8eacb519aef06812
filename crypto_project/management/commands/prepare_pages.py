"""`prepare_pages`: what pages are made of and no release carries, for an API that is started by itself."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crypto_project.catalogues import ensure_catalogues
from crypto_project.npm import NpmFailed, ensure_npm_parts
from crypto_project.vendor_assets import UnknownIcon, ensure_vendor_assets


class Command(BaseCommand):
    help = "Makes the scripts, styles, icons and translations of the pages. Run it once for each release; repeating it is harmless."
    requires_system_checks: tuple[str, ...] = ()

    def handle(self, **options: Any) -> None:
        try:
            ensure_npm_parts()
            ensure_vendor_assets()
            ensure_catalogues()
        except (NpmFailed, UnknownIcon, OSError) as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write("the pages have what they need")
