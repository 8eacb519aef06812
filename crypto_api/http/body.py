"""Reading bodies: the right content type; JSON that is valid and not deeper than any of our objects; forms that hold their file and nothing else."""

from typing import Any

import orjson
from django.http import HttpRequest, QueryDict
from django.utils.datastructures import MultiValueDict
from ninja.parser import Parser

from crypto_api.kit.errors import CoreError, FieldError, InvalidInput

DEPTH_MAX = 32
FORM = "multipart/form-data"


class UnsupportedMediaType(CoreError):
    status, code, title = 415, "unsupported_media_type", "Unsupported media type"

    def __init__(self, wanted: str = "application/json") -> None:
        super().__init__(f"Send {wanted}.")


class StrictParser(Parser):
    def parse_body(self, request: HttpRequest) -> Any:
        if request.content_type != "application/json":
            raise UnsupportedMediaType
        data = orjson.loads(request.body)
        if _deeper_than(data, DEPTH_MAX):
            raise ValueError("nested too deeply")
        return data

    def parse_querydict(self, data: MultiValueDict[str, Any], list_fields: list[str], request: HttpRequest) -> Any:
        """Of what stands in the address, which is a QueryDict, and of the files of a form, which is none."""
        if not isinstance(data, QueryDict) and request.content_type != FORM:
            raise UnsupportedMediaType(FORM)
        return super().parse_querydict(data, list_fields, request)


def only_file(request: HttpRequest, name: str) -> None:
    """InvalidInput for a form that holds anything else beside that file, or two of them: nothing is dropped silently."""
    unknown = sorted({*request.POST, *request.FILES} - {name})
    if unknown:
        raise InvalidInput(*(FieldError(each, "Extra inputs are not permitted", "unknown_field") for each in unknown[:100]))
    if len(request.FILES.getlist(name)) > 1:
        raise InvalidInput.of(name, "must be one file", "repeated")


def _deeper_than(data: Any, limit: int) -> bool:
    level = [data]
    for _ in range(limit + 1):
        level = [child for node in level if isinstance(node, dict | list) for child in (node.values() if isinstance(node, dict) else node)]
        if not level:
            return False
    return True
