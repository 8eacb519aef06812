"""Values of the slice."""

from enum import StrEnum

TASK_KIND = "backfill"
FIRST = "first"
"""From the first block in which the address did anything, where the node can tell."""


class BackfillState(StrEnum):
    QUEUED = "queued"  # the wallet's books are not open yet, or its first block is not known yet
    RUNNING = "running"
    CLOSING = "closing"  # every block is read; the opening becomes what the chain held before the first
    DONE = "done"
    FAILED = "failed"


LIVE = frozenset({BackfillState.QUEUED, BackfillState.RUNNING, BackfillState.CLOSING})
