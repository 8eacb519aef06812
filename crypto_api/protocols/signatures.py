"""Events and functions by their signatures: topics and selectors are computed, arguments read strictly. Nothing here ever raises on what a stranger
wrote: what does not fit its types is not read at all.

`Swap(address indexed sender, uint256 amount0In, ...)` is Solidity's own notation.
"""

import re
from collections.abc import Callable
from functools import cached_property
from typing import Any

from eth_utils.crypto import keccak

from crypto_api.kit.abi_values import AbiType, Parameter, Unreadable, decoded
from crypto_api.kit.ethereum import WireLog

Value = Any
_PART = re.compile(r"(?:[^,()]|\([^()]*\))+")
_ARRAY = re.compile(r"\[([0-9]*)\]")
_WORD = 64  # hexadecimal digits


class Event:
    """`read` answers the arguments in the order of the signature: numbers as int, addresses and bytes as lower-case hexadecimal."""

    def __init__(self, signature: str) -> None:
        self.name, parts = _split(signature)
        declared = [_declared(part) for part in parts]
        self.signature = f"{self.name}({','.join(kind for kind, _, _ in declared)})"
        self.topic = "0x" + keccak(text=self.signature).hex()
        self._dynamic = tuple(Parameter("", _type(kind)) for kind, _, indexed in declared if not indexed)
        self._whole = not any(part.type.dynamic for part in self._dynamic)
        self._places = [(indexed, _reader(kind) if indexed or self._whole else _tail) for kind, _, indexed in declared]
        self._topics = 1 + sum(indexed for _, _, indexed in declared)
        self._digits = 2 + _WORD * (len(declared) - self._topics + 1)

    def read(self, row: WireLog) -> tuple[Value, ...] | None:
        """None where the log is not this event, to the last byte."""
        if len(row.topics) != self._topics or row.topics[0] != self.topic:
            return None
        if not self._whole:
            return self._with_tails(row)
        if len(row.data) != self._digits:
            return None
        topic, at, values = 1, 2, []
        try:
            for indexed, read in self._places:
                if indexed:
                    values.append(read(row.topics[topic][2:]))
                    topic += 1
                else:
                    values.append(read(row.data[at : at + _WORD]))
                    at += _WORD
        except ValueError:
            return None
        return tuple(values)

    def _with_tails(self, row: WireLog) -> tuple[Value, ...] | None:
        """Where a value's length stands in the data."""
        try:
            rest = iter(_plain(part, value) for part, value in zip(self._dynamic, decoded(self._dynamic, bytes.fromhex(row.data[2:])), strict=True))
            topics = iter(row.topics[1:])
            return tuple(read(next(topics)[2:]) if indexed else next(rest) for indexed, read in self._places)
        except (Unreadable, ValueError):
            return None


class Function:
    """`read` answers the arguments as `kit.abi_values` tells them: numbers as decimal text, addresses in EIP-55."""

    def __init__(self, signature: str) -> None:
        self.name, parts = _split(signature)
        self.parameters = tuple(Parameter(name, _type(kind)) for kind, name, _ in map(_declared, parts))

    @cached_property
    def signature(self) -> str:
        return f"{self.name}({','.join(part.type.canonical for part in self.parameters)})"

    @cached_property
    def selector(self) -> str:
        return "0x" + keccak(text=self.signature)[:4].hex()

    def read(self, call: str) -> list[Value] | None:
        """Of a call, selector and all, in hexadecimal. None where it is not this function's."""
        if call[:10] != self.selector:
            return None
        try:
            return decoded(self.parameters, bytes.fromhex(call[10:]))
        except (Unreadable, ValueError):
            return None


def _split(signature: str) -> tuple[str, list[str]]:
    name, _, rest = signature.partition("(")
    return name.strip(), [part.strip() for part in _PART.findall(rest.strip().removesuffix(")")) if part.strip()]


def _declared(part: str) -> tuple[str, str, bool]:
    """(type, name, indexed)"""
    words = part.split()
    return words[0], words[-1] if len(words) > 1 else "", "indexed" in words[1:]


def _type(kind: str) -> AbiType:
    dimensions = tuple(int(size) if size else None for size in _ARRAY.findall(kind))
    return AbiType(kind.partition("[")[0], dimensions)


# ---- one word --------------------------------------------------------------------------------------------------------------------


def _reader(kind: str) -> Callable[[str], Value]:
    """ValueError where the word is no such value: the bits beyond its size have to be what the specification says."""
    if kind == "address":
        return _address
    if kind == "bool":
        return _bool
    if kind.startswith("bytes"):
        return _bytes(int(kind.removeprefix("bytes")))
    signed, bits = kind.startswith("int"), int(kind.removeprefix("u").removeprefix("int"))
    return _signed(bits) if signed else _unsigned(bits)


def _tail(word: str) -> Value:
    raise AssertionError("it is read with its data as a whole")


def _plain(part: Parameter, value: Value) -> Value:
    """As an event tells it: numbers as int, addresses in lower case."""
    if part.type.canonical.startswith(("uint", "int")) and not part.type.dimensions:
        return int(value)
    return value.lower() if part.type.canonical == "address" else value


def _address(word: str) -> str:
    if word[:24].strip("0"):
        raise ValueError
    return "0x" + word[24:].lower()


def _bool(word: str) -> bool:
    number = int(word, 16)
    if number > 1:
        raise ValueError
    return number == 1


def _bytes(size: int) -> Callable[[str], str]:
    def read(word: str) -> str:
        if word[2 * size :].strip("0"):
            raise ValueError
        return "0x" + word[: 2 * size].lower()

    return read


def _unsigned(bits: int) -> Callable[[str], int]:
    def read(word: str) -> int:
        number = int(word, 16)
        if number >> bits:
            raise ValueError
        return number

    return read


def _signed(bits: int) -> Callable[[str], int]:
    def read(word: str) -> int:
        number = int(word, 16)
        number -= (number >> 255) << 256
        if not -(1 << (bits - 1)) <= number < 1 << (bits - 1):
            raise ValueError
        return number

    return read
