"""What the documents point at exists: links, paths, modules, functions, commands."""

import ast
import re
import tomllib
from pathlib import Path

from tests.architecture.reading import PRODUCT, ROOT, python_files, where

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)|!\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"(?:[\w.-]+/)+[\w.*-]*|[\w-]+\.(?:py|md|toml|lock|json|conf|js|sh|yml)")
MANAGE = re.compile(r"manage\.py (\w+)")
MODULE = re.compile(r"python3? -m ((?:tests|benchmarks|crypto_api|workers|signer)[\w.]*)")
FUNCTION = re.compile(r"(?:[\w]+\.)*(\w+)\(\)?.*")
FOLDERS = (*PRODUCT, "tests", "benchmarks", "docs", "scripts")
MADE_AT_RUN_TIME = ("logs", ".venv", ".data", ".cache", "node_modules", "staticfiles")


def faults_of(document: Path, text: str) -> list[str]:
    targets = [link for pair in LINK.findall(text) for link in pair if link and "://" not in link]
    faults = [f"{where(document)}: link to {target}" for target in targets if not (document.parent / target).exists()]
    named = [(code, path) for code in CODE.findall(text) if (path := _path_in(code))]
    faults += [f"{where(document)}: path {code}" for code, path in named if not list(ROOT.glob(path.rstrip("/")))]
    known = {path.stem for path in python_files("crypto_project/management/commands")} | {"collectstatic"}
    faults += [f"{where(document)}: command {name}" for name in MANAGE.findall(text) if name not in known]
    faults += [f"{where(document)}: module {name}" for name in MODULE.findall(text) if not _is_module(name.rstrip("."))]
    return faults


def _is_module(name: str) -> bool:
    place = ROOT.joinpath(*name.split("."))
    return place.with_suffix(".py").is_file() or (place / "__main__.py").is_file()


def _path_in(code: str) -> str | None:
    """The path that a piece of code names, if it names one of this tree."""
    first = code.split(" ")[0].split(":")[0]
    if not PATH.fullmatch(first) or first.startswith(MADE_AT_RUN_TIME):
        return None
    return first if first.split("/")[0] in FOLDERS or first.startswith((".ci/", ".env")) else None


def defined_names() -> set[str]:
    return {
        node.name
        for path in python_files()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }


def unknown_functions(document: Path, text: str, known: set[str]) -> list[str]:
    """`name()` or `module.name()` in a walk through the code that no longer exists."""
    called = [match[1] for code in CODE.findall(text) if (match := re.fullmatch(r"(?:\w+\.)*(\w+)\(\)", code))]
    return [f"{where(document)}: function {name}" for name in called if name not in known]


def documents() -> list[Path]:
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def test_what_documents_name_exists() -> None:
    assert [fault for path in documents() for fault in faults_of(path, path.read_text())] == []


def test_each_decision_has_a_number_of_its_own_and_states_it() -> None:
    found = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    numbers = [int(path.name[:4]) for path in found]
    assert len(set(numbers)) == len(numbers) > 20
    assert [path.name for path, number in zip(found, numbers, strict=True) if not path.read_text().startswith(f"# {number}. ")] == []


def test_functions_that_the_walk_names_exist() -> None:
    known = defined_names()
    assert [fault for path in documents() for fault in unknown_functions(path, path.read_text(), known)] == []


def test_the_checks_find_dead_references() -> None:
    text = "[a](docs/absent.md) `crypto_api/absent.py` `manage.py vanish` `python -m tests.absent` and `ledger.absent_function()`,"
    text += " but `docs/decisions/` is there"
    assert faults_of(ROOT / "README.md", text) == [
        "README.md: link to docs/absent.md",
        "README.md: path crypto_api/absent.py",
        "README.md: command vanish",
        "README.md: module tests.absent",
    ]
    assert unknown_functions(ROOT / "README.md", text, {"other"}) == ["README.md: function absent_function"]


TEST_ID = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def unknown_tests(document: Path, text: str) -> list[str]:
    return [
        f"{where(document)}: {path}::{name}"
        for path, name in TEST_ID.findall(text)
        if not re.search(rf"^\s*(async )?def {name}\(", (ROOT / path).read_text() if (ROOT / path).is_file() else "", re.MULTILINE)
    ]


def test_tests_that_documents_name_exist() -> None:
    assert [fault for path in documents() for fault in unknown_tests(path, path.read_text())] == []
    assert unknown_tests(ROOT / "README.md", "`tests/http/test_auth.py::test_nothing_of_this_name`") == [
        "README.md: tests/http/test_auth.py::test_nothing_of_this_name"
    ]


def test_the_order_of_the_house_is_that_of_the_import_contracts() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    whole, inside = (row["layers"] for row in contracts if row["type"] == "layers" and row.get("containers", ["crypto_api"]) == ["crypto_api"])
    layers = [line.split(" | ") for line in [*whole[:2], *inside, *whole[3:]]]
    block = (ROOT / "docs" / "architecture.md").read_text().split("```")[1].strip()
    told = [re.split(r" \| |, ", re.split(r"\s{2,}", line)[0].replace("crypto_api.", "")) for line in block.splitlines()]
    assert sorted(name for line in told for name in line) == sorted(name for line in layers for name in line)
    place = {name: number for number, line in enumerate(layers) for name in line}
    order = [place[name] for line in told for name in line]
    assert order == sorted(order)
