"""How late the event loop comes to what is due, and what held it up.

A beat goes through the loop forty times a second. While one stays out, a thread writes down where the loop's thread stands; when it comes at last,
what that thread computed meanwhile, and what it waited for the processor, is known to the microsecond. So a stall of our own making and one of a
machine that others use are told apart, and the log names the callback.
"""

import asyncio
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import FrameType

from crypto_api.kit import log
from crypto_api.kit.measuring import LOOP_LATE_S, STALLS

BEAT_S = 0.025
SUSPECT_S = 0.05
SAMPLE_S = 0.01
STALL_S = 0.1
"""Longer than that and heartbeats, leases and other people's requests feel it: the log says so."""

SAMPLES_MAX, FRAMES_MAX = 200, 40
FRAMES_TOLD = 12
NO_OTHER_THREAD = "somewhere that lets no other thread run: the search for garbage, a long call in C"
_ROOT = Path(__file__).resolve().parents[2]
_INSTALLED = f"{os.sep}site-packages{os.sep}"
_logger = log.get(__name__)


class Cause(StrEnum):
    """Of a turn of the loop that took too long."""

    COMPUTING = "computing"  # one callback computed all the time
    CROWD = "crowd"  # many short callbacks were ready at once
    BLOCKED = "blocked"  # the thread slept within a callback: a call that waits, or another thread that computes
    NOT_SCHEDULED = "not_scheduled"  # it would have gone on, and the machine had no processor for it


@dataclass(frozen=True)
class Times:
    """Of the loop's thread, in seconds since whenever."""

    clock_s: float
    computed_s: float
    queued_s: float  # it could have run, and waited for a processor


@dataclass(frozen=True)
class Sample:
    task: int
    """Which task was at work; 0: none, but the loop itself or a callback of a transport."""

    frames: tuple[str, ...]
    """The innermost first: `crypto_api/http/payments.py:52 create_payment`."""


@dataclass(frozen=True)
class Stall:
    took_s: float
    computed_s: float
    queued_s: float
    samples: tuple[Sample, ...]

    @property
    def blocked_s(self) -> float:
        return max(0.0, self.took_s - self.computed_s - self.queued_s)

    @property
    def cause(self) -> Cause:
        if self.computed_s >= max(self.queued_s, self.blocked_s):
            return Cause.COMPUTING if self.longest_s > STALL_S else Cause.CROWD
        return Cause.NOT_SCHEDULED if self.queued_s >= self.blocked_s else Cause.BLOCKED

    @property
    def longest_s(self) -> float:
        """What the task computed that was seen most often, as far as the samples say; all of it where there are none."""
        if not self.samples:
            return self.computed_s
        return Counter(sample.task for sample in self.samples).most_common(1)[0][1] / len(self.samples) * self.computed_s

    @property
    def ours(self) -> bool:
        """Whether one callback would have held it up for as long on a machine that nobody else uses."""
        return self.longest_s + self.blocked_s > STALL_S

    @property
    def where(self) -> list[str]:
        """Where it was seen most often, from the inside out, without the frames of the loop around it."""
        seen = Counter(sample.frames for sample in self.samples)
        return list(seen.most_common(1)[0][0][:FRAMES_TOLD]) if seen else [NO_OTHER_THREAD]


class LoopWatch:
    """Of the loop that runs when it is made. `start` and `stop` are called on that loop."""

    def __init__(self, tell: Callable[[Stall], None]) -> None:
        self._tell = tell
        self._loop, self._thread_id = asyncio.get_running_loop(), threading.get_ident()
        self._schedstat = _open_schedstat()
        self._last = self._times()
        self._samples: list[Sample] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch the loop", daemon=True)
        self._beat: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._last = self._times()
        self._beat = self._loop.call_later(BEAT_S, self._come)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        if self._beat is not None:
            self._beat.cancel()
        self._thread.join()
        if self._schedstat is not None:
            os.close(self._schedstat)

    def _come(self) -> None:
        before, now = self._last, self._times()
        took_s = now.clock_s - before.clock_s
        LOOP_LATE_S.observe(max(0.0, took_s - BEAT_S))
        if took_s > STALL_S + BEAT_S or (took_s > STALL_S and now.computed_s - before.computed_s > STALL_S):
            self._tell(Stall(took_s, now.computed_s - before.computed_s, now.queued_s - before.queued_s, tuple(self._samples)))
        self._last, self._samples = self._times(), []
        self._beat = self._loop.call_later(BEAT_S, self._come)

    def _look(self) -> None:
        """In the thread: the stack of the loop's, as long as the beat stays out."""
        while not self._over.wait(SUSPECT_S):
            while time.perf_counter() - self._last.clock_s > SUSPECT_S and not self._over.wait(SAMPLE_S):
                frame = sys._current_frames().get(self._thread_id)
                samples = self._samples
                if frame is not None and len(samples) < SAMPLES_MAX:
                    task = asyncio.current_task(self._loop)
                    samples.append(Sample(id(task) if task is not None else 0, _frames(frame)))

    def _times(self) -> Times:
        """To be asked for in the loop's thread."""
        return Times(time.perf_counter(), time.thread_time(), self._queued())

    def _queued(self) -> float:
        """0 where the system does not tell it (only Linux does): what was waited for is then all called blocked."""
        return int(os.pread(self._schedstat, 100, 0).split()[1]) / 1e9 if self._schedstat is not None else 0.0


def _open_schedstat() -> int | None:
    with suppress(OSError):
        return os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY | os.O_CLOEXEC)
    return None


def _frames(frame: FrameType | None) -> tuple[str, ...]:
    found: list[str] = []
    while frame is not None and len(found) < FRAMES_MAX:
        found.append(f"{_short(frame.f_code.co_filename)}:{frame.f_lineno} {frame.f_code.co_name}")
        frame = frame.f_back
    return tuple(found)


def _short(path: str) -> str:
    """From the root of the project, or of the package that was installed."""
    if _INSTALLED in path:
        return path.rpartition(_INSTALLED)[2]
    return path.removeprefix(f"{_ROOT}{os.sep}")


def _tell(stall: Stall) -> None:
    STALLS.labels(stall.cause.value).inc()
    _logger.warning(
        "event_loop_held_up",
        ms=round(stall.took_s * 1000),
        computed_ms=round(stall.computed_s * 1000),
        longest_ms=round(stall.longest_s * 1000),
        not_scheduled_ms=round(stall.queued_s * 1000),
        blocked_ms=round(stall.blocked_s * 1000),
        cause=stall.cause.value,
        ours=stall.ours,
        where=stall.where,
    )


@asynccontextmanager
async def loop_watched(tell: Callable[[Stall], None] = _tell) -> AsyncIterator[None]:
    """As long as the process lives. `tell` hears of each stall: the log and the figures, if nobody else."""
    watch = LoopWatch(tell)
    watch.start()
    try:
        yield
    finally:
        watch.stop()
