"""Reading JSON bodies: the right content type, valid, and not deeper than any of our objects."""

from typing import Any

import orjson
from django.http import HttpRequest
from ninja.parser import Parser

from crypto_api.kit.errors import CoreError

DEPTH_MAX = 32


class UnsupportedMediaType(CoreError):
    status, code, title = 415, "unsupported_media_type", "Unsupported media type"

    def __init__(self) -> None:
        super().__init__("Send application/json.")


class StrictParser(Parser):
    def parse_body(self, request: HttpRequest) -> Any:
        if request.content_type != "application/json":
            raise UnsupportedMediaType
        data = orjson.loads(request.body)
        if _deeper_than(data, DEPTH_MAX):
            raise ValueError("nested too deeply")
        return data


def _deeper_than(data: Any, limit: int) -> bool:
    level = [data]
    for _ in range(limit + 1):
        level = [child for node in level if isinstance(node, dict | list) for child in (node.values() if isinstance(node, dict) else node)]
        if not level:
            return False
    return True
