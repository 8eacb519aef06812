"""What an operator of the installation does: see what is there, and suspend it. Nothing of anybody's money, books or members."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from crypto_api.audit import service as audit
from crypto_api.identity import service as identity
from crypto_api.identity import store as identities
from crypto_api.identity.documents import User
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import NotFound, PreconditionFailed
from crypto_api.kit.log import security
from crypto_api.kit.paging import Page, PageRequest
from crypto_api.organizations import service as organizations
from crypto_api.organizations import store
from crypto_api.organizations.documents import Organization
from crypto_api.organizations.errors import NotYourself
from crypto_api.organizations.types import Principal
from crypto_api.tasks import store as tasks
from mongodb_config.unit_of_work import Session, UnitOfWork

Versions = Collection[int] | None
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class InstallationState:
    organizations: int
    users: int
    live_sessions: int
    failed_tasks: Mapping[str, int]  # of the last day, by kind


async def installation_state(now: datetime) -> InstallationState:
    return InstallationState(
        await store.count_all(),
        await identities.count_users(),
        await identities.count_live_sessions(now),
        await tasks.failed_since_by_kind(now - _DAY),
    )


async def organizations_page(where: dict[str, Any], request: PageRequest) -> tuple[Page[Organization], dict[str, int]]:
    """With the number of members of each."""
    page = await store.page_of_all(where, request)
    return page, await store.count_of_members([row.id for row in page.items])


async def users_page(where: dict[str, Any], request: PageRequest) -> tuple[Page[User], dict[str, int]]:
    """With the number of organisations of each."""
    page = await identities.page_of_users(where, request)
    return page, await organizations_of([row.id for row in page.items])


async def organizations_of(user_ids: Collection[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in await store.memberships_of_people(user_ids):
        found[row.user_id] = found.get(row.user_id, 0) + 1
    return found


async def suspend_organization(uow: UnitOfWork, clock: Clock, principal: Principal, org_id: str, suspended: bool, versions: Versions) -> Organization:
    """Nobody acts in it from now on, or everybody again. NotFound, PreconditionFailed."""
    now = clock.now()

    async def work(session: Session) -> Organization:
        before = await organizations.expected(session, org_id, versions)
        if (before.suspended_at is not None) == suspended:
            return before
        after = await organizations.change_settings(session, before, {"suspended_at": now if suspended else None}, now)
        action, verb = ("organization.suspended", "Suspended") if suspended else ("organization.restored", "Restored")
        await audit.record(session, None, action, f"{verb} {after.name}", now, subject=("organization", org_id))
        return after

    organization = await uow.run(work)
    security.warning("organization_suspended" if suspended else "organization_restored", by=principal.user_id, org_id=org_id)
    return organization


async def suspend_user(uow: UnitOfWork, clock: Clock, principal: Principal, user_id: str, suspended: bool, versions: Versions) -> User:
    """They cannot log in from now on, and every session of theirs ends; or they can again. NotFound, PreconditionFailed, NotYourself."""
    if user_id == principal.user_id:
        raise NotYourself
    now = clock.now()

    async def work(session: Session) -> User:
        before = await identities.user(user_id, session)
        if before is None:
            raise NotFound
        if versions is not None and before.version not in versions:
            raise PreconditionFailed
        if (before.suspended_at is not None) == suspended:
            return before
        after, ended = await identity.suspend(session, before, now if suspended else None)
        if after is None:
            raise PreconditionFailed("It was changed at the same moment. Read it again.")
        action, verb = ("user.suspended", "Suspended") if suspended else ("user.restored", "Restored")
        await audit.record(session, None, action, f"{verb} {after.username}", now, subject=("user", user_id), after={"ended": ended})
        return after

    user = await uow.run(work)
    security.warning("user_suspended" if suspended else "user_restored", by=principal.user_id, user_id=user_id)
    return user
