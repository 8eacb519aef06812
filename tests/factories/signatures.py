"""Signatures of Ethereum keys: right ones, and every way that we know to get one wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from eth_utils import keccak

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def new_key(seed: int) -> Any:
    return Account.from_key(keccak(text=f"a key of the tests {seed}"))


def signature_of(message: str, key: Any) -> bytes:
    return bytes(key.sign_message(encode_defunct(text=message)).signature)


@dataclass(frozen=True)
class Parts:
    """A right signature, and what it was made from."""

    message: str
    key: Any
    good: bytes

    @property
    def r(self) -> bytes:
        return self.good[:32]

    @property
    def s(self) -> int:
        return int.from_bytes(self.good[32:64], "big")

    @property
    def v(self) -> int:
        return self.good[64]


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _typed(message: str) -> dict[str, Any]:
    types = {"EIP712Domain": [{"name": "name", "type": "string"}], "Mail": [{"name": "text", "type": "string"}]}
    return {"types": types, "primaryType": "Mail", "domain": {"name": "Coffer"}, "message": {"text": message}}


BAD: dict[str, Callable[[Parts], bytes]] = {
    "the other s": lambda p: p.r + _word(ORDER - p.s) + bytes([55 - p.v]),
    "the other s with the same v": lambda p: p.r + _word(ORDER - p.s) + bytes([p.v]),
    "the other v": lambda p: p.good[:64] + bytes([55 - p.v]),
    "v of EIP-155": lambda p: p.good[:64] + bytes([p.v + 10]),
    "v 2": lambda p: p.good[:64] + b"\x02",
    "v 26": lambda p: p.good[:64] + b"\x1a",
    "v 29": lambda p: p.good[:64] + b"\x1d",
    "v 255": lambda p: p.good[:64] + b"\xff",
    "without v": lambda p: p.good[:64],
    "compact (EIP-2098)": lambda p: p.r + _word(p.s | (p.v - 27) << 255),
    "66 bytes": lambda p: p.good + b"\x00",
    "twice": lambda p: p.good + p.good,
    "one byte": lambda p: p.good[:1],
    "zeros": lambda p: bytes(65),
    "r 0": lambda p: bytes(32) + p.good[32:],
    "s 0": lambda p: p.r + bytes(32) + bytes([p.v]),
    "r is the order": lambda p: _word(ORDER) + p.good[32:],
    "r beyond the order": lambda p: b"\xff" * 32 + p.good[32:],
    "s is the order": lambda p: p.r + _word(ORDER) + bytes([p.v]),
    "r and s changed places": lambda p: p.good[32:64] + p.r + bytes([p.v]),
    "a bit of r flipped": lambda p: bytes([p.good[0] ^ 1]) + p.good[1:],
    "a bit of s flipped": lambda p: p.good[:63] + bytes([p.good[63] ^ 1]) + p.good[64:],
    "of another text": lambda p: signature_of(p.message + " ", p.key),
    "of another key": lambda p: signature_of(p.message, new_key(999)),
    "of the bare hash, without EIP-191": lambda p: bytes(p.key.unsafe_sign_hash(keccak(text=p.message)).signature),
    "of typed data (EIP-712)": lambda p: bytes(p.key.sign_message(encode_typed_data(full_message=_typed(p.message))).signature),
    "of the text as hexadecimal": lambda p: signature_of(p.message.encode().hex(), p.key),
}
"""None proves that the key signed the message."""


def bad_signature(name: str, message: str, key: Any) -> bytes:
    return BAD[name](Parts(message, key, signature_of(message, key)))
