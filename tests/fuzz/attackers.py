"""Those who attack the sockets, in a process of their own, so that what they cost is not what the well-behaved client waits for.

`python -m tests.fuzz.attackers`: a plan as JSON on standard input; what came of it as JSON on standard output. Standard library only.
"""

import asyncio
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.fuzz.attacks import ANY, FORBIDDEN, Attack, Target, planned
from tests.fuzz.wire import Line, connect, handshake

PATIENCE_S = 60.0
STALLED_S = 2.0  # how long somebody who takes nothing tries to send
HELD_MAX = 4  # who read nothing, to the end


@dataclass
class Tally:
    frames: Counter[str] = field(default_factory=Counter)
    connections: Counter[str] = field(default_factory=Counter)
    closes: dict[str, Counter[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    received_frames: int = 0
    leaks: list[str] = field(default_factory=list)


@dataclass
class Band:
    plan: dict[str, Any]
    target: Target
    random: Random
    tally: Tally = field(default_factory=Tally)
    begun: int = 0
    held: list[Line] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.plan["port"])

    def wants_more(self) -> bool:
        return sum(self.tally.frames.values()) < self.plan["frames"] or self.begun < self.plan["attacks_min"]

    async def lane(self) -> None:
        while self.wants_more():
            number, self.begun = self.begun, self.begun + 1
            attack = planned(self.random, self.target, number)
            try:
                await self._carry_out(attack)
            except (OSError, TimeoutError) as error:
                self.tally.problems.append(f"{attack.name}: {type(error).__name__} {error}")

    async def _carry_out(self, attack: Attack) -> None:
        line = await connect(self.port, attack.request or self._request(attack), limit_s=PATIENCE_S)
        self.tally.connections[attack.name] += 1
        if line.status != 101:
            if attack.closes is not ANY and line.status not in attack.refused:
                self.tally.problems.append(f"{attack.name}: the handshake was answered by {line.status or 'nothing'}")
            self._note(attack, f"HTTP {line.status}" if line.status else "closed")
            await line.leave()
            return
        if attack.reads:
            line.read_on()
        await self._send(attack, line)
        await self._judge(attack, line)
        self._look_through(attack, line)
        if attack.reads or len(self.held) >= HELD_MAX:
            await line.leave()
        else:
            self.held.append(line)

    def _request(self, attack: Attack) -> bytes:
        host = f"127.0.0.1:{self.port}"
        headers = {"Origin": f"http://{host}"}
        path = attack.path or self.random.choice(self.target.paths)
        if attack.cookie:  # an administrator's; where an employee may listen too, anybody's
            cookies = self.plan["cookies"] if path.startswith("/api/ws/events/") else self.plan["cookies"][:1]
            headers["Cookie"] = f"{self.plan['cookie_name']}={self.random.choice(cookies)}"
        return handshake(path, {**headers, **attack.headers}, host)

    async def _send(self, attack: Attack, line: Line) -> None:
        pieces = [b"".join(attack.frames)] if attack.together and attack.frames else attack.frames
        for piece in pieces:
            if not await line.send(piece, PATIENCE_S if attack.reads else STALLED_S):
                break
        self.tally.frames[attack.name] += len(attack.frames)

    async def _judge(self, attack: Attack, line: Line) -> None:
        if attack.leaves:
            return
        if attack.closes is ANY:
            if not await line.until_pong(PATIENCE_S):
                self.tally.problems.append(f"{attack.name}: neither closed nor alive")
            self._note(attack, str(line.code or "open"))
            return
        code = await line.ended(PATIENCE_S)
        self._note(attack, str(code))
        if code not in (attack.closes or ()):
            self.tally.problems.append(f"{attack.name}: closed with {code}, expected {sorted(attack.closes or ())}; it said {line.received[-200:]!r}")

    def _look_through(self, attack: Attack, line: Line) -> None:
        """For what only others may see; and whoever may not come in is told nothing but why."""
        self.tally.received_frames += line.frames
        for canary in self.plan["canaries"]:
            if canary.encode() in line.received:
                self.tally.leaks.append(f"{attack.name}: {canary} of another organisation")
        if line.code in (4401, FORBIDDEN) and line.received and attack.closes is not ANY:
            self.tally.leaks.append(f"{attack.name}: was told {line.received[:200]!r}")

    def _note(self, attack: Attack, how: str) -> None:
        self.tally.closes.setdefault(attack.name, Counter())[how] += 1


async def run(plan: dict[str, Any]) -> dict[str, Any]:
    target = Target(plan["paths"], plan["other_org"], plan["used_ticket"], plan["old_ticket"], plan["head"])
    band = Band(plan, target, Random(plan["seed"]))
    await asyncio.gather(*(band.lane() for _ in range(plan["lanes"])))
    for line in band.held:
        await line.leave()
    tally = band.tally
    return {
        "frames": tally.frames,
        "connections": tally.connections,
        "closes": tally.closes,
        "problems": tally.problems,
        "received_frames": tally.received_frames,
        "leaks": tally.leaks,
    }


if __name__ == "__main__":
    json.dump(asyncio.run(run(json.load(sys.stdin))), sys.stdout)
