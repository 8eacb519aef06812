"""Functions of a contract as forms: what is typed into their fields, as the arguments that they take."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from crypto_api.contracts.abi import Abi, Entry
from crypto_api.dashboard.number_formats import count
from crypto_api.dashboard.translation import gettext
from crypto_api.kit.abi_values import AbiType, Parameter
from crypto_api.kit.errors import InvalidInput

TEXT_MAX = 20_000
_HINTS = {
    "address": "0x…",
    "bool": "",
    "string": "text",
    "bytes": "0x…",
    "function": "0x…",
}


@dataclass(frozen=True, slots=True)
class Field:
    id: str
    label: str
    kind: str  # line, choice or json
    type: str
    hint: str


@dataclass(frozen=True, slots=True)
class FunctionForm:
    entry: Entry
    id: str
    fields: list[Field]

    @property
    def payable(self) -> bool:
        return self.entry.mutability == "payable"


def forms_of(abi: Abi) -> tuple[list[FunctionForm], list[FunctionForm]]:
    """Those that read, and those that change something, each once."""
    seen: dict[str, Entry] = {}
    for entry in abi.functions:
        seen.setdefault(entry.signature, entry)
    forms = [_form(entry) for entry in sorted(seen.values(), key=lambda entry: (entry.name.casefold(), entry.signature))]
    return [form for form in forms if form.entry.reads], [form for form in forms if not form.entry.reads]


def _form(entry: Entry) -> FunctionForm:
    key = entry.selector[2:]
    return FunctionForm(entry, f"f-{key}-{len(entry.signature)}", [_field(key, index, part) for index, part in enumerate(entry.inputs)])


def _field(key: str, index: int, part: Parameter) -> Field:
    label = part.name or gettext("Argument %(n)s") % {"n": index + 1}
    if part.type.dimensions or part.type.base == "tuple":
        return Field(f"a-{key}-{index}", label, "json", part.type.canonical, example_of(part.type))
    kind = "choice" if part.type.base == "bool" else "line"
    return Field(f"a-{key}-{index}", label, kind, part.type.canonical, _hint(part.type))


def _hint(kind: AbiType) -> str:
    return _HINTS.get(kind.base, "0x…" if kind.base.startswith("bytes") else gettext("whole number"))


def example_of(kind: AbiType) -> str:
    """The form of a list or tuple, as it is typed."""
    if kind.dimensions:
        return f"[{example_of(kind.element)}, …]"
    if kind.base == "tuple":
        return "{" + ", ".join(f'"{part.name or index}": {example_of(part.type)}' for index, part in enumerate(kind.components)) + "}"
    return "true" if kind.base == "bool" else f'"{_hint(kind)}"'


def arguments_of(entry: Entry, given: Mapping[str, str]) -> list[Any]:
    """InvalidInput names the argument, as the API does."""
    return [_argument(part, given.get(f"argument-{index}", ""), f"arguments.{index}") for index, part in enumerate(entry.inputs)]


def _argument(part: Parameter, text: str, place: str) -> Any:
    if len(text) > TEXT_MAX:
        raise InvalidInput.of(place, gettext("has more than %(n)s characters") % {"n": count(TEXT_MAX)}, "too_long")
    kind = part.type
    if kind.dimensions or kind.base == "tuple":
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise InvalidInput.of(place, gettext("must look like %(example)s") % {"example": example_of(kind)[:200]}, "invalid_argument") from error
    if kind.base == "bool":
        return text == "true"
    return text if kind.base == "string" else text.strip()


def shown(value: Any) -> str:
    """An answer's value as text: lists and tuples as JSON."""
    if isinstance(value, str):
        return value
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
