"""One installation with its API served over HTTP, and people, organisations and objects in it made through documents, without a log-in each."""

import asyncio
import random
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import orjson
from pymongo import monitoring
from yarl import URL

from crypto_api.documents import DOCUMENTS
from crypto_api.http.auth import tokens_of
from crypto_api.identity import passwords
from crypto_api.identity.documents import Approval, Session, User
from crypto_api.identity.rules import hash_token
from crypto_api.identity.types import Factor, Purpose
from crypto_api.kit.ids import new_id, new_token
from crypto_api.ledger import service as ledger
from crypto_api.ledger.store import account_id
from crypto_api.organizations.documents import CustomRole, Membership, Organization
from crypto_api.organizations.types import Permission, Role
from crypto_api.runtime import Runtime

PASSWORD = "quiet-harbour-lantern-92"
AT_ONCE = 24
UNWATCHED = {"audit_records", "audit_queue", "sessions"}
IGNORED_HEADERS = {"Date", "Content-Length"}

_ORGANIZATION = re.compile(r"\borg_[0-9a-z]{26}\b")
Body = dict[str, Any]
_WRITES = {"insert", "update", "delete", "findAndModify", "aggregate", "bulkWrite"}


class Written(monitoring.CommandListener):
    """Which collections this process, the only one that writes here, has written to since somebody asked. It hears what is sent, so a write that
    failed or has not come back yet counts as well."""

    def __init__(self) -> None:
        self._heard: list[set[str]] = []

    def hear(self) -> set[str]:
        """What is written to from now on."""
        heard: set[str] = set()
        self._heard.append(heard)
        return heard

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name in _WRITES:
            for heard in self._heard:
                heard.add(str(event.command[event.command_name]))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


written = Written()
monitoring.register(written)


@dataclass
class _Dump:
    written: set[str]  # since it was made
    before: set[str]  # between the two last ones: what was on its way then may have come since
    rows: dict[str, list[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Person:
    user_id: str
    session_id: str
    org_id: str | None
    access: str
    refresh: str
    cookie: str
    username: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access}"}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def code(self) -> str:
        try:
            return str(orjson.loads(self.content)["code"])
        except (ValueError, TypeError, KeyError):
            return ""

    def told(self) -> tuple[int, dict[str, str], bytes]:
        """All that a client can compare."""
        return self.status, {name: value for name, value in self.headers.items() if name not in IGNORED_HEADERS}, self.content

    def __str__(self) -> str:
        return f"{self.status} {self.content[:300].decode(errors='replace')}"


@dataclass
class House:
    runtime: Runtime
    base_url: str
    http: aiohttp.ClientSession
    password_hash: str = ""
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    requests: int = 0
    _chart: list[dict[str, Any]] | None = None
    _dumps: dict[tuple[str, ...], _Dump] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        return self.runtime.clock.now()

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """`path` goes over the wire as it is given."""
        url = URL(self.base_url + path, encoded=True)
        url = url.update_query(dict(query)) if query else url
        sent = {"Content-Type": "application/json"} if body is not None or raw is not None else {}
        sent["X-Forwarded-For"] = ".".join(str(random.randrange(1, 250)) for _ in range(4))  # limits by source are another test's
        data = orjson.dumps(body) if body is not None else raw
        self.requests += 1
        async with (
            self.gate,
            self.http.request(method, url, data=data, headers={**sent, **(headers or {})}, allow_redirects=False) as response,
        ):
            return Answer(response.status, dict(response.headers), await response.read())

    # ---- people and organisations

    async def organization(self, *, chart: bool = False, **changes: Any) -> str:
        """Nobody is in it yet. `chart`: with its chart of accounts."""
        row = Organization(id=new_id("org"), created_at=self.now, name="Organisation " + secrets.token_hex(4), **changes)
        await row.insert()
        if chart:
            await self._open_books(row.id)
        return row.id

    async def _open_books(self, org_id: str) -> None:
        """With the chart that the product made for the first one: all have the same."""
        accounts = self.runtime.database["accounts"]
        if self._chart is None:
            await self.runtime.uow.run(lambda session: ledger.create_chart(session, org_id, self.now))
            self._chart = await accounts.find({"org_id": org_id}).to_list()
        else:
            await accounts.insert_many([{**row, "_id": account_id(org_id, row["code"]), "org_id": org_id} for row in self._chart])

    async def person(
        self,
        org_id: str | None,
        role: str | None,
        *,
        session_org: str | None = None,
        factors: tuple[Factor, ...] = (Factor.PASSWORD, Factor.OTP),
        approvals: list[Approval] | None = None,
        fresh: bool = True,
        user: Body | None = None,
        member: Body | None = None,
        session: Body | None = None,
    ) -> Person:
        """Logged in some while ago, as `role` in `org_id`. `session_org`: where their session acts, when elsewhere. `fresh`: with every step-up."""
        now, name = self.now, new_id("u").replace("_", "-")
        org_of_session = session_org or org_id
        refresh, cookie = new_token(), new_token()
        whole: Body = {
            "id": new_id("usr"),
            "created_at": now,
            "username": name,
            "email": f"{name}@example.com",
            "first_name": "Ada",
            "last_name": "Byron",
            "password_hash": await self._hash(),
            "email_verified_at": now,
            "platform_admin": role == Role.PLATFORM_ADMIN,
        }
        account = User(**(whole | (user or {})))
        granted = [] if approvals is None and not fresh else approvals if approvals is not None else self.approvals(org_of_session)
        values: Body = {
            "id": new_id("ses"),
            "created_at": now - timedelta(hours=1),
            "user_id": account.id,
            "org_id": org_of_session,
            "refresh_hash": hash_token(refresh),
            "dashboard_hash": hash_token(cookie),
            "expires_at": now + timedelta(days=7),
            "factors": list(factors),
            "authenticated_at": now - timedelta(hours=1),
            "last_seen_at": now,
            "approvals": granted,
        }
        row = Session(**(values | (session or {})))
        inserts: list[Awaitable[Any]] = [account.insert(), row.insert()]
        if org_id is not None and role is not None and role != Role.PLATFORM_ADMIN:
            inserts.append(self.member(org_id, account.id, role, **(member or {})))
        await asyncio.gather(*inserts)
        return Person(account.id, row.id, org_of_session, await self.access(account.id, row.id, now), refresh, cookie, name)

    async def member(self, org_id: str, user_id: str, role: str, **changes: Any) -> Membership:
        return await Membership(id=new_id("mem"), created_at=self.now, org_id=org_id, user_id=user_id, role=role, **changes).insert()

    async def access(self, user_id: str, session_id: str, at: datetime) -> str:
        """By the product's own issuer."""
        return await tokens_of(self.runtime).issue(user_id, session_id, at)

    def approvals(self, org_id: str | None) -> list[Approval]:
        now = self.now
        return [Approval(purpose=purpose, org_id=org_id, granted_at=now, until=now + timedelta(minutes=5)) for purpose in Purpose]

    async def role(self, org_id: str, permissions: list[Permission]) -> str:
        """The id of an organisation's own role."""
        name = "Role " + secrets.token_hex(6)
        row = CustomRole(
            id=new_id("rol"), created_at=self.now, updated_at=self.now, org_id=org_id, name=name, name_folded=name.casefold(), permissions=permissions
        )
        await row.insert()
        return row.id

    async def in_role(self, org_id: str, role: str, **changes: Any) -> Person:
        """A member with that role; the PLATFORM_ADMIN is a member of none."""
        return await self.person(None if role == Role.PLATFORM_ADMIN else org_id, role, **changes)

    async def _hash(self) -> str:
        if not self.password_hash:
            self.password_hash = await passwords.hash_password(PASSWORD, 4)
        return self.password_hash

    # ---- what stands in the database

    async def dump(self, *org_ids: str) -> dict[str, list[Any]]:
        """Everything of these organisations, but for what tells of attempts: audit records and when a session was last seen. What nobody has
        written to since the last time but one is not read again."""
        tables = [document for document in DOCUMENTS if document.Settings.name not in UNWATCHED]  # type: ignore[attr-defined]

        async def read(document: Any) -> list[Any]:
            where = {"org_id": {"$in": list(org_ids)}} if document.TENANT else {"_id": {"$in": list(org_ids)}}
            return await document.get_pymongo_collection().find(where).sort("_id", 1).to_list()

        kept = {document.Settings.name: document for document in tables if document.TENANT or document is Organization}  # type: ignore[attr-defined]
        dump = self._dumps.get(org_ids) or self._dumps.setdefault(org_ids, _Dump(written.hear(), set(kept)))
        stale = [name for name in kept if name in dump.written | dump.before]
        dump.before = set(dump.written) if dump.rows else set(kept)
        dump.written.clear()
        dump.rows |= dict(zip(stale, await asyncio.gather(*(read(kept[name]) for name in stale)), strict=True))
        return dict(dump.rows)

    async def audited(self, request_ids: list[str]) -> dict[str, list[str]]:
        """request id → organisations in whose log it left a record."""
        rows = await self.runtime.database["audit_records"].find({"request_id": {"$in": request_ids}}).to_list()
        found: dict[str, list[str]] = {}
        for row in rows:
            found.setdefault(row["request_id"], []).append(row["org_id"])
        return found


Factory = Callable[[House, str, Person], Awaitable[str]]


def random_address() -> str:
    return "0x" + random.randbytes(20).hex()


def organizations_in(answer: Answer) -> set[str]:
    """The ids of organisations that a good answer tells."""
    return set(_ORGANIZATION.findall(answer.content.decode(errors="replace"))) if answer.status < 300 else set()


def differences(before: Mapping[str, list[Any]], after: Mapping[str, list[Any]]) -> list[str]:
    """Which documents are not as they were."""
    told = []
    for name, rows in after.items():
        was = {row["_id"]: row for row in before[name]}
        became = {row["_id"]: row for row in rows}
        told += [f"{name} {key}: {was.get(key)} → {became.get(key)}"[:400] for key in {**was, **became} if was.get(key) != became.get(key)]
    return told
