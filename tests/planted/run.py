"""Plants a bug in a copy of the tree and asks the tier that is named for it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.run import pytest_in
from tests.planted.bugs import Bug, Tier, applied

TIMEOUT_S = 15 * 60
TIMED_OUT = 124  # as timeout(1) has it
_BY_PYTEST = (Tier.SUITE, Tier.MATRIX)
_PYTEST = ["python", "-m", "pytest", "-q"]


@dataclass(frozen=True)
class Outcome:
    name: str
    caught: bool
    seconds: float
    why: str = ""
    """Where it was not caught."""


def try_bug(bug: Bug, folder: Path, environment: Mapping[str, str]) -> Outcome:
    """In a copy, which is afterwards as it was."""
    began = time.monotonic()
    if why := applied(bug.patch, folder):
        return Outcome(bug.name, False, 0.0, f"the patch does not apply: {why}")
    try:
        code, said = run(bug.arguments, folder, environment)
    finally:
        assert applied(bug.patch, folder, "--reverse") == "", f"{bug.name} cannot be taken out again"
    why = missed(bug, code, said)
    return Outcome(bug.name, not why, time.monotonic() - began, why)


def missed(bug: Bug, code: int, said: str) -> str:
    """Why the command did not find it: it passed, or it failed for another reason. Empty where it did."""
    if code in (0, TIMED_OUT):
        return "the command passes" if code == 0 else f"the command takes longer than {TIMEOUT_S} s"
    lines = [line for line in said.splitlines() if bug.tier not in _BY_PYTEST or line.startswith("FAILED ")]
    return "" if any(bug.shown_by in line for line in lines) else f"the command fails ({code}) and does not say {bug.shown_by!r}: {said[-2_000:]}"


def controls(bugs: Iterable[Bug]) -> list[list[str]]:
    """What must pass where nothing is planted: every command once, those of pytest as one."""
    tests: dict[str, None] = {}
    others: dict[tuple[str, ...], None] = {}
    for bug in bugs:
        if bug.tier in _BY_PYTEST:
            tests |= dict.fromkeys(argument for argument in bug.arguments if argument.startswith("tests/"))
        else:
            others[tuple(bug.arguments)] = None
    # of a file that is asked for whole, no test is named beside it: pytest would run it twice
    named = [test for test in tests if "::" not in test or test.split("::")[0] not in tests]
    return [*([[*_PYTEST, *named]] if named else []), *map(list, others)]


def run(arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """The exit code and everything that was said. What takes too long is ended with all that it has started, and has found nothing: TIMED_OUT."""
    if list(arguments[:4]) == _PYTEST:  # in a child that begins with what was imported already, where that was done: it starts in a second
        code, said = pytest_in(folder, arguments[4:], {**environment, "PYTHONPATH": str(folder)}, timeout_s=TIMEOUT_S)
        return (TIMED_OUT, "") if said == "timed out" else (code, said)
    command = [sys.executable if arguments[0] == "python" else arguments[0], *arguments[1:]]
    whole = {**os.environ, **environment, "PYTHONPATH": str(folder)}
    with subprocess.Popen(
        command, cwd=folder, env=whole, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True
    ) as child:
        try:
            said, _ = child.communicate(timeout=TIMEOUT_S)
        except BaseException as error:
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            return TIMED_OUT, ""
    return child.returncode, said
