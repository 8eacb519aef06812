"""Identifiers: opaque to clients, sortable by the time they were made, prefixed by what they name."""

import secrets

from crypto_api.kit.clock import source

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32: no i, l, o, u to misread


def _base32(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, rest = divmod(number, 32)
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))


def new_id(prefix: str) -> str:
    """`wal_01j…`: 48 bits of milliseconds, then 80 random bits (the layout of a ULID), so that ids sort by creation."""
    return f"{prefix}_{_base32(source.unix_ms(), 10)}{_base32(secrets.randbits(80), 16)}"


_last = 0


def next_id(prefix: str) -> str:
    """Like `new_id`, and greater than every id that this process took here before, even within one millisecond: what is written in
    order sorts in order."""
    global _last
    _last = max(_last + 1, (source.unix_ms()) << 80 | secrets.randbits(79))
    return f"{prefix}_{_base32(_last >> 80, 10)}{_base32(_last & (1 << 80) - 1, 16)}"


def new_token() -> str:
    """A secret for one person: 256 random bits, URL-safe. Only its hash is ever stored."""
    return secrets.token_urlsafe(32)
