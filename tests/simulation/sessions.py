"""Seeded schedules of sessions: programs that refresh, some in haste with one token many times at once; API processes that die between any two port
calls, so that a reply is lost; thieves with a copy of a token; people who log out, change their password, are suspended and let in again; days that
go by.

What runs is the product's: the opening of a session, the refresh with what it refuses, the log-out, the new password and the suspension. A token has
one successor, or its family is dead; whoever shows a used one ends the family, with a record, and nobody else does; what has ended stays so; no
session outlives a suspension, a new password or its longest life. When everything heals, everybody gets in and goes on. The same seed gives the same
trace.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from unittest.mock import patch

from crypto_api.flows import sign_in
from crypto_api.identity import service as identity
from crypto_api.identity.documents import Session, User
from crypto_api.identity.errors import AccountSuspended, InvalidCredentials, InvalidToken, ReusedToken
from crypto_api.identity.rules import hash_token
from crypto_api.identity.types import Device, Factor
from crypto_api.kit.clock import FixedClock
from crypto_api.kit.session_spans import Spans
from tests.simulation.interleaving import Point, Running
from tests.simulation.payments import Violation
from tests.simulation.session_rows import Rows
from tests.simulation.units import Tables, Unit, Units

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
SPANS = Spans()
RUNNING_MOST = 6
HEALING_STEPS = 4_000
DAY, TICK = timedelta(days=1), timedelta(milliseconds=1)


class Silent:
    """The log of security."""

    def info(self, *_: Any, **__: Any) -> None: ...

    warning = info


class Built(Session):
    """A session without a database behind it."""

    def __new__(cls, **fields: Any) -> Any:
        return Session.model_construct(**fields)


@dataclass
class Client:
    """A program. `hasty`: it shows its token again before it has heard, as two of its threads do."""

    name: str
    user_id: str
    hasty: bool
    token: str | None = None
    copies: list[str] = field(default_factory=list)  # that a thief took
    busy: int = 0


@dataclass
class Request:
    """One that an API process serves."""

    name: str
    work: Running
    client: Client | None = None
    token: str | None = None
    was_used: bool = False  # the token, when the request began
    was_over: bool = False  # its session, likewise
    began: datetime = BEGIN
    answer: Any = None


@dataclass
class Schedule:
    """One run of the world."""

    seed: int
    actions: int = 400
    trace: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random, self.clock = Random(self.seed), FixedClock(BEGIN)
        self.tables = Tables(committing=[self._look_at])
        self.rows, self.units = Rows(self.tables), Units(self.tables)
        self.requests: list[Request] = []
        self.used: dict[str, str] = {}  # hash of a token → of its successor
        self.session_of: dict[str, str] = {}  # hash of a token → session
        self.shown: Counter[str] = Counter()
        self.born = 0
        for number in range(2):
            self.tables.put("user", f"usr{number}", _user(f"usr{number}"))
        self.clients = [Client(f"client{number}", f"usr{number % 2}", hasty=number == 2) for number in range(3)]

    def run(self) -> None:
        """Violation names the seed and what does not hold."""
        acts: Sequence[tuple[Callable[[], None], int]] = (
            (self._go_on, 110), (self._refresh, 26), (self._log_in, 8), (self._steal, 3), (self._rob, 3), (self._die, 5), (self._time, 10),
            (self._log_out, 3), (self._new_password, 4), (self._suspend, 5),
        )  # fmt: skip
        kinds, weights = zip(*acts, strict=True)
        try:
            with ExitStack() as stack:
                for name, stand_in in (("new_token", self._secret), ("new_id", self._id), ("Session", Built)):
                    stack.enter_context(patch.object(identity, name, stand_in))
                stack.enter_context(patch.object(sign_in, "security", Silent()))
                for _ in range(self.actions):
                    self.random.choices(kinds, weights)[0]()
                    self._check()
                self._heal()
        except Exception as error:
            raise Violation(f"seed {self.seed}: {type(error).__name__}: {error}") from error
        finally:
            for request in self.requests:
                request.work.die()

    def _secret(self) -> str:
        return f"{self.random.getrandbits(128):032x}"

    def _id(self, prefix: str) -> str:
        self.born += 1
        return f"{prefix}_{self.born:04}"

    async def issue(self, user_id: str, session_id: str, now: datetime) -> str:
        """An access token."""
        await Point("tokens.issue")
        return f"access of {session_id}"

    async def _belongs(self, user: User, org_id: str | None) -> bool:
        await Point("organizations.role_of")
        return True

    # ---- requests ------------------------------------------------------------------------------------------------------------

    def _begin(self, request: Request) -> None:
        request.began = self.clock.now()
        self.requests.append(request)
        if request.client is not None:
            request.client.busy += 1
        self.trace.append(f"begin {request.name}")

    def _log_in(self) -> None:
        idle = [client for client in self.clients if client.token is None and not client.busy]
        if idle and len(self.requests) < RUNNING_MOST:
            self._come_in(self.random.choice(idle))

    def _come_in(self, client: Client) -> None:
        self._begin(Request(f"{client.name} log in", Running(self._logging_in(client.user_id)), client))

    async def _logging_in(self, user_id: str) -> tuple[Session, str] | None:
        now = self.clock.now()
        user = await self.rows.user(user_id)  # whose password was right then
        assert user is not None
        await Point("password")

        async def work(session: Any) -> tuple[Session, str]:
            return await identity.open_session(
                session, user, None, Device(None, None), [Factor.PASSWORD], now, way="api", spans=SPANS, rows=self.rows
            )

        try:
            return await self.units.run(work)
        except (AccountSuspended, InvalidCredentials):
            return None

    def _refresh(self) -> None:
        able = [client for client in self.clients if client.token is not None and (client.hasty or not client.busy)]
        if able and len(self.requests) < RUNNING_MOST:
            client = self.random.choice(able)
            assert client.token is not None
            self._show(client.token, client)

    def _show(self, token: str, client: Client | None) -> Request:
        hashed = hash_token(token)
        self.shown[hashed] += 1
        row = self._session(token)
        name = f"{client.name if client else 'thief'} refresh"
        request = Request(name, Running(self._refreshing(token)), client, token, hashed in self.used, row.ended_at is not None)
        self._begin(request)
        return request

    async def _refreshing(self, token: str) -> sign_in.SignedIn | InvalidToken:
        try:
            return await sign_in.refresh_session(
                self.units, self.clock, self, token, SPANS, rows=self.rows, record=self.rows.record, belongs=self._belongs
            )
        except InvalidToken as error:
            return error

    def _session(self, token: str) -> Session:
        row: Session = self.tables.rows["session", self.session_of[hash_token(token)]]
        return row

    def _steal(self) -> None:
        client = self.random.choice(self.clients)
        if client.token is not None:
            client.copies.append(client.token)
            self.trace.append(f"steal {client.name}")

    def _rob(self) -> None:
        """A thief shows a copy, which may be the newest or used long ago; what they get they keep."""
        client = self.random.choice(self.clients)
        if client.copies and len(self.requests) < RUNNING_MOST:
            self._show(self.random.choice(client.copies), None)

    # ---- people and time -----------------------------------------------------------------------------------------------------

    def _log_out(self) -> None:
        sessions = sorted(row.id for row in self.tables.of("session"))
        if sessions:
            session_id = self.random.choice(sessions[-4:])
            self._begin(Request(f"log out {session_id}", Running(self._logging_out(session_id))))

    async def _logging_out(self, session_id: str) -> None:
        await sign_in.sign_out(self.units, self.clock, session_id, rows=self.rows, record=self.rows.record)
        assert self.tables.rows["session", session_id].ended_at is not None, f"{session_id} was logged out of and lives"

    def _new_password(self) -> None:
        user_id = self.random.choice(("usr0", "usr1"))
        mine = sorted(row.id for row in self.tables.of("session") if row.user_id == user_id and row.ended_at is None)
        kept = self.random.choice([None, *mine])
        self._begin(Request(f"new password of {user_id}, kept {kept}", Running(self._changing_password(user_id, kept))))

    async def _changing_password(self, user_id: str, kept: str | None) -> None:
        now, user = self.clock.now(), await self.rows.user(user_id)
        assert user is not None

        async def work(session: Any) -> None:
            await identity.replace_password(session, user, "another", now, by_mail=kept is None, kept_session=kept, rows=self.rows)
            session.notes["kept"] = kept

        try:
            await self.units.run(work)
        except InvalidToken:
            return

    def _suspend(self) -> None:
        user_id = self.random.choice(("usr0", "usr1"))
        suspended = self.random.random() < 0.4
        self._begin(Request(f"{'suspend' if suspended else 'restore'} {user_id}", Running(self._suspending(user_id, suspended))))

    async def _suspending(self, user_id: str, suspended: bool) -> None:
        now = self.clock.now()

        async def work(session: Any) -> None:
            user = await self.rows.user(user_id, session)
            assert user is not None
            if (user.suspended_at is not None) != suspended:
                await identity.suspend(session, user, now if suspended else None, self.rows)

        await self.units.run(work)

    def _time(self) -> None:
        """Often to the moment before one of them runs out, or a little on."""
        ends = sorted(row.expires_at - TICK for row in self.tables.of("session") if row.ended_at is None and row.expires_at - TICK > self.clock.at)
        self.clock.at += self.random.choice((TICK, TICK, timedelta(minutes=1), DAY, ends[0] - self.clock.at if ends else TICK))
        self.trace.append(f"time {self.clock.at.isoformat()}")

    # ---- the schedule --------------------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        if self.requests:
            request = self.random.choice(self.requests)
            for _ in range(self.random.choice((1, 1, 2, 6))):
                if not self._step(request):
                    return

    def _step(self, request: Request) -> bool:
        going = request.work.go_on()
        self.trace.append(f"{request.name} {request.work.at if going else 'end'}")
        if not going:
            self._leave(request)
            request.answer = request.work.result
            self._hear(request)
        return going

    def _leave(self, request: Request) -> None:
        self.requests.remove(request)
        if request.client is not None:
            request.client.busy -= 1

    def _die(self) -> None:
        """The process: whatever it had committed stands, and nobody hears of it."""
        if self.requests:
            request = self.random.choice(self.requests)
            request.work.die()
            self._leave(request)
            self.trace.append(f"die {request.name} at {request.work.at}")

    def _hear(self, request: Request) -> None:
        answer, client = request.answer, request.client
        if request.token is None:
            if client is not None and answer is not None:
                client.token = answer[1]
            return
        if isinstance(answer, sign_in.SignedIn):
            self._let_in(request, answer)
            if client is not None:
                client.token = answer.refresh
            return
        ended = self._session(request.token).ended_at is not None
        assert ended or not (request.was_used or isinstance(answer, ReusedToken)), f"{request.name}: a used token was shown and its family lives"
        if client is not None and client.token == request.token:
            client.token = None

    def _let_in(self, request: Request, answer: sign_in.SignedIn) -> None:
        assert request.token is not None
        old, row = hash_token(request.token), self._session(request.token)
        assert not request.was_used, f"{request.name}: a used token opened it"
        assert not request.was_over, f"{request.name}: a session that had ended went on"
        assert self.used.get(old) == hash_token(answer.refresh), f"{request.name}: what it was given is not the successor"
        assert request.began < row.created_at + SPANS.program, f"{request.name}: it is older than any may be"

    # ---- invariants ----------------------------------------------------------------------------------------------------------

    def _look_at(self, unit: Unit) -> None:
        """At every commit, what it changes."""
        for (kind, key), row in unit.written.items():
            before = self.tables.rows.get((kind, key))
            if kind == "session" and before is not None:
                self._compare(before, row, unit)
            elif kind == "session":
                self._know(row.refresh_hash, key)
            elif kind == "user" and before is not None and before.password_changed_at != row.password_changed_at:
                self.rows.opened_with[unit.notes["kept"]] = row.password_changed_at  # the new one was shown there

    def _know(self, hashed: str, session_id: str) -> None:
        assert hashed not in self.session_of, "a token was given out twice"
        self.session_of[hashed] = session_id

    def _compare(self, before: Session, row: Session, unit: Unit) -> None:
        assert before.ended_at is None or before == row, f"{row.id} had ended, and changed"
        assert row.expires_at <= row.created_at + SPANS.program, f"{row.id} is to last for longer than any may"
        assert row.family_hash == before.family_hash, f"{row.id} has another family"
        if row.refresh_hash != before.refresh_hash:
            assert before.refresh_hash not in self.used, f"{row.id}: a token has two successors"
            self.used[before.refresh_hash] = row.refresh_hash
            self._know(row.refresh_hash, row.id)
        if row.ended_at is not None and before.ended_at is None and row.ended_reason == "refresh_reused":
            again = [
                hashed for hashed, session_id in self.session_of.items() if session_id == row.id and hashed in self.used and self.shown[hashed] > 1
            ]
            assert again, f"{row.id} was ended, though nobody showed a token twice"
            assert ("record", f"session.ended {row.id}") in unit.written, f"{row.id} ended, and no record tells of it"

    def _check(self) -> None:
        """At every moment: who is suspended, or has another password than was shown, has no session that is alive."""
        now = self.clock.now()
        users = {row.id: row for row in self.tables.of("user")}
        for row in self.tables.of("session"):
            if row.ended_at is None and row.expires_at > now:
                user = users[row.user_id]
                assert user.suspended_at is None, f"{row.id} of {user.id} lives, who is suspended"
                shown = self.rows.opened_with[row.id]
                assert shown == user.password_changed_at, f"{row.id} lives with the password of before"

    # ---- the end -------------------------------------------------------------------------------------------------------------

    def _heal(self) -> None:
        """Nobody dies, steals or is suspended: everybody gets in, goes on as often as they like, and haste ends one family and no other."""
        while self.requests:
            request = self.requests[0]
            request.work.die()
            self._leave(request)
        for user_id in ("usr0", "usr1"):
            self._alone(Request(f"restore {user_id}", Running(self._suspending(user_id, suspended=False))))
        for client in self.clients:
            if client.token is not None:
                self._alone(self._show(client.token, client), begun=True)
            if client.token is None:
                self._come_in(client)
                self._alone(self.requests[-1], begun=True)
            for _ in range(3):
                assert client.token is not None, f"{client.name} does not get in, or is put out"
                self._alone(self._show(client.token, client), begun=True)
            assert client.token is not None, f"{client.name} is put out"
        self._in_haste(self.clients[0])
        for client in self.clients[1:]:
            assert client.token is not None and self._session(client.token).ended_at is None, f"{client.name} was put out by another's haste"

    def _in_haste(self, client: Client) -> None:
        token = client.token
        assert token is not None
        many = [self._show(token, client) for _ in range(self.random.choice((2, 3, 5)))]
        for _ in range(HEALING_STEPS):
            if not self.requests:
                break
            self._step(self.random.choice(self.requests))
        assert not self.requests, "refreshes of one token keep one another from ending"
        given = [request for request in many if isinstance(request.answer, sign_in.SignedIn)]
        assert len(given) == 1, f"{len(given)} of {len(many)} refreshes of one token got a successor"
        assert self._session(token).ended_at is not None, "a token was shown several times and its family lives"

    def _alone(self, request: Request, *, begun: bool = False) -> None:
        if not begun:
            self._begin(request)
        for _ in range(HEALING_STEPS):
            if not self._step(request):
                self._check()
                return
        raise AssertionError(f"{request.name} does not end")


def _user(name: str) -> User:
    fields: dict[str, Any] = {key: info.get_default(call_default_factory=True) for key, info in User.model_fields.items() if not info.is_required()}
    return User.model_construct(**fields | {"id": name, "created_at": BEGIN, "username": name, "email": f"{name}@example.com"})
