"""Where clients pay to is changed: the extended public key decides who gets their money, so another one is guarded as a payment is.

asked   a step-up for the use of keys, of this session and of the last few minutes; not for how long a rate stands, which moves nothing
told    by an event, in the audit log with the first address before and after, and by a letter to every administrator, also to the one who did it:
        whoever took over a session changes nothing unseen
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crypto_api.events import service as events
from crypto_api.flows.step_up import require_approval
from crypto_api.identity import service as identity
from crypto_api.identity import store as identities
from crypto_api.identity.jobs import SendDueMail
from crypto_api.identity.types import Letter, Purpose
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import PreconditionFailed
from crypto_api.kit.ids import new_id
from crypto_api.kit.jobs import Jobs
from crypto_api.organizations import store as organizations
from crypto_api.organizations.types import Principal, Role
from crypto_api.receivables import service, store
from crypto_api.receivables.documents import ReceivingSettings
from crypto_api.receivables.events import ReceivingKeyChanged
from mongodb_config.unit_of_work import Session, UnitOfWork


@dataclass(frozen=True)
class ReceivingDesk:
    uow: UnitOfWork
    clock: Clock
    jobs: Jobs


async def change_receiving(
    desk: ReceivingDesk, principal: Principal, org_id: str, fields: dict[str, Any], versions: Collection[int] | None
) -> ReceivingSettings:
    """What is left out stays. InvalidInput for an extended key that is none; SessionNotApproved where it is another and nobody confirmed that it is
    them; PreconditionFailed."""
    service.check_key(fields)  # whoever mistyped it need not confirm anything first
    confirmed = _is_another(fields, await store.settings(org_id))
    if confirmed:
        await require_approval(principal.session_id, org_id, Purpose.KEYS, desk.clock.now())

    async def work(session: Session) -> tuple[ReceivingSettings, list[str]]:
        now = desk.clock.now()
        another = _is_another(fields, await store.settings(org_id, session))
        if another and not confirmed:
            raise PreconditionFailed("It was changed at the same moment. Read it again.")
        after = await service.change_settings(session, org_id, fields, versions, now)
        if not another:
            return after, []
        await events.append(session, org_id, ReceivingKeyChanged(own_addresses=bool(after.extended_key), change_id=new_id("rck")), now)
        return after, await _owe_letters(session, principal, after, now)

    after, letters = await desk.uow.run(work)
    for mail_id in letters:
        await desk.jobs.put(SendDueMail(mail_id=mail_id))
    return after


def _is_another(fields: dict[str, Any], kept: ReceivingSettings | None) -> bool:
    return "extended_key" in fields and fields["extended_key"] != (kept.extended_key if kept is not None else "")


async def _owe_letters(session: Session, principal: Principal, after: ReceivingSettings, now: datetime) -> list[str]:
    organization = await organizations.get(after.org_id, session)
    assert organization is not None
    admins = [row.user_id for row in await organizations.members(after.org_id, session) if row.role == Role.ADMIN and row.suspended_at is None]
    people = await identities.users(sorted({*admins, principal.user_id}), session)
    by = next(user.username for user in people if user.id == principal.user_id)
    told = {"organization": organization.name, "by": by, "first": service.first_address(after.extended_key)}
    return [
        await identity.owe_mail(session, Letter.RECEIVING_KEY, user.email, user.id, now, data=told)
        for user in people
        if user.id in admins and user.email_verified_at is not None
    ]
