from pydantic import Field

from crypto_api.http.schemas.base import ReadSchema, Time
from crypto_api.news.documents import NewsItem


class NewsItemRead(ReadSchema):
    """A stranger's words, as plain text."""

    id: str
    source: str = Field(examples=["news.example"], description="Host of the feed.")
    title: str
    summary: str
    link: str = Field(description="https, or empty.")
    published_at: Time

    @classmethod
    def of(cls, row: NewsItem) -> "NewsItemRead":
        return cls(id=row.id, source=row.source, title=row.title, summary=row.summary, link=row.link, published_at=row.published_at)


class NewsRead(ReadSchema):
    items: list[NewsItemRead]
    next_cursor: str | None = None
    total: int | None = None
    configured: bool = Field(description="False: no feed is configured, so there are no news.")
