"""What files of the books share: how they look, what they are called, and that they were taken along is itself recorded."""

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crypto_api.audit import service as audit
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import NotFound
from crypto_api.kit.pdf_pages import GREY, LINE, SHADE
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import Organization
from mongodb_config.unit_of_work import UnitOfWork

TABLE: list[tuple[Any, ...]] = [
    ("FONTNAME", (0, 0), (-1, -1), "Helvetica"),
    ("FONTSIZE", (0, 0), (-1, -1), 8),
    ("TOPPADDING", (0, 0), (-1, -1), 2),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
    ("LINEBELOW", (0, 0), (-1, -1), 0.25, LINE),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("BACKGROUND", (0, 0), (-1, 0), SHADE),
    ("FONTNAME", (0, 0), (-1, 0), "Helvetica-Bold"),
]


def total_style(row: int) -> list[tuple[Any, ...]]:
    return [("FONTNAME", (0, row), (-1, row), "Helvetica-Bold"), ("LINEABOVE", (0, row), (-1, row), 0.75, GREY)]


@dataclass(frozen=True)
class BookFile:
    name: str
    content: bytes


async def organization_of(org_id: str) -> Organization:
    """NotFound."""
    found = await organizations.get(org_id)
    if found is None:
        raise NotFound
    return found


async def noted(uow: UnitOfWork, clock: Clock, org_id: str, action: str, told: str, after: dict[str, object]) -> None:
    now = clock.now()
    await uow.run(lambda session: audit.record(session, org_id, action, told, now, subject=("ledger", ""), after=after))


def as_known(known_at: datetime) -> str:
    return f"as the books were known on {known_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


async def written(write: Callable[[Path], None]) -> bytes:
    """What `write` puts into a file, beside the loop."""

    def work() -> bytes:
        with tempfile.TemporaryDirectory(prefix="coffer-books-") as folder:
            path = Path(folder) / "file"
            write(path)
            return path.read_bytes()

    return await asyncio.to_thread(work)
