"""Lists: `limit`, `cursor`, `sort`, `count`."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field

from crypto_api.http.schemas.base import PageRead, QueryFlag, QueryInt, Word
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.paging import Page, PageRequest

Row = TypeVar("Row")
Read = TypeVar("Read", bound=BaseModel)


class PageQuery(BaseModel):
    """Query parameters of every list; filters are added by subclasses."""

    model_config = ConfigDict(hide_input_in_errors=True)

    limit: QueryInt = Field(default=50, ge=1, le=200)
    cursor: str | None = Field(default=None, max_length=1_000)
    sort: Word | None = Field(default=None, description="A field to sort by, `-` in front for the highest first.")
    count: QueryFlag = Field(default=False, description="Adds `total`.")


def page_request(query: PageQuery, sorts: Mapping[str, str], default: str) -> PageRequest:
    """`sorts` maps what a client may sort by to the stored field; `default` is one of them, with `-` for descending. InvalidInput otherwise."""
    wanted = query.sort or default
    name = wanted.removeprefix("-")
    if name not in sorts:
        raise InvalidInput.of("sort", f"must be one of {', '.join(sorts)}, with - in front for the highest first", "invalid_sort")
    request = PageRequest(limit=query.limit, cursor=query.cursor, sort=sorts[name], descending=wanted.startswith("-"), count=query.count)
    request.position()  # a wrong cursor is refused here, before anything is read
    return request


def page_read(page: Page[Row], read: Callable[[Row], Read]) -> PageRead[Read]:
    return PageRead(items=[read(row) for row in page.items], next_cursor=page.next_cursor, total=page.total)
