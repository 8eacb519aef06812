"""Secrets on their way in: a compact JWE (RFC 7516) to the signer's public key, ECDH-ES on P-256 with A256GCM (RFC 7518, 4.6 and 5.3). What leaves
here only the signer opens. The same is made in the browser by static/dashboard/parcel.js.

Made from primitives rather than by a JOSE library, because here every buffer that a secret stood in has to be overwritten.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from secrets import token_bytes

import orjson
from cryptography.hazmat.primitives.asymmetric.ec import ECDH, SECP256R1, EllipticCurvePublicKey, EllipticCurvePublicNumbers, generate_private_key
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash

from crypto_api.kit.signing import IntakeKey
from crypto_api.kit.wiping import wipe

ALGORITHM, ENCRYPTION = "ECDH-ES", "A256GCM"
KEY_BYTES, NONCE_BYTES, TAG_BYTES = 32, 12, 16
_OTHER_INFO = b"\0\0\0\x07A256GCM" + bytes(4) + bytes(4) + (256).to_bytes(4)  # RFC 7518, 4.6.2: algorithm, no party information, key length


def make_parcel(secret: bytearray | memoryview, to: IntakeKey) -> str:
    """`secret` is JSON text; the caller overwrites it."""
    own = generate_private_key(SECP256R1())
    header = unpadded(orjson.dumps({"alg": ALGORITHM, "enc": ENCRYPTION, "kid": to.kid, "epk": jwk_of(own.public_key())}))
    shared = own.exchange(ECDH(), public_key_of(to.x, to.y))
    key, nonce = agreed_key(shared), token_bytes(NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, secret, header.encode())
    wipe(shared, key)
    return ".".join([header, "", unpadded(nonce), unpadded(sealed[:-TAG_BYTES]), unpadded(sealed[-TAG_BYTES:])])


def intake_key(public: EllipticCurvePublicKey) -> IntakeKey:
    """Its `kid` is its thumbprint (RFC 7638)."""
    jwk = jwk_of(public)
    return IntakeKey(unpadded(sha256(orjson.dumps(jwk, option=orjson.OPT_SORT_KEYS)).digest()), jwk["x"], jwk["y"])


def public_key_of(x: str, y: str) -> EllipticCurvePublicKey:
    """ValueError when it is no point of the curve."""
    return EllipticCurvePublicNumbers(int.from_bytes(padded(x)), int.from_bytes(padded(y)), SECP256R1()).public_key()


def agreed_key(shared: bytes) -> bytes:
    return ConcatKDFHash(SHA256(), KEY_BYTES, _OTHER_INFO).derive(shared)


def jwk_of(public: EllipticCurvePublicKey) -> dict[str, str]:
    numbers = public.public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": unpadded(numbers.x.to_bytes(32)), "y": unpadded(numbers.y.to_bytes(32))}


def unpadded(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def padded(text: str) -> bytes:
    """ValueError when it is not base64url."""
    if not text.isascii() or "+" in text or "/" in text or "=" in text:
        raise ValueError("not base64url")
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
