"""Wrong clocks: each process that is forked for the chaos reads the time of day through libfaketime, from a file of its own that can be written
while it runs. What measures time without telling it (the monotonic clock) is left alone, as it is where somebody sets a machine's clock.

libfaketime 0.9.10 is told by the environment of the process that loads it, and looks there for the name of its file again and again: so all forks
have it from the one process that they are forked from, and each names its own file when it begins. It reads the file when a second is over.
"""

import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import Any

LIBRARIES = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib64/faketime/libfaketime.so.1", "/usr/local/lib/faketime/libfaketime.so.1")
HOW_TO_HAVE_IT = "clocks cannot be made wrong without libfaketime 0.9.10 or newer: apt-get install libfaketime"
SEEN_AFTER_S = 1.5  # at the next second, on a machine that has something else to do
SHARED_MEMORY = Path("/", "dev", "shm")
_RIGHT = "+0\n"


class NoClocks(RuntimeError):
    """libfaketime is not there."""


@cache
def library() -> Path | None:
    return next((path for pattern in LIBRARIES for path in sorted(Path("/").glob(pattern[1:]))), None)


def needed() -> None:
    if library() is None:
        raise NoClocks(HOW_TO_HAVE_IT)


@contextmanager
def loaded() -> Iterator[None]:
    """The server of forks that is started inside has libfaketime, if this machine does, and nobody else has."""
    found = library()
    resource_tracker.ensure_running()  # type: ignore[no-untyped-call]  # else it would be started inside, and have it as well
    if found is None:
        yield
        return
    values = {"LD_PRELOAD": str(found), "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_CACHE_DURATION": "0", "NO_FAKE_STAT": "1"}
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def of_this_process(file: Path | None) -> None:
    """In a fork, when it begins: from now on it reads the time by this file."""
    if os.environ.pop("LD_PRELOAD", None) is None:  # what it starts itself has the machine's clock
        return
    time.sleep = _sleep  # of Python it asks the system for a moment of the monotonic clock, to which libfaketime answers EINVAL
    if file is not None:
        os.environ["FAKETIME_TIMESTAMP_FILE"] = str(file)


def _sleep(seconds: float) -> None:
    select.select([], [], [], seconds)


def put_right(file: Path) -> None:
    _write(file, _RIGHT)


def put_wrong(file: Path, by_s: float) -> None:
    _write(file, f"{by_s:+.0f}\n")


def until(moment: datetime) -> float:
    """By how much a clock is wrong that says it is then."""
    return (moment - datetime.now(UTC)).total_seconds()


def _write(file: Path, text: str) -> None:
    partial = file.with_suffix(".partial")
    partial.write_text(text)
    partial.replace(file)


def forget_shared_memory() -> None:
    """libfaketime makes a piece of shared memory for the server of forks and takes it away when that one ends, but not when it is killed."""
    pid: Any = getattr(forkserver._forkserver, "_forkserver_pid", None)  # type: ignore[attr-defined]
    for name in (f"faketime_shm_{pid}", f"sem.faketime_sem_{pid}"):
        (SHARED_MEMORY / name).unlink(missing_ok=True)
