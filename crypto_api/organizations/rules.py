"""Pure decisions of the slice."""

import hashlib
from collections.abc import Collection
from datetime import datetime, timedelta

from crypto_api.organizations.errors import AdminsOnly, RoleBeyondYours
from crypto_api.organizations.types import INVITATION_LIFETIME, MEMBER_ROLES, RESEND_PAUSE, Permission, Role


def fold(text: str) -> str:
    """How addresses and names are compared."""
    return " ".join(text.split()).casefold()


def hash_token(token: str) -> str:
    """What is stored of an invitation's secret: it has 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_built_in(role: str) -> bool:
    return role in MEMBER_ROLES


def check_grant(giver_role: str | None, giver: Collection[Permission], role: str, permissions: Collection[Permission]) -> None:
    """Whether a person may give `role`, which comes with `permissions`. AdminsOnly or RoleBeyondYours: nobody gives away more than they have,
    or a role of the organisation's own would be a way up."""
    if role == Role.ADMIN and giver_role != Role.ADMIN:
        raise AdminsOnly
    if missing := set(permissions) - set(giver):
        raise RoleBeyondYours(missing)


def check_take(taker_role: str | None, role: str) -> None:
    """Whether a person may take `role` away: AdminsOnly."""
    if role == Role.ADMIN and taker_role != Role.ADMIN:
        raise AdminsOnly


def resend_wait(expires_at: datetime, now: datetime) -> timedelta:
    """How long until an invitation may be sent once more; zero or less: now."""
    return expires_at - INVITATION_LIFETIME + RESEND_PAUSE - now
