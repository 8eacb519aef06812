"""One whole installation as `manage.py demo` starts it, with a chain that goes on, and what its processes compute meanwhile."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from benchmarks.chain import cpu_of
from benchmarks.load.stalls import Stall, stalls_in
from benchmarks.load.target import Target
from crypto_project.demo.chain import ChainActor
from crypto_project.demo.keys import dev_account
from crypto_project.demo.moves import ChainMoves
from crypto_project.demo.world import DemoWorld
from crypto_project.shell import Shell, ShellOptions

REFRESH_S, AGAIN_S = 240.0, 0.5  # an access token lives longer
BLOCK_S = 1.0
PER_BLOCK = 25
BOOKED_S_MAX = 600.0
FULL = 0.85  # of one processor: a process of one thread has no more
PAYER = dev_account(7)
WEI = 10**12


@dataclass(frozen=True)
class Usage:
    """What was computed in a window, as shares of one processor."""

    took_s: float
    shares: dict[str, float]
    others: float
    """By whatever else runs on the machine."""

    idle: float
    """Processors that nobody used."""

    stalls: list[Stall] = field(default_factory=list)

    def for_one(self, number: int) -> str:
        """What was computed for one of so many, which says less of the other programmes on the machine than a clock does."""
        told = {name: 1000 * share * self.took_s / max(number, 1) for name, share in self.shares.items()}
        return ", ".join(f"{name} {ms:.1f}" for name, ms in sorted(told.items(), key=lambda pair: -pair[1]) if ms >= 0.1)

    @property
    def limit(self) -> str:
        """What was full, if anything was."""
        name, share = max(self.shares.items(), key=lambda pair: pair[1])
        told = ", ".join(f"{name} {share:.0%}" for name, share in sorted(self.shares.items(), key=lambda pair: -pair[1])[:4])
        beside = f"{told}; others {self.others:.0%}, idle {self.idle:.0%}"
        if share >= FULL:
            return f"{name} ({beside})"
        cores = os.cpu_count() or 1
        return f"the machine: all {cores} processors ({beside})" if self.idle < 0.1 * cores else f"nothing is full ({beside})"


class Installation(Target):
    def __init__(self, shell: Shell, database: AsyncDatabase[dict[str, Any]]) -> None:
        world = shell.world
        assert isinstance(world, DemoWorld)
        super().__init__(shell.port, world.org_id, database)
        self.shell, self.world = shell, world
        self.actor = ChainActor(shell.addresses.rpc_url, shell.addresses.chain_id)
        self._refresh = ""

    async def logged_in(self) -> None:
        """As the one who founded it, for as long as the task that calls this lives; the first time before it returns."""
        async with httpx.AsyncClient(base_url=self.shell.base_url, timeout=60, trust_env=False) as client:
            answer = (await client.post("/api/auth/login/", json=self.world.admin)).raise_for_status().json()
        self.access, self._refresh = answer["access"], answer["refresh"]

    async def stay_logged_in(self) -> None:
        async with httpx.AsyncClient(base_url=self.shell.base_url, timeout=60, trust_env=False) as client:
            while True:
                await asyncio.sleep(REFRESH_S)
                while (answer := await client.post("/api/auth/refresh/", json={"refresh": self._refresh})).status_code != httpx.codes.OK:
                    await asyncio.sleep(AGAIN_S)  # it was sent away
                self.access, self._refresh = answer.json()["access"], answer.json()["refresh"]

    async def live(self) -> None:
        """A block a second with a payment to one of its wallets, as long as the task lives."""
        moves, rows = ChainMoves(self.actor, self.world.contracts), await self.wallets()
        while True:
            for row in rows[:1]:
                await moves.pay_ether(PAYER, str(row["address"]), WEI)
            await self.actor.mine()
            rows.append(rows.pop(0))
            await asyncio.sleep(BLOCK_S)

    async def past(self, movements: int) -> None:
        """So many payments that came in, stored and booked."""
        moves, rows = ChainMoves(self.actor, self.world.contracts), await self.wallets()
        for number in range(movements):
            await moves.pay_ether(PAYER, str(rows[number % len(rows)]["address"]), WEI)
            if number % PER_BLOCK == PER_BLOCK - 1:
                await self.actor.mine()
        await self.actor.mine()
        async with asyncio.timeout(BOOKED_S_MAX):
            while await self.database["transactions"].count_documents({"org_id": self.org_id, "booking": "done"}) < movements:
                await asyncio.sleep(0.5)

    # ---- what it computes

    @property
    def log(self) -> Path:
        return self.shell.log_dir / "crypto_accounting.log"

    def watch(self) -> Callable[[], Usage]:
        """Call what it gives at the end of the window."""
        pids, log = self.shell.pids, self.log
        read_to = log.stat().st_size if log.exists() else 0
        before, client, machine, began = {name: cpu_of(pid) for name, pid in pids.items()}, time.process_time(), _machine_s(), time.perf_counter()

        def over() -> Usage:
            took = time.perf_counter() - began
            spent = {name: cpu_of(pid) - before[name] for name, pid in pids.items()} | {"client": time.process_time() - client}
            busy, idle = (now - then for now, then in zip(_machine_s(), machine, strict=True))
            shares = {name: seconds / took for name, seconds in spent.items()}
            return Usage(took, shares, max(0.0, busy / took - sum(shares.values())), idle / took, stalls_in(log, read_to))

        return over


def _machine_s() -> tuple[float, float]:
    """Seconds of all processors that were computed by anybody, and that nobody used (proc(5), /proc/stat)."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle = fields[3] + fields[4]
    ticks = os.sysconf("SC_CLK_TCK")
    return (sum(fields) - idle) / ticks, idle / ticks


UNLIMITED = {f"LIMIT_{what}": "10000000 per minute" for what in ("FAILED_LOG_INS", "CALLS", "PAGES")}
"""A handful of people stand for thousands here."""


@asynccontextmanager
async def open_installation(movements: int) -> AsyncIterator[Installation]:
    """With people, wallets, invoices and payroll of the sample company, so many movements behind it, and a chain that goes on."""
    async with Shell(ShellOptions(env=UNLIMITED)) as shell:
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(shell.addresses.mongodb_uri, tz_aware=True)
        installation = Installation(shell, client[shell.config.mongodb_database])
        tasks: list[asyncio.Task[None]] = []
        try:
            await installation.actor.take_over_mining()
            await installation.past(movements)
            await installation.logged_in()
            tasks += [asyncio.create_task(installation.live(), name="chain"), asyncio.create_task(installation.stay_logged_in(), name="log-in")]
            yield installation
        finally:
            for task in tasks:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks)
            await installation.actor.close()
            await client.close()
