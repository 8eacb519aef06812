"""Frames that no library would send, to the sockets of a real API process, while somebody well-behaved listens.

    manage.py fuzz --of sockets [--frames 1000000] [--seed 1] [--lanes 8] [--report DIR]

Events are written all the time: to the organisation of the listener, a number each, and to another one, a secret word each. Attackers, in a process
of their own, hold cookies of the listener's organisation (an administrator's and an employee's) and send what `attacks.py` has, each kind at least
once. Afterwards: the listener has every number once, in order, each frame naming the one before it; nobody was told the word of the other
organisation, nor an employee what an administrator reads; the process is the one that was started, is well, and has told of no error in its log; its
memory is what it was. How long a number takes to arrive is measured before and meanwhile.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar

from websockets.asyncio.client import connect
from websockets.typing import Origin

from crypto_api.events.types import DomainEvent
from crypto_api.flows.relay_events import relay_pass
from crypto_api.identity import service as identity
from crypto_api.identity.types import DASHBOARD_COOKIE
from crypto_api.kit.cancel import cancel_and_wait
from crypto_api.organizations.types import Permission, Role
from crypto_api.runtime import Runtime
from tests.fuzz.attacks import EVERY
from tests.fuzz.report import Finding, SocketsReport
from tests.fuzz.stage import ROOT, Stage
from tests.sockets.conftest import Member, append, new_member, new_organization

PATHS = [f"/api/ws/{name}/" for name in ("events", "admin/task-logs", "admin/dashboard-stats", "admin/manager-verification", "admin/user-management")]
OTHERS_WORD, ADMINS_WORD = "canary-of-another-house-5e1f", "canary-for-administrators-77c0"
PATIENCE_S = 120.0
PAUSE_S = 0.02  # between two numbers
RSS_GROWTH_MB_MAX = 48.0
"""Between when every kind of attack has been seen and the end: what is kept of a connection would add up over thousands of them."""


class Told(DomainEvent):
    """Everybody in the organisation may see it."""

    kind: ClassVar[str] = "test.told"
    permission: ClassVar[str] = Permission.ORGANIZATION_READ

    number: int
    at_ns: int
    word: str = ""


class Hushed(DomainEvent):
    kind: ClassVar[str] = "test.hushed"
    permission: ClassVar[str] = Permission.LEDGER_READ

    word: str


@dataclass
class Listener:
    """Well-behaved: an employee, who sees each number and answers each ping."""

    member: Member
    port: int
    numbers: list[int] = field(default_factory=list)
    links: list[tuple[int, int]] = field(default_factory=list)
    waits_ms: list[float] = field(default_factory=list)
    heard: str = ""

    async def listen(self) -> None:
        address, headers = f"ws://127.0.0.1:{self.port}/api/ws/events/?after=0", {"Cookie": f"{DASHBOARD_COOKIE}={self.member.cookie}"}
        origin = Origin(f"http://127.0.0.1:{self.port}")
        async with connect(address, proxy=None, ping_interval=None, origin=origin, additional_headers=headers, open_timeout=60) as line:
            async for message in line:
                frame = json.loads(message)
                if frame["type"] == "ping":
                    await line.send(json.dumps({"type": "pong", "id": frame["id"]}))
                elif "prev" in frame:
                    self._take(frame)
                self.heard += str(message) if OTHERS_WORD in message or ADMINS_WORD in message else ""

    def _take(self, frame: dict[str, Any]) -> None:
        self.links.append((frame["prev"], frame["seq"]))
        if frame["type"] == Told.kind:
            self.numbers.append(frame["data"]["number"])
            self.waits_ms.append((time.monotonic_ns() - frame["data"]["at_ns"]) / 1e6)


@dataclass
class Writer:
    runtime: Runtime
    org_id: str
    other_org: str
    written: int = 0

    async def write(self) -> None:
        while True:
            told = Told(number=self.written, at_ns=time.monotonic_ns())
            await append(self.runtime, self.org_id, told, *([Hushed(word=ADMINS_WORD)] if self.written % 5 == 0 else []))
            self.written += 1
            if self.written % 5 == 0:
                await append(self.runtime, self.other_org, Told(number=-1, at_ns=0, word=OTHERS_WORD))
            await asyncio.sleep(PAUSE_S)


@asynccontextmanager
async def relaying(runtime: Runtime) -> AsyncIterator["asyncio.Task[None]"]:
    async def go_on() -> None:
        while True:
            if not await relay_pass(runtime.uow, runtime.clock, runtime.frames):
                await asyncio.sleep(0.005)

    task = asyncio.create_task(go_on())
    try:
        yield task
    finally:
        await cancel_and_wait(task)


async def fuzz_sockets(stage: Stage, *, frames: int, seed: int, lanes: int = 8, calm_numbers: int = 300) -> SocketsReport:
    """`calm_numbers`: how many are listened to before anybody attacks."""
    runtime, report = stage.house.runtime, SocketsReport(seed=seed)
    org_id, other_org = await new_organization(runtime), await new_organization(runtime, "Another house")
    admin, employee = await new_member(runtime, org_id, Role.ADMIN), await new_member(runtime, org_id, Role.USER)
    listener = Listener(await new_member(runtime, org_id, Role.USER), stage.port)
    writer = Writer(runtime, org_id, other_org)
    stage.unhandled()  # what the start told of
    async with relaying(runtime) as relay:
        listening, writing = asyncio.create_task(listener.listen()), asyncio.create_task(writer.write())
        try:
            await _until(lambda: len(listener.numbers) >= calm_numbers, listening, writing, relay)
            report.calm_ms, report.rss_before_mb = list(listener.waits_ms), stage.rss_mb()
            plan = await _plan(stage, admin, employee, other_org, writer.written) | {"frames": frames, "seed": seed, "lanes": lanes}
            began = time.monotonic()
            await _attack(plan | {"frames": 0, "attacks_min": len(EVERY), "seed": seed + 1}, report)  # every kind once: what is kept once is kept
            warm_mb = stage.rss_mb()
            await _attack(plan | {"attacks_min": len(EVERY) if frames else 0}, report)
            report.seconds = time.monotonic() - began
            report.busy_ms = listener.waits_ms[len(report.calm_ms) :]
            report.rss_warm_mb, report.rss_after_mb = warm_mb, stage.rss_mb()
            await cancel_and_wait(writing)
            await _until(lambda: len(listener.numbers) >= writer.written, listening, relay)
        finally:
            await cancel_and_wait(listening, writing)
    _judge(report, listener, writer)
    await _judge_process(report, stage)
    return report


async def _plan(stage: Stage, admin: Member, employee: Member, other_org: str, head: int) -> dict[str, Any]:
    used, now = await admin.ticket(), stage.house.runtime.clock.now()
    await identity.take_ticket(stage.house.runtime.uow, used, now)
    old = await stage.house.runtime.uow.run(lambda session: identity.issue_ticket(session, admin.user_id, admin.session_id, now - timedelta(hours=1)))
    return {
        "port": stage.port,
        "paths": PATHS,
        "cookie_name": DASHBOARD_COOKIE,
        "cookies": [admin.cookie, employee.cookie],
        "canaries": [OTHERS_WORD],
        "other_org": other_org,
        "used_ticket": used,
        "old_ticket": old,
        "head": head,
    }


async def _attack(plan: dict[str, Any], report: SocketsReport) -> None:
    command = (sys.executable, "-m", "tests.fuzz.attackers")
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        out, errors = await child.communicate(json.dumps(plan).encode())
    except asyncio.CancelledError:
        child.kill()
        raise
    if child.returncode:
        report.findings.append(Finding("attackers", "ended by themselves", errors.decode(errors="replace")[-1000:]))
        return
    told = json.loads(out)
    report.frames += Counter(told["frames"])
    report.connections += Counter(told["connections"])
    report.received_frames += told["received_frames"]
    for name, closes in told["closes"].items():
        report.closes.setdefault(name, Counter()).update(closes)
    report.findings += [Finding("answer", *problem.partition(": ")[::2]) for problem in told["problems"]]
    report.findings += [Finding("leak", *leak.partition(": ")[::2]) for leak in told["leaks"]]


def _judge(report: SocketsReport, listener: Listener, writer: Writer) -> None:
    report.numbers = len(listener.numbers)
    if listener.numbers != list(range(writer.written)):
        report.findings.append(Finding("listener", "numbers", f"{len(listener.numbers)} of {writer.written}, or not in order"))
    if any(link[0] != before[1] for before, link in zip(listener.links, listener.links[1:], strict=False)):
        report.findings.append(Finding("listener", "links", "a frame does not name the one before it"))
    if listener.heard:
        report.findings.append(Finding("leak", "listener", listener.heard[:300]))
    seen = set(report.connections)
    if len(seen) < len(EVERY):
        report.findings.append(Finding("attackers", "kinds", f"only {len(seen)} of {len(EVERY)} kinds were tried"))


async def _judge_process(report: SocketsReport, stage: Stage) -> None:
    report.findings += [Finding("log", "an error", told) for told in stage.unhandled()]
    if not await stage.lives():
        report.findings.append(Finding("process", "gone", "the API is not the process that was started, or not well"))
    if report.rss_after_mb - report.rss_warm_mb > RSS_GROWTH_MB_MAX:
        report.findings.append(Finding("memory", "grew", f"{report.rss_warm_mb:.0f} → {report.rss_after_mb:.0f} MB"))


async def _until(holds: Any, *tasks: "asyncio.Task[None]") -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            for task in tasks:
                if task.done():
                    task.result()
                    raise AssertionError("it ended by itself")
            await asyncio.sleep(0.01)
