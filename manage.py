#!/usr/bin/env python3
"""Starts everything here. On a bare Python it makes `.venv` from the hash-pinned lock, once, and starts itself again inside.

Standard library only: nothing else is there yet.
"""

import sys

if sys.version_info < (3, 11):  # before anything that an older Python could not read
    sys.exit("manage.py: needs Python 3.11 or newer, and this is " + sys.version.split()[0] + " (" + sys.executable + ").")

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".installed.json"  # which locks, by hash, are installed
RUNTIME_LOCK, DEV_LOCK, BOOTSTRAP_LOCK = "requirements.lock", "requirements-dev.lock", "requirements-bootstrap.lock"
DEV_COMMANDS = {"test", "fuzz", "plant"}
RUNTIME_SIGNS, DEV_SIGNS = ("django", "beanie", "web3"), ("pytest", "hypothesis", "xdist")


class SetupFailed(Exception):
    pass


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crypto_project.settings")
    try:
        ensure_environment(sys.argv)
    except SetupFailed as problem:
        sys.exit(f"manage.py: {problem}")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


def ensure_environment(argv: list[str]) -> None:
    """Returns where the packages are at hand; elsewhere makes sure of `.venv` and goes on in it."""
    dev = len(argv) > 1 and argv[1] in DEV_COMMANDS
    ours = Path(sys.prefix).resolve() == VENV
    if has_packages(dev) if not ours else is_installed(dev) and has_packages(dev):
        return
    if ours or not is_installed(dev):
        with folder_lock():
            if ours or not is_installed(dev):
                install(dev, base=str(Path(sys.base_prefix, "bin", "python3")) if ours else sys.executable)
    if not ours:
        os.execv(PYTHON, [str(PYTHON), *argv])
    importlib.invalidate_caches()


@contextmanager
def folder_lock() -> Iterator[None]:
    """Two first starts at once: one works, the other waits and finds it done."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def has_packages(dev: bool) -> bool:
    signs = RUNTIME_SIGNS + (DEV_SIGNS if dev else ())
    return all(importlib.util.find_spec(name) for name in signs)


def is_installed(dev: bool) -> bool:
    lock = DEV_LOCK if dev else RUNTIME_LOCK
    try:
        return PYTHON.exists() and bool(json.loads(STAMP.read_text())[lock] == hash_of(lock))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def hash_of(lock: str) -> str:
    return hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()


def install(dev: bool, base: str) -> None:
    lock, started = (DEV_LOCK if dev else RUNTIME_LOCK), time.monotonic()
    say(f"first start: installing the packages of {lock} into .venv ...")
    if not works(PYTHON):
        make_venv(base)
    install_packages(base, lock)
    installed = [RUNTIME_LOCK, DEV_LOCK] if dev else [RUNTIME_LOCK]  # the development lock holds all of the other
    partial = STAMP.with_suffix(".partial")
    partial.write_text(json.dumps({name: hash_of(name) for name in installed}))
    partial.replace(STAMP)
    say(f"packages installed in {time.monotonic() - started:.0f} s")


def make_venv(base: str) -> None:
    """Putting pip inside takes most of the time, so only where there is none outside."""
    with_pip = not (shutil.which("uv") or run([base, "-m", "pip", "--version"]) is None)
    problem = run([base, "-m", "venv", "--clear", *([] if with_pip else ["--without-pip"]), str(VENV)])
    if problem:
        raise SetupFailed(f"this Python cannot make an environment (on Debian: apt install python3-venv): {problem}")


def works(python: Path) -> bool:
    test = "import sys; sys.exit(sys.version_info < (3, 11))"
    return python.exists() and run([str(python), "-c", test]) is None


def install_packages(base: str, lock: str) -> None:
    """By uv, in a twentieth of the time; by pip where that fails, since pip may be set up for an index that uv does not know."""
    arguments = ["install", "--require-hashes", "-r"]
    pip = pip_command(base)
    uv = shutil.which("uv")
    if not uv and pip and run([*pip, "-q", *arguments, BOOTSTRAP_LOCK]) is None:
        uv = str(VENV / "bin" / "uv")
    problem = run([uv, "pip", *arguments, lock, "--python", str(PYTHON)], show=True) if uv else "neither uv nor pip can be had"
    if problem and pip:
        say("installing with pip, which takes half a minute or more ...")
        problem = run([*pip, "-q", *arguments, lock], show=True)
    if problem:
        raise SetupFailed(f"the packages could not be installed; is the package index within reach? {problem}")


def pip_command(base: str) -> "list[str] | None":
    candidates = [str(PYTHON), "-m", "pip"], [base, "-m", "pip", "--python", str(PYTHON)]
    return next((pip for pip in candidates if run([*pip, "--version"]) is None), None)


def run(command: list[str], show: bool = False) -> "str | None":
    """None if it went well, else the last line of what it said. `show`: on a terminal, with its own progress display."""
    env = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")}
    stderr = None if show and sys.stderr.isatty() else subprocess.PIPE
    done = subprocess.run(command, check=False, cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr, text=True, env=env)
    said = [line.strip() for line in (done.stdout + (done.stderr or "")).splitlines() if line.strip()]
    return None if done.returncode == 0 else (said or [f"exit code {done.returncode}"])[-1]


def say(message: str) -> None:
    print(f"manage.py: {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
