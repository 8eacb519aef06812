"""Events become notices: the log of an organisation is read once, in order, and whoever an event concerns is told of it, until its cause is gone.

The notices and how far the log was read are one unit of work: an event tells nobody twice, and a process that dies leaves nothing half told.
"""

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from pymongo.errors import DuplicateKeyError

from crypto_api.events import service as events
from crypto_api.events import store as event_log
from crypto_api.events.documents import Event
from crypto_api.flows.authenticate import permissions_in
from crypto_api.kit.clock import Clock
from crypto_api.kit.faultpoint import faultpoint
from crypto_api.notifications import rules, service, store
from crypto_api.notifications.catalogue import Notice, ended_by, notice_of
from crypto_api.notifications.events import NotificationsChanged
from crypto_api.organizations import store as organizations
from crypto_api.organizations.types import PERMISSIONS, Permission
from crypto_api.payments import store as payments
from mongodb_config.unit_of_work import Session, UnitOfWork

AT_ONCE = 200
"""Events read at a time."""


async def tell_people(uow: UnitOfWork, clock: Clock, org_id: str, after: int) -> int:
    """What comes behind number `after`. Returns how far the log was read."""
    found = await event_log.after(org_id, after, AT_ONCE)
    organization = await organizations.get(org_id)
    if not found or organization is None:
        return after
    zone, fresh = ZoneInfo(organization.time_zone), clock.now() - rules.NEWS
    concerned = [(event, notice_of(event.kind, event.data) if event.created_at >= fresh else None) for event in found]
    people = await _people(org_id) if any(notice for _, notice in concerned) else {}
    not_to = await _own_work(org_id, found)

    async def work(session: Session) -> bool:
        now, changed = clock.now(), 0
        if not await store.move_cursor(session, org_id, after, _seq(found[-1]), now):
            return False
        for event, notice in concerned:
            if causes := ended_by(event.kind, event.data):
                changed += await store.end(session, org_id, causes, now)
            if notice is not None:
                to = _recipients(people, notice) - {not_to.get(event.id, "")}
                changed += await service.tell(session, org_id, notice, _seq(event), to, zone, event.created_at, now)
        if changed:
            await events.append(session, org_id, NotificationsChanged(), now)
        faultpoint("notifications.before_commit")
        return True

    try:
        moved = await uow.run(work)
    except DuplicateKeyError:  # another worker began at the same moment
        moved = False
    return _seq(found[-1]) if moved else after


async def _people(org_id: str) -> Mapping[str, frozenset[Permission]]:
    """Who is a member in good standing, and what they may."""
    own = {row.id: row for row in await organizations.custom_roles(org_id)}
    return {
        row.user_id: PERMISSIONS.get(row.role) or permissions_in(own.get(row.role))
        for row in await organizations.members(org_id)
        if row.suspended_at is None
    }


def _recipients(people: Mapping[str, frozenset[Permission]], notice: Notice) -> set[str]:
    return {user_id for user_id, may in people.items() if notice.to in may}


async def _own_work(org_id: str, found: Sequence[Event]) -> dict[str, str]:
    """Whoever prepared a payment cannot approve it: by event, who need not be told."""
    rows = {event.id: str(event.data["payment_id"]) for event in found if event.kind == "payment.submitted"}
    prepared = {row.id: row.prepared_by for row in await payments.by_ids(org_id, set(rows.values()))} if rows else {}
    return {event_id: prepared.get(payment_id, "") for event_id, payment_id in rows.items()}


def _seq(event: Event) -> int:
    assert event.seq is not None  # it came out of the numbered ones
    return event.seq
