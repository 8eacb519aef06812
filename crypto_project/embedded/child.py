"""One child process: started, waited for until it answers, stopped or killed, and never left behind."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
POLL_S = 0.03
LOG_LINES_SHOWN = 8

Ready = Callable[[], Awaitable[bool]]


class ChildFailed(RuntimeError):
    """A child did not come up. The message holds the end of its log."""


class Child:
    """Restartable: every `start` runs the same command again."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log_file: Path,
        ready: Ready,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        start_timeout_s: float = 30.0,
        stop_timeout_s: float = 10.0,
    ) -> None:
        self.name = name
        self.command = [str(part) for part in command]
        self.log_file = log_file
        self._ready = ready
        self._env = dict(env) if env is not None else None
        self._cwd = cwd
        self._start_timeout_s = start_timeout_s
        self._stop_timeout_s = stop_timeout_s
        self._process: asyncio.subprocess.Process | None = None
        self._group_lives = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Returns once it answers. ChildFailed when it ends before that or takes too long."""
        await self.launch()
        try:
            await self.wait_ready()
        except BaseException:
            self.kill()
            await self.wait()
            raise

    async def launch(self) -> None:
        await self.wait()  # for an earlier life, which has been killed
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(HERE / "die_with_parent.py"), str(os.getpid()), *self.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._env,
                cwd=self._cwd,
                start_new_session=True,  # Ctrl-C reaches only the parent, which stops everything in order; and a group to kill
            )
        self._group_lives = True
        _reaper.add(self._process.pid)

    async def wait_ready(self) -> None:
        deadline = time.monotonic() + self._start_timeout_s
        while not await self.answers():
            if self.pid is None:
                raise ChildFailed(f"{self.name} ended at start (exit code {self._process and self._process.returncode}).{self._log_tail()}")
            if time.monotonic() > deadline:
                raise ChildFailed(f"{self.name} did not answer within {self._start_timeout_s:.0f} s.{self._log_tail()}")
            await asyncio.sleep(POLL_S)

    async def stop(self) -> None:
        """Asks it to end, and kills it, with whatever it started, when it does not."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), self._stop_timeout_s)
        self.kill()
        await self.wait()

    def kill(self) -> None:
        """SIGKILL to it and to whatever it started."""
        if self._group_lives and self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def wait(self) -> int | None:
        if self._process is None:
            return None
        process = self._process
        code = await process.wait()
        if process is self._process and self._group_lives:
            self.kill()  # what it has left behind
            self._group_lives = False  # from here on its number may be another's
            _reaper.remove(process.pid)
        return code

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def answers(self) -> bool:
        try:
            return self.pid is not None and await self._ready()
        except Exception:  # a client of a server that is not up yet fails in many ways; the time limit above decides
            return False

    def _log_tail(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        return "".join(f"\n  | {line}" for line in lines) + f"\n  log: {self.log_file}"


class _Reaper:
    """The helper process of `reaper.py`, started with the first child."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def add(self, group: int) -> None:
        if self._process is None:
            command = [sys.executable, "-I", "-S", str(HERE / "reaper.py")]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        self._tell(f"+{group}")

    def remove(self, group: int) -> None:
        self._tell(f"-{group}")

    def _tell(self, line: str) -> None:
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()


_reaper = _Reaper()
