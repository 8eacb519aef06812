"""JSON keystores (Web3 Secret Storage, version 3): those of known wallets, wrong passwords, and files that would cost too much."""

import json
from typing import Any

import orjson
import pytest
from eth_account import Account

from crypto_api.adapters.key_parcel import make_parcel
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.signing import KeyParcels
from crypto_api.runtime import Runtime
from signer.keystores import KeystoreRefused, WrongPassword, open_keystore

PASSWORD = "testpassword"
# The two test vectors of the specification, as go-ethereum has them (accounts/keystore/testdata/v3_test_vector.json)
KEY = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"
ADDRESS = "0x008AeEda4D805471dF9b2A5B0f38A0C3bCBA786b"
PBKDF2: dict[str, Any] = {
    "crypto": {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "6087dab2f9fdbbfaddc31a909735c1e6"},
        "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
        "kdf": "pbkdf2",
        "kdfparams": {"c": 262144, "dklen": 32, "prf": "hmac-sha256", "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},
        "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
    },
    "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    "version": 3,
}
SCRYPT: dict[str, Any] = {
    "crypto": {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "83dbcc02d8ccb40e466191a123791e0e"},
        "ciphertext": "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
        "kdf": "scrypt",
        "kdfparams": {"dklen": 32, "n": 262144, "p": 8, "r": 1, "salt": "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19"},
        "mac": "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097",
    },
    "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    "version": 3,
}


def written(password: str = PASSWORD, **changes: Any) -> dict[str, Any]:
    """By eth_account, as a person's own tool writes it."""
    made: dict[str, Any] = Account.encrypt("0x" + KEY, password, kdf="pbkdf2", iterations=1000)
    return {**made, **changes}


@pytest.mark.parametrize("keystore", [PBKDF2, SCRYPT, {"Crypto": PBKDF2["crypto"], "version": 3}], ids=["pbkdf2", "scrypt", "Crypto"])
def test_the_vectors_of_the_specification_open(keystore: dict[str, Any]) -> None:
    assert open_keystore(json.dumps(keystore), PASSWORD).hex() == KEY


def test_what_ethers_and_others_add_is_passed_over() -> None:
    more = {"address": ADDRESS[2:].lower(), "x-ethers": {"client": "ethers/6.0", "mnemonicCiphertext": "ab"}, "name": "Operations"}
    assert open_keystore(json.dumps(written(**more)), PASSWORD).hex() == KEY


@pytest.mark.parametrize("password", ["", "testpasswor", "testpassword ", "Testpassword", "\u0442estpassword"])
def test_a_wrong_password_is_told_as_one(password: str) -> None:
    with pytest.raises(WrongPassword):
        open_keystore(json.dumps(written()), password)


def crypto(of: dict[str, Any] = SCRYPT, *, kdfparams: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    inner = of["crypto"]
    return {"version": 3, "crypto": {**inner, **changes, "kdfparams": {**inner["kdfparams"], **(kdfparams or {})}}}


@pytest.mark.parametrize(
    ("keystore", "why"),
    [
        (crypto(kdfparams={"n": 2**22}), "more work"),
        (crypto(kdfparams={"r": 9}), "more work"),
        (crypto(kdfparams={"p": 2**20}), "more work"),
        (crypto(kdfparams={"n": 2**40, "r": 2**40, "p": 2**40}), "more work"),
        (crypto(kdfparams={"n": 262143}), "more work"),
        (crypto(kdfparams={"n": 1}), "more work"),
        (crypto(kdfparams={"n": 0}), "no positive number"),
        (crypto(kdfparams={"n": -4}), "no positive number"),
        (crypto(kdfparams={"n": 1e5}), "no positive number"),
        (crypto(kdfparams={"n": "262144"}), "no positive number"),
        (crypto(kdfparams={"r": True}), "no positive number"),
        (crypto(kdfparams={"p": None}), "no positive number"),
        (crypto(kdfparams={"dklen": 64}), "another length"),
        (crypto(kdfparams={"dklen": 2**31}), "another length"),
        (crypto(kdfparams={"salt": "ab" * 300}), "salt"),
        (crypto(kdfparams={"salt": 7}), "salt"),
        (crypto(kdfparams={"salt": "zz"}), "not a keystore"),
        (crypto(PBKDF2, kdfparams={"c": 2_000_001}), "more work"),
        (crypto(PBKDF2, kdfparams={"prf": "hmac-sha1"}), "more work"),
        (crypto(kdf="argon2"), "not a keystore"),
        (crypto(cipher="aes-256-cbc"), "not a keystore"),
        (crypto(ciphertext="ab" * 200), "more than a private key"),
        (crypto(ciphertext=5), "not a keystore"),
        (crypto(cipherparams={}), "not a keystore"),
        ({"version": 1, "crypto": SCRYPT["crypto"]}, "not a keystore"),
        ({"version": 4, "crypto": SCRYPT["crypto"]}, "not a keystore"),
        ({"version": 3}, "not a keystore"),
        ({"version": 3, "crypto": []}, "not a keystore"),
        ([], "not a keystore"),
        (None, "not a keystore"),
    ],
)
def test_hostile_and_foreign_files_are_refused_before_any_work(keystore: Any, why: str) -> None:
    with pytest.raises(KeystoreRefused, match=why):
        open_keystore(json.dumps(keystore), PASSWORD)


def test_text_that_is_no_json_is_refused() -> None:
    with pytest.raises(KeystoreRefused, match="is not JSON"):
        open_keystore("{'version': 3}", PASSWORD)


async def seal(runtime: Runtime, keystore: dict[str, Any], password: object) -> str:
    parcel = make_parcel(bytearray(orjson.dumps(password)), await runtime.signer.public_key())
    return (await runtime.signer.seal("org_1", "wal_1", KeyParcels(keystore=json.dumps(keystore), keystore_password=parcel))).address


async def test_the_signer_says_what_is_wrong_at_which_field(runtime: Runtime) -> None:
    assert await seal(runtime, SCRYPT, PASSWORD) == ADDRESS
    no_key = Account.encrypt("0x" + KEY, PASSWORD, kdf="pbkdf2", iterations=1000)
    no_key["crypto"]["ciphertext"] = no_key["crypto"]["ciphertext"][:32]  # half a key: the MAC is over it, so this is told as a wrong password
    for keystore, password, field, code in (
        (written(), "wrong", "keystore_password", "wrong_password"),
        (written(), 17, "keystore_password", "invalid_password"),
        (crypto(kdfparams={"n": 2**30}), PASSWORD, "keystore", "invalid_keystore"),
        (no_key, PASSWORD, "keystore_password", "wrong_password"),
    ):
        with pytest.raises(InvalidInput) as refused:
            await seal(runtime, keystore, password)
        assert [(row.field, row.code) for row in refused.value.errors] == [(field, code)]
