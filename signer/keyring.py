"""The keys of the vault: master keys that open envelopes, and the intake keys that follow from them."""

from base64 import b64decode
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, derive_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crypto_api.adapters.key_parcel import intake_key
from crypto_api.adapters.key_sealing import KeySealer
from crypto_api.kit.signing import IntakeKey
from signer.settings import VaultSettings

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
_EXTRA_BYTES = 48  # 128 bits more than the order has, so that what is left over favours no key (FIPS 186-5, A.2.1)


@dataclass(frozen=True)
class Keyring:
    sealer: KeySealer
    intake: IntakeKey
    intake_keys: dict[str, EllipticCurvePrivateKey]  # by kid; those of previous master keys open parcels that were made before a rotation


def open_keyring(settings: VaultSettings) -> Keyring:
    current, previous = settings.master_key.get_secret_value(), settings.previous
    keys = [_derived(key) for key in (current, *previous.values())]
    told = [intake_key(key.public_key()) for key in keys]
    return Keyring(KeySealer(current, settings.master_key_id, previous), told[0], {public.kid: key for public, key in zip(told, keys, strict=True)})


def _derived(master_key: str) -> EllipticCurvePrivateKey:
    """The same after every restart. Nothing of the master key follows from it."""
    wide = HKDF(SHA256(), _EXTRA_BYTES, salt=None, info=b"coffer intake key, P-256, v1").derive(b64decode(master_key))
    return derive_private_key(int.from_bytes(wide) % (_ORDER - 1) + 1, SECP256R1())
