"""The processes that are killed: what runs in each is the product's own code, started as its commands start it.

They are forked from a server that has imported everything, so that a process costs a fraction of a second. The vault is started by the signer, as
always, by a command of its own.
"""

import asyncio
import atexit
import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import orjson

from tests.chaos import clocks

Settings = dict[str, Any]
PRELOADED = ["workers.chains", "workers.payments", "workers.payroll", "crypto_api.bootstrap", "signer.running", "crypto_api.flows.prepare_payment"]
BY_VAULT = 1  # how a signer ends whose vault is gone


@cache
def orders() -> Path:
    """Orders to kill are read there by all who are forked, and by what they start: one folder for all houses of this process, which stand one after
    another, since the server of forks reads its name once, when it imports the product."""
    folder = Path(tempfile.mkdtemp(prefix="coffer-orders-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def context(preloaded: Sequence[str] = PRELOADED) -> ForkServerContext:
    """What is imported is decided by whoever asks first: a process has one server of forks."""
    os.environ["COFFER_FAULTPOINTS"] = str(orders())
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(list(preloaded))
    with clocks.loaded():
        forkserver.ensure_running()
    atexit.register(clocks.forget_shared_memory)
    return forks


class Kept:
    """A process that is started again whenever it has ended."""

    def __init__(self, forks: ForkServerContext, name: str, body: Callable[[Settings], None], settings: Settings) -> None:
        self.name = name
        self.deaths = 0
        self.odd_ends: list[str] = []
        self.pids: set[int] = set()  # that it ever had
        self.may_end = False  # by itself: it gets no memory
        self._forks, self._body, self._settings = forks, body, settings
        self._process = self._start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def look(self) -> None:
        if self._process.is_alive():
            return
        code = self._process.exitcode
        if code == -signal.SIGKILL or self.may_end or (self.name == "signer" and code == BY_VAULT):
            self.deaths += 1
        else:
            self.odd_ends.append(f"the {self.name} ended by itself: {code}")
        self._process = self._start()

    def end(self) -> None:
        self._process.kill()
        self._process.join()

    def _start(self) -> BaseProcess:
        process = self._forks.Process(target=self._body, args=({**self._settings, "house": os.getpid()},), daemon=True)
        process.start()
        assert process.pid is not None
        self.pids.add(process.pid)
        return process


def end_with(pid: int, clock: Path | None = None) -> None:
    """At the begin of each: nobody is left behind when the house is killed itself. `clock`: the file by which it reads the time."""
    clocks.of_this_process(clock)

    def watch() -> None:
        while Path(f"/proc/{pid}").exists():
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


# ---- what runs in them -----------------------------------------------------------------------------------------------------------


def follower(settings: Settings) -> None:
    """Follows the chain, books, fills in histories."""
    from workers import chains

    asyncio.run(_lanes(settings, "follower", chains.lanes))


def worker(settings: Settings) -> None:
    """Moves payments on, and prepares those that are asked for in the folder of intents, as the API does."""
    from workers import payments, payroll
    from workers.lane import Lane
    from workers.schedules import Board

    def lanes(runtime: Any) -> list[Any]:
        board, intents = Board(runtime), Path(settings["intents"])
        by_schedule = [board.lane(), *payroll.lanes(runtime, board)]
        return [*payments.lanes(runtime), *by_schedule, Lane("intents", lambda: _prepare_all(runtime, intents))]

    asyncio.run(_lanes(settings, "worker", lanes))


def signer(settings: Settings) -> None:
    """`manage.py signer`: the desk here, the vault in a process of its own."""
    from signer import running
    from signer.settings import DeskSettings

    end_with(settings["house"])
    os.environ["MASTER_KEY"] = settings["master_key"]
    desk = DeskSettings(_env_file=None, **{name: settings[name] for name in ("mongodb_uri", "mongodb_database", "signer_socket", "log_dir")})  # type: ignore[call-arg]
    raise SystemExit(asyncio.run(running.run(desk)))


def says_what_time_it_is(settings: Settings) -> None:
    """Of no product: writes down again and again what time it has, in two ways, and how much has passed, until it is killed."""
    end_with(settings["house"], Path(settings["clock"]))
    began, told = time.monotonic(), Path(settings["told"])
    while True:
        told.write_text(f"{time.time()} {datetime.now(UTC).timestamp()} {time.monotonic() - began}")
        time.sleep(0.05)


async def _lanes(settings: Settings, name: str, lanes_of: Callable[[Any], list[Any]]) -> None:
    from crypto_api.bootstrap import open_runtime
    from crypto_api.config import Config
    from crypto_api.kit import log
    from crypto_api.kit.loop_watch import loop_watched
    from workers.lane import supervise

    end_with(settings["house"])
    log.configure(Path(settings["log_dir"]), process=name)
    known = {key: value for key, value in settings.items() if key in Config.model_fields}
    async with open_runtime(Config(_env_file=None, **known)) as runtime, loop_watched():
        await asyncio.gather(*(supervise(lane) for lane in lanes_of(runtime)))


async def _prepare_all(runtime: Any, folder: Path) -> None:
    """Each file is a list of payments of one organisation; it is taken away when all of them are prepared, so that whoever comes after a crash does
    them again."""
    from crypto_api.adapters.payment_chain import PaymentNode
    from crypto_api.flows.prepare_payment import NewPayment, prepare_payment
    from crypto_api.flows.prepare_wanted import PaymentDesk
    from crypto_api.flows.price_at import Prices
    from crypto_api.organizations.types import PERMISSIONS, Principal, Role
    from crypto_api.payments.types import Origin

    nodes = {slug: PaymentNode(rpc) for slug, rpc in runtime.rpc.items()}
    desk = PaymentDesk(runtime.uow, runtime.clock, runtime.networks, nodes, Prices(runtime.networks, runtime.prices), runtime.queue)
    while True:
        for path in sorted(folder.glob("*.json")):
            asked = orjson.loads(path.read_bytes())
            later = runtime.clock.now() + timedelta(hours=1)
            person = Principal(asked["user"], asked["org"], Role.ADMIN, PERMISSIONS[Role.ADMIN], asked["session"], later)
            for row in asked["payments"]:
                new = NewPayment(row["wallet_id"], Decimal(row["amount"]), row["to"], asset=row["asset"])
                await prepare_payment(desk, person, asked["org"], new, Origin(kind="manual", id=row["id"]))
            with suppress(FileNotFoundError):
                path.unlink()
        await asyncio.sleep(0.05)


def vaults() -> dict[int, int]:
    """The vaults on this machine: process → the desk that started it."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if b"signer.vault" in words:
                found[int(folder.name)] = int(words[words.index(b"signer.vault") + 2])
    return found
