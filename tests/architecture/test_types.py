"""What a client may send is spelt out, and money is never a float."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import django
from pydantic import BaseModel

from tests.architecture.reading import arguments, functions, python_files, where

NOT_MONEY = {
    "confidence",
    "confidence_min",
    "sure",
    "llm_confidence_min",
    "share",
    "heard_at",
    "now",
    "error_rate",
    "requests_per_second",
    "failed_at",
    "paused_until",
    "throttled_until",
    "head_at",
    "highest_at",
}  # a probability, parts of a whole, calls in a second, readings of a monotonic clock
NOT_MONEY_ENDINGS = ("_s", "_ms", "_s_max", "_s_min")


def loose_fields(model: type[BaseModel]) -> list[str]:
    """Fields of a request through which anything could pass."""
    faults = [] if model.model_config.get("extra") == "forbid" else [f"{model.__name__}: takes unknown fields"]
    return faults + [f"{model.__name__}.{name}" for name, info in model.model_fields.items() if any(map(_is_loose, _parts(info.annotation)))]


def _parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def _is_loose(annotation: Any) -> bool:
    return annotation in (Any, object, dict, list, tuple, set, float)


def request_schemas() -> list[type[BaseModel]]:
    django.setup()
    from crypto_api.http.schemas.base import RequestSchema

    for path in python_files("crypto_api/http/schemas"):
        importlib.import_module(f"crypto_api.http.schemas.{path.stem}" if path.stem != "__init__" else "crypto_api.http.schemas")
    return list(_descendants(RequestSchema))


def _descendants(parent: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for child in parent.__subclasses__():
        yield child
        yield from _descendants(child)


def floats(path: Path, source: str) -> list[str]:
    """Annotated names that are a float without being known to be no amount."""
    tree = ast.parse(source)
    named = [(node.target.id, node.annotation) for node in ast.walk(tree) if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)]
    given = [argument for function in functions(tree) for argument in arguments(function)]
    named += [(argument.arg, argument.annotation) for argument in given if argument.annotation]
    return [
        f"{where(path)}: {name}"
        for name, annotation in named
        if any(isinstance(part, ast.Name) and part.id == "float" for part in ast.walk(annotation))
        and name not in NOT_MONEY
        and not name.endswith(NOT_MONEY_ENDINGS)
    ]


def test_requests_are_spelt_out() -> None:
    found = request_schemas()
    assert len(found) > 5
    assert [fault for model in found for fault in loose_fields(model)] == []


def test_no_amount_is_a_float() -> None:
    assert [fault for path in python_files("crypto_api") for fault in floats(path, path.read_text())] == []


def test_the_checks_find_bad_types() -> None:
    class Loose(BaseModel):
        anything: Any
        filters: dict[str, Any] | None
        rows: list  # type: ignore[type-arg]
        amount: float
        name: str

    assert loose_fields(Loose) == ["Loose: takes unknown fields", "Loose.anything", "Loose.filters", "Loose.rows", "Loose.amount"]
    assert floats(Path("a.py"), "rate: float\npoll_s: float\ndef pay(amount: float | None, confidence: float): ...") == ["a.py: rate", "a.py: amount"]
