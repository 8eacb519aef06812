"""Trying mutants: in a copy of the tree, never in the checkout; each against the tests that run through the mutated function."""

import ast
import contextlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.generate import ROOT, Mutant, Source

STAGES = (
    ("tests/authorization",),
    ("tests/http", "tests/sockets", "tests/identity", "tests/organizations", "tests/employees", "tests/audit"),
    ("tests/adapters", "tests/dashboard", "tests/flows", "tests/ledger", "tests/reports", "tests/tasks", "tests/workers"),
    (
        "tests/address_book", "tests/chains", "tests/classification", "tests/contracts", "tests/payments", "tests/policies", "tests/signer",
        "tests/transactions", "tests/flows/test_signing_decision.py", "tests/flows/test_signing_delegations.py", "tests/adapters/test_key_sealing.py",
    ),
)  # fmt: skip
"""What lives through one is tried against the next, in this order:"""
ORDER = (4, 1, 2, 3)  # rules by themselves first: they take milliseconds
LEFT_OUT = ("tests/http/test_hostile_input.py", "tests/mutants", "tests/dashboard/test_browser")
OURS = ("tests", "crypto_api", "crypto_project", "mongodb_config", "signer", "workers")
STATEFUL = ("__main__", "channels", "django", "ninja", "servestatic", "structlog")  # they keep what they were told when they were imported
FIRST_S, AT_MOST_S, GIVE_UP_S, REACH_S = 8.0, 60.0, 150, 1_200
LINKED = (".venv", "node_modules")
APART = ("signer/uses.py", "signer/parcels.py", "signer/keystores.py", "crypto_api/adapters/key_sealing.py")
"""They run in the vault, a process of its own: no test is seen running through them, and no living code of the tests' process can be changed. They
are tried against all tests of the signer, which start their own vault."""
TESTS_APART = "tests/signer"


@dataclass(frozen=True)
class Verdict:
    mutant: Mutant
    killed: bool
    seconds: float
    by: str  # the test that found it, or why it lives
    stage: int = 1  # the number of the stage of that test


Reach = dict[str, list[tuple[float, str]]]
"""function → (seconds, test) of those that run through it, the quickest first."""


@contextlib.contextmanager
def copied() -> Iterator[Path]:
    """What is committed, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        folder = Path(name)
        archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
        subprocess.run(["tar", "x", "-C", name], input=archive, check=True)
        for linked in LINKED:
            if (ROOT / linked).exists():
                (folder / linked).symlink_to(ROOT / linked)
        _compile(folder)
        yield folder


def _compile(folder: Path) -> None:
    """By the hash of the source: a file that changes and changes back within a second is not mistaken for what it was."""
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", *(name for name in OURS if (folder / name).exists())]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def servers() -> Iterator[dict[str, str]]:
    """MongoDB and Valkey for all runs, in a process of their own; the settings by which the tests find them."""
    with (
        tempfile.TemporaryDirectory(prefix="mutants-servers-") as name,
        subprocess.Popen(
            [sys.executable, "-m", "tests.mutants.keep_servers", name], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as keeper,
    ):
        assert keeper.stdout is not None
        assert keeper.stdin is not None
        yield json.loads(next(line for line in keeper.stdout if line.startswith("{")))
        keeper.stdin.close()  # it ends with that


def preload() -> None:
    """Everything foreign that the tests import, once: a run then starts in a second."""
    script = "import sys, pytest; pytest.main(['--collect-only', '-q', 'tests/authorization']); print('@@', *sys.modules)"
    told = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout.rsplit("@@", 1)[1].split()
    for name in told:
        if name.split(".")[0] not in (*OURS, *STATEFUL) and "conftest" not in name:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def pytest_in(folder: Path, arguments: Sequence[str], environment: dict[str, str], timeout_s: float = GIVE_UP_S) -> tuple[int, str]:
    """The exit code and what it wrote, from a child that begins with what was preloaded."""
    child, output = start_pytest(folder, arguments, environment)
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), output.read_text(errors="replace")
        time.sleep(0.02)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return 1, "timed out"


def start_pytest(folder: Path, arguments: Sequence[str], environment: dict[str, str]) -> tuple[int, Path]:
    """The process, and the file that it writes to."""
    output = folder / "output.txt"
    child = os.fork()
    if child == 0:
        _become_pytest(folder, arguments, environment, output)
    return child, output


def _become_pytest(folder: Path, arguments: Sequence[str], environment: dict[str, str], output: Path) -> None:
    code = 70
    try:
        os.setsid()
        handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        os.chdir(folder)
        os.environ.update(environment)
        sys.dont_write_bytecode = True
        for name in [name for name in sys.modules if name.split(".")[0] in OURS]:
            del sys.modules[name]
        sys.path[:] = [str(folder), *(path for path in sys.path if Path(path or ".").resolve() != ROOT)]
        import pytest

        code = int(
            pytest.main(
                [
                    "-q",
                    "--show-capture=no",
                    "-p",
                    "no:cacheprovider",
                    "-W",
                    "ignore::pytest.PytestAssertRewriteWarning",
                    "--rootdir",
                    str(folder),
                    *arguments,
                ]
            )
        )
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def reach_of(mutants: Sequence[Mutant], tests: Sequence[str], folder: Path, environment: dict[str, str]) -> Reach:
    """Runs these tests once, on a copy that says where it is."""
    wanted: dict[str, set[str]] = {}
    for mutant in mutants:
        wanted.setdefault(mutant.file, set()).add(mutant.function)
    originals = {file: (folder / file).read_bytes() for file in wanted}
    for file, functions in wanted.items():
        (folder / file).write_bytes(_telling(folder / file, functions, folder))
    told = folder / "reach.json"
    names = [name for name in tests if (folder / name).exists()]
    arguments = ["-p", "tests.mutants.reach", "--timeout", "300", *(f"--ignore-glob={name}*" for name in LEFT_OUT), *names]
    _, output = pytest_in(folder, arguments, environment | {"COFFER_REACH": str(told)}, timeout_s=REACH_S)
    for file, content in originals.items():
        (folder / file).write_bytes(content)
    print(output[-1_500:], flush=True)
    found: dict[str, list[tuple[float, str]]] = {}
    apart = {mutant.place for mutant in mutants if mutant.file in APART}
    for test, row in json.loads(told.read_text()).items():
        if not row.get("failed"):
            for function in {*row.get("reached", []), *(apart if test.startswith(TESTS_APART) else ())}:
                found.setdefault(function, []).append((row["seconds"], test))
    return {function: sorted(rows) for function, rows in found.items()}


def _telling(path: Path, functions: set[str], folder: Path) -> bytes:
    """The source with a call at the beginning of each of these functions."""
    content = path.read_bytes()
    source = Source(path, folder)
    inserts = []
    for node in ast.walk(source.tree):
        named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in functions
        inner = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and source.inside.get(node) in functions
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (named or inner):
            body = [row for row in node.body if not (isinstance(row, ast.Expr) and isinstance(row.value, ast.Constant))] or node.body
            key = f"{source.file}:{source.inside[node] if inner else node.name}"
            call = f"getattr(__import__('builtins'), '_reach', len)({key!r})"  # nobody listens in a process of its own
            inserts.append((source.span(body[0])[0] if not _decorated(body[0]) else None, f"{call}\n{' ' * body[0].col_offset}"))
    for at, text in sorted((row for row in inserts if row[0] is not None), key=lambda row: -(row[0] or 0)):
        content = content[:at] + text.encode() + content[at:]  # type: ignore[index]
    return content


def _decorated(node: ast.stmt) -> bool:
    return bool(getattr(node, "decorator_list", None))


def try_live(mutants: Sequence[Mutant], reach: Reach, folder: Path, environment: dict[str, str]) -> Iterator[Verdict]:
    """All of them in as few processes as it takes. Those that cannot be tried so are left out."""
    rows = []
    for number, mutant in enumerate(mutants):
        tests = _ordered(mutant, reach.get(mutant.place, []))
        if tests and mutant.file not in APART:
            names = [test for _, test in tests]
            source = mutant.source(folder)
            rows.append({"number": number, "file": mutant.file, "source": source, "tests": names})
    while rows:
        asked, told = folder / "asked.json", folder / "verdicts.jsonl"
        asked.write_text(json.dumps(rows))
        told.write_text("")
        names = sorted({test.split("::")[0] for row in rows for test in row["tests"]})
        arguments = ["-p", "tests.mutants.live", "--timeout", "60", *names]
        child, output = start_pytest(folder, arguments, environment | {"COFFER_MUTANTS": str(asked), "COFFER_VERDICTS": str(told)})
        read, done = 0, False
        while not done:
            done = os.waitpid(child, os.WNOHANG)[0] != 0
            for line in told.read_text().splitlines()[read:]:
                read += 1
                row = json.loads(line)
                if row["verdict"] in ("killed", "lived"):
                    yield Verdict(mutants[row["number"]], row["verdict"] == "killed", row["seconds"], row["by"])
            time.sleep(0.2)
        if read == 0:
            sys.stdout.write(output.read_text()[-3_000:])
            return
        rows = rows[read:]


def _ordered(mutant: Mutant, tests: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """The matrix first, then what is named for the same thing, then the quickest; a minute's worth."""
    ranked = sorted(tests, key=lambda row: (not row[1].startswith("tests/authorization/test_operations"), not _of(mutant, row[1]), row[0]))
    chosen, spent = [], 0.0
    for seconds, test in ranked:
        if chosen and spent + seconds > AT_MOST_S:
            break
        chosen.append((seconds, test))
        spent += seconds
    return chosen


def _of(mutant: Mutant, test: str) -> bool:
    """`identity/access_tokens.py` is what `test_access_tokens.py` is about."""
    return Path(mutant.file).stem.removesuffix("s") in Path(test.split("::")[0]).stem


def try_one(mutant: Mutant, reach: Reach, folder: Path, environment: dict[str, str]) -> Verdict:
    """Against the quickest tests first, then against the others. What fails without the mutant too, as on a machine that is busy, finds nothing."""
    began = time.monotonic()
    tests = reach.get(mutant.place, [])
    if not tests:
        return Verdict(mutant, False, 0.0, "no test runs through it")
    path = folder / mutant.file
    original = path.read_bytes()
    try:
        for chosen in _rounds(tests):
            path.write_text(mutant.source(folder))
            code, output = pytest_in(folder, ["-x", *chosen], environment)
            path.write_bytes(original)
            if code != 0 and pytest_in(folder, [found] if (found := _failed(output)) else ["-x", *chosen], environment)[0] == 0:
                return Verdict(mutant, True, time.monotonic() - began, _killer(code, output))
        return Verdict(mutant, False, time.monotonic() - began, f"{len(tests)} tests ran through it")
    finally:
        path.write_bytes(original)


def _rounds(tests: list[tuple[float, str]]) -> Iterator[list[str]]:
    """The matrix first: a few seconds' worth, then the rest up to a minute."""
    ordered = sorted(tests, key=lambda row: (not row[1].startswith("tests/authorization"), row[0]))
    spent, chosen, limit = 0.0, [], FIRST_S
    for seconds, test in ordered:
        if chosen and spent + seconds > limit:
            yield chosen
            chosen, spent, limit = [], 0.0, AT_MOST_S
        chosen.append(test)
        spent += seconds
    if chosen:
        yield chosen


def _failed(output: str) -> str:
    return next((line.split(" ", 1)[1].split(" - ")[0] for line in output.splitlines() if line.startswith(("FAILED ", "ERROR "))), "")


def _killer(code: int, output: str) -> str:
    return _failed(output) or ("timed out" if output == "timed out" else f"it does not start (pytest {code})")
