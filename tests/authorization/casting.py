"""Who asks in which column: a person in an organisation, and what they show."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import jwt

from crypto_api.http.auth import tokens_of
from crypto_api.identity import access_tokens
from crypto_api.identity import service as identity
from crypto_api.identity.access_tokens import Signer
from crypto_api.identity.documents import Approval
from crypto_api.identity.types import Factor, Purpose
from crypto_api.organizations.types import PLATFORM, Permission, Role
from tests.authorization.cells import ROLES, Cells
from tests.authorization.house import House, Person
from tests.authorization.objects import KINDS

PASSWORD_ONLY = (Factor.PASSWORD,)
RENEWED_AFTER = timedelta(minutes=2)
"""Well before the approvals of those who ask end, which live for five: whoever may would be asked for one again."""
OTHER_PURPOSE = {Purpose.KEYS: Purpose.SECURITY, Purpose.SECURITY: Purpose.KEYS}


def needs_chart(cells: Cells) -> bool:
    """`prices.read`: a portfolio is read from the books; `invoices.`, `payroll.`, and what is paid: what is issued or approved is booked."""
    booked = ("ledger.", "transactions.", "prices.read", "invoices.", "payroll.", "payments.prepare")
    return cells.needs.startswith(booked) or "pay_token" in cells.ids.values()


@dataclass(frozen=True)
class Asker:
    org_id: str  # whose objects the request is about
    person: Person
    headers: Mapping[str, str]


@dataclass
class Casting:
    """`org_id` is the organisation of those who ask, `foreign` the other one. Fresh ones for what changes something, shared ones otherwise."""

    house: House
    org_id: str
    foreign: str
    _cast: dict[tuple[str, str, str], "asyncio.Task[Asker]"] = field(default_factory=dict)
    _cast_since: datetime | None = None

    _objects: dict[str, str] = field(default_factory=dict)

    def renew(self) -> None:
        """Before each operation, page or console: whoever was cast some while ago is cast anew, however long the whole matrix takes."""
        now = self.house.now
        if self._cast_since is None or now - self._cast_since >= RENEWED_AFTER:
            self._cast.clear()
            self._cast_since = now

    async def asker(self, column: str, cells: Cells) -> Asker:
        """The same one each time for the same column, role and permission."""
        apart = cells.needs if column.startswith("role_") else cells.step_up if column.startswith("step_up") else str(needs_chart(cells))
        key = (column, self._role(cells), apart)
        if key not in self._cast:
            self._cast[key] = asyncio.ensure_future(self.cast(column, cells, self.org_id))
        return await self._cast[key]

    async def foreign_object(self, kind: str) -> str:
        """One of that kind in the foreign organisation, the same each time: nobody changes it."""
        if kind not in self._objects:
            owner = await self.house.in_role(self.foreign, Role.ADMIN)
            self._objects[kind] = await KINDS[kind](self.house, self.foreign, owner)
        return self._objects[kind]

    async def furnish(self) -> None:
        """Something of every kind in the foreign organisation, so that there is something to be seen by mistake."""
        await asyncio.gather(*(self.foreign_object(kind) for kind in KINDS))

    async def fresh(self, column: str, cells: Cells) -> Asker:
        return await self.cast(column, cells, await self.house.organization(chart=needs_chart(cells)))

    def _role(self, cells: Cells) -> str:
        """One that may."""
        return next((role for role in cells.may if role != Role.PLATFORM_ADMIN), cells.may[0]) if cells.may else Role.ADMIN

    async def cast(self, column: str, cells: Cells, org_id: str) -> Asker:
        house = self.house
        if column in ROLES:
            return self._as(org_id, await house.in_role(org_id, column))
        if column.startswith("step_up"):
            return self._as(org_id, await self._step_up(column, cells, org_id))
        changed = await self._in_another_state(column, cells, org_id)
        if changed is not None:
            return changed
        person = await house.in_role(org_id, self._role(cells))
        return replace(self._as(org_id, person), headers=await self._showing(column, person))

    def _as(self, org_id: str, person: Person) -> Asker:
        return Asker(org_id, person, person.headers)

    async def _showing(self, column: str, person: Person) -> dict[str, str]:
        """What is shown instead of the access token of a live session."""
        house, now = self.house, self.house.now
        match column:
            case "anonymous":
                return {}
            case "wrong_scheme":
                return {"Authorization": f"Basic {person.access}"}
            case "malformed_token":
                shown = "not.a.token"
            case "expired_token":
                shown = await house.access(person.user_id, person.session_id, now - timedelta(minutes=16))
            case "token_of_another_key":
                kid = jwt.get_unverified_header(person.access)["kid"]
                shown = access_tokens.issue(Signer(kid, b"another key of 32 bytes, not ours"), person.user_id, person.session_id, now)
            case "wrong_audience":
                shown = await self._for_another_audience(person)
            case "refresh_token":
                shown = person.refresh
            case "websocket_ticket":
                shown = await house.runtime.uow.run(lambda session: identity.issue_ticket(session, person.user_id, person.session_id, now))
            case "dashboard_cookie":
                shown = person.cookie
            case _:
                raise AssertionError(f"nobody knows who {column} is")
        return {"Authorization": f"Bearer {shown}"}

    async def _for_another_audience(self, person: Person) -> str:
        ring = await tokens_of(self.house.runtime)._ring(self.house.now)
        claims = jwt.decode(person.access, options={"verify_signature": False})
        headers = {"typ": access_tokens.TYPE, "kid": ring.signer.kid}
        return jwt.encode(claims | {"aud": "somebody-else"}, ring.signer.key, algorithm=access_tokens.ALGORITHM, headers=headers)

    async def _in_another_state(self, column: str, cells: Cells, org_id: str) -> Asker | None:
        """Somebody whose person, session, membership or organisation is not as it should be; None when the column is about what is shown."""
        house, now, role = self.house, self.house.now, self._role(cells)
        member = role if role != Role.PLATFORM_ADMIN else Role.ADMIN
        match column:
            case "ended_session":
                return self._as(org_id, await house.in_role(org_id, role, session={"ended_at": now, "ended_reason": "logged_out"}))
            case "expired_session":
                return self._as(org_id, await house.in_role(org_id, role, session={"expires_at": now - timedelta(seconds=1)}))
            case "suspended_user":
                return self._as(org_id, await house.in_role(org_id, role, user={"suspended_at": now}))
            case "suspended_member":
                return self._as(org_id, await house.person(org_id, member, member={"suspended_at": now}))
            case "suspended_organization":
                closed = await house.organization(chart=needs_chart(cells), suspended_at=now)
                return self._as(closed, await house.person(closed, member))
            case "second_factor_missing":
                strict = await house.organization(chart=needs_chart(cells), second_factor_roles=list(ROLES))
                return self._as(strict, await house.person(strict, member, factors=PASSWORD_ONLY))
            case "no_organization":
                return self._as(org_id, await house.person(None, None))
            case "left_organization":
                granted = [*house.approvals(None), *house.approvals(org_id)]
                return self._as(org_id, await house.person(None, None, session_org=org_id, approvals=granted))
            case "admin_elsewhere":
                nobody = await house.person(org_id, await house.role(org_id, []))
                await house.member(self.foreign, nobody.user_id, Role.ADMIN)
                return self._as(org_id, nobody)
            case "unknown_role":
                return self._as(org_id, await house.person(org_id, "rol_of_nobody"))
            case "role_without_permission":
                return self._as(org_id, await house.person(org_id, await house.role(org_id, [])))
            case "role_with_only_this":
                permissions = [Permission(cells.needs)] if cells.needs in list(Permission) else []
                return self._as(org_id, await house.person(org_id, await house.role(org_id, permissions)))
            case "role_with_platform_permissions":
                return self._as(org_id, await house.person(org_id, await house.role(org_id, sorted(PLATFORM))))
            case _:
                return None

    async def _step_up(self, column: str, cells: Cells, org_id: str) -> Person:
        house, now, role = self.house, self.house.now, self._role(cells)
        purpose = Purpose(cells.step_up)
        until, acts_in = now + timedelta(minutes=5), None if role == Role.PLATFORM_ADMIN else org_id
        match column:
            case "step_up_absent":
                approvals = []
            case "step_up_stale":
                approvals = [Approval(purpose=purpose, org_id=acts_in, granted_at=now - timedelta(minutes=6), until=now - timedelta(seconds=1))]
            case "step_up_other_purpose":
                approvals = [Approval(purpose=OTHER_PURPOSE[purpose], org_id=acts_in, granted_at=now, until=until)]
            case "step_up_other_organization":
                approvals = [Approval(purpose=purpose, org_id=self.foreign, granted_at=now, until=until)]
            case "step_up_by_log_in":
                return await house.in_role(org_id, role, fresh=False, session={"authenticated_at": now})
            case _:
                raise AssertionError(column)
        return await house.in_role(org_id, role, approvals=approvals)
