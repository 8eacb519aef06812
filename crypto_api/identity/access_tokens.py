"""Access tokens: JSON Web Tokens after RFC 8725 and RFC 9068, with one algorithm, one type, one issuer and one audience.

The header may hold exactly what ours hold: whatever else a token asks for (`jku`, `x5u`, `jwk`, `crit`, `zip` …) makes it invalid. `kid` is
looked up among the keys that are there, and is nothing but a name in that list.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import orjson

from crypto_api.identity.errors import InvalidToken
from crypto_api.identity.types import ACCESS_LIFETIME, AccessClaims
from crypto_api.kit.ids import new_id

ALGORITHM, TYPE, ISSUER, AUDIENCE = "HS256", "at+jwt", "coffer", "coffer-api"
KEY_BYTES = 32
_LENGTH_MAX = 2_048
_AHEAD = timedelta(seconds=30)  # by how much the clocks of two of our processes may differ
_CLAIMS = frozenset({"sub", "sid", "iss", "aud", "iat", "exp", "jti"})
_SHAPE = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)


@dataclass(frozen=True)
class Signer:
    kid: str
    key: bytes


@dataclass(frozen=True)
class KeyRing:
    """The keys that verify, by `kid`, and the one of them that signs."""

    signer: Signer
    keys: Mapping[str, bytes] = field(repr=False)


def issue(signer: Signer, user_id: str, session_id: str, now: datetime) -> str:
    issued = int(now.timestamp())
    claims = {
        "sub": user_id,
        "sid": session_id,
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": issued,
        "exp": issued + int(ACCESS_LIFETIME.total_seconds()),
        "jti": new_id("jti"),
    }
    return jwt.encode(claims, signer.key, algorithm=ALGORITHM, headers={"typ": TYPE, "kid": signer.kid})


def kid_of(token: str) -> str:
    """Which key it says it is signed with. InvalidToken for everything that could not be one of ours."""
    shaped = _SHAPE.fullmatch(token) if len(token) <= _LENGTH_MAX else None
    if shaped is None:
        raise InvalidToken
    header = _object(shaped[1])
    _bytes(shaped[3])
    kid = header.pop("kid", None)
    if header != {"alg": ALGORITHM, "typ": TYPE} or not isinstance(kid, str):
        raise InvalidToken
    return kid


def read(key: bytes, token: str, now: datetime) -> AccessClaims:
    """InvalidToken for everything that is not an access token of ours, signed with `key` and valid at `now`."""
    kid_of(token)
    try:
        # times are compared with our clock below, not with the library's
        jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            audience=AUDIENCE,
            options={"require": sorted(_CLAIMS), "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
    except (jwt.InvalidTokenError, ValueError) as error:
        raise InvalidToken from error
    claims = _object(token.split(".")[1])
    texts = [claims.get(name) for name in ("sub", "sid", "jti", "iss", "aud")]
    if claims.keys() != _CLAIMS or not all(isinstance(text, str) and text for text in texts):
        raise InvalidToken
    return AccessClaims(claims["sub"], claims["sid"], _expiry(claims["iat"], claims["exp"], now))


def _expiry(issued: Any, expires: Any, now: datetime) -> datetime:
    """Both are whole seconds, as we write them; it was issued by now, and for no longer than we issue."""
    if type(issued) is not int or type(expires) is not int:
        raise InvalidToken
    seconds = now.timestamp()
    lives = issued <= seconds + _AHEAD.total_seconds() and seconds < expires <= issued + ACCESS_LIFETIME.total_seconds()
    if not lives:
        raise InvalidToken
    return datetime.fromtimestamp(expires, UTC)


def _object(segment: str) -> dict[str, Any]:
    """A JSON object out of base64url. InvalidToken for anything else, and for text that two readers could read in two ways, such as a name that
    comes twice."""
    raw = _bytes(segment)
    try:
        found = orjson.loads(raw)
    except ValueError as error:
        raise InvalidToken from error
    if not isinstance(found, dict) or orjson.dumps(found) != raw:
        raise InvalidToken
    return found


def _bytes(segment: str) -> bytes:
    """Out of base64url without padding; each value has one spelling only: spare bits at the end must be zero."""
    try:
        raw = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError as error:
        raise InvalidToken from error
    if urlsafe_b64encode(raw).rstrip(b"=") != segment.encode():
        raise InvalidToken
    return raw
