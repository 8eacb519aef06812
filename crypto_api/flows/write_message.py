"""A message of an administrator to members of the organisation."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import InvalidInput, NotFound
from crypto_api.notifications import service
from crypto_api.notifications.documents import Notification
from crypto_api.notifications.types import Priority
from crypto_api.organizations import store as organizations
from crypto_api.organizations.types import Principal
from mongodb_config.unit_of_work import UnitOfWork


async def write_message(
    uow: UnitOfWork, clock: Clock, principal: Principal, org_id: str, to: Sequence[str] | None, title: str, text: str, priority: Priority
) -> list[Notification]:
    """To these members, or to everybody in good standing. InvalidInput for somebody who is no member."""
    organization = await organizations.get(org_id)
    if organization is None:
        raise NotFound
    members = {row.user_id for row in await organizations.members(org_id) if row.suspended_at is None}
    if to is not None and not members.issuperset(to):
        raise InvalidInput.of("user_ids", "names somebody who is no member", "no_member")
    wanted = members if to is None else set(to)
    if not wanted:
        raise InvalidInput.of("user_ids", "names nobody", "nobody")
    zone = ZoneInfo(organization.time_zone)
    return await uow.run(lambda session: service.write(session, org_id, principal.user_id, wanted, title, text, priority, zone, clock.now()))
