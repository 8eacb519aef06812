"""A table as a file that leaves row by row: CSV as it is read, a workbook from a temporary file that is gone afterwards."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path

from crypto_api.kit.csv_text import csv_line
from crypto_api.kit.xlsx_text import XlsxTable

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv; charset=utf-8"
_CHUNK = 256 * 1024

Batches = AsyncIterator[list[list[str | Decimal | None]]]


async def csv_file(columns: Sequence[str], batches: Batches) -> AsyncIterator[bytes]:
    yield csv_line(columns).encode()
    async for rows in batches:
        yield "".join(map(csv_line, rows)).encode()


async def xlsx_file(title: str, columns: Sequence[str], batches: Batches, widths: Sequence[int] = ()) -> AsyncIterator[bytes]:
    with tempfile.TemporaryDirectory(prefix="coffer-xlsx-") as folder:
        path = Path(folder) / "table.xlsx"
        await write_xlsx(path, title, columns, batches, widths)
        async for chunk in chunks(path, _CHUNK):
            yield chunk


async def write_xlsx(path: Path, title: str, columns: Sequence[str], batches: Batches, widths: Sequence[int] = ()) -> None:
    with XlsxTable(path, title, columns, widths) as table:
        async for rows in batches:
            await asyncio.to_thread(table.add, rows)


async def write_chunks(path: Path, content: AsyncIterator[bytes]) -> None:
    with await asyncio.to_thread(path.open, "wb") as file:
        async for chunk in content:
            await asyncio.to_thread(file.write, chunk)


async def chunks(path: Path, size: int) -> AsyncIterator[bytes]:
    """`size` in bytes; the last one is what is left."""
    with await asyncio.to_thread(path.open, "rb") as file:
        while chunk := await asyncio.to_thread(file.read, size):
            yield chunk
