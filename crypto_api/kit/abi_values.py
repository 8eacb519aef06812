"""Values of the contract ABI (Solidity's "Contract ABI Specification"), read from bytes that a stranger may have written: strict, and bounded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import Any

from crypto_api.kit.ethereum import checksummed

VALUES_MAX = 50_000  # in one answer


@dataclass(frozen=True)
class AbiType:
    """`base` is an elementary type or `tuple`; of `T[2][]` the dimensions are (2, None)."""

    base: str
    dimensions: tuple[int | None, ...] = ()
    components: "tuple[Parameter, ...]" = ()

    @cached_property
    def canonical(self) -> str:
        inner = f"({','.join(part.type.canonical for part in self.components)})" if self.base == "tuple" else self.base
        return inner + "".join(f"[{'' if size is None else size}]" for size in self.dimensions)

    @cached_property
    def element(self) -> "AbiType":
        return AbiType(self.base, self.dimensions[:-1], self.components)

    @cached_property
    def dynamic(self) -> bool:
        if None in self.dimensions or self.base in ("bytes", "string"):
            return True
        return any(part.type.dynamic for part in self.components)

    @cached_property
    def words(self) -> int:
        """In the head: one for what is found elsewhere."""
        if self.dynamic:
            return 1
        size = sum(part.type.words for part in self.components) if self.base == "tuple" else 1
        for dimension in self.dimensions:
            size *= dimension or 0
        return size


@dataclass(frozen=True)
class Parameter:
    name: str
    type: AbiType
    internal: str = ""  # such as "struct Order"


def keys_of(parameters: Sequence[Parameter]) -> list[str]:
    """Under which each stands in an object: its name, its position where it has none or shares it."""
    names = [part.name for part in parameters]
    return [name if name and names.count(name) == 1 else str(index) for index, name in enumerate(names)]


class Unreadable(Exception):
    """Bytes that are not what their types say."""


def decoded(parameters: Sequence[Parameter], data: bytes) -> list[Any]:
    """Whole numbers as decimal strings, bytes in hexadecimal, addresses in EIP-55, tuples as objects. Unreadable for anything that does not fit.

    Ours instead of the library's: an answer of a few kilobytes can point at itself so often that the library never ends."""
    reader = _Reader(data)
    return list(reader.sequence([part.type for part in parameters], 0))


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._left = data, VALUES_MAX

    def sequence(self, kinds: Sequence[AbiType] | Iterator[AbiType], start: int) -> Iterator[Any]:
        """Values whose heads follow one another from `start`, from where their tails are counted too."""
        head = start
        for kind in kinds:
            yield self._read(kind, start + self._number(head) if kind.dynamic else head)
            head += 32 * kind.words

    def _read(self, kind: AbiType, at: int) -> Any:
        self._left -= 1
        if self._left < 0:
            raise Unreadable(f"it holds more than {VALUES_MAX:,} values")
        if kind.dimensions:
            return self._array(kind, at)
        if kind.base == "tuple":
            values = self.sequence([part.type for part in kind.components], at)
            return dict(zip(keys_of(kind.components), values, strict=True))
        if kind.base in ("bytes", "string"):
            content = self._bytes(at + 32, self._number(at))
            return content.decode(errors="replace") if kind.base == "string" else "0x" + content.hex()
        return _of_word(kind.base, self._bytes(at, 32))

    def _array(self, kind: AbiType, at: int) -> list[Any]:
        count = kind.dimensions[-1]
        if count is None:
            count, at = self._number(at), at + 32
            if count * 32 * kind.element.words > len(self._data) - at:
                raise Unreadable("a list is longer than the answer")
        return list(self.sequence(repeat(kind.element, count), at))

    def _number(self, at: int) -> int:
        return int.from_bytes(self._bytes(at, 32))

    def _bytes(self, at: int, count: int) -> bytes:
        if at + count > len(self._data):
            raise Unreadable("it is shorter than its types say")
        return self._data[at : at + count]


def _of_word(base: str, word: bytes) -> Any:
    match base:
        case "bool":
            if word[:31].strip(b"\0") or word[31] > 1:
                raise Unreadable("a bool is neither 0 nor 1")
            return word[31] == 1
        case "address":
            if word[:12].strip(b"\0"):
                raise Unreadable("an address has more than 20 bytes")
            return checksummed("0x" + word[12:].hex())
        case "function":
            return "0x" + word[:24].hex()
    if base.startswith("bytes"):
        size = int(base.removeprefix("bytes"))
        if word[size:].strip(b"\0"):
            raise Unreadable(f"{base} has more than {size} bytes")
        return "0x" + word[:size].hex()
    signed, bits = base.startswith("int"), int(base.removeprefix("u").removeprefix("int"))
    number = int.from_bytes(word, signed=signed)
    if not (-(2 ** (bits - 1)) <= number < 2 ** (bits - 1) if signed else number < 2**bits):
        raise Unreadable(f"a number does not fit into {base}")
    return str(number)
