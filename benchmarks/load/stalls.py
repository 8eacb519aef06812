"""What held up the event loops, as the processes say of themselves in their log (crypto_api/kit/loop_watch.py)."""

import json
from dataclasses import dataclass
from pathlib import Path

STALLED = "event_loop_held_up"


@dataclass(frozen=True)
class Stall:
    process: str
    ms: int
    computed_ms: int
    cause: str
    ours: bool
    where: tuple[str, ...]


def stalls_in(log: Path, offset: int = 0) -> list[Stall]:
    """Each turn of a loop that took too long."""
    with log.open("rb") as file:
        file.seek(offset)
        rows = [json.loads(line) for line in file if STALLED.encode() in line]
    told = (row for row in rows if row.get("event") == STALLED)
    return [Stall(row["process"], row["ms"], row["computed_ms"], row["cause"], row["ours"], tuple(row["where"])) for row in told]
