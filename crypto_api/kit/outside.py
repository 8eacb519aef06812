"""What became of asking a server that is not ours."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of one POST."""

    took_ms: int
    status: int | None
    problem: str = ""  # where there is no answer that can be used
    body: bytes = b""
    retry_after: str | None = None  # as the header of that name says it


class FeedFailed(Exception):
    """Nothing of the feed can be used; the text says why, and names no more of its address than its host."""
