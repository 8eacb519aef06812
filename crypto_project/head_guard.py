"""In front of Django: what stands before the body. A request whose head is too large, or is not text, goes no further.

The server in front of this refuses what is not HTTP at all (its parser, llhttp: NUL bytes in headers, two different Content-Lengths, one beside
a Transfer-Encoding, names with blanks), and how long and how slow a head may be (crypto_project/http_protocol.py).
"""

import re
from collections import Counter
from urllib.parse import unquote_to_bytes

from crypto_project.refusal import App, Receive, Refused, Scope, Send, refuse

HEAD_BYTES_MAX = 32_768
HEADERS_MAX = 100
PATH_BYTES_MAX = 4_096
QUERY_BYTES_MAX = 8_192
PARAMETERS_MAX = 100
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # no TRACE, no CONNECT, nothing of one's own
ONCE = (b"host", b"content-length", b"content-type", b"authorization", b"origin", b"transfer-encoding", b"idempotency-key", b"if-match", b"upgrade")

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_CONTROL_IN_HEADER = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")  # a tab may stand there
_LENGTH = re.compile(rb"[0-9]{1,15}")


class HeadGuard:
    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["type"] in ("http", "websocket"):
                _check(scope)
        except Refused as refused:
            await refuse(send, scope, refused)
        else:
            await self._app(scope, receive, send)


def _check(scope: Scope) -> None:
    if scope["type"] == "http" and scope["method"] not in METHODS:
        raise Refused(405, "method_not_allowed", "Method Not Allowed", "There is no such method here.", Allow=", ".join(sorted(METHODS)))
    path, query = scope.get("raw_path") or scope["path"].encode(), scope.get("query_string", b"")
    _check_path(path)
    _check_query(query)
    if path.startswith(b"/api/"):
        _check_names(query)
    _check_headers(scope["headers"])
    if scope.get("http_version") == "1.1" and not any(name == b"host" for name, _ in scope["headers"]):
        raise _bad("missing_host", "A request of HTTP/1.1 names its host (RFC 9112, 3.2).")


def _check_path(path: bytes) -> None:
    if len(path) > PATH_BYTES_MAX:
        raise Refused(414, "uri_too_long", "URI Too Long", f"A path may have at most {PATH_BYTES_MAX} bytes.")
    if not _is_text(path):
        raise _bad("invalid_path", "The path holds control characters, or is not UTF-8.")


def _check_query(query: bytes) -> None:
    if len(query) > QUERY_BYTES_MAX:
        raise Refused(414, "uri_too_long", "URI Too Long", f"What stands behind the ? may have at most {QUERY_BYTES_MAX} bytes.")
    if query.count(b"&") + 1 > PARAMETERS_MAX:
        raise _bad("too_many_parameters", f"At most {PARAMETERS_MAX} parameters.")
    if not _is_text(query):
        raise _bad("invalid_query", "A parameter holds control characters, or is not UTF-8.")


def _check_names(query: bytes) -> None:
    """No operation takes a parameter twice, and who reads a second one differs from program to program."""
    names = [unquote_to_bytes(part.partition(b"=")[0].replace(b"+", b" ")) for part in query.split(b"&") if part]
    if len(names) != len(set(names)):
        raise _bad("repeated_parameter", "A parameter stands there twice.")


def _is_text(quoted: bytes) -> bool:
    plain = unquote_to_bytes(quoted)
    try:
        plain.decode()
    except UnicodeDecodeError:
        return False
    return not _CONTROL.search(plain.replace(b"\t", b"").replace(b"\r", b"").replace(b"\n", b""))


def _check_headers(headers: list[tuple[bytes, bytes]]) -> None:
    if len(headers) > HEADERS_MAX or sum(len(name) + len(value) + 4 for name, value in headers) > HEAD_BYTES_MAX:
        detail = f"At most {HEADERS_MAX} headers of {HEAD_BYTES_MAX} bytes together."
        raise Refused(431, "headers_too_large", "Request Header Fields Too Large", detail)
    for _, value in headers:
        if _CONTROL_IN_HEADER.search(value) or not _is_utf8(value):
            raise _bad("invalid_header", "A header holds control characters, or is not UTF-8.")
    counts = Counter(name.lower() for name, _ in headers)
    if any(counts[name] > 1 for name in ONCE):
        raise _bad("repeated_header", "A header that may stand once stands there twice.")
    given = dict(headers)
    length, coding = given.get(b"content-length"), given.get(b"transfer-encoding")
    if length is not None and (coding is not None or not _LENGTH.fullmatch(length)):
        raise _bad("invalid_content_length", "The Content-Length is not a number of bytes, or stands beside a Transfer-Encoding.")
    if coding is not None and coding.strip().lower() != b"chunked":
        raise _bad("invalid_transfer_encoding", "Only chunked is understood.")


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _bad(code: str, detail: str) -> Refused:
    return Refused(400, code, "Bad Request", detail)
