"""How the checks of this folder read the source."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("crypto_api", "workers", "signer", "mongodb_config", "crypto_project")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def python_files(*roots: str) -> Iterator[Path]:
    for root in roots or (*PRODUCT, "benchmarks"):
        yield from sorted(path for path in (ROOT / root).rglob("*.py") if "node_modules" not in path.parts)


def where(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


def functions(tree: ast.AST) -> Iterator[Function]:
    """All of them, nested ones too."""
    yield from (node for node in ast.walk(tree) if isinstance(node, Function))


def arguments(function: Function) -> list[ast.arg]:
    spec = function.args
    return [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]


def called_methods(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """`x.name(…)` as (name, call)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr, node
