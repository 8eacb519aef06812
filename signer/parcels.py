"""Opening what was sealed to the intake key: a compact JWE of exactly the one form that we make."""

from collections.abc import Mapping

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ec import ECDH, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crypto_api.adapters.key_parcel import ALGORITHM, ENCRYPTION, NONCE_BYTES, TAG_BYTES, agreed_key, padded, public_key_of

_HEADER_CHARACTERS_MAX = 1_000


class ParcelBroken(Exception):
    """It is no parcel, or was altered."""


class OtherIntakeKey(ParcelBroken):
    """It was sealed to a key that this signer does not have (any more)."""


def open_parcel(parcel: str, keys: Mapping[str, EllipticCurvePrivateKey]) -> object:
    """The JSON value in it. ParcelBroken."""
    try:
        header, encrypted_key, nonce, ciphertext, tag = parcel.split(".")
        if encrypted_key or len(header) > _HEADER_CHARACTERS_MAX:
            raise ParcelBroken
        own, public = _agreement(orjson.loads(padded(header)), keys)
        key = agreed_key(own.exchange(ECDH(), public_key_of(*public)))
        sealed, iv = padded(ciphertext) + padded(tag), padded(nonce)
        if len(iv) != NONCE_BYTES or len(padded(tag)) != TAG_BYTES:
            raise ParcelBroken
        return orjson.loads(AESGCM(key).decrypt(iv, sealed, header.encode()))
    except (ValueError, InvalidTag) as error:
        raise ParcelBroken from error


def _agreement(header: object, keys: Mapping[str, EllipticCurvePrivateKey]) -> tuple[EllipticCurvePrivateKey, tuple[str, str]]:
    match header:
        case {"alg": str(alg), "enc": str(enc), "kid": str(kid), "epk": {"kty": "EC", "crv": "P-256", "x": str(x), "y": str(y), **rest}, **others}:
            if alg != ALGORITHM or enc != ENCRYPTION or rest or others:
                raise ParcelBroken
            if kid not in keys:
                raise OtherIntakeKey
            return keys[kid], (x, y)
    raise ParcelBroken
