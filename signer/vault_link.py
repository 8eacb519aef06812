"""The desk's end of the vault: starts it, asks it, and notices when it is gone."""

import asyncio
import os
import socket
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from crypto_api.kit import log
from crypto_api.kit.signing import IntakeKey
from signer.vault import FRAME_BYTES_MAX

ROOT = Path(__file__).resolve().parents[1]
START_S_MAX = 30.0
KEYSTORES_AT_ONCE = 1  # each takes 256 MB
_logger = log.get(__name__)


class VaultUnfit(Exception):
    """It does not start: the message says why."""

    EXIT_CODE = os.EX_CONFIG


class VaultFault(Exception):
    """It gave no answer to this question."""


class VaultLink:
    """`async with VaultLink() as vault`. `gone` is set when the vault ends by itself."""

    intake: IntakeKey
    key_id: str

    def __init__(self, env: dict[str, str] | None = None) -> None:
        self._env = dict(os.environ if env is None else env) | {"PYTHONPATH": str(ROOT)}
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._number = 0
        self._slots = asyncio.Semaphore(2 * (os.cpu_count() or 1))
        self._keystores = asyncio.Semaphore(KEYSTORES_AT_ONCE)
        self.gone = asyncio.Event()

    async def __aenter__(self) -> Self:
        """VaultUnfit when it has no usable key."""
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = (sys.executable, "-m", "signer.vault", str(theirs.fileno()), str(os.getpid()))
            self._process = await asyncio.create_subprocess_exec(*command, env=self._env, pass_fds=[theirs.fileno()])
        self._channel.setblocking(False)
        try:
            async with asyncio.timeout(START_S_MAX):
                told = orjson.loads(await asyncio.get_running_loop().sock_recv(self._channel, FRAME_BYTES_MAX) or b"{}")
        except TimeoutError:
            told = {}
        if "key_id" not in told:
            await self._end()
            raise VaultUnfit(told.get("unfit", "the vault did not start"))
        self.key_id, self.intake = told["key_id"], IntakeKey(told["kid"], told["x"], told["y"])
        if told["missing"]:
            _logger.warning("vault_not_hardened", cannot=told["missing"])
        asyncio.get_running_loop().add_reader(self._channel, self._read)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        asyncio.get_running_loop().remove_reader(self._channel)
        await self._end()

    @property
    def pid(self) -> int:
        return self._process.pid

    async def use(self, what: str, **values: Any) -> dict[str, Any]:
        """Its answer: `result`, `invalid` or `refused`. VaultFault when there is none."""
        if "keystore" in values:
            async with self._keystores:
                return await self._use(what, values)
        return await self._use(what, values)

    async def _use(self, what: str, values: dict[str, Any]) -> dict[str, Any]:
        async with self._slots:
            self._number += 1
            number = self._number
            answer = self._waiting[number] = asyncio.get_running_loop().create_future()
            try:
                await asyncio.get_running_loop().sock_sendall(self._channel, orjson.dumps({"number": number, "use": what, **values}))
                told: dict[str, Any] = await answer
            except OSError as error:
                raise VaultFault("the vault is gone") from error
            finally:
                del self._waiting[number]
        if "fault" in told:
            raise VaultFault(str(told["fault"]))
        return told

    def _read(self) -> None:
        try:
            frame = self._channel.recv(FRAME_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError:
            frame = b""
        if not frame:
            asyncio.get_running_loop().remove_reader(self._channel)
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(VaultFault("the vault is gone"))
            self.gone.set()
            return
        told = orjson.loads(frame)
        waiting_for_it = self._waiting.get(told.pop("number"))
        if waiting_for_it is not None and not waiting_for_it.done():
            waiting_for_it.set_result(told)

    async def _end(self) -> None:
        self._channel.close()  # which ends it
        try:
            await asyncio.wait_for(self._process.wait(), 5)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
