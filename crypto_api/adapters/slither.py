"""Slither, in a process and an environment of its own.

What it gets is what our compiler made, itself run apart (`solidity_compiler`), and the sources as files of a folder that is deleted after, by whoever
runs next where this process was killed. It is bounded in memory, processor time, wall time and size of what it writes, has none of our settings in
its environment, is killed with us, and cannot make a socket (`slither_child`). What it finds comes back as JSON and is checked against its schema.
"""

import asyncio
import fcntl
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from crypto_api.adapters import slither_environment
from crypto_api.adapters.slither_environment import SlitherMissing
from crypto_api.kit import log
from crypto_api.kit.static_analysis import Analysis, AnalysisFailed, Program

CHILD, LIMITER = Path(__file__).with_name("slither_child.py"), Path(__file__).with_name("limited_child.py")
MEMORY_BYTES_MAX = 3_000_000_000
OUTPUT_BYTES_MAX = 50_000_000
LIMIT_S = 120.0
_SAID_MAX = 2_000
_PREFIX, _LOCK = "coffer-slither-", "held"
_YOUNG_S = 60.0
_logger = log.get(__name__)


class Slither:
    """`folder` is where its environment is made when it is first needed."""

    def __init__(self, folder: Path, *, limit_s: float = LIMIT_S) -> None:
        self._folder, self._limit_s = folder, limit_s

    async def analyse(self, version: str, standard_json: Mapping[str, Any], program: Program) -> Analysis:
        """AnalysisFailed."""
        try:
            python = await asyncio.to_thread(slither_environment.ensure, self._folder)
        except SlitherMissing as error:
            raise AnalysisFailed("analyser_missing", str(error)) from error
        await asyncio.to_thread(_sweep)
        with tempfile.TemporaryDirectory(prefix=_PREFIX) as name, _held(Path(name)):
            folder = Path(name)
            await asyncio.to_thread(_write, folder, standard_json, program)
            await self._child([str(python), "-I", str(CHILD), version, str(folder)], folder)
            return await asyncio.to_thread(_read, folder / "found.json")

    async def _child(self, command: list[str], folder: Path) -> None:
        limits = [str(os.getpid()), str(MEMORY_BYTES_MAX), str(int(self._limit_s) + 1), str(OUTPUT_BYTES_MAX)]
        with (folder / "said.txt").open("wb") as said:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", str(LIMITER), *limits, *command),
                cwd=folder,
                env={"PATH": os.defpath, "HOME": str(folder), "LC_ALL": "C.UTF-8"},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
            try:
                async with asyncio.timeout(self._limit_s):
                    code = await child.wait()
            except TimeoutError as error:
                raise AnalysisFailed("analyser_stopped", f"The analyser was stopped after {self._limit_s:g} seconds.") from error
            finally:
                if child.returncode is None:
                    child.kill()
                    await child.wait()
        if code != 0:
            tail = (folder / "said.txt").read_bytes()[-_SAID_MAX:].decode(errors="replace")
            _logger.warning("slither_failed", code=code, said=tail)
            raise AnalysisFailed("analyser_stopped", "The analyser ended without an answer: the source takes more time or memory than it may.")


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """While the block runs a lock says that somebody is at work there: the system takes it away with a process that dies."""
    with (folder / _LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sweep() -> None:
    """Deletes what processes that were killed have left. A folder that is being made is young, and left alone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # somebody works there, or it is not ours, or it is gone by now
            if time.time() - folder.stat().st_mtime < _YOUNG_S:
                continue
            with (folder / _LOCK).open("ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)


def _write(folder: Path, standard_json: Mapping[str, Any], program: Program) -> None:
    """Paths were checked before (`contract_audits.imports`); that none leads out of the folder is checked here again."""
    files = folder / "files"
    files.mkdir()
    for path, source in standard_json["sources"].items():
        place = files / path
        if not place.resolve().is_relative_to(files.resolve()):
            raise AnalysisFailed("analyser_stopped", "A path of the sources leads out of their folder.")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(source["content"], newline="")
    settings = {**standard_json.get("settings", {}), "outputSelection": {}}
    (folder / "input.json").write_text(json.dumps({"language": "Solidity", "sources": {}, "settings": settings}))
    (folder / "compiled.json").write_text(json.dumps(program.answer))


def _read(found: Path) -> Analysis:
    try:
        return Analysis.model_validate_json(found.read_bytes())
    except (OSError, ValidationError) as error:
        raise AnalysisFailed("analyser_stopped", "The analyser ended without an answer.") from error
