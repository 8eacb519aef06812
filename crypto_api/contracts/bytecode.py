"""Whether code on a chain is what a compiler makes of a source: immutables and linked libraries masked, the hash of the metadata apart.

Solidity appends a CBOR map (the hash of the metadata, the compiler's version) and its length in two bytes to runtime code; the hash covers the
sources to the letter, so two equal programs may differ in it. Contracts within contracts carry such hashes in their middle.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from crypto_api.contracts.types import Match
from crypto_api.kit.solidity import CompiledContract

SNIPPET_BYTES = 16
_PLACEHOLDER = re.compile(r"__.{36}__")
_HASHES = (  # as the compilers of 0.4.7 to 0.8.x write them
    re.compile(rb"\xa2dipfsX\"\x12 (.{32})dsolcC.{3}\x00\x33", re.DOTALL),
    re.compile(rb"\xa2ebzzr1X (.{32})dsolcC.{3}\x00\x32", re.DOTALL),
    re.compile(rb"\xa1ebzzr0X (.{32})\x00\x29", re.DOTALL),
)
_LIBRARY_GUARD = b"\x73" + bytes(20) + b"\x30\x14"  # a library compares its own address, which the compiler does not know


@dataclass(frozen=True)
class Comparison:
    match: Match | None  # None: it is another program
    first_difference: int | None = None  # the byte, from 0
    expected: str = ""  # what the compiler made there, 0x…
    found: str = ""
    immutables: Mapping[str, str] = field(default_factory=dict)  # AST id → the value in the code, 0x…
    libraries: Mapping[str, str] = field(default_factory=dict)  # path:Library → address, lower case


def compare_runtime(code: bytes, made: CompiledContract, address: str) -> Comparison:
    """`code` as it stands at `address`."""
    expected, found = bytearray(hex_bytes(made.runtime)), bytearray(code)
    _mask(expected, found, (span for spans in made.immutables.values() for span in spans))
    _mask(expected, found, (span for spans in made.runtime_links.values() for span in spans))
    if expected.startswith(_LIBRARY_GUARD) and found[1:21].hex() == address[2:].lower():
        _mask(expected, found, [(1, 20)])
    immutables, libraries = _values(code, made.immutables), _values(code, made.runtime_links)
    if not _consistent(code, [*made.immutables.values(), *made.runtime_links.values()]):
        return _differs(bytes(expected), bytes(found))
    if expected == found:
        full = bool(_hash_keys(trailer(code)))
        return Comparison(Match.FULL if full else Match.PARTIAL, immutables=immutables, libraries=libraries)
    if _without_hashes(bytes(expected), bytes(found)):
        return Comparison(Match.PARTIAL, immutables=immutables, libraries=libraries)
    return _differs(_body(bytes(expected)), _body(bytes(found)))


def constructor_arguments(creation_input: bytes, made: CompiledContract) -> bytes | None:
    """What follows the creation code in the transaction that made the contract; None when that began with another program."""
    expected = bytearray(hex_bytes(made.creation))
    found = bytearray(creation_input[: len(expected)])
    if len(found) < len(expected):
        return None
    _mask(expected, found, (span for spans in made.creation_links.values() for span in spans))
    if expected != found and not _without_hashes(bytes(expected), bytes(found)):
        return None
    return creation_input[len(expected) :]


def hex_bytes(text: str) -> bytes:
    """Hexadecimal of the compiler, the addresses of libraries as zeros."""
    return bytes.fromhex(_PLACEHOLDER.sub("0" * 40, text.removeprefix("0x")))


def trailer(code: bytes) -> bytes:
    """The CBOR map behind the code, without its length; empty where there is none."""
    size = int.from_bytes(code[-2:]) if len(code) > 2 else 0
    map_ = code[-2 - size : -2] if 0 < size <= len(code) - 2 else b""
    return map_ if _keys_of_map(map_) is not None else b""


def _body(code: bytes) -> bytes:
    size = len(trailer(code))
    return code[: -2 - size] if size else code


def _hash_keys(map_: bytes) -> set[str]:
    return (_keys_of_map(map_) or set()) & {"ipfs", "bzzr0", "bzzr1"}


def _keys_of_map(map_: bytes) -> set[str] | None:
    """The keys of a CBOR map (RFC 8949) of the little that compilers write: short texts to byte strings, texts or truth values."""
    if not map_ or map_[0] >> 5 != 5 or map_[0] & 31 > 23:
        return None
    keys, at = set(), 1
    for _ in range(map_[0] & 31):
        key, at = _cbor_item(map_, at)
        value, at = _cbor_item(map_, at)
        if not isinstance(key, str) or value is None:
            return None
        keys.add(key)
    return keys if at == len(map_) else None


def _cbor_item(data: bytes, at: int) -> tuple[str | bytes | bool | None, int]:
    if at >= len(data):
        return None, at
    major, size, at = data[at] >> 5, data[at] & 31, at + 1
    if major == 7 and size in (20, 21):
        return size == 21, at
    if size == 24 and at < len(data):
        size, at = data[at], at + 1
    elif size > 23:
        return None, at
    content = data[at : at + size]
    if major not in (2, 3) or len(content) != size:
        return None, at
    return (content if major == 2 else content.decode("latin-1")), at + size


def _mask(one: bytearray, other: bytearray, spans: Iterable[tuple[int, int]]) -> None:
    for start, length in spans:
        for code in (one, other):
            if start + length <= len(code):
                code[start : start + length] = bytes(length)


def _values(code: bytes, places: Mapping[str, list[tuple[int, int]]]) -> dict[str, str]:
    """What stands in the code at the first place of each."""
    return {key: "0x" + code[spans[0][0] : sum(spans[0])].hex() for key, spans in places.items() if spans}


def _consistent(code: bytes, groups: Iterable[list[tuple[int, int]]]) -> bool:
    """An immutable has one value, and a library one address, wherever they stand in the code."""
    return all(len({code[start : start + length] for start, length in spans}) <= 1 for spans in groups)


def _without_hashes(expected: bytes, found: bytes) -> bool:
    """Whether they are equal but for hashes of metadata: the one behind them, whose length may differ, and those in their middle."""
    return _unhashed(expected) == _unhashed(found)


def _unhashed(code: bytes) -> bytes:
    body = _body(code)
    for pattern in _HASHES:
        body = pattern.sub(lambda found: found[0].replace(found[1], bytes(32)), body)
    return body


def _differs(expected: bytes, found: bytes) -> Comparison:
    shorter = min(len(expected), len(found))
    at = next((index for index in range(shorter) if expected[index] != found[index]), shorter)
    end = at + SNIPPET_BYTES
    return Comparison(None, at, "0x" + expected[at:end].hex(), "0x" + found[at:end].hex())


# ---- what functions a program has ------------------------------------------------------------------------------------------------


def pushed_selectors(code: bytes) -> set[str]:
    """Every constant of four bytes or fewer that the code pushes: among them the selectors that it compares with. Data behind the code may
    add some that mean nothing."""
    found, at = set(), 0
    while at < len(code):
        size = code[at] - 0x5F if 0x60 <= code[at] <= 0x7F else 0  # PUSH1 … PUSH32
        if 1 <= size <= 4:
            found.add("0x" + code[at + 1 : at + 1 + size].hex().rjust(8, "0"))
        at += 1 + size
    return found
