"""Pages of the dashboard in a browser, as roles see them: by itself a sample; `python -m tests.looks` goes to every page as every role."""

import os
import sys
from pathlib import Path

import pytest
from playwright.async_api import Browser

from crypto_api.organizations.types import Role
from tests.authorization.cells import ROLES
from tests.authorization.house import House
from tests.looks.looking import ANONYMOUS, Looker, contact_sheet, pages
from tests.looks.seeding import Seeded

WHOLE = os.environ.get("COFFER_LOOKS_ROLES", "")
WANTED = [name for name in os.environ.get("COFFER_LOOKS_PAGES", "").split(",") if name]
SHOTS = os.environ.get("COFFER_SHOTS")
RICH = ("statement-behind", "portfolio", "tax-report")
POOR = ("journal", "transactions")
"""What no other test looks at in a browser."""


@pytest.mark.timeout(4 * 3600 if WHOLE else 300)
async def test_pages_are_fit_to_be_seen(house: House, seeded: Seeded, chromium: Browser) -> None:
    out = Path(SHOTS) if SHOTS else None
    looker = Looker(
        house, chromium, out, thorough=bool(os.environ.get("COFFER_LOOKS_THOROUGH")), language=os.environ.get("COFFER_LOOKS_LANGUAGE", "")
    )
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    if WHOLE:
        wanted = [row for row in pages() if not WANTED or row.name in WANTED]
        for role in (ANONYMOUS, *ROLES) if WHOLE == "all" else WHOLE.upper().split(","):
            for org_id, place in ((seeded.rich, "rich"), (seeded.poor, "poor")):
                await looker.walk(org_id, role, wanted, place)
                sys.stdout.write(f"{role} {place} {looker.report.told().splitlines()[0]}\n")
                if out is not None:
                    looker.report.write(out)
        if out is not None:
            (out / "index.html").write_text("\n".join(contact_sheet(out)))
    else:
        await looker.walk(seeded.rich, Role.ADMIN, [row for row in pages() if row.name in RICH], "rich")
        await looker.walk(seeded.poor, "AUDITOR", [row for row in pages() if row.name in POOR], "poor")
    assert not seeded.left_out, seeded.left_out
    assert not looker.report.faults, looker.report.told()
