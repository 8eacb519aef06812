from datetime import datetime

from pymongo import DESCENDING, IndexModel

from mongodb_config.base_document import SharedDocument


class NewsFeed(SharedDocument):
    """Shared: how reading a feed of the installation went. `_id` is a digest of its address, which may hold a secret and is kept nowhere."""

    host: str
    read_at: datetime | None = None  # last read to its end
    told: int = 0  # items, at that time
    failed_at: datetime | None = None  # the last failure, which may be over
    reason: str = ""  # of that failure, in plain words
    failures: int = 0  # in a row, since it was last read

    class Settings:
        name = "news_feeds"


class NewsItem(SharedDocument):
    """Shared: what a feed of the installation told, the same for every organisation. `_id` is a digest of the link, so that a repeat changes
    nothing."""

    source: str  # host of the feed
    title: str
    summary: str
    link: str
    published_at: datetime  # as the feed says, but not later than when it was first read

    class Settings:
        name = "news_items"
        indexes = [IndexModel([("published_at", DESCENDING), ("_id", DESCENDING)], name="latest")]
