"""In front of Django: a body is read here, up to a cap and within a time, before anything else looks at it.

Django spools a body to disk in full before a view can refuse it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any

import orjson

from crypto_api.kit.ids import new_id

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_BYTES_MAX = 1_000_000
UPLOAD_BYTES_MAX = 20_000_000
BODY_S_MAX = 10.0


class _TooLarge(Exception):
    pass


class _ClientLeft(Exception):
    pass


class BodyGuard:
    """`uploads` are the paths that take files."""

    def __init__(self, app: App, *, uploads: Collection[str] = (), seconds_max: float = BODY_S_MAX) -> None:
        self._app, self._uploads, self._seconds_max = app, frozenset(uploads), seconds_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = UPLOAD_BYTES_MAX if scope["path"] in self._uploads else BODY_BYTES_MAX
        try:
            body = await self._read(scope, receive, limit)
        except _TooLarge:
            await _refuse(send, scope, 413, "content_too_large", "Content too large", f"A body may have at most {limit} bytes here.")
        except TimeoutError:
            await _refuse(send, scope, 408, "request_timeout", "Request timeout", f"The body did not arrive within {self._seconds_max:g} s.")
        except _ClientLeft:
            return
        else:
            await self._app(scope, _replaying(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive, limit: int) -> bytes:
        headers = dict(scope["headers"])
        told = headers.get(b"content-length", b"0")
        if told.isdigit() and int(told[:20]) > limit:
            raise _TooLarge
        if told == b"0" and b"transfer-encoding" not in headers:
            return b""
        parts: list[bytes] = []
        size = 0
        async with asyncio.timeout(self._seconds_max):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _ClientLeft
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > limit:
                    raise _TooLarge
                if not message.get("more_body", False):
                    return b"".join(parts)


def _replaying(body: bytes, receive: Receive) -> Receive:
    """The whole body as one message, then whatever comes: in the end the disconnect."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            while (message := await receive())["type"] == "http.request":
                pass
            return message
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _refuse(send: Send, scope: Scope, status: int, code: str, title: str, detail: str) -> None:
    request_id = new_id("req")
    body = {"type": f"urn:coffer:problem:{code}", "title": title, "status": status, "detail": detail, "code": code, "request_id": request_id}
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"x-request-id", request_id.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
        (b"connection", b"close"),  # the rest of the body is not read
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": orjson.dumps(body)})
