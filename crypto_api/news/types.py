"""What a feed told, and the port to the feeds."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Told:
    """One item of a feed: plain text, and an https link, empty where there is none."""

    title: str
    summary: str
    link: str
    published_at: datetime | None


class Feeds(Protocol):
    """The configured feeds, by their addresses."""

    @property
    def addresses(self) -> tuple[str, ...]: ...

    async def read(self, address: str) -> bytes:
        """FeedFailed."""
        ...
