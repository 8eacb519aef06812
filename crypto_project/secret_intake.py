"""Secrets in a JSON body are sealed to the signer's key while the body is still in a buffer of ours: before it is text, before Django, before
anything that keeps copies. What was there is overwritten.

The reader below follows the grammar of JSON (RFC 8259) and builds nothing from what it reads. A body that is not JSON goes no further at all.
"""

import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass

from crypto_api.adapters.key_parcel import make_parcel
from crypto_api.kit.signing import UNSEALED, IntakeKey
from crypto_api.kit.wiping import wipe

SECRETS = frozenset({b"private_key", b"keystore_password"})
ENCRYPTED_ALREADY = b"keystore"  # holds 64 hexadecimal digits that are no key
SECRETS_MAX = 8
"""More are hidden instead: no request of ours has them, and each takes time of the whole server."""

NOT_JSON = b"{"  # is answered as any other body that is not JSON

_TOKEN = re.compile(
    rb"""[ \t\r\n]*(?:
    (?P<text>"[^"\\\x00-\x1f]*(?:\\["\\/bfnrtu][^"\\\x00-\x1f]*)*")
    |(?P<word>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)
    |(?P<mark>[{}\[\],:])
    |(?P<end>\Z))""",
    re.VERBOSE,
)
_PARCEL = re.compile(rb'"eyJ[A-Za-z0-9_-]+\.\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{22}"')
_LIKE_A_KEY = re.compile(rb'"(?:0x)?[0-9a-fA-F]{64}"')
_HIDDEN = b'"[hidden]"'
_CLOSES = {b"}": b"{", b"]": b"["}
_DEPTH_MAX = 64  # the guard of bodies refuses far less


class NotJson(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Value:
    """Where the value of a member of an object stands, or of an array's, and under which names, the outermost first."""

    start: int
    end: int
    names: tuple[bytes, ...]


def seal_body(body: bytearray, to: IntakeKey | None) -> bytes:
    """The body as it may go on. `body` is overwritten. `to`: None while the signer is away; then a word stands for each secret."""
    view = memoryview(body)
    try:
        pieces, position, sealed = [], 0, 0
        for value in _secrets(body):
            instead = _HIDDEN
            if value.names and value.names[-1] in SECRETS and sealed < SECRETS_MAX:
                instead, sealed = _parcel(view[value.start : value.end], to), sealed + 1
            pieces += [bytes(view[position : value.start]), instead]
            position = value.end
        return b"".join([*pieces, bytes(view[position:])])
    except NotJson:
        return NOT_JSON
    finally:
        wipe(view)
        view.release()


def digest_of(body: bytearray, secret: str) -> bytes:
    """By which a repeat of the same request is known: each sealing of the same secret is another text."""
    return hmac.digest(secret.encode(), body, "sha256")


def _secrets(body: bytearray) -> Iterator[Value]:
    """Those not inside of one another, in order. NotJson, after all of them at the latest."""
    found = [value for value in values(body) if _is_secret(body, value)]
    last = 0
    for value in sorted(found, key=lambda value: (value.start, -value.end)):
        if value.start >= last:
            last = value.end
            yield value


def _is_secret(body: bytearray, value: Value) -> bool:
    if value.names and value.names[-1] in SECRETS:
        return body[value.start : value.start + 4] != b"null" and _PARCEL.fullmatch(body, value.start, value.end) is None
    return ENCRYPTED_ALREADY not in value.names and _LIKE_A_KEY.fullmatch(body, value.start, value.end) is not None


def _parcel(secret: memoryview, to: IntakeKey | None) -> bytes:
    return b'"%b"' % (make_parcel(secret, to) if to is not None else UNSEALED).encode()


def values(body: bytearray) -> list[Value]:
    """Every value in it, by where it ends. NotJson."""
    found: list[Value] = []
    stack: list[tuple[bytes, int, tuple[bytes, ...]]] = []  # what was opened, where, and under which names
    names: tuple[bytes, ...] = ()
    wanted, position = "value", 0
    while True:
        token = _TOKEN.match(body, position)
        if token is None:
            raise NotJson
        kind, start, position = token.lastgroup, token.start(str(token.lastgroup)), token.end()
        mark = bytes(body[start:position]) if kind == "mark" else b""
        if kind == "end":
            if wanted != "end":
                raise NotJson
            return found
        if wanted.startswith("key") and kind == "text":
            names, wanted = (*(stack[-1][2]), _name(body, start, position)), "colon"
        elif wanted == "colon" and mark == b":":
            wanted = "value"
        elif wanted.startswith("value") and mark in (b"{", b"[") and len(stack) < _DEPTH_MAX:
            stack.append((mark, start, names))
            wanted = "key or end" if mark == b"{" else "value or end"
        elif wanted.startswith("value") and kind in ("text", "word"):
            found.append(Value(start, position, names))
            wanted = "comma" if stack else "end"
        elif mark in _CLOSES and (wanted == "comma" or wanted.endswith("or end")) and stack and stack[-1][0] == _CLOSES[mark]:
            _, start, names = stack.pop()
            found.append(Value(start, position, names))
            wanted = "comma" if stack else "end"
        elif wanted == "comma" and mark == b",":
            names, wanted = stack[-1][2], "key" if stack[-1][0] == b"{" else "value"
        else:
            raise NotJson


def _name(body: bytearray, start: int, end: int) -> bytes:
    """Of a member, without its escapes: "private\\u005fkey" is private_key."""
    if _LIKE_A_KEY.fullmatch(body, start, end):
        raise NotJson  # a key in the place of a name: it would be told as unknown
    name = bytes(body[start + 1 : end - 1])
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)).encode("utf-8", "replace"), name).replace(b"\\/", b"/")


_ESCAPE = re.compile(rb"\\u([0-9a-fA-F]{4})")
