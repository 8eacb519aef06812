"""Sealed keys open for their wallet and for nothing else."""

from base64 import b64decode, b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from crypto_api.adapters.key_sealing import KeySealer, SealBroken

MASTER = b64encode(bytes(range(32))).decode()
OF = {"org_id": "org_1", "wallet_id": "wal_1", "address": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"}
SECRET = bytes(range(100, 132))


@given(secret=st.binary(min_size=1, max_size=64))
def test_what_was_sealed_opens(secret: bytes) -> None:
    sealer = KeySealer(MASTER, "k1")
    assert sealer.open(sealer.seal(secret, **OF), **OF) == secret


@pytest.mark.parametrize("changed", ["org_id", "wallet_id", "address"])
def test_it_opens_for_no_other_wallet(changed: str) -> None:
    sealer = KeySealer(MASTER, "k1")
    envelope = sealer.seal(SECRET, **OF)
    with pytest.raises(SealBroken):
        sealer.open(envelope, **{**OF, changed: OF[changed] + "x"})


def test_it_opens_under_no_other_master_key() -> None:
    envelope = KeySealer(MASTER, "k1").seal(SECRET, **OF)
    for sealer in (KeySealer(b64encode(bytes(32)).decode(), "k1"), KeySealer(MASTER, "k2")):
        with pytest.raises(SealBroken):
            sealer.open(envelope, **OF)


def test_an_envelope_of_the_first_version_still_opens() -> None:
    """In it the secret was not bound to the master key's id."""
    data_key, nonce, bound = bytes(range(32)), bytes(12), b"1|org_1|wal_1|" + OF["address"].encode() + b"|"
    parts = {
        "wrap_nonce": nonce, "wrapped_key": AESGCM(b64decode(MASTER)).encrypt(nonce, data_key, bound + b"k1"), "nonce": nonce,
        "ciphertext": AESGCM(data_key).encrypt(nonce, SECRET, bound),
    }  # fmt: skip
    envelope = {"version": 1, "key_id": "k1", **{name: b64encode(value).decode() for name, value in parts.items()}}
    assert KeySealer(MASTER, "k1").open(envelope, **OF) == SECRET


def test_every_altered_bit_and_missing_field_is_noticed() -> None:
    sealer = KeySealer(MASTER, "k1")
    envelope = sealer.seal(SECRET, **OF)
    altered: list[dict[str, Any]] = [{name: value for name, value in envelope.items() if name != gone} for gone in envelope]
    for field in ("wrap_nonce", "wrapped_key", "nonce", "ciphertext"):
        raw = bytearray(b64decode(str(envelope[field])))
        for bit in range(8 * len(raw)):
            raw[bit // 8] ^= 1 << bit % 8
            altered.append(envelope | {field: b64encode(bytes(raw)).decode()})
            raw[bit // 8] ^= 1 << bit % 8
    altered += [envelope | {"version": 1}, envelope | {"version": 3}, envelope | {"version": "2"}, envelope | {"ciphertext": ""}]
    altered += [envelope | {"nonce": "not base64!"}, envelope | {"key_id": "k2"}, envelope | {"key_id": {}}, envelope | {"more": 1}]
    for each in altered:
        with pytest.raises(SealBroken):
            sealer.open(each, **OF)


def test_no_nonce_or_data_key_comes_twice_and_the_secret_does_not_show() -> None:
    sealer = KeySealer(MASTER, "k1")
    envelopes = [sealer.seal(SECRET, **OF) for _ in range(200)]
    for field in ("wrap_nonce", "wrapped_key", "nonce", "ciphertext"):
        assert len({envelope[field] for envelope in envelopes}) == 200
    assert all(SECRET not in b64decode(str(envelope["ciphertext"])) for envelope in envelopes)
