"""An administrator opens the doors that wrong tries have shut for a member: the next log-in is admitted at once.

An account belongs to the whole installation, a lock-out too. So that no administrator of one organisation helps somebody to guess, a person's
lock-outs are lifted only so often within a day, by whomever.
"""

import math
from datetime import datetime, timedelta

from crypto_api.audit import service as audit
from crypto_api.identity import account_store as accounts
from crypto_api.identity import store as identities
from crypto_api.identity.documents import Attempts
from crypto_api.identity.errors import TooManyLifts
from crypto_api.identity.rules import lift_bucket
from crypto_api.identity.service import strange_doors
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import NotFound
from crypto_api.kit.log import security
from crypto_api.organizations import store as organizations
from crypto_api.organizations.types import Principal
from mongodb_config.unit_of_work import Session, UnitOfWork

LIFTS_A_DAY = 3
_DAY = timedelta(days=1)


async def lift_lock_out(uow: UnitOfWork, clock: Clock, principal: Principal, org_id: str, user_id: str) -> bool:
    """False where nothing keeps them waiting: nothing changes then. NotFound for whoever is no member, TooManyLifts."""
    now = clock.now()

    async def work(session: Session) -> bool:
        user = await identities.user(user_id, session)
        if user is None or await organizations.membership(org_id, user_id, session) is None:
            raise NotFound
        doors = strange_doors(user)
        if not await accounts.any_shut(session, doors, now):
            return False
        await _count(session, user_id, now)
        await accounts.forget_attempts(session, doors)
        told = f"Lifted the lock-out of {user.username}"
        await audit.record(session, org_id, "member.lock_out_lifted", told, now, subject=("user", user_id))
        return True

    lifted = await uow.run(work)
    security.info("lock_out_lifted", by=principal.user_id, user_id=user_id, lifted=lifted)
    return lifted


async def _count(session: Session, user_id: str, now: datetime) -> None:
    seen = await accounts.attempts(session, lift_bucket(user_id))
    going_on = seen if seen is not None and seen.expires_at > now else None
    if going_on is not None and going_on.failures >= LIFTS_A_DAY:
        raise TooManyLifts(max(1, math.ceil((going_on.expires_at - now).total_seconds())))
    until = going_on.expires_at if going_on is not None else now + _DAY
    lifts = going_on.failures + 1 if going_on is not None else 1
    row = Attempts(id=lift_bucket(user_id), created_at=now, failures=lifts, expires_at=until)
    if not await accounts.put_attempts(session, row, seen):  # somebody lifts it at the same moment
        raise TooManyLifts(1)
