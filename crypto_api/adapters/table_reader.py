"""Tables that people upload, read in a child process that is bounded in memory and time."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from crypto_api.adapters.bounded import run_bounded
from crypto_api.kit.errors import InvalidInput

CHILD = Path(__file__).with_name("table_child.py")
MEMORY_BYTES_MAX = 512_000_000  # of addresses
SECONDS_MAX = 10
OUTPUT_BYTES_MAX = 100_000_000
_LIMITS = {"memory": MEMORY_BYTES_MAX, "seconds": SECONDS_MAX, "output": OUTPUT_BYTES_MAX}
KINDS = {".csv": "csv", ".xlsx": "xlsx"}


async def read_table(name: str, content: bytes) -> list[list[str]]:
    """Rows of text, the header first. InvalidInput on `file` for what is no such table, or becomes too much when it is opened."""
    kind = KINDS.get(Path(name.lower()).suffix)
    if kind is None:
        raise InvalidInput.of("file", "must be a .csv or .xlsx file", "wrong_kind")
    with tempfile.TemporaryDirectory(prefix="coffer-table-") as folder:
        given, made = Path(folder) / "given", Path(folder) / "made"
        await asyncio.to_thread(given.write_bytes, content)
        if await run_bounded(CHILD, kind, str(given), str(made), **_LIMITS) != 0:
            raise InvalidInput.of("file", "takes too much time or memory to be read", "too_heavy")
        answer = await asyncio.to_thread(_answer, made)
    if "refused" in answer:
        raise InvalidInput.of("file", str(answer["refused"]), "unreadable")
    rows: list[list[str]] = answer["rows"]
    return rows


def _answer(made: Path) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(made.read_bytes())
    return answer
