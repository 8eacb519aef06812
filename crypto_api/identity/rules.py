"""Pure decisions of the slice."""

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from crypto_api.identity.types import APPROVAL_LIFETIME, Purpose

_USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{2,39}", re.ASCII)


def fold(name: str) -> str:
    """How e-mail addresses and user names are stored and compared."""
    return name.strip().casefold()


def is_username(folded: str) -> bool:
    """3 to 40 of a-z, 0-9, dot, dash, underscore: nothing that looks like something else."""
    return _USERNAME.fullmatch(folded) is not None


def hash_token(token: str) -> str:
    """What is stored of a secret: it has 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


class ApprovalLike(Protocol):
    @property
    def purpose(self) -> Purpose: ...
    @property
    def org_id(self) -> str | None: ...
    @property
    def until(self) -> datetime: ...


def is_approved(approvals: Iterable[ApprovalLike], authenticated_at: datetime | None, org_id: str | None, purpose: Purpose, now: datetime) -> bool:
    """An approval counts for its own purpose, in its own organisation, until it runs out. For SECURITY a fresh log-in counts as well: whoever
    has just shown password or passkey need not show it again at once."""
    if any(row.purpose == purpose and row.org_id == org_id and now < row.until for row in approvals):
        return True
    return purpose is Purpose.SECURITY and authenticated_at is not None and now < authenticated_at + APPROVAL_LIFETIME
