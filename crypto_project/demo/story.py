"""What a scenario did, kept for the judge."""

from dataclasses import dataclass, field
from typing import Any

from crypto_project.demo.plays import Plays


@dataclass
class Story:
    plays: Plays
    first_block: int = 0
    faults: list[dict[str, Any]] = field(default_factory=list)
    dropped: set[str] = field(default_factory=set)
    outages: list[tuple[float, float]] = field(default_factory=list)
    """From the first block that the killed follower left undone to the recovery: these wait for another, and tell nothing about its usual latency."""
