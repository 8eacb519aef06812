"""Envelope encryption of wallet keys: AES-256-GCM, a data key for each wallet, wrapped by the master key.

The ciphertext is bound to its organisation, wallet and address: moved to another row it does not open.
"""

from base64 import b64decode, b64encode
from secrets import token_bytes

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = 1
_NONCE_BYTES = 12


class SealBroken(Exception):
    """The envelope was altered, belongs to another wallet, or was made under another master key."""


class KeySealer:
    def __init__(self, master_key: str, master_key_id: str) -> None:
        """`master_key` is 32 bytes in base64; `master_key_id` stands in every envelope, so that a rotation finds what to re-wrap."""
        self._master = AESGCM(b64decode(master_key))
        self._key_id = master_key_id

    def seal(self, secret: bytes, *, org_id: str, wallet_id: str, address: str) -> dict[str, str | int]:
        bound = _bound_to(org_id, wallet_id, address)
        data_key, nonce, wrap_nonce = AESGCM.generate_key(256), token_bytes(_NONCE_BYTES), token_bytes(_NONCE_BYTES)
        return {
            "version": VERSION,
            "key_id": self._key_id,
            "wrap_nonce": _text(wrap_nonce),
            "wrapped_key": _text(self._master.encrypt(wrap_nonce, data_key, bound + self._key_id.encode())),
            "nonce": _text(nonce),
            "ciphertext": _text(AESGCM(data_key).encrypt(nonce, secret, bound)),
        }

    def open(self, envelope: dict[str, str | int], *, org_id: str, wallet_id: str, address: str) -> bytes:
        """SealBroken when it is not exactly what was sealed for this wallet."""
        bound = _bound_to(org_id, wallet_id, address)
        try:
            if envelope["version"] != VERSION or envelope["key_id"] != self._key_id:
                raise SealBroken("unknown version or master key")
            data_key = self._master.decrypt(_bytes(envelope["wrap_nonce"]), _bytes(envelope["wrapped_key"]), bound + self._key_id.encode())
            return AESGCM(data_key).decrypt(_bytes(envelope["nonce"]), _bytes(envelope["ciphertext"]), bound)
        except (InvalidTag, KeyError, ValueError) as error:
            raise SealBroken("the envelope does not open") from error


def _bound_to(org_id: str, wallet_id: str, address: str) -> bytes:
    return f"{VERSION}|{org_id}|{wallet_id}|{address}|".encode()


def _text(value: bytes) -> str:
    return b64encode(value).decode()


def _bytes(value: str | int) -> bytes:
    return b64decode(str(value), validate=True)
