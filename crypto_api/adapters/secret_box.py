"""Seals small secrets at rest (TOTP secrets, keys that sign tokens): AES-256-GCM under a key derived from SECRET_KEY, bound to where they belong."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from secrets import token_bytes

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crypto_api.kit.errors import BoxBroken

_NONCE_BYTES = 12
_VERSION = "v1"


class SecretBox:
    def __init__(self, secret_key: str, *previous: str) -> None:
        """`previous` open what was sealed before SECRET_KEY changed; sealing is always under the present one."""
        self._keys = [AESGCM(_derived(key)) for key in (secret_key, *previous)]

    def seal(self, secret: bytes, bound_to: str) -> str:
        nonce = token_bytes(_NONCE_BYTES)
        sealed = self._keys[0].encrypt(nonce, secret, bound_to.encode())
        return f"{_VERSION}.{urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, envelope: str, bound_to: str) -> bytes:
        """BoxBroken when it is not exactly what was sealed for `bound_to`."""
        version, _, text = envelope.partition(".")
        try:
            raw = urlsafe_b64decode(text.encode())
        except ValueError as error:
            raise BoxBroken("not an envelope") from error
        if version != _VERSION:
            raise BoxBroken("unknown version")
        for key in self._keys:
            try:
                return key.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], bound_to.encode())
            except (InvalidTag, ValueError):
                continue
        raise BoxBroken("the envelope does not open")


def _derived(secret_key: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"coffer secret box v1").derive(secret_key.encode())
