"""A passkey's device in software: it makes a credential and signs challenges as WebAuthn Level 3 says, with a P-256 key."""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import encode_cbor

USER_PRESENT, USER_VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def base64url(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


@dataclass
class Authenticator:
    rp_id: str
    origin: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    signed: int = 0

    @property
    def id(self) -> str:
        return base64url(self.credential_id)

    @property
    def cose_key(self) -> bytes:
        """RFC 9053: EC2, ES256, P-256."""
        numbers = self.key.public_key().public_numbers()
        return bytes(encode_cbor({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}))

    def create(self, challenge: str) -> dict[str, Any]:
        """The answer to `navigator.credentials.create()`."""
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + self.cose_key
        data = self._data(USER_PRESENT | USER_VERIFIED | ATTESTED) + attested
        attestation = encode_cbor({"fmt": "none", "attStmt": {}, "authData": data})
        return self._credential({"clientDataJSON": self._client_data("webauthn.create", challenge), "attestationObject": base64url(attestation)})

    def get(self, challenge: str, user_id: str) -> dict[str, Any]:
        """The answer to `navigator.credentials.get()`."""
        self.signed += 1
        data, client_data = self._data(USER_PRESENT | USER_VERIFIED), self._client_data("webauthn.get", challenge)
        raw = orjson.dumps({"type": "webauthn.get", "challenge": challenge, "origin": self.origin, "crossOrigin": False})
        signature = self.key.sign(data + hashlib.sha256(raw).digest(), ec.ECDSA(hashes.SHA256()))
        return self._credential(
            {
                "clientDataJSON": client_data,
                "authenticatorData": base64url(data),
                "signature": base64url(signature),
                "userHandle": base64url(user_id.encode()),
            }
        )

    def _data(self, flags: int) -> bytes:
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.signed.to_bytes(4, "big")

    def _client_data(self, kind: str, challenge: str) -> str:
        return base64url(orjson.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}))

    def _credential(self, response: dict[str, str]) -> dict[str, Any]:
        return {"id": self.id, "rawId": self.id, "type": "public-key", "response": response}
