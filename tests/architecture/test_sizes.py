"""Functions that fit a screen, files that can be read at a sitting. Of tests the functions alone, and templates apart."""

import ast
from pathlib import Path

from tests.architecture.reading import ROOT, functions, python_files, where

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600


def faults_of(path: Path, source: str) -> list[str]:
    too_long = [f"{where(path)}: {count} lines"] if (count := len(source.splitlines())) > FILE_LINES_MAX else []
    return too_long + long_functions(path, source)


def long_functions(path: Path, source: str) -> list[str]:
    faults = []
    for function in functions(ast.parse(source)):
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if lines > FUNCTION_LINES_MAX:
            faults.append(f"{where(path)}:{function.lineno} {function.name}: {lines} lines")
    return faults


def test_functions_and_files_are_small() -> None:
    files = [*python_files(), ROOT / "manage.py"]
    assert [fault for path in files for fault in faults_of(path, path.read_text())] == []
    assert [fault for path in python_files("tests") for fault in long_functions(path, path.read_text())] == []


def test_names_say_what_a_file_holds() -> None:
    assert [where(path) for path in python_files() if path.stem in ("utils", "util", "helpers", "helper", "manager", "common", "misc")] == []


def test_the_check_finds_what_is_too_long() -> None:
    long_function = "def endless():\n" + "    pass\n" * FUNCTION_LINES_MAX
    assert faults_of(Path("a.py"), long_function) == ["a.py:1 endless: 71 lines"]
    assert faults_of(Path("b.py"), "pass\n" * 601) == ["b.py: 601 lines"]
