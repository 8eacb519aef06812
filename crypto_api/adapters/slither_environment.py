"""The environment that Slither runs in: its own, below the data directory, from a hash-pinned lock of its own. Made when it is first needed.

Slither is under the AGPL and wants an older web3 than ours: it is a program beside ours and is never imported.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).resolve().parents[2] / "requirements-slither.lock"
INSTALL_LIMIT_S = 600


class SlitherMissing(RuntimeError):
    """It is not installed and could not be; the message says why in one line."""


def python_of(folder: Path) -> Path:
    """The interpreter of the environment for the lock of today, whether it is there or not."""
    return folder.resolve() / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12] / "bin" / "python"


def ensure(folder: Path) -> Path:
    """The interpreter; installs on the first call. SlitherMissing. Complete or not there: it is made beside its place and then marked."""
    python = python_of(folder)
    if _complete(python):
        return python
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:  # two workers at once: one installs, the other waits
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _complete(python):
            _install(python)
    return python


def _complete(python: Path) -> bool:
    return (python.parent.parent / ".complete").exists()


def _install(python: Path) -> None:
    place = python.parent.parent
    shutil.rmtree(place, ignore_errors=True)
    base = str(Path(sys.base_prefix, "bin", "python3"))
    uv = shutil.which("uv", path=os.pathsep.join((os.environ.get("PATH", os.defpath), str(Path(sys.prefix, "bin")))))
    _run([base, "-m", "venv", *(["--without-pip"] if uv else []), str(place)])
    arguments = ["install", "--require-hashes", "-r", str(LOCK)]
    pip = [str(python), "-m", "pip", "-q", "--disable-pip-version-check"]
    try:
        _run([uv, "pip", *arguments, "--python", str(python)] if uv else [*pip, *arguments])
    except SlitherMissing:
        if not uv:
            raise
        _run([str(python), "-m", "ensurepip"])  # pip may be set up for an index that uv does not know
        _run([*pip, *arguments])
    (place / ".complete").touch()


def _run(command: list[str]) -> None:
    env = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")}
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=env, timeout=INSTALL_LIMIT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SlitherMissing(f"Slither could not be installed: {error}") from error
    if done.returncode:
        said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise SlitherMissing(f"Slither could not be installed; is the package index within reach? {said[-1][:300] if said else ''}")
