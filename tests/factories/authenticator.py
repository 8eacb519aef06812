"""A software authenticator: what a browser and a security device do together (WebAuthn Level 3), and whatever a dishonest one may do instead."""

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

UP, UV, BE, BS, AT = 0x01, 0x04, 0x08, 0x10, 0x40


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Held:
    """A credential in the device."""

    id: bytes
    key: ec.EllipticCurvePrivateKey
    user_handle: bytes
    count: int = 0


@dataclass
class Lies:
    """What is not as it should be. None: as it should be."""

    type: str | None = None
    challenge: str | None = None
    origin: str | None = None
    rp_id: str | None = None
    flags: int | None = None
    count: int | None = None
    user_handle: bytes | str | None = None
    client: dict[str, Any] = field(default_factory=dict)  # into the client data
    fmt: str | None = None
    statement: dict[str, Any] | None = None
    algorithm: int | None = None
    key: ec.EllipticCurvePrivateKey | None = None  # signs in place of the right one
    of_data: Callable[[bytes], bytes] | None = None  # authenticator data, before it is signed
    of_attestation: Callable[[bytes], bytes] | None = None  # the finished attestation object
    of_signature: Callable[[bytes], bytes] | None = None
    of_client: Callable[[bytes], bytes] | None = None  # the client data, before they are signed
    after: Callable[[dict[str, Any]], None] | None = None  # the finished credential


HONEST = Lies()


class Authenticator:
    def __init__(self, origin: str, *, counts: bool = True) -> None:
        """`counts`: whether it has a counter; synchronised passkeys have none."""
        self.origin = origin
        self.counts = counts
        self.held: list[Held] = []

    def create(self, options: dict[str, Any], lies: Lies = HONEST) -> dict[str, Any]:
        """`navigator.credentials.create()`, as JSON."""
        made = Held(secrets.token_bytes(16), ec.generate_private_key(ec.SECP256R1()), unb64(options["user"]["id"]))
        self.held.append(made)
        point = made.key.public_key().public_numbers()
        cose = {1: 2, 3: lies.algorithm or -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        attested = bytes(16) + len(made.id).to_bytes(2, "big") + made.id + cbor2.dumps(cose)
        data = self._data(lies.rp_id or options["rp"]["id"], UP | UV | AT, made, lies) + attested
        data = lies.of_data(data) if lies.of_data else data
        attestation = cbor2.dumps({"fmt": lies.fmt or "none", "attStmt": lies.statement or {}, "authData": data})
        attestation = lies.of_attestation(attestation) if lies.of_attestation else attestation
        credential = {
            "id": b64(made.id),
            "rawId": b64(made.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": b64(self._client_data("webauthn.create", options["challenge"], lies)),
                "attestationObject": b64(attestation),
                "transports": ["internal", "hybrid"],
            },
        }
        if lies.after:
            lies.after(credential)
        return credential

    def get(self, options: dict[str, Any], lies: Lies = HONEST, *, held: Held | None = None) -> dict[str, Any]:
        """`navigator.credentials.get()`, as JSON, with the newest credential that the options allow."""
        allowed = {row["id"] for row in options.get("allowCredentials", [])}
        held = held or [row for row in self.held if not allowed or b64(row.id) in allowed][-1]
        data = self._data(lies.rp_id or options["rpId"], UP | UV, held, lies)
        data = lies.of_data(data) if lies.of_data else data
        client = self._client_data("webauthn.get", options["challenge"], lies)
        signature = (lies.key or held.key).sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        signature = lies.of_signature(signature) if lies.of_signature else signature
        handle = held.user_handle if lies.user_handle is None else lies.user_handle
        credential = {
            "id": b64(held.id),
            "rawId": b64(held.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": b64(client),
                "authenticatorData": b64(data),
                "signature": b64(signature),
                "userHandle": b64(handle) if isinstance(handle, bytes) else None,
            },
        }
        if lies.after:
            lies.after(credential)
        return credential

    def _data(self, rp_id: str, flags: int, held: Held, lies: Lies) -> bytes:
        held.count += 1 if self.counts else 0
        count = held.count if lies.count is None else lies.count
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags if lies.flags is None else lies.flags]) + count.to_bytes(4, "big")

    def _client_data(self, kind: str, challenge: str, lies: Lies) -> bytes:
        told = {
            "type": lies.type or kind,
            "challenge": lies.challenge or challenge,
            "origin": lies.origin or self.origin,
            "crossOrigin": False,
            **lies.client,
        }
        raw = json.dumps(told, separators=(",", ":")).encode()
        return lies.of_client(raw) if lies.of_client else raw
