"""The contract ABI (Solidity's "Contract ABI Specification"): checked when it comes in, arguments encoded, answers decoded.

An ABI is text that a stranger may have written. Names must be identifiers, as every compiler demands, so none can hold markup or turn the
direction of writing; shapes are bounded, so that no answer can make the decoder work for ever.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import orjson
from eth_abi.abi import encode
from eth_abi.exceptions import EncodingError
from eth_utils.crypto import keccak

from crypto_api.contracts.types import ABI_BYTES_MAX
from crypto_api.kit.abi_values import AbiType, Parameter, Unreadable, decoded, keys_of
from crypto_api.kit.errors import FieldError, InvalidInput
from crypto_api.kit.ethereum import parse_address

ENTRIES_MAX = 2_000
PARAMETERS_MAX = 64  # of a function, and parts of a tuple
DEPTH_MAX = 8  # tuples within tuples
DIMENSIONS_MAX = 6
WORDS_MAX = 4_096  # of a value whose size stands in its type

_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]{0,127}", re.ASCII)
_TYPE = re.compile(r"([a-z]+)([0-9]{0,3})((?:\[[0-9]{0,6}\])*)", re.ASCII)
_DIMENSION = re.compile(r"\[([0-9]*)\]")
_INTERNAL = re.compile(r"[\x20-\x7e]{0,300}", re.ASCII)
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,77})", re.ASCII)
_HEX = re.compile(r"0x([0-9a-fA-F]{2})*", re.ASCII)
_MUTABILITIES = ("pure", "view", "nonpayable", "payable")
_UNSUPPORTED = "is not a type of the ABI that any compiler makes"


@dataclass(frozen=True)
class Entry:
    """A function, an event or an error."""

    kind: str
    name: str
    inputs: tuple[Parameter, ...]
    outputs: tuple[Parameter, ...] = ()
    mutability: str = "nonpayable"

    @cached_property
    def signature(self) -> str:
        return f"{self.name}({','.join(part.type.canonical for part in self.inputs)})"

    @cached_property
    def selector(self) -> str:
        """The first four bytes of a call, or of what a refusal says; 0x…"""
        return "0x" + keccak(text=self.signature)[:4].hex()

    @property
    def reads(self) -> bool:
        return self.mutability in ("pure", "view")


@dataclass(frozen=True)
class Abi:
    entries: tuple[Entry, ...] = ()
    constructor: tuple[Parameter, ...] = ()
    raw: tuple[dict[str, Any], ...] = field(default=(), compare=False)

    @cached_property
    def functions(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.kind == "function")

    @cached_property
    def errors(self) -> dict[str, Entry]:
        return {entry.selector: entry for entry in self.entries if entry.kind == "error"}

    def clashes(self) -> list[tuple[str, list[str]]]:
        """Functions that a call cannot tell apart: (selector, signatures)."""
        found: dict[str, list[str]] = {}
        for entry in self.functions:
            if entry.signature not in found.setdefault(entry.selector, []):
                found[entry.selector].append(entry.signature)
        return [(selector, signatures) for selector, signatures in found.items() if len(signatures) > 1]

    def behind(self, proxy: "Abi") -> "Abi":
        """With what the proxy in front has of its own. A function that both have is the proxy's."""
        own = {(entry.kind, entry.signature) for entry in proxy.entries}
        rest = tuple(entry for entry in self.entries if (entry.kind, entry.signature) not in own)
        return Abi(proxy.entries + rest, proxy.constructor, proxy.raw + self.raw)


# ---- reading an ABI --------------------------------------------------------------------------------------------------------------


def parse_abi(text: str) -> Abi:
    """InvalidInput that names the place: `abi.3.inputs.0.type`."""
    if len(text.encode(errors="replace")) > ABI_BYTES_MAX:
        raise InvalidInput.of("abi", f"has more than {ABI_BYTES_MAX:,} bytes", "too_long")
    try:
        rows = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidInput.of("abi", "is not JSON", "invalid_abi") from error
    if isinstance(rows, dict) and isinstance(rows.get("abi"), list):  # a build tool's artifact
        rows = rows["abi"]
    if not isinstance(rows, list) or len(rows) > ENTRIES_MAX:
        raise InvalidInput.of("abi", f"must be a list of at most {ENTRIES_MAX:,} entries", "invalid_abi")
    entries: list[Entry] = []
    constructor: tuple[Parameter, ...] = ()
    for index, row in enumerate(rows):
        place = f"abi.{index}"
        kind = row.get("type", "function") if isinstance(row, dict) else None
        match kind:
            case "function" | "event" | "error":
                entries.append(_entry(row, kind, place))
            case "constructor":
                constructor = _parameters(row.get("inputs", []), f"{place}.inputs", 0)
            case "fallback" | "receive":
                pass
            case _:
                raise _wrong(place, "must be a function, event, error, constructor, fallback or receive")
    return Abi(tuple(entries), constructor, tuple(rows))


def _entry(row: dict[str, Any], kind: str, place: str) -> Entry:
    mutability = row.get("stateMutability") or _old_mutability(row)
    if mutability not in _MUTABILITIES:
        raise _wrong(f"{place}.stateMutability", f"must be one of {', '.join(_MUTABILITIES)}")
    return Entry(
        kind=kind,
        name=_name(row.get("name"), f"{place}.name"),
        inputs=_parameters(row.get("inputs", []), f"{place}.inputs", 0),
        outputs=_parameters(row.get("outputs", []), f"{place}.outputs", 0),
        mutability=mutability,
    )


def _old_mutability(row: dict[str, Any]) -> str:
    """Before Solidity 0.4.16."""
    if row.get("constant") is True:
        return "view"
    return "payable" if row.get("payable") is True else "nonpayable"


def _name(value: Any, place: str, *, needed: bool = True) -> str:
    if value in (None, "") and not needed:
        return ""
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise _wrong(place, "must be an identifier: letters a to z, digits, _ and $")
    return value


def _parameters(rows: Any, place: str, depth: int) -> tuple[Parameter, ...]:
    if not isinstance(rows, list) or len(rows) > PARAMETERS_MAX:
        raise _wrong(place, f"must be a list of at most {PARAMETERS_MAX}")
    return tuple(_parameter(row, f"{place}.{index}", depth) for index, row in enumerate(rows))


def _parameter(row: Any, place: str, depth: int) -> Parameter:
    if not isinstance(row, dict):
        raise _wrong(place, "must be an object")
    internal = row.get("internalType", "")
    if not isinstance(internal, str) or not _INTERNAL.fullmatch(internal):
        raise _wrong(f"{place}.internalType", "must be plain text of at most 300 characters")
    return Parameter(_name(row.get("name"), f"{place}.name", needed=False), _type(row, f"{place}", depth), internal)


def _type(row: dict[str, Any], place: str, depth: int) -> AbiType:
    told = row.get("type")
    found = _TYPE.fullmatch(told) if isinstance(told, str) else None
    if found is None:
        raise _wrong(f"{place}.type", _UNSUPPORTED)
    base = _base(found[1], found[2], f"{place}.type")
    dimensions = tuple(int(size) if size else None for size in _DIMENSION.findall(found[3]))
    if len(dimensions) > DIMENSIONS_MAX or 0 in dimensions:
        raise _wrong(f"{place}.type", f"may have at most {DIMENSIONS_MAX} dimensions, none of them zero")
    components: tuple[Parameter, ...] = ()
    if base == "tuple":
        if depth >= DEPTH_MAX:
            raise _wrong(place, f"has tuples more than {DEPTH_MAX} deep")
        components = _parameters(row.get("components"), f"{place}.components", depth + 1)
        if not components:
            raise _wrong(f"{place}.components", "must not be empty")
    made = AbiType(base, dimensions, components)
    if _words_in_full(made) > WORDS_MAX:
        raise _wrong(f"{place}.type", f"is larger than {WORDS_MAX:,} words")
    return made


def _words_in_full(kind: AbiType) -> int:
    """With every fixed dimension, whether or not something in it is found elsewhere."""
    size = sum(_words_in_full(part.type) for part in kind.components) if kind.components else 1
    for dimension in kind.dimensions:
        size *= dimension or 1
    return size


def _base(name: str, digits: str, place: str) -> str:
    bits = int(digits) if digits else 0
    if name in ("uint", "int") and (not digits or (bits % 8 == 0 and 8 <= bits <= 256)):
        return f"{name}{bits or 256}"
    if name == "bytes" and (not digits or 1 <= bits <= 32) and not digits.startswith("0"):
        return f"bytes{digits}"
    if name in ("address", "bool", "string", "tuple", "function") and not digits:
        return name
    raise _wrong(place, _UNSUPPORTED)


def _wrong(place: str, message: str) -> InvalidInput:
    return InvalidInput.of(place, message, "invalid_abi")


# ---- calling ---------------------------------------------------------------------------------------------------------------------


def function_named(abi: Abi, wanted: str) -> Entry:
    """By its name, signature or selector. InvalidInput where there is none, or where the name alone does not say which."""
    exact = [entry for entry in abi.functions if wanted in (entry.signature, entry.selector)]
    found = exact or [entry for entry in abi.functions if entry.name == wanted]
    if len({entry.signature for entry in found}) > 1:
        choices = ", ".join(sorted({entry.signature for entry in found}))
        raise InvalidInput.of("function", f"is there more than once; say which by its signature: {choices}", "ambiguous_function")
    if not found:
        raise InvalidInput.of("function", "is not a function of this contract's ABI", "unknown_function")
    return found[0]


def call_data(function: Entry, arguments: Sequence[Any]) -> bytes:
    """InvalidInput names the argument: `arguments.1.amount`."""
    return bytes.fromhex(function.selector[2:]) + encoded(function.inputs, arguments)


def encoded(parameters: Sequence[Parameter], arguments: Sequence[Any]) -> bytes:
    if len(arguments) != len(parameters):
        raise InvalidInput.of("arguments", f"must be {len(parameters)}, and {len(arguments)} were given", "wrong_count")
    values = [_value(part.type, given, f"arguments.{index}") for index, (part, given) in enumerate(zip(parameters, arguments, strict=True))]
    try:
        return encode([part.type.canonical for part in parameters], values)
    except EncodingError as error:
        raise InvalidInput.of("arguments", "do not fit their types", "invalid_argument") from error


def _value(kind: AbiType, given: Any, place: str) -> Any:
    if kind.dimensions:
        size = kind.dimensions[-1]
        if not isinstance(given, list) or (size is not None and len(given) != size):
            raise _unfit(place, f"must be a list{f' of {size}' if size is not None else ''} for {kind.canonical}")
        return [_value(kind.element, part, f"{place}.{index}") for index, part in enumerate(given)]
    if kind.base == "tuple":
        return _tuple(kind, given, place)
    return _elementary(kind.base, given, place)


def _tuple(kind: AbiType, given: Any, place: str) -> tuple[Any, ...]:
    keys = keys_of(kind.components)
    if isinstance(given, list) and len(given) == len(keys):
        given = dict(zip(keys, given, strict=True))
    if not isinstance(given, dict) or set(given) != set(keys):
        raise _unfit(place, f"must be an object with {', '.join(keys)}")
    return tuple(_value(part.type, given[key], f"{place}.{key}") for key, part in zip(keys, kind.components, strict=True))


def _elementary(base: str, given: Any, place: str) -> Any:
    if base.startswith(("uint", "int")):
        return _integer(base, given, place)
    match base:
        case "bool":
            if not isinstance(given, bool):
                raise _unfit(place, "must be true or false")
            return given
        case "string":
            if not isinstance(given, str):
                raise _unfit(place, "must be text")
            return given
        case "address":
            try:
                return parse_address(given if isinstance(given, str) else "")
            except ValueError as error:
                raise _unfit(place, str(error)) from error
    if not isinstance(given, str) or not _HEX.fullmatch(given):
        raise _unfit(place, "must be hexadecimal: 0x and two digits a byte")
    data = bytes.fromhex(given[2:])
    size = 24 if base == "function" else int(base.removeprefix("bytes") or len(data))
    if len(data) != size:
        raise _unfit(place, f"must have {size} bytes for {base}")
    return data


def _integer(base: str, given: Any, place: str) -> int:
    """A decimal string, since JSON's own numbers lose digits in many programs; a whole JSON number is taken as well."""
    if isinstance(given, bool) or not isinstance(given, int | str) or not _INTEGER.fullmatch(str(given)):
        raise _unfit(place, 'must be a whole number in a string, such as "1000"')
    signed, bits = base.startswith("int"), int(base.removeprefix("u").removeprefix("int"))
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    if not low <= (number := int(given)) <= high:
        raise _unfit(place, f"does not fit into {base}")
    return number


def _unfit(place: str, message: str) -> InvalidInput:
    return InvalidInput(FieldError(place, message, "invalid_argument"))


# ---- refusals --------------------------------------------------------------------------------------------------------------------

_STRING = (Parameter("", AbiType("string")),)
_UINT = (Parameter("", AbiType("uint256")),)
_ERROR_SELECTOR, _PANIC_SELECTOR = "0x08c379a0", "0x4e487b71"  # Error(string), Panic(uint256)
_PANICS = {
    0x01: "an assertion does not hold",
    0x11: "a number overflowed",
    0x12: "division by zero",
    0x21: "a value is none of its enumeration",
    0x22: "a stored byte array is broken",
    0x31: "pop of an empty list",
    0x32: "an index is out of range",
    0x41: "too much memory was asked for",
    0x51: "an unset function was called",
}
REASON_MAX = 300


def refusal_text(data: bytes, abi: Abi, said: str = "") -> str:
    """Why a contract refused, in words: its own, which are a stranger's, on one line and bounded. `said` by the node, where there is no data."""
    selector, rest = "0x" + data[:4].hex(), data[4:]
    try:
        if selector == _ERROR_SELECTOR:
            return inert(str(decoded(_STRING, rest)[0])) or "without a reason"
        if selector == _PANIC_SELECTOR:
            code = int(decoded(_UINT, rest)[0])
            return f"{_PANICS.get(code, 'it panicked')} (Panic 0x{code:02x})"
        if error := abi.errors.get(selector):
            values = ", ".join(f"{key}: {value}" for key, value in zip(keys_of(error.inputs), decoded(error.inputs, rest), strict=True))
            return inert(f"{error.name}({values})")
    except Unreadable:
        pass
    if data:
        return inert(f"0x{data.hex()}")
    return inert(said) or "without a reason"


def inert(text: str) -> str:
    """On one line, without control and direction characters, bounded."""
    clean = " ".join("".join(mark if mark.isprintable() else " " for mark in text[: 2 * REASON_MAX]).split())
    return clean if len(clean) <= REASON_MAX else clean[: REASON_MAX - 1] + "…"
