"""Where the signer is asked: a unix socket on which each line of JSON is a question and each answer a line."""

import asyncio
import contextlib
import os
import socket
import struct
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from crypto_api.adapters.signer import FRAME_BYTES_MAX, reachable
from crypto_api.kit import log
from crypto_api.kit.log import security
from signer.operations import Operations

FRAME_S_MAX = 10.0  # for a question to arrive, and for one to follow another
CONNECTIONS_MAX = 64
_UCRED = struct.Struct("3i")  # process, user, group
_logger = log.get(__name__)


class SocketInUse(Exception):
    """Another signer answers there."""

    EXIT_CODE = 1


def peer_uid(connection: socket.socket) -> int:
    """Whose process is at the other end: the kernel says so."""
    if sys.platform != "linux":
        raise NotImplementedError("the signer runs on Linux")
    _, uid, _ = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return int(uid)


class Desk:
    """`async with Desk(…)`: it answers inside."""

    def __init__(self, operations: Operations, path: Path, *, uids: Collection[int] = (), peer: Callable[[socket.socket], int] = peer_uid) -> None:
        """`uids`: the users who may ask besides its own."""
        self._operations, self._path, self._peer = operations, path, peer
        self._others = frozenset(uids)
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """SocketInUse."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with reachable(self._path) as path:
            await _clear(path)
            listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            listening.bind(path)
            # Before it listens, so that nobody else gets in. Other users are let in as far as the check of who they are.
            os.chmod(path, 0o666 if self._others else 0o600)  # noqa: PTH101  one system call, at start
        self._server = await asyncio.start_unix_server(self._connected, sock=listening, limit=FRAME_BYTES_MAX)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            if self._may_ask(writer):
                await self._converse(reader, writer)
        except (OSError, asyncio.IncompleteReadError, TimeoutError, asyncio.CancelledError):
            pass  # they left, or said nothing for too long, or this ends
        finally:
            self._open.discard(task)
            writer.close()

    def _may_ask(self, writer: asyncio.StreamWriter) -> bool:
        uid = self._peer(writer.get_extra_info("socket"))
        if uid not in self._others | {os.geteuid()}:
            security.warning("signer_asked_by_stranger", uid=uid)
            return False
        return len(self._open) <= CONNECTIONS_MAX

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                async with asyncio.timeout(FRAME_S_MAX):
                    line = await reader.readuntil(b"\n")
            except asyncio.LimitOverrunError:
                return await _tell(writer, {"error": "frame_too_large"})
            try:
                question = orjson.loads(line)
            except orjson.JSONDecodeError:
                return await _tell(writer, {"error": "bad_frame"})
            if not isinstance(question, dict) or not isinstance(question.get("op"), str):
                return await _tell(writer, {"error": "bad_frame"})
            await _tell(writer, await self._operations.answer(question))


async def _tell(writer: asyncio.StreamWriter, answer: dict[str, Any]) -> None:
    writer.write(orjson.dumps(answer) + b"\n")
    async with asyncio.timeout(FRAME_S_MAX):
        await writer.drain()


async def _clear(path: str) -> None:
    """Takes away what a killed signer left. SocketInUse when somebody answers there."""
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except FileNotFoundError:
        return
    except OSError:
        Path(path).unlink(missing_ok=True)  # noqa: ASYNC240  one system call, at start
        return
    writer.close()
    raise SocketInUse(f"another signer answers at {path}")
