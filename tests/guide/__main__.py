"""The pictures of the guide, taken of the sample company in the browser.

    python -m tests.guide [--only payment-new,wallets] [--out docs/images/guide]

A minute to set the company up, another for the pictures. What happens is the same each time; days and times are those at which it was made.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

os.environ.setdefault("SECRET_KEY", "for tests only: " + "0123456789abcdef" * 3)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crypto_project.settings")
os.environ.setdefault("BCRYPT_COST", "4")

from playwright.async_api import async_playwright

from tests.browser import CHROMIUM_FLAGS, chromium_path
from tests.guide.company import open_company
from tests.guide.journeys import JOURNEYS, PAGES, names, show
from tests.guide.studio import studio

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "images" / "guide"


async def make(wanted: set[str], out: Path) -> list[str]:
    """The names of those that were taken. A journey is gone whole, whichever of its pictures is wanted."""
    async with open_company() as company, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_FLAGS, env={**os.environ, "LANGUAGE": "en_GB"})
        async with studio(browser, company.base_url, out) as opened:
            for name in PAGES:
                if name in wanted:
                    await show(opened, name)
            for several, journey in JOURNEYS:
                if wanted.intersection(several):
                    before = len(opened.taken)
                    await journey(opened, company)
                    assert tuple(opened.taken[before:]) == several, f"{journey.__name__} took {opened.taken[before:]}"
        await browser.close()
        return opened.taken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="names of pictures")
    parser.add_argument("--out", type=Path, default=PICTURES)
    given = parser.parse_args()
    wanted = set(filter(None, given.only.split(","))) or set(names())
    if unknown := wanted - set(names()):
        parser.error(f"no such picture: {', '.join(sorted(unknown))}")
    taken = asyncio.run(make(wanted, given.out))
    size = sum((given.out / f"{name}.png").stat().st_size for name in taken)
    sys.stdout.write(f"{len(taken)} pictures, {size / 1e6:.1f} MB, in {given.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
