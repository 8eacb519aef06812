"""In front of Django: a body is read here, up to a cap, within a time and, when it is JSON, to a depth, before anything else looks at it.

Django spools a body to disk in full before a view can refuse it.
"""

import asyncio
from collections.abc import Collection, Mapping
from types import MappingProxyType

from crypto_project.refusal import App, Message, Receive, Refused, Scope, Send, refuse

BODY_BYTES_MAX = 1_000_000
UPLOAD_BYTES_MAX = 20_000_000
KEYS_BODY_BYTES_MAX = 32_768
"""Where keys may come. Such a body is read for secrets before anybody knows who sends it, so that its length is time of the whole server."""

KEYS_COME_TO = "/api/wallets/"
BODY_S_MAX = 10.0
DEPTH_MAX = 32
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class _ClientLeft(Exception):
    pass


class BodyGuard:
    """`uploads` are the paths that take files, `short` those that take less than others, with how many bytes."""

    def __init__(
        self, app: App, *, uploads: Collection[str] = (), short: Mapping[str, int] = MappingProxyType({}), seconds_max: float = BODY_S_MAX
    ) -> None:
        self._app, self._uploads, self._short, self._seconds_max = app, frozenset(uploads), short, seconds_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        try:
            body = await self._read(scope, receive, limit)
            if _is_json(scope) and deeper_than(body, DEPTH_MAX):
                raise Refused(400, "invalid_json", "Bad request", f"The body is not valid JSON, or is nested deeper than {DEPTH_MAX} levels.")
        except Refused as refused:
            await refuse(send, scope, refused)
        except TimeoutError:
            detail = f"The body did not arrive within {self._seconds_max:g} s."
            await refuse(send, scope, Refused(408, "request_timeout", "Request timeout", detail))
        except _ClientLeft:
            return
        else:
            await self._app(scope, _replaying(body, receive), send)

    def _limit(self, path: str) -> int:
        if path in self._uploads:
            return UPLOAD_BYTES_MAX
        if path in self._short:
            return self._short[path]
        return KEYS_BODY_BYTES_MAX if path.startswith(KEYS_COME_TO) else BODY_BYTES_MAX

    async def _read(self, scope: Scope, receive: Receive, limit: int) -> bytes:
        headers = dict(scope["headers"])
        told = headers.get(b"content-length", b"0")
        if told.isdigit() and int(told[:20]) > limit:
            raise _too_large(limit)
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
                    raise _too_large(limit)
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


def _too_large(limit: int) -> Refused:
    return Refused(413, "content_too_large", "Content too large", f"A body may have at most {limit} bytes here.")


def _is_json(scope: Scope) -> bool:
    return any(name == b"content-type" and b"json" in value.lower() for name, value in scope["headers"])


def deeper_than(body: bytes, limit: int) -> bool:
    """Whether JSON is nested deeper than `limit`, or its brackets do not match. In time that grows with its length alone, and before anything is
    built from it."""
    if body.count(b"[") + body.count(b"{") <= limit:
        return False  # nearly every body
    without_escapes = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside = b"".join(without_escapes.split(b'"')[::2])  # what stands between the strings
    left = outside.translate(_BRACKETS, _NO_BRACKETS)
    for level in range(limit):
        if not left:
            return False
        if b"[" * (limit + 1 - level) in left:
            return True
        left = left.replace(b"[]", b"")  # one level: the innermost
    return bool(left)
