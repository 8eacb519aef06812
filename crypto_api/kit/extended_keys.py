"""Extended public keys: addresses that money can be received at, without any key that could move it (BIP-32, BIP-44).

Only the public half of the derivation is here, `CKDpub`: whoever holds what Coffer holds can watch and never spend. A private extended key is refused
before anything of it is read on.
"""

import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache

# BIP-32 asks for RIPEMD-160. The name is that of a package which nobody keeps any more; pycryptodome has it and is kept.
from Crypto.Hash import RIPEMD160  # nosec B413
from eth_keys.backends.native.jacobian import fast_add, fast_multiply
from eth_keys.constants import SECPK1_G, SECPK1_N, SECPK1_P
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

XPUB, XPRV = bytes.fromhex("0488b21e"), bytes.fromhex("0488ade4")  # BIP-32, mainnet
HARDENED = 2**31
ACCOUNT_DEPTH, CHAIN_DEPTH = 3, 4  # m / 44' / 60' / account', and with the external chain behind it
_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"  # base 58
_BYTES, _CHECKSUM = 78, 4


@dataclass(frozen=True, slots=True)
class ExtendedKey:
    """A public key with its chain code. `public_key`: compressed, 33 bytes."""

    depth: int
    parent: bytes
    number: int
    chain_code: bytes
    public_key: bytes

    @property
    def fingerprint(self) -> str:
        """Of this very key, in hexadecimal. BIP-32's is four bytes, which anybody can make two of: this one is all of SHA-256."""
        return hashlib.sha256(self.chain_code + self.public_key).hexdigest()

    def text(self) -> str:
        """As wallets show it: xpub…"""
        body = b"".join(
            (XPUB, bytes([self.depth]), self.parent, self.number.to_bytes(4, "big"), self.chain_code, self.public_key),
        )
        number = int.from_bytes(body + _checksum(body), "big")
        digits = ""
        while number:
            number, rest = divmod(number, 58)
            digits = _ALPHABET[rest] + digits
        return digits


def parse(text: str) -> ExtendedKey:
    """ValueError in words when it is none, or a private one."""
    body = _decoded(text)
    if body[:4] == XPRV:
        raise ValueError("is a private key: whoever has it can take everything. Give the public one, which begins with xpub, and make a new wallet")
    if body[:4] != XPUB:
        raise ValueError("is no extended public key: it begins with xpub")
    key = ExtendedKey(body[4], body[5:9], int.from_bytes(body[9:13], "big"), body[13:45], body[45:])
    if key.depth == 0 and (key.parent != bytes(4) or key.number != 0):
        raise ValueError("names a parent, and a master key has none")  # BIP-32, test vector 5
    _point(key.public_key)
    return key


def child(key: ExtendedKey, number: int) -> ExtendedKey:
    """CKDpub (BIP-32). ValueError for a hardened one, which only a private key has, and in the 1 of 2^127 cases that BIP-32 says to skip."""
    if not 0 <= number < HARDENED:
        raise ValueError("a public key has no hardened children")
    if key.depth == 255:
        raise ValueError("BIP-32 goes no deeper")
    told = hmac.new(key.chain_code, key.public_key + number.to_bytes(4, "big"), hashlib.sha512).digest()
    tweak = int.from_bytes(told[:32], "big")
    if tweak >= SECPK1_N:
        raise ValueError("there is no such child: take the next one")
    here = _point(key.public_key)
    there = fast_multiply(SECPK1_G, tweak) if tweak else None
    if there is not None and there[0] == here[0] and there[1] != here[1]:
        raise ValueError("there is no such child: take the next one")
    x, y = fast_add(there, here) if there is not None else here
    parent = RIPEMD160.new(hashlib.sha256(key.public_key).digest()).digest()[:4]  # OpenSSL may come without it
    return ExtendedKey(key.depth + 1, parent, number, told[32:], bytes([2 + (y & 1)]) + x.to_bytes(32, "big"))


def receiving_address(key: ExtendedKey, index: int) -> str:
    """The EIP-55 address number `index` of the external chain (BIP-44: change 0). `key` is that of an account (depth 3) or of its external chain."""
    return address_of(child(_external(key), index))


def receiving_path(key: ExtendedKey, index: int) -> str:
    """Below the account, as a wallet shows it."""
    return f"m/44'/60'/{key.number - HARDENED if key.depth == ACCOUNT_DEPTH and key.number >= HARDENED else '…'}'/0/{index}"


def address_of(key: ExtendedKey) -> str:
    """EIP-55: the last 20 bytes of the keccak of the point."""
    x, y = _point(key.public_key)
    return str(to_checksum_address(keccak(x.to_bytes(32, "big") + y.to_bytes(32, "big"))[-20:]))


@lru_cache(maxsize=64)
def _external(key: ExtendedKey) -> ExtendedKey:
    if key.depth == ACCOUNT_DEPTH:
        return child(key, 0)
    if key.depth == CHAIN_DEPTH:
        return key
    raise ValueError(f"must be the key of an account (depth {ACCOUNT_DEPTH}, m/44'/60'/0') or of its external chain, and its depth is {key.depth}")


def check_receives(key: ExtendedKey) -> None:
    """ValueError where it is neither the key of an account nor of an external chain."""
    _external(key)


def _point(public_key: bytes) -> tuple[int, int]:
    """ValueError when it is none on secp256k1."""
    x = int.from_bytes(public_key[1:], "big")
    if public_key[0] not in (2, 3) or not 0 < x < SECPK1_P:
        raise ValueError("holds no public key")
    y = pow((pow(x, 3, SECPK1_P) + 7) % SECPK1_P, (SECPK1_P + 1) // 4, SECPK1_P)
    if (y * y - pow(x, 3, SECPK1_P) - 7) % SECPK1_P:
        raise ValueError("holds no public key: its point is not on the curve")
    return x, y if y & 1 == public_key[0] & 1 else SECPK1_P - y


def _decoded(text: str) -> bytes:
    if not 100 <= len(text) <= 120 or any(char not in _ALPHABET for char in text):
        raise ValueError("is no extended public key: it begins with xpub, and has 111 characters")
    number = 0
    for char in text:
        number = number * 58 + _ALPHABET.index(char)
    try:
        whole = number.to_bytes(_BYTES + _CHECKSUM, "big")
    except OverflowError as error:
        raise ValueError("is no extended public key: it is too long") from error
    body = whole[:_BYTES]
    if _checksum(body) != whole[_BYTES:]:
        raise ValueError("has a wrong checksum: a character was probably mistyped")
    return body


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(body).digest()).digest()[:_CHECKSUM]
