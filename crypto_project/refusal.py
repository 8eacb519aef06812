"""An answer that is given in front of Django: a problem (RFC 9457) with the headers that every answer has."""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson
from django.conf import settings

from crypto_api.kit.ids import new_id
from crypto_api.kit.log import security

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

VIOLATIONS = "/violations/"
"""Where browsers report what the policy kept out (crypto_project/violation_reports.py)."""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    f"base-uri 'none'; form-action 'self'; frame-ancestors 'none'; report-uri {VIOLATIONS}; report-to violations"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Reporting-Endpoints": f'violations="{VIOLATIONS}"',
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
HSTS = "max-age=31536000; includeSubDomains"
PRELOAD = "; preload"


def hsts() -> str:
    """With the word that the list of the browsers asks for (hstspreload.org), where the operator has said HSTS_PRELOAD."""
    return HSTS + PRELOAD if settings.HSTS_PRELOAD else HSTS


class Refused(Exception):
    """A request that goes no further."""

    def __init__(self, status: int, code: str, title: str, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status, self.code, self.title, self.detail, self.headers = status, code, title, detail, headers


async def refuse(send: Send, scope: Scope, refused: Refused, *, closing: bool = True, page: bytes | None = None) -> None:
    """Closes the connection, unless the whole request was read: what the client still sends is not. A WebSocket is refused before it opens, which
    the server turns into 403. `page`: for people, in place of the problem."""
    if refused.status < 500:  # of what was sent, and not of how much there is to do
        security.warning("request_refused", code=refused.code, status=refused.status, path=scope["path"][:200], ip=(scope.get("client") or [None])[0])
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 4400, "reason": refused.code})
        return
    given = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"), "")
    request_id = given if REQUEST_ID.fullmatch(given) else new_id("req")
    body = {
        "type": f"urn:coffer:problem:{refused.code}",
        "title": refused.title,
        "status": refused.status,
        "detail": refused.detail,
        "code": refused.code,
        "request_id": request_id,
    }
    content = orjson.dumps(body) if page is None else page
    kind = "application/problem+json" if page is None else "text/html; charset=utf-8"
    told = {"Content-Type": kind, "Content-Length": str(len(content)), "X-Request-Id": request_id, "Cache-Control": "no-store"}
    if closing:
        told["Connection"] = "close"
    if scope.get("scheme") == "https":
        told["Strict-Transport-Security"] = hsts()
    headers = [(name.lower().encode(), value.encode()) for name, value in {**told, **HEADERS, **refused.headers}.items()]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
