"""A Python environment of its own for a program beside ours, from a hash-pinned lock of its own: what it needs never meets what we need.

It is made below a folder when it is first needed, under a name that follows from its lock.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

INSTALL_LIMIT_S = 600


class NotInstalled(RuntimeError):
    """It is not there and could not be made; the message says why in one line."""


def python_of(lock: Path, folder: Path) -> Path:
    """The interpreter of the environment for the lock of today, whether it is there or not."""
    return folder.resolve() / hashlib.sha256(lock.read_bytes()).hexdigest()[:12] / "bin" / "python"


def ensure(lock: Path, folder: Path, name: str) -> Path:
    """The interpreter; installs `name` on the first call. NotInstalled. Complete or not there: it is made in its place and then marked."""
    python = python_of(lock, folder)
    if _complete(python):
        return python
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as held:  # two processes at once: one installs, the other waits
        fcntl.flock(held, fcntl.LOCK_EX)
        if not _complete(python):
            _install(python, lock, name)
    return python


def _complete(python: Path) -> bool:
    return (python.parent.parent / ".complete").exists()


def _install(python: Path, lock: Path, name: str) -> None:
    place = python.parent.parent
    shutil.rmtree(place, ignore_errors=True)
    base = str(Path(sys.base_prefix, "bin", "python3"))
    uv = shutil.which("uv", path=os.pathsep.join((os.environ.get("PATH", os.defpath), str(Path(sys.prefix, "bin")))))
    _run([base, "-m", "venv", *(["--without-pip"] if uv else []), str(place)], name)
    arguments = ["install", "--no-deps", "--require-hashes", "-r", str(lock)]  # the lock names all: pip refuses what a dependency wants with extras
    pip = [str(python), "-m", "pip", "-q", "--disable-pip-version-check"]
    try:
        _run([uv, "pip", *arguments, "--python", str(python)] if uv else [*pip, *arguments], name)
    except NotInstalled:
        if not uv:
            raise
        _run([str(python), "-m", "ensurepip"], name)  # pip may be set up for an index that uv does not know
        _run([*pip, *arguments], name)
    (place / ".complete").touch()


def _run(command: list[str], name: str) -> None:
    env = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")}
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=env, timeout=INSTALL_LIMIT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(f"{name} could not be installed: {error}") from error
    if done.returncode:
        said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise NotInstalled(f"{name} could not be installed; is the package index within reach? {said[-1][:300] if said else ''}")
