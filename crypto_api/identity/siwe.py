"""Sign-in with Ethereum (EIP-4361). The server writes the text, keeps it, and takes back nothing but that text, byte for byte: so there is nothing to
parse but the nonce under which it is kept. Signatures are those of EIP-191 ("personal_sign") by a key, or of a contract wallet (EIP-1271)."""

import re
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Protocol
from urllib.parse import urlsplit

from eth_account import Account
from eth_account.messages import encode_defunct
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

MESSAGE_MAX = 2_000
SIGNATURE_BYTES_MAX = 4_096  # of a contract wallet, several owners of which may sign
_SIGNATURE_BYTES = 65  # r, s, v of a key
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0  # of secp256k1: EIP-2 takes the lower s only
_V = (0, 1, 27, 28)
_NONCE = re.compile(r"\nNonce: ([0-9a-f]{32})\n", re.ASCII)
_HEX = re.compile(r"0x(?:[0-9a-fA-F]{2})+", re.ASCII)
IS_VALID_SIGNATURE = bytes.fromhex("1626ba7e")  # EIP-1271: the selector of isValidSignature(bytes32,bytes), and its answer
_VALID = IS_VALID_SIGNATURE + bytes(28)
CHECK_GAS = 5_000_000


class ContractPort(Protocol):
    """Reading calls of one network's contracts."""

    def call(self, to: str, data: str, block_hash: str | None = None, *, gas: int | None = None) -> Awaitable[bytes]: ...


@dataclass(frozen=True)
class Site:
    """Who asks, as the wallet shows it."""

    domain: str  # with the scheme in front where it is not https (EIP-4361: that is the one assumed)
    uri: str


@dataclass(frozen=True)
class Text:
    address: str  # EIP-55
    statement: str
    chain_id: int
    nonce: str
    issued_at: datetime
    expires_at: datetime


def site_of(frontend_url: str) -> Site:
    parts = urlsplit(frontend_url)
    authority = parts.netloc.rpartition("@")[2].lower()
    return Site(authority if parts.scheme == "https" else f"{parts.scheme}://{authority}", f"{parts.scheme}://{authority}/")


def compose(site: Site, text: Text) -> str:
    """The message of EIP-4361, line by line."""
    return "\n".join(
        [
            f"{site.domain} wants you to sign in with your Ethereum account:",
            text.address,
            "",
            text.statement,
            "",
            f"URI: {site.uri}",
            "Version: 1",
            f"Chain ID: {text.chain_id}",
            f"Nonce: {text.nonce}",
            f"Issued At: {_time(text.issued_at)}",
            f"Expiration Time: {_time(text.expires_at)}",
        ]
    )


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def nonce_of(message: str) -> str | None:
    """The one nonce in it, in the form in which we write them."""
    found = _NONCE.findall(message)
    return str(found[0]) if len(found) == 1 else None


def same(ours: str, theirs: str) -> bool:
    return compare_digest(ours.encode(), theirs.encode("utf-8", "surrogatepass"))


def signature_bytes(signature: str) -> bytes | None:
    """None when it is no signature at all: not hexadecimal, or longer than any."""
    if len(signature) > 2 + 2 * SIGNATURE_BYTES_MAX or not _HEX.fullmatch(signature):
        return None
    return bytes.fromhex(signature[2:])


def signed_by_key(message: str, signature: bytes, address: str) -> bool:
    """Whether the key of `address` signed it."""
    signer = signer_of(message, signature)
    return signer is not None and compare_digest(signer.lower(), address.lower())


def signer_of(message: str, signature: bytes) -> str | None:
    """The address (EIP-55) whose key made it for this text; None where no key did. The twin of a signature with the other s, which anybody can work
    out from it, does not count. Of another text it gives an address that nobody has."""
    if len(signature) != _SIGNATURE_BYTES or signature[64] not in _V:
        return None
    if int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        return None
    v = signature[64] if signature[64] >= 27 else signature[64] + 27
    try:
        return str(Account.recover_message(encode_defunct(text=message), signature=signature[:64] + bytes([v])))
    except (BadSignature, ValidationError, ValueError):
        return None


async def signed_by_contract(chain: ContractPort, message: str, signature: bytes, address: str) -> bool:
    """Whether the contract wallet at `address` says that it is its signature: by the one answer of EIP-1271, in exactly one word."""
    answer = await chain.call(address, "0x" + _question(message, signature).hex(), gas=CHECK_GAS)
    return len(answer) == len(_VALID) and compare_digest(answer, _VALID)


def _question(message: str, signature: bytes) -> bytes:
    """isValidSignature(hash, signature) in the ABI: the hash, where the signature begins, its length, and it filled up to whole words."""
    padded = signature + bytes(-len(signature) % 32)
    return IS_VALID_SIGNATURE + _hash(message) + (64).to_bytes(32, "big") + len(signature).to_bytes(32, "big") + padded


def _hash(message: str) -> bytes:
    """EIP-191, version 0x45."""
    told = message.encode()
    return bytes(keccak(b"\x19Ethereum Signed Message:\n" + str(len(told)).encode() + told))
