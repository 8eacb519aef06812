"""How a peer's programme is installed, by its own package manager in its own place, and how it is started and measured."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crypto_api.adapters import node_js

INSTALLING_S_MAX = 900
RUNNING_S_MAX = 3600


class PeerUnavailable(Exception):
    """It could not be installed or does not run here. There is no figure then, and its row says why."""


@dataclass(frozen=True)
class Home:
    """Where peers are installed. `may_install`: else those that are not there yet are absent."""

    folder: Path
    may_install: bool = True

    async def venv(self, name: str, version: str, *later: str) -> Path:
        """The `bin` of a virtual environment of its own with that release in it. `later`: what is put in place of what it asks for."""
        place = self.folder / name
        if not self._has(name, version):
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            await _install(name, [sys.executable, "-m", "venv", place / "venv"], place)
            pip: list[str | Path] = [place / "venv/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            await _install(name, [*pip, f"{name}=={version}"], place)
            if later:
                await _install(name, [*pip, "--upgrade", *later], place)
            self._note(name, version)
        return place / "venv/bin"

    async def npm(self, name: str, version: str, *packages: str) -> Path:
        """A folder with a `node_modules` of its own: of those packages, or of the `package.json` that lies there."""
        place = self.folder / name
        if not self._has(name, version):
            place.mkdir(parents=True, exist_ok=True)
            flags = ("--no-audit", "--no-fund", "--no-package-lock")
            await _install(name, [node_of(name), node_js.find_node().npm_cli, "install", *flags, *packages], place)
            self._note(name, version)
        return place

    def _has(self, name: str, version: str) -> bool:
        if (self.folder / name / f"installed-{version}").exists():
            return True
        if not self.may_install:
            raise PeerUnavailable(f"{name} {version} is not installed")
        return False

    def _note(self, name: str, version: str) -> None:
        (self.folder / name / f"installed-{version}").touch()


async def _install(name: str, command: Sequence[str | Path], folder: Path) -> None:
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    try:
        output, _ = await asyncio.wait_for(process.communicate(), INSTALLING_S_MAX)
    except TimeoutError:
        process.kill()
        raise PeerUnavailable(f"{name} was not installed within {INSTALLING_S_MAX} s") from None
    if process.returncode:
        raise PeerUnavailable(f"{name} could not be installed: {last_words(output)}")


def node_of(name: str) -> Path:
    """The Node.js that runs it."""
    try:
        return node_js.find_node().node
    except node_js.NodeMissing as error:
        raise PeerUnavailable(f"{name}: {error}") from None


def last_words(output: bytes) -> str:
    lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1][:200] if lines else "it said nothing"


@dataclass(frozen=True)
class Ran:
    seconds: float  # by the wall
    cpu_s: float
    peak_mb: int
    said: bytes  # on its standard output


async def run(command: Sequence[str | Path], folder: Path, log: Path) -> Ran:
    """A programme that runs to its end. PeerUnavailable when it fails."""
    return await asyncio.to_thread(_run, command, folder, log)


def _run(command: Sequence[str | Path], folder: Path, log: Path) -> Ran:
    said, started = log.with_suffix(".out"), time.perf_counter()
    with log.open("wb") as errors, said.open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=errors, env=os.environ | {"PYTHONWARNINGS": "ignore"})
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise PeerUnavailable(f"{Path(command[0]).name} failed: {last_words(log.read_bytes() + said.read_bytes())}")
    return Ran(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024, said.read_bytes())
