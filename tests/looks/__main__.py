"""Every page as every role, with pictures.

    python -m tests.looks [--roles ADMIN,USER] [--pages overview,wallets] [--language de] [--thorough] --out DIR

Without `--roles` all of them, and whoever is not logged in. `DIR` gets a picture of each page in each look, `report.json`, and `index.html` with all.
"""

import argparse
import os
import sys
from pathlib import Path

import pytest

os.environ.setdefault("SECRET_KEY", "for tests only: " + "0123456789abcdef" * 3)
os.environ.setdefault("MASTER_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crypto_project.settings")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--roles", default="all", help="as in `Role`, or ANONYMOUS")
    parser.add_argument("--pages", default="", help="names of the URLs")
    parser.add_argument("--language", default="", choices=["", "en", "de", "es"])
    parser.add_argument("--thorough", action="store_true", help="axe-core in all six looks, and not in three")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    os.environ |= {
        "COFFER_LOOKS_ROLES": given.roles,
        "COFFER_LOOKS_PAGES": given.pages,
        "COFFER_LOOKS_LANGUAGE": given.language,
        "COFFER_LOOKS_THOROUGH": "1" if given.thorough else "",
        "COFFER_SHOTS": str(given.out.resolve()),
        "COFFER_REQUIRE_BROWSER": "1",
    }
    return int(pytest.main([str(Path(__file__).parent), "-q", "-s", "-p", "no:xdist"]))


if __name__ == "__main__":
    sys.exit(main())
