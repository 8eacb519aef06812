"""Where browsers report what the Content-Security-Policy has kept out of a page (CSP3, 5; Reporting API): a line in `security.log`, and nothing else.

Anybody may send here, so little is believed and little is kept: a body of a few kilobytes, a few lines of each process a minute, and of addresses
their origin alone, since the path of a page may be somebody's secret. The answer is the same whatever was sent.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import orjson

from crypto_api.kit import log
from crypto_api.kit.ids import new_id
from crypto_project.refusal import HEADERS, VIOLATIONS, App, Receive, Scope, Send, hsts

BYTES_MAX = 16_384
LINES_PER_MINUTE = 60
_AT_ONCE = 10  # violations in one report
_TEXT_MAX = 200
_NAMES = {"effectiveDirective": "directive", "effective-directive": "directive", "violated-directive": "directive", "disposition": "disposition"}
_ADDRESSES = {
    "documentURL": "page",
    "document-uri": "page",
    "blockedURL": "blocked",
    "blocked-uri": "blocked",
    "sourceFile": "source",
    "source-file": "source",
}


class ViolationReports:
    """Behind what bounds a body, in front of everything else: a report takes nobody's place."""

    def __init__(self, app: App, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._app, self._clock = app, clock
        self._minute, self._written = -1, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != VIOLATIONS or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body = (await receive()).get("body", b"")
        for told in violations(body):
            if self._has_room():
                log.security.warning("policy_violated", ip=(scope.get("client") or [None])[0], **told)
        told_with = {**HEADERS, "Cache-Control": "no-store", "X-Request-Id": new_id("req")}
        if scope.get("scheme") == "https":
            told_with["Strict-Transport-Security"] = hsts()
        headers = [(name.lower().encode(), value.encode()) for name, value in told_with.items()]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def _has_room(self) -> bool:
        minute = int(self._clock() // 60)
        if minute != self._minute:
            self._minute, self._written = minute, 0
        self._written += 1
        return self._written <= LINES_PER_MINUTE


def violations(body: bytes) -> Iterator[dict[str, str]]:
    """What is kept of a report in either form: `application/csp-report` (one), `application/reports+json` (a list). Nothing of what is neither."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    rows = found if isinstance(found, list) else [found]
    for row in rows[:_AT_ONCE]:
        told = row.get("csp-report", row.get("body") if row.get("type") == "csp-violation" else None) if isinstance(row, dict) else None
        if isinstance(told, dict) and (kept := _kept(told)):
            yield kept


def _kept(told: dict[str, Any]) -> dict[str, str]:
    kept = {ours: told[name][:_TEXT_MAX] for name, ours in _NAMES.items() if isinstance(told.get(name), str)}
    return kept | {ours: _origin(told[name]) for name, ours in _ADDRESSES.items() if isinstance(told.get(name), str)}


def _origin(address: str) -> str:
    """`https://host:port`; a word such as `inline`, and the scheme alone of what has no host."""
    try:
        parts = urlsplit(address[:2_000])
    except ValueError:
        return "?"
    return (f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else parts.scheme or parts.path)[:_TEXT_MAX]
