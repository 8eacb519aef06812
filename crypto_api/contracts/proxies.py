"""How proxies say where their code is, by the standards."""

import re

from eth_utils.crypto import keccak

from crypto_api.contracts.types import ProxyKind
from crypto_api.kit.ethereum import checksummed


def _slot(name: str, minus: int = 0) -> str:
    return f"0x{int.from_bytes(keccak(text=name)) - minus:064x}"


BEACON_SLOT = _slot("eip1967.proxy.beacon", 1)
IMPLEMENTATION_SLOTS = {
    ProxyKind.EIP1967: _slot("eip1967.proxy.implementation", 1),  # EIP-1967
    ProxyKind.EIP1822: _slot("PROXIABLE"),  # EIP-1822
    ProxyKind.ZEPPELINOS: _slot("org.zeppelinos.proxy.implementation"),  # before EIP-1967
}
"""In the order in which they are believed; the beacon comes after the first."""

IMPLEMENTATION_CALL = "0x" + keccak(text="implementation()")[:4].hex()  # of a beacon

_MINIMAL = tuple(
    re.compile(re.escape(bytes.fromhex(front)) + b"(.{20})" + re.escape(bytes.fromhex(behind)) + b"(.*)", re.DOTALL)
    for front, behind in (
        ("363d3d373d3d3d363d73", "5af43d82803e903d91602b57fd5bf3"),  # EIP-1167
        ("365f5f375f5f365f73", "5af43d5f5f3e5f3d91602a57fd5bf3"),  # EIP-7511
        ("3d3d3d3d363d3d37363d73", "5af43d3d93803e602a57fd5bf3"),  # 0age's
    )
)
_DELEGATION = re.compile(rb"\xef\x01\x00(.{20})", re.DOTALL)  # EIP-7702


def in_code(code: bytes) -> tuple[ProxyKind, str] | None:
    """Where code that is nothing but a pointer points."""
    if found := _DELEGATION.fullmatch(code):
        return ProxyKind.EIP7702, checksummed("0x" + found[1].hex())
    for pattern in _MINIMAL:
        if found := pattern.fullmatch(code):
            return ProxyKind.EIP1167_WITH_ARGUMENTS if found[2] else ProxyKind.EIP1167, checksummed("0x" + found[1].hex())
    return None


def address_in(word: str) -> str | None:
    """The address in a word of storage or of an answer; None where there is none."""
    digits = word.removeprefix("0x").rjust(64, "0")
    if len(digits) != 64 or digits[:24].strip("0") or not digits[24:].strip("0"):
        return None
    return checksummed("0x" + digits[24:])
