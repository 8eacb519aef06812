"""What a process has in its memory, as the system shows it. Nothing of the product is needed for it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

CHUNK = 16 * 2**20
OVERLAP = 256  # what is looked for may lie across two chunks


def written_memory(pid: int) -> Iterator[bytes]:
    """Everything that the process may write to, in pieces. Raises `OSError` where there is no such process, or no right to look."""
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            place, rights, *_ = line.split()
            if not rights.startswith("rw") or "[vvar" in line:
                continue
            start, end = (int(part, 16) for part in place.split("-"))
            for offset in range(start, end, CHUNK):
                held = b""
                with contextlib.suppress(OSError):  # a place that went away meanwhile
                    memory.seek(offset)
                    held = memory.read(min(CHUNK + OVERLAP, end - offset))
                yield held
