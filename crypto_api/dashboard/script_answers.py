"""What a script of ours sends and gets: JSON, checked by hand, and refusals in words that it shows as they are."""

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse, JsonResponse

from crypto_api.dashboard.access import safe_next
from crypto_api.dashboard.forms import fields_in_words
from crypto_api.dashboard.translation import gettext
from crypto_api.kit.errors import CoreError, InvalidInput, TooManyRequests

LINE_MAX = 254
JsonView = Callable[..., Awaitable[HttpResponse]]


def spoken(view: JsonView) -> JsonView:
    """For what a script asks. A refusal is an answer as well: `{"problem": text}` with its status; where to go on is `{"location": path}`."""

    @wraps(view)
    async def answering(*args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response = await view(*args, **kwargs)
        except InvalidInput as error:
            response = refused(fields_in_words(error), error.status)
        except TooManyRequests as error:
            response = refused(gettext("That was tried too often. Wait %(n)s seconds.") % {"n": error.retry_after_s}, error.status)
            response.headers["Retry-After"] = str(error.retry_after_s)
        except CoreError as error:
            response = refused(gettext(error.detail), error.status)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return answering


def told(request: HttpRequest) -> dict[str, Any]:
    """The object that a script sent. InvalidInput for anything else."""
    try:
        body = orjson.loads(request.body) if request.content_type == "application/json" else None
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise InvalidInput.of("request", "is not one of this page")
    return body


def told_text(body: Mapping[str, Any], name: str, length_max: int = LINE_MAX) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= length_max:
        raise InvalidInput.of(name, "is missing or too long")
    return value


def wanted_of(request: HttpRequest, body: Mapping[str, Any]) -> str:
    """Where they want to go on: only a path of this site."""
    wanted = body.get("next")
    return safe_next(request, wanted) if isinstance(wanted, str) else "/"


def refused(problem: str, status: int) -> HttpResponse:
    return JsonResponse({"problem": problem}, status=status)


def go_on(path: str) -> HttpResponse:
    return JsonResponse({"location": path})
