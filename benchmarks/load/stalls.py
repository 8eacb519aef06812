"""What the processes say of themselves in their log: what held up their event loops (crypto_api/kit/loop_watch.py), and what went wrong."""

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


def errors_in(log: Path) -> list[str]:
    with log.open("rb") as file:
        rows = [json.loads(line) for line in file if b'"error"' in line or b'"critical"' in line]
    loud = [row for row in rows if row.get("level") in ("error", "critical")]
    return [f"{row['process']}: {row['event']} {row.get('path', '')} {str(row.get('exception', ''))[-200:]}" for row in loud]
