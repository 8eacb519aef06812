"""Seeded schedules of webhooks: senders beside each other that die between any two port calls, receivers that take and say nothing, refuse, hang or
are gone, time that leaps, people who pause, resume and start again elsewhere in the log.

What runs is the product's `tell`, with the rules of what an attempt leads to. At every moment nothing that a webhook wants lies behind it untaken,
what is taken for the first time is the next that it wants, an event is the same bytes under the same id each time, and nobody is given up before the
time is over. When everything heals, every receiver has everything. The same seed gives the same trace, byte for byte.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from unittest.mock import patch

from crypto_api.events.documents import Event
from crypto_api.flows import deliver_webhooks
from crypto_api.flows.deliver_webhooks import World, tell
from crypto_api.kit.clock import FixedClock
from crypto_api.kit.outside import Answered
from crypto_api.organizations.types import Permission
from crypto_api.webhooks import rules, service
from crypto_api.webhooks.documents import Webhook
from crypto_api.webhooks.service import Sent
from crypto_api.webhooks.types import WebhookStatus
from tests.simulation.interleaving import Point, Running
from tests.simulation.payments import Violation

ORG = "org"
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
WANTED = (["wallet.*"], ["invoice.paid", "wallet.added"], [])
KINDS = (
    ("wallet.added", Permission.WALLETS_READ), ("wallet.renamed", Permission.WALLETS_READ), ("invoice.paid", Permission.INVOICES_READ),
    ("person.logged_in", "of.nobody"),
)  # fmt: skip
HEALING_ROUNDS = 400
PATIENCE = timedelta(hours=72)
STRETCH = 5  # small, so that its end is met


@dataclass
class Receiver:
    """What came to it, and what of it it has taken since a person last said where to begin."""

    wants: list[int] = field(default_factory=list)  # of the whole log
    begins_after: int = 0
    taken: set[int] = field(default_factory=set)
    bodies: dict[str, bytes] = field(default_factory=dict)
    failed: list[tuple[datetime, datetime, int | None]] = field(
        default_factory=list
    )  # asked, noted, status; since it took something, or a person spoke


@dataclass
class Tables:
    """What survives every crash."""

    hooks: dict[str, Webhook] = field(default_factory=dict)
    log: list[Event] = field(default_factory=list)
    receivers: dict[str, Receiver] = field(default_factory=dict)

    def happen(self, event: Event) -> None:
        self.log.append(event)
        for row in self.hooks.values():
            if event.permission != "of.nobody" and rules.wants(row.kinds, event.kind):
                self.receivers[row.id].wants.append(event.seq or 0)

    def wanted(self, row: Webhook) -> list[int]:
        """The numbers that it is to be sent, from where a person said on."""
        receiver = self.receivers[row.id]
        return receiver.wants[bisect_right(receiver.wants, receiver.begins_after) :]


@dataclass
class Book:
    """`deliver_webhooks.Book`: each change is one unit of work, by compare-and-set on what people set and on how far it had come."""

    tables: Tables

    async def after(self, org_id: str, seq: int, limit: int) -> list[Event]:
        await Point("book.after")
        return self.tables.log[seq : seq + limit]  # of the one organisation that there is, numbered from 1 on

    async def taken(self, row: Webhook, sent: Sent, now: datetime) -> Webhook | None:
        await Point("book.taken")
        changes = service.once_taken(sent, now)
        if done := self._note(row, changes):
            self.tables.receivers[row.id].failed.clear()
        await Point("book.taken.reply")
        return row.model_copy(update=changes) if done else None

    async def failed(self, row: Webhook, sent: Sent, now: datetime, spread: int) -> bool:
        await Point("book.failed")
        if done := self._note(row, service.once_failed(row, sent, now, spread)):
            self.tables.receivers[row.id].failed.append((sent.at, now, sent.answered.status))
        await Point("book.failed.reply")
        return done

    async def passed(self, row: Webhook, seq: int) -> bool:
        await Point("book.passed")
        done = self._note(row, {"done_seq": seq})
        await Point("book.passed.reply")
        return done

    def _note(self, row: Webhook, changes: dict[str, Any]) -> bool:
        now = self.tables.hooks[row.id]
        if now.status is not WebhookStatus.ACTIVE or (now.version, now.done_seq, now.tries) != (row.version, row.done_seq, row.tries):
            return False
        changes = changes | ({"status": WebhookStatus(changes["status"])} if "status" in changes else {})
        self.tables.hooks[row.id] = now.model_copy(update=changes)
        return True


@dataclass
class Schedule:
    """One run of the world."""

    seed: int
    actions: int = 400
    hooks: int = 3
    trace: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random, self.clock = Random(self.seed), FixedClock(BEGIN)
        self.tables = Tables()
        self.faults = self.random.choice((0.1, 0.4, 0.9))
        self.running: list[tuple[str, Running]] = []
        for number in range(self.hooks):
            row = _hook(f"hook{number}", WANTED[number % len(WANTED)])
            self.tables.hooks[row.id], self.tables.receivers[row.id] = row, Receiver()
        self.world = World(Book(self.tables), self.clock, self._post, lambda: self.random.randint(0, rules.SPREAD), self._seconds)

    def run(self) -> None:
        """Violation names the seed and what does not hold."""
        try:
            acts: Sequence[tuple[Callable[[], None], int]] = (
                (self._go_on, 70), (self._start, 20), (self._happen, 8), (self._time, 8), (self._die, 4), (self._person, 3),
            )  # fmt: skip
            kinds, weights = zip(*acts, strict=True)
            with patch.object(deliver_webhooks, "STRETCH", STRETCH):
                for _ in range(self.actions):
                    self.random.choices(kinds, weights)[0]()
                    self._check()
                self._heal()
        except Exception as error:
            raise Violation(f"seed {self.seed}: {type(error).__name__}: {error}") from error

    def _seconds(self) -> float:
        return self.clock.at.timestamp()

    # ---- the schedule --------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        """A sender takes up one that is due. Another may be at it: it was paused, and its lease ran out."""
        due = self._due()
        if due and len(self.running) < 4:
            row = self.random.choice(due)
            self.running.append((row.id, Running(tell(self.world, row))))
            self.trace.append(f"start {row.id} at {row.done_seq}")

    def _due(self) -> list[Webhook]:
        now = self.clock.now()
        return [row for row in self.tables.hooks.values() if row.status is WebhookStatus.ACTIVE and (row.retry_at is None or row.retry_at <= now)]

    def _go_on(self) -> None:
        if self.running:
            place = self.random.randrange(len(self.running))
            name, work = self.running[place]
            for _ in range(self.random.choice((1, 1, 2, 6))):
                going = work.go_on()
                self.trace.append(f"{name} {work.at if going else 'end'}")
                if not going:
                    del self.running[place]
                    return

    def _die(self) -> None:
        if self.running:
            name, work = self.running.pop(self.random.randrange(len(self.running)))
            work.die()
            self.trace.append(f"die {name} at {work.at}")

    def _happen(self) -> None:
        for _ in range(self.random.choice((1, 1, 4))):
            kind, permission = self.random.choice(KINDS)
            seq = len(self.tables.log) + 1
            fields = {"id": f"evt_{seq:06}", "org_id": ORG, "kind": kind, "permission": permission, "seq": seq, "created_at": self.clock.now()}
            self.tables.happen(Event.model_construct(**fields, data={"number": seq}))
        self.trace.append(f"happen {len(self.tables.log)}")

    def _time(self) -> None:
        """Forwards, and sometimes a little back."""
        self.clock.at += timedelta(seconds=self.random.choice((0.5, 6, 120, 4_000, 90_000, -2)))
        self.trace.append(f"time {self.clock.at.isoformat()}")

    def _person(self) -> None:
        row = self.random.choice(list(self.tables.hooks.values()))
        what = self.random.choice(("pause", "activate", "resume", "begin elsewhere"))
        match what:
            case "pause":
                self._set(row, {"status": WebhookStatus.PAUSED})
            case "activate":
                self._set(row, {"status": WebhookStatus.ACTIVE, **service._AFRESH})
            case "resume":
                self._set(row, {"status": WebhookStatus.ACTIVE, **service._AFRESH})
            case _:
                after = self.random.randint(0, len(self.tables.log))
                self._set(row, {"status": WebhookStatus.ACTIVE, "done_seq": after, **service._AFRESH})
                receiver = self.tables.receivers[row.id]
                receiver.begins_after, receiver.taken = after, set()
        self.trace.append(f"{what} {row.id}")

    def _set(self, row: Webhook, changes: dict[str, Any]) -> None:
        self.tables.hooks[row.id] = row.model_copy(update={**changes, "version": row.version + 1})
        self.tables.receivers[row.id].failed.clear()

    # ---- receivers -----------------------------------------------------------------------------------------------------------

    async def _post(self, row: Webhook, message_id: str, body: bytes, now: datetime) -> Answered:
        await Point("post")
        receiver, seq = self.tables.receivers[row.id], int(message_id.removeprefix("evt_"))
        assert receiver.bodies.setdefault(message_id, body) == body, f"{message_id} is not the same bytes as before"
        stale = self.tables.hooks[row.id].version != row.version  # a person said something else meanwhile
        if self.random.random() >= self.faults:
            self._take(row, receiver, seq, stale)
            await Point("post.reply")
            return Answered(5, self.random.choice((200, 204)))
        fault = self.random.choice(("refused", "hangs", "lost", "busy", "gone" if self.random.random() < 0.1 else "refused"))
        if fault == "lost":  # it takes it, and nobody hears of it
            self._take(row, receiver, seq, stale)
        await Point("post.reply")
        match fault:
            case "refused":
                return Answered(5, 500)
            case "busy":
                return Answered(5, 503, retry_after=self.random.choice(("600", "nonsense", "100000")))
            case "gone":
                return Answered(5, 410)
        return Answered(5_000, None, "it did not answer")

    def _take(self, row: Webhook, receiver: Receiver, seq: int, stale: bool) -> None:
        """What is taken for the first time is the next that is wanted; what is sent again was taken before."""
        if stale:
            return
        wanted = self.tables.wanted(row)
        assert seq in wanted or seq <= receiver.begins_after, f"{row.id} was sent {seq}, which it does not want"
        if seq not in receiver.taken and seq > receiver.begins_after:
            missed = [before for before in wanted if before < seq and before not in receiver.taken]
            assert not missed, f"{row.id} was sent {seq} before {missed[0]}"
        receiver.taken.add(seq)

    # ---- invariants ----------------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        for row in self.tables.hooks.values():
            receiver, done = self.tables.receivers[row.id], row.done_seq
            behind = receiver.wants[bisect_right(receiver.wants, receiver.begins_after) : bisect_right(receiver.wants, done)]
            passed = [seq for seq in behind if seq not in receiver.taken]
            assert not passed, f"{row.id} stands at {done}, and {passed[0]} was never taken"
            if row.status is WebhookStatus.SUSPENDED:
                assert self._may_be_given_up(receiver), f"{row.id} was given up too early"

    def _may_be_given_up(self, receiver: Receiver) -> bool:
        """It said that it is gone, or it failed whatever it was asked, for as long as is promised."""
        gone = any(status == 410 for *_, status in receiver.failed)
        return gone or receiver.failed[-1][1] - receiver.failed[0][0] >= PATIENCE

    def _heal(self) -> None:
        """Nobody dies, every receiver takes, and people let go on what is paused or was given up."""
        self.faults = 0.0
        while self.running:
            self.running.pop()[1].die()
        for _ in range(HEALING_ROUNDS):
            for row in list(self.tables.hooks.values()):
                if row.status is not WebhookStatus.ACTIVE:
                    self._set(row, {"status": WebhookStatus.ACTIVE, **service._AFRESH})
            if not self._owed():
                return
            for row in self._due():
                work = Running(tell(self.world, row))
                while work.go_on():
                    self._check()
            self.clock.at += timedelta(seconds=600)
        raise AssertionError(f"it does not come to its end: {self._owed()}")

    def _owed(self) -> list[str]:
        rows = []
        for row in self.tables.hooks.values():
            left = [seq for seq in self.tables.wanted(row) if seq not in self.tables.receivers[row.id].taken]
            if left or row.done_seq < len(self.tables.log):
                rows.append(f"{row.id} stands at {row.done_seq} of {len(self.tables.log)}, and has not got {left}")
        return rows


def _hook(name: str, kinds: list[str]) -> Webhook:
    fields: dict[str, Any] = {info: value.get_default(call_default_factory=True) for info, value in Webhook.model_fields.items()}
    fields |= {"id": name, "org_id": ORG, "created_at": BEGIN, "url": f"https://{name}.example", "kinds": kinds, "done_seq": 0, "secrets": []}
    return Webhook.model_construct(**fields)
