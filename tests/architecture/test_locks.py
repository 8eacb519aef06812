"""Lock files pin every package by hash and hold no address: whoever installs chooses where from."""

import json
import re
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.reading import ROOT

PYTHON_LOCKS = tuple(f"requirements{name}.lock" for name in ("", "-dev", "-bootstrap", "-slither", "-clients", "-security"))
NPM_LOCKS = ("package-lock.json", "client_tools/package-lock.json")


def faults_of_python_lock(text: str) -> list[str]:
    faults = ["an address"] if "://" in text or "--index-url" in text or "--find-links" in text or " @ " in text else []
    pins = re.split(r"\n(?=[A-Za-z0-9])", "\n".join(line for line in text.splitlines() if not line.startswith("#")).strip())
    faults += [f"{pin.split()[0]} is not pinned" for pin in pins if "==" not in pin.split()[0]]
    return faults + [f"{pin.split()[0]} has no hash" for pin in pins if "--hash=sha256:" not in pin]


def faults_of_npm_lock(lock: dict[str, Any]) -> list[str]:
    rows = {name: row for name, row in lock["packages"].items() if name}
    faults = [f"{name} has an address" for name, row in rows.items() if "resolved" in row or "://" in row.get("version", "")]
    return faults + [f"{name} has no hash" for name, row in rows.items() if not row.get("integrity", "").startswith("sha512-")]


def missing_from(text: str, wanted: Iterable[str]) -> set[str]:
    """What an installation of `wanted` needs here and the lock does not name. What a package needs is asked of the installed ones."""
    pinned = {canonicalize_name(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)}
    missing, seen, left = set[str](), set[tuple[str, str]](), [(Requirement(row), "") for row in wanted]
    while left:
        requirement, extra = left.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        if name not in pinned:
            missing.add(name)
        for each in {"", *requirement.extras}:
            if (name, each) in seen:
                continue
            seen.add((name, each))
            try:
                left += [(Requirement(row), each) for row in requires(name) or []]
            except PackageNotFoundError:
                missing.add(name)
    return missing


def test_python_locks() -> None:
    assert {name: faults_of_python_lock((ROOT / name).read_text()) for name in PYTHON_LOCKS} == {name: [] for name in PYTHON_LOCKS}


def test_python_locks_name_all_that_is_needed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    product, tests = project["project"]["dependencies"], project["dependency-groups"]["dev"]
    assert missing_from((ROOT / "requirements.lock").read_text(), product) == set()
    assert missing_from((ROOT / "requirements-dev.lock").read_text(), [*product, *tests]) == set()
    assert missing_from("uvicorn==1\n", ["uvicorn"]) >= {"click", "h11"}


def test_npm_lock() -> None:
    assert {name: faults_of_npm_lock(json.loads((ROOT / name).read_text())) for name in NPM_LOCKS} == {name: [] for name in NPM_LOCKS}


def test_the_checks_find_bad_locks() -> None:
    assert faults_of_python_lock("--index-url x://y\nloose>=1\nbare==1 \\\n    --hash=sha256:00") == [
        "an address",
        "--index-url is not pinned",
        "loose>=1 is not pinned",
        "--index-url has no hash",
        "loose>=1 has no hash",
    ]
    row = {"version": "1.0.0", "resolved": "x://y/a.tgz"}
    assert faults_of_npm_lock({"packages": {"": {}, "a": row}}) == ["a has an address", "a has no hash"]
