"""Signatures of Ethereum keys: right ones, and every way that we know to get one wrong."""

from typing import Any

from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from eth_utils import keccak

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def new_key(seed: int) -> Any:
    return Account.from_key(keccak(text=f"a key of the tests {seed}"))


def signature_of(message: str, key: Any) -> bytes:
    return bytes(key.sign_message(encode_defunct(text=message)).signature)


def bad_signatures(message: str, key: Any) -> dict[str, bytes]:
    """Each of another kind. None proves that `key` signed `message`."""
    good = signature_of(message, key)
    r, s, v = good[:32], int.from_bytes(good[32:64], "big"), good[64]
    typed = {
        "types": {"EIP712Domain": [{"name": "name", "type": "string"}], "Mail": [{"name": "text", "type": "string"}]},
        "primaryType": "Mail", "domain": {"name": "Coffer"}, "message": {"text": message},
    }  # fmt: skip
    return {
        "the other s": r + (ORDER - s).to_bytes(32, "big") + bytes([55 - v]),
        "the other s with the same v": r + (ORDER - s).to_bytes(32, "big") + bytes([v]),
        "the other v": good[:64] + bytes([55 - v]),
        "v of EIP-155": good[:64] + bytes([v + 10]),
        "v 2": good[:64] + b"\x02",
        "v 26": good[:64] + b"\x1a",
        "v 29": good[:64] + b"\x1d",
        "v 255": good[:64] + b"\xff",
        "without v": good[:64],
        "compact (EIP-2098)": r + (s | (v - 27) << 255).to_bytes(32, "big"),
        "66 bytes": good + b"\x00",
        "twice": good + good,
        "one byte": good[:1],
        "zeros": bytes(65),
        "r 0": bytes(32) + good[32:],
        "s 0": r + bytes(32) + bytes([v]),
        "r is the order": ORDER.to_bytes(32, "big") + good[32:],
        "r beyond the order": b"\xff" * 32 + good[32:],
        "s is the order": r + ORDER.to_bytes(32, "big") + bytes([v]),
        "r and s changed places": good[32:64] + r + bytes([v]),
        "a bit of r flipped": bytes([good[0] ^ 1]) + good[1:],
        "a bit of s flipped": good[:63] + bytes([good[63] ^ 1]) + good[64:],
        "of another text": signature_of(message + " ", key),
        "of another key": signature_of(message, new_key(999)),
        "of the bare hash, without EIP-191": bytes(key.unsafe_sign_hash(keccak(text=message)).signature),
        "of typed data (EIP-712)": bytes(key.sign_message(encode_typed_data(full_message=typed)).signature),
        "of the text as hexadecimal": signature_of(message.encode().hex(), key),
    }
