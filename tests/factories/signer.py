"""A signer for tests: the real vault in a process of its own, and the real desk on a socket, in the test's process and on whichever database the
documents are bound to at the moment. `manage.py signer` itself is started in tests/signer/test_process.py and by every whole installation."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from crypto_api.kit.clock import Clock, SystemClock
from signer.desk import Desk
from signer.operations import Operations
from signer.vault_link import VaultLink


@dataclass(frozen=True)
class StillClock:
    at: datetime

    def now(self) -> datetime:
        return self.at


@dataclass
class DeskClock:
    """Tests with a clock of their own set `current`."""

    current: Clock = field(default_factory=SystemClock)

    def now(self) -> datetime:
        return self.current.now()


@dataclass(frozen=True)
class Signing:
    socket: Path
    vault: VaultLink
    clock: DeskClock


@asynccontextmanager
async def signing_desk(folder: Path, master_key: str, **settings: str) -> AsyncIterator[Signing]:
    async def bound() -> None:
        """The test has bound the documents."""

    clock, socket = DeskClock(), folder / "run" / "signer.sock"
    async with VaultLink({**os.environ, "MASTER_KEY": master_key, **settings}) as vault, Desk(Operations(vault, clock, bound), socket):
        yield Signing(socket, vault, clock)
