"""`If-Match` and `If-None-Match` (RFC 9110, 13.1): a change is made only on the version that the client has seen, what it has is not sent again."""

import hashlib
import re

from django.http import HttpRequest

from crypto_api.kit.errors import PreconditionFailed

_STRONG = re.compile(r'"([0-9]{1,15})"', re.ASCII)


def expected_versions(request: HttpRequest) -> frozenset[int] | None:
    """The versions that the client will change; None when it does not say, or says `*`. PreconditionFailed when none of them can be ours."""
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return None
    tags = (_STRONG.fullmatch(part.strip()) for part in header.split(","))
    versions = frozenset(int(tag.group(1)) for tag in tags if tag)
    if not versions:
        raise PreconditionFailed("If-Match names no version of this object.")
    return versions


def content_tag(text: str) -> str:
    """The weak ETag of what has no version: the same while `text`, what the client would call the same, is."""
    return f'W/"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def not_modified(request: HttpRequest, tag: str) -> bool:
    """Whether `If-None-Match` names `tag`, compared weakly. What is no list of tags names none."""
    header = request.headers.get("If-None-Match", "")
    return tag.removeprefix("W/") in (part.strip().removeprefix("W/") for part in header.split(","))
