"""Envelope encryption of wallet keys: AES-256-GCM, a data key for each wallet, wrapped by the master key. Only the signer imports this.

The ciphertext is bound to its organisation, wallet and address: moved to another row it does not open.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from secrets import token_bytes
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = 2
_NONCE_BYTES = 12
_FIELDS = {"version", "key_id", "wrap_nonce", "wrapped_key", "nonce", "ciphertext"}


class SealBroken(Exception):
    """The envelope was altered, belongs to another wallet, or was made under a master key that is not known here."""


class KeySealer:
    version = VERSION

    def __init__(self, master_key: str, master_key_id: str, previous: Mapping[str, str] | None = None) -> None:
        """Keys are 32 bytes in base64. The current one seals; those of `previous`, by their ids, still open what they sealed."""
        self.key_id = master_key_id
        self._masters = {key_id: AESGCM(b64decode(key)) for key_id, key in {**(previous or {}), master_key_id: master_key}.items()}

    def seal(self, secret: bytes, *, org_id: str, wallet_id: str, address: str) -> dict[str, str | int]:
        data_key, nonce, wrap_nonce = AESGCM.generate_key(256), token_bytes(_NONCE_BYTES), token_bytes(_NONCE_BYTES)
        bound = _bound_to(VERSION, org_id, wallet_id, address, self.key_id)
        return {
            "version": VERSION,
            "key_id": self.key_id,
            "wrap_nonce": _text(wrap_nonce),
            "wrapped_key": _text(self._masters[self.key_id].encrypt(wrap_nonce, data_key, bound[0])),
            "nonce": _text(nonce),
            "ciphertext": _text(AESGCM(data_key).encrypt(nonce, secret, bound[1])),
        }

    def open(self, envelope: Mapping[str, Any], *, org_id: str, wallet_id: str, address: str) -> bytes:
        """SealBroken when it is not exactly what was sealed for this wallet."""
        try:
            if set(envelope) != _FIELDS or envelope["version"] not in (1, VERSION):
                raise SealBroken("no envelope of ours")
            master = self._masters.get(envelope["key_id"])
            if master is None:
                raise SealBroken("sealed under a master key that is not known here")
            wrapping, sealing = _bound_to(int(envelope["version"]), org_id, wallet_id, address, envelope["key_id"])
            data_key = master.decrypt(_bytes(envelope["wrap_nonce"]), _bytes(envelope["wrapped_key"]), wrapping)
            return AESGCM(data_key).decrypt(_bytes(envelope["nonce"]), _bytes(envelope["ciphertext"]), sealing)
        except (InvalidTag, TypeError, ValueError) as error:
            raise SealBroken("the envelope does not open") from error


def _bound_to(version: int, org_id: str, wallet_id: str, address: str, key_id: str) -> tuple[bytes, bytes]:
    """What is authenticated beside the data key, and beside the secret. Ids hold no |. In version 1 the secret was not bound to the key id."""
    whole = f"{version}|{org_id}|{wallet_id}|{address}|{key_id}"
    if version == 1:
        return whole.encode(), f"{version}|{org_id}|{wallet_id}|{address}|".encode()
    return f"{whole}|data key".encode(), f"{whole}|secret".encode()


def _text(value: bytes) -> str:
    return b64encode(value).decode()


def _bytes(value: object) -> bytes:
    return b64decode(str(value), validate=True)
