"""Who belongs to an organisation: another role, suspended, taken out, gone by themselves. What ends somebody's rights ends their sessions there
in the same unit of work; the hub closes their sockets. What they did stays where it is."""

from collections.abc import Collection
from datetime import datetime

from crypto_api.audit import service as audit
from crypto_api.clients import store as clients
from crypto_api.identity import store as identities
from crypto_api.identity.documents import User
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import NotFound, PermissionDenied
from crypto_api.kit.log import security
from crypto_api.organizations import service as organizations
from crypto_api.organizations import store
from crypto_api.organizations.documents import Membership
from crypto_api.organizations.rules import check_take
from crypto_api.organizations.types import Principal
from mongodb_config.unit_of_work import Session, UnitOfWork

Versions = Collection[int] | None


async def change_member(
    uow: UnitOfWork, clock: Clock, principal: Principal, org_id: str, user_id: str, *, role: str | None, suspended: bool | None, versions: Versions
) -> Membership:
    """NotFound, PreconditionFailed, LastAdmin, AdminsOnly, RoleBeyondYours, InvalidInput for a role that there is not. What is None stays."""
    now = clock.now()

    async def work(session: Session) -> Membership:
        await require_standing(session, principal, org_id)
        before = await organizations.member(session, org_id, user_id, versions)
        new_role = role or before.role
        suspended_at = before.suspended_at if suspended is None else (before.suspended_at or now) if suspended else None
        if (new_role, suspended_at) == (before.role, before.suspended_at):
            return before
        check_take(principal.role, before.role)
        if new_role != before.role:
            await organizations.check_gift(session, principal, org_id, new_role)
        after = await organizations.change_member(session, before, new_role, suspended_at, now)
        if suspended_at is not None and before.suspended_at is None:
            await identities.end_sessions(session, user_id, "suspended", now, org_id=org_id)
        await _record_change(session, before, after, now)
        return after

    membership = await uow.run(work)
    security.info("member_changed", by=principal.user_id, user_id=user_id, org_id=org_id, role=membership.role, suspended=suspended)
    return membership


async def remove_member(uow: UnitOfWork, clock: Clock, principal: Principal, org_id: str, user_id: str, versions: Versions = None) -> None:
    """NotFound, PreconditionFailed, LastAdmin, AdminsOnly."""
    now = clock.now()

    async def work(session: Session) -> None:
        await require_standing(session, principal, org_id)
        row = await organizations.member(session, org_id, user_id, versions)
        check_take(principal.role, row.role)
        await take_out(session, row, now)

    await uow.run(work)
    security.info("member_removed", by=principal.user_id, user_id=user_id, org_id=org_id)


async def leave(uow: UnitOfWork, clock: Clock, principal: Principal, org_id: str) -> None:
    """By the member. The session they ask through goes on, in no organisation if it acted in this one. NotFound, LastAdmin."""
    now = clock.now()

    async def work(session: Session) -> None:
        row = await organizations.member(session, org_id, principal.user_id)
        await take_out(session, row, now, reason="left", kept_session=principal.session_id)
        if principal.org_id == org_id:
            await identities.act_in(session, principal.session_id, None, now)

    await uow.run(work)
    security.info("member_left", user_id=principal.user_id, org_id=org_id)


async def take_out(session: Session, row: Membership, now: datetime, *, reason: str = "removed", kept_session: str | None = None) -> None:
    """Part of the caller's unit of work, in which `row` was read and the right to do it was checked. LastAdmin."""
    await organizations.remove_member(session, row, now)
    await clients.forget_user(session, row.org_id, row.user_id)
    await identities.end_sessions(session, row.user_id, reason, now, org_id=row.org_id, but=kept_session)
    name = _name(await identities.user(row.user_id, session))
    action, summary = ("member.left", f"{name} left") if reason == "left" else ("member.removed", f"Took out {name}")
    await audit.record(session, row.org_id, action, summary, now, subject=("member", row.user_id), before={"role": row.role})


async def require_standing(session: Session, principal: Principal, org_id: str) -> None:
    """That the person still is what their request began as: of two ADMINs who take each other's role at the same moment the second no longer may."""
    own = await store.membership(org_id, principal.user_id, session)
    if own is None:
        raise NotFound
    if own.role != principal.role or own.suspended_at is not None:
        raise PermissionDenied("Your role in this organisation has changed.")


async def _record_change(session: Session, before: Membership, after: Membership, now: datetime) -> None:
    name = _name(await identities.user(after.user_id, session))
    told = []
    if after.role != before.role:
        told.append(f"{name} is {await organizations.role_name(after.org_id, after.role)} now")
    if after.suspended_at != before.suspended_at:
        told.append(f"Suspended {name}" if after.suspended_at else f"{name} is no longer suspended")
    await audit.record(
        session,
        after.org_id,
        "member.changed",
        ", ".join(told),
        now,
        subject=("member", after.user_id),
        before={"role": before.role, "suspended_at": before.suspended_at},
        after={"role": after.role, "suspended_at": after.suspended_at},
    )


def _name(user: User | None) -> str:
    return f"{user.first_name} {user.last_name} ({user.email})" if user else "somebody whose account is gone"
