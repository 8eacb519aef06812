"""The signer's other side: one question and one answer, each a line of JSON, over a connection of its own on a unix socket."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from crypto_api.kit import log, tracing
from crypto_api.kit.errors import FieldError, InvalidInput
from crypto_api.kit.signing import IntakeKey, KeyParcels, SealedKey, SignedBytes, SignerUnavailable, SigningAsk, SigningRefused

FRAME_BYTES_MAX = 65_536
_ANSWER_BYTES_MAX = 16 * 1024 * 1024  # many signed transactions, some of them with long data
_PATH_BYTES_MAX = 100  # of a unix socket: 107 on Linux, 103 elsewhere
_TIMEOUT_S = 15.0  # a keystore takes a second or two, and a few may stand before it
_logger = log.get(__name__)


class SignerClient:
    """SignerUnavailable from every call when nobody answers, or what answers is broken."""

    def __init__(self, socket: Path, *, timeout_s: float = _TIMEOUT_S) -> None:
        self._socket, self._timeout_s = socket, timeout_s
        self.intake_key: IntakeKey | None = None  # as it was told last

    async def public_key(self) -> IntakeKey:
        """To which keys on their way in are sealed."""
        told = await self._ask("public_key")
        self.intake_key = IntakeKey(told["kid"], told["x"], told["y"])
        return self.intake_key

    async def seal(self, org_id: str, wallet_id: str, key: KeyParcels) -> SealedKey:
        """The address of the key, and the envelope that opens for this wallet alone. InvalidInput names what is wrong with the key."""
        parcels = {"private_key": key.private_key, "keystore": key.keystore, "keystore_password": key.keystore_password}
        told = await self._ask("seal", org_id=org_id, wallet_id=wallet_id, **{name: value for name, value in parcels.items() if value is not None})
        return SealedKey(told["address"], told["envelope"])

    async def sign_payments(self, asked: Sequence[SigningAsk]) -> list[SignedBytes | SigningRefused]:
        """In that order, each for itself."""
        told = await self._ask("sign_payments", asked=[asdict(each) for each in asked])
        return [SigningRefused(row["refused"]) if "refused" in row else SignedBytes(row["raw"], row["hash"]) for row in told["answers"]]

    async def sign_payment(self, org_id: str, payment_id: str, attempt_id: str) -> SignedBytes:
        """SigningRefused with why."""
        (answer,) = await self.sign_payments([SigningAsk(org_id, payment_id, attempt_id)])
        if isinstance(answer, SigningRefused):
            raise answer
        return answer

    async def rewrap(self, org_id: str, wallet_id: str) -> dict[str, Any] | None:
        """The wallet's key in a new envelope under the current master key; None when it stands in such a one already."""
        envelope: dict[str, Any] | None = (await self._ask("rewrap", org_id=org_id, wallet_id=wallet_id))["envelope"]
        return envelope

    async def health(self) -> dict[str, Any]:
        return await self._ask("health")

    async def _ask(self, operation: str, **values: Any) -> dict[str, Any]:
        try:
            with tracing.part(f"signer {operation}", tracing.Kind.CLIENT, {"rpc.system": "signer", "rpc.method": operation}):
                async with asyncio.timeout(self._timeout_s):
                    answer = orjson.loads(await self._exchange(orjson.dumps({"op": operation, **values}) + b"\n"))
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            _logger.warning("signer_unavailable", operation=operation, reason=f"{type(error).__name__}: {error}"[:200])
            raise SignerUnavailable from error
        return _result(operation, answer)

    async def _exchange(self, question: bytes) -> bytes:
        if len(question) > FRAME_BYTES_MAX:
            raise InvalidInput.of("keystore", "is larger than any keystore", "too_long")
        with reachable(self._socket) as path:
            reader, writer = await asyncio.open_unix_connection(path, limit=_ANSWER_BYTES_MAX)
        try:
            writer.write(question)
            await writer.drain()
            return await reader.readuntil(b"\n")
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _result(operation: str, answer: Any) -> dict[str, Any]:
    match answer:
        case {"result": dict(result)}:
            return result
        case {"refused": str(reason)}:
            raise SigningRefused(reason)
        case {"invalid": [*rows]}:
            raise InvalidInput(*(FieldError(*row) for row in rows))
    _logger.warning("signer_fault", operation=operation, answer=answer)
    raise SignerUnavailable


@contextlib.contextmanager
def reachable(path: Path) -> Iterator[str]:
    """The path as a socket takes it: one that is too long is reached through a handle of its folder (Linux)."""
    if len(os.fsencode(path)) <= _PATH_BYTES_MAX or sys.platform != "linux":
        yield str(path)
        return
    handle = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}/{path.name}"
    finally:
        os.close(handle)
