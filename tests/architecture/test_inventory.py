"""What the product does in a few named places and nowhere else: cryptography, threads, logs, templates, patterns."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

import pytest

from tests.architecture.reading import PRODUCT, ROOT, python_files, where

LOOKED_AT = {
    # each round ends with its slash
    ("crypto_api/adapters/solidity_libraries.py", r"@openzeppelin/contracts/([A-Za-z0-9_-]+/)*[A-Za-z0-9_-]+\.sol"),
    ("crypto_api/insights/model_words.py", r"\d+(?:[.,']\d+| \d{3}(?!\d))*"),  # each round begins with a sign that no other takes
    ("crypto_api/protocols/signatures.py", r"(?:[^,()]|\([^()]*\))+"),  # a round is one letter, or stands in its brackets
}
"""Patterns in which a repeat repeats, and why a text can be cut in one way only all the same."""
CRYPTOGRAPHY = {
    "bcrypt",
    "coincurve",
    "cryptography",
    "eth_account",
    "eth_keys",
    "hashlib",
    "hmac",
    "joserfc",
    "jwt",
    "pyotp",
    "secrets",
    "ssl",
    "webauthn",
}
INVENTORY = ROOT / "docs" / "security" / "cryptography.toml"
THREADS = {
    "crypto_api/kit/loop_watch.py",  # watches the loop, and shares one number and one event with it
    "crypto_api/kit/standstill.py",  # shares two events with it
    "crypto_api/adapters/telemetry.py",
    "crypto_api/kit/pdf_fonts.py",  # makes none: a lock for those of `asyncio.to_thread`, since a library shares something
    "crypto_api/identity/passwords.py",  # the same
    "crypto_project/embedded/secantusdb.py",  # not for production
}
TELLS = {
    "crypto_api/ledger/verify.py",
    "crypto_project/settings.py",
    "crypto_project/lifespan.py",
    "crypto_project/npm.py",
    "crypto_project/demo/once.py",
}
"""Say something to whoever started them, beside the log: programs of the operator, and a start that fails before there is a log."""


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


def product() -> Iterator[Path]:
    return python_files(*PRODUCT)


def test_every_use_of_cryptography_is_in_the_inventory_with_its_purpose() -> None:
    inventory = tomllib.loads(INVENTORY.read_text())["uses"]
    used = {where(path): sorted(imported(path) & CRYPTOGRAPHY) for path in product()}
    assert {path: names for path, names in used.items() if names} == {path: use["with"] for path, use in inventory.items()}
    assert [path for path, use in inventory.items() if len(use["for"]) < 10] == []


def test_threads_are_made_in_named_places() -> None:
    """Elsewhere there is one loop, and `asyncio.to_thread` for work on values that nobody else has: no module that uses it writes a global."""
    assert {where(path) for path in product() if imported(path) & {"threading", "concurrent", "multiprocessing", "_thread"}} == THREADS
    handing = [path for path in product() if "to_thread(" in path.read_text()]
    assert len(handing) > 10
    assert [where(path) for path in handing if any(isinstance(node, ast.Global) for node in ast.walk(ast.parse(path.read_text())))] == []


def test_logs_go_where_one_module_says() -> None:
    handlers = re.compile(r"\b(Stream|\w*File|Socket|Datagram|SysLog|HTTP|SMTP|Queue)Handler\(|basicConfig\(|addHandler\(|dictConfig\(|syslog")
    assert {where(path) for path in product() if handlers.search(path.read_text())} == {"crypto_api/kit/log.py"}
    speaking = re.compile(r"(?<![\w.])print\(|sys\.(stdout|stderr)\.write\(")
    assert {where(path) for path in product() if speaking.search(path.read_text()) and "management" not in path.parts} == TELLS


def test_templates_are_files() -> None:
    made = re.compile(r"(?<!\w)Template\(|from_string\(|(?<!\w)Engine\(|jinja")
    assert [where(path) for path in product() if made.search(path.read_text())] == []


def loops(pattern: Any, *, inside: bool = False) -> bool:
    """Whether a repeat without an end has one within it that can match the same text: then a text that does not match takes ages."""
    for operation, argument in pattern:
        if operation in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
            _, most, body = argument
            endless = most is _constants.MAXREPEAT
            if (endless and inside) or loops(body, inside=inside or (endless and not _is_fenced(body))):
                return True
        elif operation is _constants.SUBPATTERN:
            if loops(argument[-1], inside=inside):
                return True
        elif operation is _constants.BRANCH:
            if any(loops(branch, inside=inside) for branch in argument[1]):
                return True
        elif operation in (_constants.ASSERT, _constants.ASSERT_NOT) and loops(argument[1], inside=inside):
            return True
    return False


def _is_fenced(body: Any) -> bool:
    """`(-x+)*`: each round begins with a sign of its own, which the repeat within it cannot take."""
    kind, argument = body[0] if len(body) else (None, None)
    while kind is _constants.SUBPATTERN and len(argument[-1]):
        kind, argument = argument[-1][0]
    return kind is _constants.LITERAL


def patterns(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "re" and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def test_no_pattern_repeats_a_repeat() -> None:
    found = {(where(path), pattern) for path in product() for pattern in patterns(path)}
    assert len(found) > 60
    assert {row for row in found if loops(_parser.parse(row[1]))} == LOOKED_AT


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [(r"(a+)+b", True), (r"(a*)*", True), (r"(?:x|(y+))*z", True), (r"(?:a+b?)+c", True), (r"(\.[a-z]+)*", False), (r"[a-z]+(-[0-9]+)?", False)],
)
def test_the_check_sees_it(pattern: str, expected: bool) -> None:
    assert loops(_parser.parse(pattern)) is expected
