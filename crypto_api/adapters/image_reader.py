"""Pictures that people upload, read and written anew in a child process that is bounded in memory and time."""

import asyncio
import tempfile
from pathlib import Path

from crypto_api.adapters.bounded import run_bounded
from crypto_api.kit.errors import InvalidInput

CHILD = Path(__file__).with_name("image_child.py")
BYTES_MAX = 2_000_000
MEMORY_BYTES_MAX = 768_000_000  # of addresses
SECONDS_MAX = 10
OUTPUT_BYTES_MAX = 4_000_000
_PNG = b"\x89PNG\r\n\x1a\n"


async def read_picture(content: bytes) -> bytes:
    """A PNG with the pixels of a PNG or JPEG, on white, at most 1200 by 480. InvalidInput on `file` for anything else, or one that is too large."""
    if len(content) > BYTES_MAX:
        raise InvalidInput.of("file", f"is larger than {BYTES_MAX // 1_000_000} MB", "too_large")
    with tempfile.TemporaryDirectory(prefix="coffer-picture-") as folder:
        given, made = Path(folder) / "given", Path(folder) / "made"
        await asyncio.to_thread(given.write_bytes, content)
        limits = {"memory": MEMORY_BYTES_MAX, "seconds": SECONDS_MAX, "output": OUTPUT_BYTES_MAX}
        if await run_bounded(CHILD, str(given), str(made), **limits) != 0:
            raise InvalidInput.of("file", "takes too much time or memory to be read", "too_heavy")
        picture = await asyncio.to_thread(made.read_bytes)
    if not picture.startswith(_PNG):
        raise InvalidInput.of("file", picture.decode(), "unreadable")
    return picture
