"""Web3 Secret Storage, version 3: the JSON keystore of geth, ethers and others, opened with its password by eth_keyfile, within bounds."""

from typing import Any

import orjson
from eth_keyfile.keyfile import decode_keyfile_json

SCRYPT_CELLS_MAX = 2**21  # n * r: 256 MB, what geth and ethers write
SCRYPT_WORK_MAX = 2**23  # n * r * p: some four seconds
PBKDF2_ROUNDS_MAX = 2_000_000
_SALT_BYTES_MAX = 256


class KeystoreRefused(Exception):
    """The message is a sentence without anything out of the keystore."""


class WrongPassword(Exception):
    pass


def open_keystore(text: str, password: str) -> bytes:
    """The private key's bytes. KeystoreRefused or WrongPassword."""
    try:
        keystore = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise KeystoreRefused("is not JSON") from error
    crypto = _checked(keystore)
    try:
        return bytes(decode_keyfile_json({"version": 3, "crypto": crypto}, password.encode()))
    except ValueError as error:
        if "MAC mismatch" in str(error):
            raise WrongPassword from error
        raise KeystoreRefused("is not a keystore of Web3 Secret Storage, version 3") from error
    except Exception as error:  # whatever the library makes of what is not as it should be
        raise KeystoreRefused("is not a keystore of Web3 Secret Storage, version 3") from error


def _checked(keystore: Any) -> dict[str, Any]:
    """Its `crypto`, of the known form and within bounds. Some tools write it as `Crypto`."""
    if not isinstance(keystore, dict) or keystore.get("version") != 3:
        raise KeystoreRefused("is not a keystore of Web3 Secret Storage, version 3")
    crypto = next((value for name, value in keystore.items() if name.lower() == "crypto"), None)
    match crypto:
        case {
            "cipher": "aes-128-ctr",
            "cipherparams": {"iv": str(iv)},
            "ciphertext": str(ciphertext),
            "kdf": "scrypt" | "pbkdf2" as kdf,
            "kdfparams": dict(given),
            "mac": str(mac),
        }:
            parameters = _scrypt(given) if kdf == "scrypt" else _pbkdf2(given)
            if len(ciphertext) > 200 or len(mac) > 100 or len(iv) > 40:
                raise KeystoreRefused("holds more than a private key")
            return {"cipher": "aes-128-ctr", "cipherparams": {"iv": iv}, "ciphertext": ciphertext, "kdf": kdf, "kdfparams": parameters, "mac": mac}
    raise KeystoreRefused("is not a keystore of Web3 Secret Storage, version 3")


def _scrypt(given: dict[str, Any]) -> dict[str, Any]:
    n, r, p, salt = _whole(given, "n"), _whole(given, "r"), _whole(given, "p"), _salt(given)
    if n & (n - 1) or n < 2 or n * r > SCRYPT_CELLS_MAX or n * r * p > SCRYPT_WORK_MAX:
        raise KeystoreRefused("asks for more work (scrypt n, r, p) than any wallet writes")
    return {"n": n, "r": r, "p": p, "dklen": _dklen(given), "salt": salt}


def _pbkdf2(given: dict[str, Any]) -> dict[str, Any]:
    rounds = _whole(given, "c")
    if given.get("prf") != "hmac-sha256" or rounds > PBKDF2_ROUNDS_MAX:
        raise KeystoreRefused("asks for another or for more work (pbkdf2) than any wallet writes")
    return {"c": rounds, "prf": "hmac-sha256", "dklen": _dklen(given), "salt": _salt(given)}


def _dklen(given: dict[str, Any]) -> int:
    if _whole(given, "dklen") != 32:
        raise KeystoreRefused("derives a key of another length than 32 bytes")
    return 32


def _salt(given: dict[str, Any]) -> str:
    salt = given.get("salt")
    if not isinstance(salt, str) or len(salt) > 2 * _SALT_BYTES_MAX:
        raise KeystoreRefused("has no salt, or one that is too long")
    return salt


def _whole(given: dict[str, Any], name: str) -> int:
    value = given.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise KeystoreRefused(f"has no {name}, or one that is no positive number")
    return value
