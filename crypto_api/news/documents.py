from datetime import datetime

from pymongo import DESCENDING, IndexModel

from mongodb_config.base_document import SharedDocument


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
