"""Pure decisions of the slice."""

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Protocol, TypedDict

from crypto_api.identity.types import APPROVAL_LIFETIME, ATTEMPTS_FREE, BLOCK_MAX, DEVICE_COOKIE, DEVICE_LIFETIME, Purpose
from crypto_api.kit.cookies import named

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


# ---- failed tries ------------------------------------------------------------------------------------------------------------


def delay_after(failures: int) -> timedelta:
    """How long a door stays shut after so many failed tries: none at first, then 2, 4, 8 … seconds, at most a quarter of an hour."""
    if failures < ATTEMPTS_FREE:
        return timedelta(0)
    return min(timedelta(seconds=2 ** min(failures - ATTEMPTS_FREE + 1, 20)), BLOCK_MAX)


def log_in_bucket(kind: str, name: str, device_hash: str | None) -> str:
    """Where failed log-ins are counted: by the name as it was typed, whether there is such an account or not; apart for each device on which
    this person has logged in before, so that strangers cannot keep them out."""
    return _bucket("log-in", kind, fold(name), device_hash or "")


def otp_bucket(user_id: str, device_hash: str | None) -> str:
    return _bucket("otp", user_id, device_hash or "")


def session_bucket(session_id: str) -> str:
    """Where wrong passwords of somebody who is logged in are counted."""
    return _bucket("session", session_id)


def lift_bucket(user_id: str) -> str:
    """Where it is counted how often somebody's lock-out was lifted."""
    return _bucket("lift", user_id)


def mail_bucket(address: str) -> str:
    return _bucket("mail", fold(address))


def _bucket(*parts: str) -> str:
    return hash_token("\x00".join(parts))


# ---- devices -----------------------------------------------------------------------------------------------------------------


class Cookie(TypedDict):
    key: str
    value: str
    max_age: int
    path: str
    httponly: bool
    samesite: str
    secure: bool


def device_cookie(token: str, *, secure: bool) -> Cookie:
    """What a log-in leaves on a device: `response.set_cookie(**device_cookie(…))`. It opens nothing; it tells the device from strange ones."""
    return Cookie(
        key=named(DEVICE_COOKIE, over_tls=secure),
        value=token,
        max_age=int(DEVICE_LIFETIME.total_seconds()),
        path="/",
        httponly=True,
        samesite="Lax",
        secure=secure,
    )


def network_of(address: str | None) -> str:
    """Where somebody is, roughly: a provider gives the same house another address now and then, out of these."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return address or ""
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return str(ip_network(f"{parsed}/{16 if isinstance(parsed, IPv4Address) else 40}", strict=False))


_PROGRAMS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def device_name(user_agent: str | None) -> str:
    """`Firefox on Linux`: what a person recognises; what a program calls itself; or that nobody knows."""
    agent = (user_agent or "").strip()
    program = next((name for mark, name in _PROGRAMS if mark in agent), agent.split("/")[0].split(" ")[0][:40])
    system = next((name for mark, name in _SYSTEMS if mark in agent), None)
    if not program:
        return "Unknown device"
    return f"{program} on {system}" if system else program
