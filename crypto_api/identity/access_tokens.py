"""Access tokens: JSON Web Tokens after RFC 8725 and RFC 9068, with one algorithm, one type, one issuer and one audience."""

import hashlib
import hmac
from datetime import UTC, datetime

import jwt

from crypto_api.identity.errors import InvalidToken
from crypto_api.identity.types import ACCESS_LIFETIME, AccessClaims
from crypto_api.kit.ids import new_id

ALGORITHM, TYPE, ISSUER, AUDIENCE = "HS256", "at+jwt", "coffer", "coffer-api"
_LENGTH_MAX = 2_048
_REQUIRED = ["sub", "sid", "iss", "aud", "iat", "exp", "jti"]


class AccessTokens:
    def __init__(self, secret_key: str) -> None:
        # a key of its own: what is signed for another purpose with the same secret never passes here
        self._key = hmac.digest(secret_key.encode(), b"coffer access token v1", hashlib.sha256)

    def issue(self, user_id: str, session_id: str, now: datetime) -> str:
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
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers={"typ": TYPE})

    def read(self, token: str, now: datetime) -> AccessClaims:
        """InvalidToken for everything that is not an access token of ours, still valid at `now`."""
        if len(token) > _LENGTH_MAX:
            raise InvalidToken
        try:
            # expiry is compared with our clock below, not with the library's
            read = jwt.decode_complete(
                token,
                self._key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False},
            )
        except (jwt.InvalidTokenError, ValueError) as error:
            raise InvalidToken from error
        claims = read["payload"]
        user_id, session_id, expires = claims["sub"], claims["sid"], claims["exp"]
        if read["header"].get("typ") != TYPE or not isinstance(expires, int) or expires <= now.timestamp():
            raise InvalidToken
        if not isinstance(user_id, str) or not isinstance(session_id, str):
            raise InvalidToken
        return AccessClaims(user_id, session_id, datetime.fromtimestamp(expires, UTC))
