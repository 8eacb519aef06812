"""What passes between the product and its signer, the process that alone can open a key."""

from dataclasses import dataclass, field
from typing import Any

from crypto_api.kit.errors import Conflict, Unavailable

UNSEALED = "unsealed"
"""Stands where a secret stood that could not be sealed, because the signer was away."""


@dataclass(frozen=True, slots=True)
class SignedBytes:
    raw: str  # 0x…, exactly what is broadcast
    hash: str


@dataclass(frozen=True, slots=True)
class SigningAsk:
    """All that the signer is told: what stands behind these ids it reads itself."""

    org_id: str
    payment_id: str
    attempt_id: str


@dataclass(frozen=True, slots=True)
class IntakeKey:
    """To whom secrets are sealed on their way in: the signer's public key on P-256."""

    kid: str
    x: str  # base64url, as in a JWK (RFC 7518, 6.2.1)
    y: str


@dataclass(frozen=True, slots=True)
class KeyParcels:
    """A key on its way in. Each parcel is a compact JWE (RFC 7516) that only the signer opens; what is in it is JSON text."""

    private_key: str | None = field(default=None, repr=False)  # parcel
    keystore: str | None = field(default=None, repr=False)  # JSON text of Web3 Secret Storage, itself encrypted
    keystore_password: str | None = field(default=None, repr=False)  # parcel


@dataclass(frozen=True, slots=True)
class SealedKey:
    address: str  # EIP-55, of the key that was in the parcel
    envelope: dict[str, Any] = field(repr=False)


class SigningRefused(Conflict):
    """The signer read it all again, and something does not hold."""

    code = "signing_refused"


class SignerUnavailable(Unavailable):
    code = "signer_unavailable"

    def __init__(self) -> None:
        super().__init__("The signer cannot be reached at the moment. Nothing was signed; it goes on by itself when it is back.")
