"""`Idempotency-Key`: the same key and request have one effect and one answer."""

import hashlib
import hmac
import re
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

from crypto_api.http.answers import JSON
from crypto_api.http.body import FORM
from crypto_api.idempotency import service as idempotency
from crypto_api.kit.errors import InvalidInput
from crypto_api.organizations.types import Principal
from crypto_api.runtime import runtime_of

HEADER, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"
_KEY = re.compile(r"[\x21-\x7e]{1,200}", re.ASCII)
_KEPT_HEADERS = ("ETag", "Location")

Operation = Callable[..., Coroutine[Any, Any, Any]]


def idempotent(operation: Operation) -> Operation:
    """For every POST that creates or moves something. The operation answers through `answers.answer`. Put it below `requires`."""

    @wraps(operation)
    async def once(request: HttpRequest, *args: Any, **values: Any) -> HttpResponse:
        key = request.headers.get(HEADER)
        if key is None:
            return await operation(request, *args, **values)
        if not _KEY.fullmatch(key):
            raise InvalidInput.of(HEADER, "must be 1 to 200 visible ASCII characters", "invalid_key")

        async def work() -> idempotency.Answer:
            response: HttpResponse = await operation(request, *args, **values)
            headers = {name: response[name] for name in _KEPT_HEADERS if name in response}
            return idempotency.Answer(response.status_code, response.content.decode(), headers)

        first, replayed = await idempotency.once(runtime_of(request.scope).clock, _scope(request), key, _fingerprint(request), work)
        response = HttpResponse(first.body, status=first.status, content_type=JSON, headers=first.headers)
        if replayed:
            response[REPLAYED] = "true"
        return response

    once.idempotent = True  # type: ignore[attr-defined]
    return once


def _scope(request: HttpRequest) -> str:
    principal = getattr(request, "auth", None)
    if not isinstance(principal, Principal):
        return "anonymous"
    return principal.org_id or f"user:{principal.user_id}"


def _content(request: HttpRequest) -> bytes:
    """What was sent. Of a form with files, which has been read by now: its files and its address."""
    if request.content_type != FORM:
        return bytes(request.body)
    parts = [request.get_full_path().encode()]
    for name, file in sorted(request.FILES.items()):
        parts += [name.encode(), str(file.name).encode(), hashlib.sha256(b"".join(file.chunks())).digest()]
        file.seek(0)
    return b"\n".join(parts)


def _fingerprint(request: HttpRequest) -> str:
    """Keyed, because a body may hold a password and a plain hash of one could be guessed."""
    secret = runtime_of(request.scope).config.secret_key.get_secret_value()
    sealed = request.scope.get("sealed", {}).get("digest")  # the secrets in it were sealed at the door, each time to another text
    told = b"\n".join([b"coffer idempotency v1", str(request.method).encode(), request.path.encode(), sealed or _content(request)])
    return hmac.new(secret.encode(), told, hashlib.sha256).hexdigest()
