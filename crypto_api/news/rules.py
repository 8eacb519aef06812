"""Reading RSS 2.0 and Atom (RFC 4287). Pure. A feed is a stranger's: no entities, no markup, no marks that hide or turn the writing, bounded."""

import hashlib
import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from crypto_api.kit.outside import FeedFailed
from crypto_api.kit.plain_text import clean
from crypto_api.news.types import Told

ITEMS_MAX = 50
TITLE_MAX, SUMMARY_MAX, LINK_MAX = 200, 500, 500
_ATOM = "{http://www.w3.org/2005/Atom}"
_UNSEEN = re.compile(r"<(script|style|iframe|object|template)\b.*?(</\1\s*>|$)", re.IGNORECASE | re.DOTALL)
_CLASS = re.compile(r" \([A-Z]\w*\)$")
_TAG = re.compile(r"<[^>]*>?")


def feed_id(address: str) -> str:
    """Names a feed without its address, whose path or query may hold a secret."""
    return hashlib.sha256(address.encode()).hexdigest()[:40]


def in_plain_words(error: FeedFailed) -> str:
    """Without the name of a class of ours, which the log has."""
    return _CLASS.sub("", str(error))


def read_feed(body: bytes, host: str) -> list[Told]:
    """The first items that have a title. FeedFailed."""
    try:
        root = fromstring(body, forbid_dtd=True)
    except DefusedXmlException as error:
        raise FeedFailed(f"{host} told a feed with declarations (DTD, entities), which are refused") from error
    except (SyntaxError, ValueError, RecursionError, LookupError) as error:
        raise FeedFailed(f"{host} told no well-formed feed ({type(error).__name__})") from error
    items = [*root.iter("item"), *root.iter(f"{_ATOM}entry")]
    found = [told for item in items[:ITEMS_MAX] if (told := _told(item)) is not None]
    if not items and root.tag not in ("rss", f"{_ATOM}feed"):
        raise FeedFailed(f"{host} told something else than RSS or Atom")
    return found


def _told(item: Any) -> Told | None:
    title = plain(_first(item, "title"), TITLE_MAX)
    if not title:
        return None
    summary = plain(_first(item, "description", "summary", "content"), SUMMARY_MAX)
    return Told(title, summary, _link(item), _moment(_first(item, "pubDate", "published", "updated")))


def _first(item: Any, *names: str) -> str:
    for name in names:
        for tag in (name, f"{_ATOM}{name}"):
            if (found := item.find(tag)) is not None:
                return "".join(found.itertext())
    return ""


def plain(text: str, length: int) -> str:
    """Without markup, however often it is escaped within itself."""
    text = text[: 20 * length]
    for _ in range(3):
        text = _TAG.sub(" ", _UNSEEN.sub(" ", html.unescape(text)))
    text = text.replace("<", " ").replace(">", " ")
    return clean(" ".join(text.split()), length)


def _link(item: Any) -> str:
    for link in _links(item):
        parts = urlsplit(link) if len(link) <= LINK_MAX and link.isascii() and link.isprintable() and " " not in link else None
        if parts is not None and parts.scheme == "https" and parts.hostname and "@" not in parts.netloc and not set(link) & set("\"'<>`\\"):
            return link
    return ""


def _links(item: Any) -> Iterator[str]:
    if (found := item.find("link")) is not None and found.text:
        yield found.text.strip()
    for found in item.findall(f"{_ATOM}link"):
        if found.get("rel", "alternate") == "alternate":
            yield found.get("href", "").strip()


def _moment(text: str) -> datetime | None:
    text = text.strip()[:60]
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            found = read(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        try:
            return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
        except (ValueError, OverflowError):
            return None
    return None
