"""Answers as bytes: the schema writes its own JSON, and a single object carries its `ETag`."""

from django.http import HttpResponse
from pydantic import BaseModel

JSON = "application/json; charset=utf-8"


def answer(body: BaseModel, *, status: int = 200, version: int | None = None) -> HttpResponse:
    """`version` of a single document becomes its ETag."""
    response = HttpResponse(body.model_dump_json(), status=status, content_type=JSON)
    if version is not None:
        response["ETag"] = f'"{version}"'
    return response


def no_content() -> HttpResponse:
    response = HttpResponse(status=204)
    del response["Content-Type"]
    return response
