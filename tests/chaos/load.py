"""What goes on all the time: organisations ask for payments over HTTP and remember what they were answered, their consoles listen, other
people's money moves, and blocks are mined.

Each payment asked for goes to an address of its own, so that the chain alone can say how often it arrived.
"""

import asyncio
import contextlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx
from eth_account import Account
from eth_account.signers.local import LocalAccount
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.typing import Origin

from crypto_project.demo.chain import ChainError
from tests.chaos.house import NETWORK
from tests.chaos.installation import Installation

PASSWORD = "a-river-of-9-stones"  # of a person who lives for some minutes
ETHER, USDC = 10**18, 10**6
AGAIN_S, BACK_S = 0.1, 0.1
ANSWER_WITHIN_S = 6.0
FRESH_S = 200.0  # a confirmation of the password holds for five minutes
BLOCK_S = 0.5
SURE = frozenset({200, 201, 202, 400, 404, 422})  # answers after which nobody asks again

WRONG: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "no such wallet": lambda body: {**body, "wallet_id": "wal_nobody"},
    "nothing": lambda body: {**body, "amount": "0"},
    "too fine": lambda body: {**body, "amount": "0." + "0" * 18 + "1"},
    "no such asset": lambda body: {**body, "asset": "NONE"},
}


@dataclass
class Asked:
    """A payment that somebody asked for, and what they were told at last."""

    org_id: str
    key: str
    body: dict[str, Any]
    wrong: str = ""  # why it has to be refused
    status: int | None = None  # None: nobody knows
    answer: dict[str, Any] = field(default_factory=dict)
    tries: int = 0


@dataclass
class Person:
    """Who acts for an organisation: its founder, over HTTP, as a program that does not give up."""

    house: Installation
    name: str
    org_id: str
    canary: str
    wallets: list[str] = field(default_factory=list)  # that pay
    theirs: list[str] = field(default_factory=list)  # wallets of another organisation
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.http = httpx.AsyncClient(base_url=self.house.base_url, timeout=ANSWER_WITHIN_S, trust_env=False)
        self._logged_in_at = -FRESH_S
        self._logging_in = asyncio.Lock()

    async def close(self) -> None:
        await self.http.aclose()

    async def log_in(self) -> None:
        """As often as is needed for the use of keys."""
        loop = asyncio.get_running_loop()
        async with self._logging_in:
            if loop.time() - self._logged_in_at < FRESH_S:
                return
            told = await self.http.post("/api/auth/login/", json={"username": self.name, "password": PASSWORD}, headers={"Authorization": ""})
            self.http.headers["Authorization"] = f"Bearer {told.raise_for_status().json()['access']}"
            (await self.http.post("/api/auth/confirm-password/", json={"password": PASSWORD})).raise_for_status()
            self._logged_in_at = loop.time()

    def forget_log_in(self) -> None:
        self._logged_in_at = -FRESH_S

    async def ask(self, random: Random, *, at_once: int = 1, wrong: str = "") -> Asked:
        """For a payment, with one key, until the answer is one that is sure; `at_once`: so many times beside one another."""
        asset, amount = random.choice([("ETH", f"0.00{random.randint(1, 99):02}"), ("USDC", f"{random.randint(1, 400)}.{random.randint(0, 99):02}")])
        payee = Account.from_key(random.randbytes(32)).address
        body = {"wallet_id": random.choice(self.wallets), "to": payee, "amount": amount, "asset": asset, "description": f"Rent of {self.canary}"}
        if wrong == "of another organisation":
            body["wallet_id"] = random.choice(self.theirs)
        asked = Asked(self.org_id, random.randbytes(12).hex(), WRONG[wrong](body) if wrong in WRONG else body, wrong)
        self.asked.append(asked)
        await asyncio.gather(*(self._insist(asked) for _ in range(at_once)))
        return asked

    async def _insist(self, asked: Asked) -> None:
        while asked.status is None:
            asked.tries += 1
            try:
                await self.log_in()
                answer = await self.http.post("/api/payments/", json=asked.body, headers={"Idempotency-Key": asked.key})
                told = answer.json()
            except (httpx.HTTPError, ValueError, KeyError, TypeError):  # it broke, or what came is no answer
                await asyncio.sleep(AGAIN_S)
                continue
            if answer.status_code in SURE:
                _remember(asked, answer.status_code, told)
                return
            if answer.status_code in (401, 403):
                self.forget_log_in()
            await asyncio.sleep(AGAIN_S)

    async def hurry(self, random: Random) -> None:
        """One that is on its way is to go faster, or to be called off: as far as that can still be had."""
        known = [asked for asked in self.asked[-4:] if asked.status == 201]
        if not known:
            return
        what, payment = random.choice(["speed-up", "speed-up", "cancel"]), random.choice(known).answer["id"]
        for _ in range(5):
            headers = {"Idempotency-Key": random.randbytes(12).hex()}
            with contextlib.suppress(httpx.HTTPError):
                if (await self.http.post(f"/api/payments/{payment}/{what}/", headers=headers)).status_code == 200:
                    return
            await asyncio.sleep(0.25)  # it is not sent yet, or has come to its end


def _remember(asked: Asked, status: int, told: dict[str, Any]) -> None:
    if asked.status is not None and (asked.status, asked.answer.get("id")) != (status, told.get("id")):
        asked.answer = {"id": f"{asked.answer.get('id')} and {told.get('id')}"}  # two answers to one key: the checker will not find that payment
        return
    asked.status, asked.answer = status, told


# ---- consoles --------------------------------------------------------------------------------------------------------------------


@dataclass
class Console:
    """An administrator's, on the event socket: it comes back by itself and says where it stopped."""

    person: Person
    links: list[tuple[int, int]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    start: int | None = None
    connections: int = 0
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def last(self) -> int:
        return self.links[-1][1] if self.links else (self.start or 0)

    async def run(self) -> None:
        broken = (ConnectionClosed, InvalidHandshake, InvalidMessage, OSError, EOFError, TimeoutError, ValueError, KeyError, httpx.HTTPError)
        while True:
            with contextlib.suppress(*broken):
                await self._listen()
            await asyncio.sleep(BACK_S)

    async def _listen(self) -> None:
        await self.person.log_in()
        answer = await self.person.http.post("/api/auth/ws-ticket/")
        if answer.status_code == 401:
            self.person.forget_log_in()
        base, after = self.person.house.base_url, "" if self.start is None else f"&after={self.last}"
        address = f"{base.replace('http', 'ws', 1)}/api/ws/events/?ticket={answer.raise_for_status().json()['ticket']}{after}"
        # the client's own beat finds out that nobody is there any more, as the heartbeat of a page does
        async with connect(address, proxy=None, ping_interval=2, ping_timeout=2, close_timeout=1, open_timeout=5, origin=Origin(base)) as line:
            self.connections += 1
            async for text in line:
                await self._take(line, str(text))

    async def _take(self, line: Any, text: str) -> None:
        frame = json.loads(text)
        if frame["type"] == "hello":
            if self.start is None:
                self.start = frame["data"]["seq"]
                await line.send(json.dumps({"type": "resume", "after": self.start}))
            self.ready.set()
        elif "prev" in frame:
            self.links.append((frame["prev"], frame["seq"]))
            self.texts.append(text)
        elif frame["type"] == "ping":
            await line.send(json.dumps({"type": "pong", "id": frame["id"]}))


# ---- the street ------------------------------------------------------------------------------------------------------------------


@dataclass
class Street:
    """Other people's money, and the blocks."""

    house: Installation
    random: Random
    strangers: list[LocalAccount]
    own: list[str]  # addresses of wallets of the organisations
    watched: list[LocalAccount]  # wallets that are only watched: their owners pay from elsewhere
    paused: asyncio.Event = field(default_factory=asyncio.Event)
    still: asyncio.Event = field(default_factory=asyncio.Event)
    made: int = 0

    async def run(self) -> None:
        """A block every now and then, some with something in it. Whatever the node does meanwhile."""
        while True:
            if self.paused.is_set():
                self.still.set()
                await asyncio.sleep(0.02)
                continue
            self.still.clear()
            with contextlib.suppress(Exception):  # a node that is away, or has just forgotten what was sent
                async with asyncio.timeout(10):
                    await self.block()
            await asyncio.sleep(BLOCK_S)

    async def block(self) -> None:
        try:
            if self.random.random() < 0.6:
                await self.move()
        except (ChainError, OSError):
            self.house.actor.forget_nonces()
        await self.house.actor.mine()
        self.made += 1

    async def pause(self) -> None:
        self.paused.set()
        self.still.clear()
        async with asyncio.timeout(120):
            await self.still.wait()

    def go_on(self) -> None:
        self.paused.clear()

    async def move(self) -> None:
        moves, usdc, random = self.house.moves, self.house.contracts.usdc, self.random
        stranger, own, watched = random.choice(self.strangers), random.choice(self.own), random.choice(self.watched)
        match random.randrange(6):
            case 0 | 1:
                await moves.pay_ether(stranger, own, random.randrange(1, ETHER // 1000))
            case 2:
                await moves.pay_token(stranger, usdc, own, random.randrange(1, USDC))
            case 3:
                await moves.pay_ether(watched, stranger.address, random.randrange(1, ETHER // 1000))
            case 4:
                await moves.pay_token(watched, usdc, own, random.randrange(1, USDC))
            case 5:
                await moves.overdraw(watched, usdc, stranger.address)


# ---- who takes part --------------------------------------------------------------------------------------------------------------


@dataclass
class Cast:
    people: list[Person]
    consoles: list[Console]
    street: Street
    keys: dict[str, bytes]  # wallet → the private key that was given in: the canaries
    addresses: dict[str, str]  # wallet → address, of all
    paying: dict[str, str]  # of those whose key the signer holds
    going: list[asyncio.Task[None]] = field(default_factory=list)

    async def close(self) -> None:
        for task in self.going:
            task.cancel()
        await asyncio.gather(*self.going, return_exceptions=True)
        for person in self.people:
            await person.close()


def new_key(random: Random) -> bytes:
    return random.randbytes(32)


async def add_wallet(person: Person, name: str, **more: Any) -> str:
    """Over HTTP, as a person's program does."""
    body = {"name": f"{name} of {person.canary}", "network": NETWORK, **more}
    headers = {"Idempotency-Key": secrets.token_hex(8)}
    async with asyncio.timeout(300):
        while (answer := await person.http.post("/api/wallets/", json=body, headers=headers)).status_code == 503:  # the signer begins
            await asyncio.sleep(0.2)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])
