"""Pure decisions of the slice: what is wanted, what is sent, how it is signed, and when it is tried again.

Signing follows Standard Webhooks 1.0.0 (the headers `webhook-id`, `webhook-timestamp`, `webhook-signature`), so that its published libraries verify
what we send.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from crypto_api.kit.outside import Answered

URL_MAX = 1_000
KINDS_MAX = 50
ATTEMPTS_KEPT = 20
ANSWER_MAX = 500
SECRET_PREFIX = "whsec_"  # noqa: S105  a prefix
_SECRET_BYTES = 32

GIVE_UP_AFTER = timedelta(hours=72)
"""How long one event is tried. Then nothing more is sent until a person resumes the webhook, from where it stopped: no event is passed over."""

ROTATION = timedelta(hours=24)
"""How long the secret of before signs beside the new one, unless a person ends it at once."""

KEPT = timedelta(days=30)
"""How long a delivery is kept after its last attempt."""

_PAUSES_S = (5, 30, 120, 300, 900, 1_800, 3_600, 7_200)
_PAUSE_S_MAX = 14_400
_RETRY_AFTER_S_MAX = 3_600
SPREAD = 20
"""Per cent of a pause."""

_KIND = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*(\.\*)?", re.ASCII)


# ---- what is wanted ---------------------------------------------------------------------------------------------------------------


def wants(kinds: Collection[str], kind: str) -> bool:
    return not kinds or any(kind == wanted or (wanted.endswith(".*") and kind.startswith(wanted[:-1])) for wanted in kinds)


def unknown_kinds(kinds: Iterable[str], known: Collection[str]) -> list[str]:
    """Those that no event of today is, or begins with."""
    return [kind for kind in kinds if not _KIND.fullmatch(kind) or not any(wants([kind], one) for one in known)]


def problem_of_url(url: str) -> str | None:
    """What is wrong with it as an address; where it leads is another question."""
    if len(url) > URL_MAX:
        return f"has more than {URL_MAX} characters"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is not an address such as https://example.com/coffer"
    if parts.scheme not in ("https", "http") or not parts.hostname or port == 0 or re.search(r"[\s\\]", url) or not url.isascii():
        return "is not an address such as https://example.com/coffer"
    if parts.username is not None or parts.password is not None:
        return "must not hold a name or password: the signature says who sends"
    if parts.fragment:
        return "must not end with a part behind #: it is never sent"
    return None


# ---- what is sent -----------------------------------------------------------------------------------------------------------------


def body_of(event_id: str, kind: str, org_id: str, seq: int | None, at: datetime, data: dict[str, Any]) -> bytes:
    """The same bytes at every attempt. `data` has the shape of the schema of its kind; `seq` numbers the organisation's events without a gap."""
    told = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
    return orjson.dumps({"id": event_id, "type": kind, "timestamp": told, "organization_id": org_id, "seq": seq, "data": data})


def new_secret() -> bytes:
    return secrets.token_bytes(_SECRET_BYTES)


def shown(secret: bytes) -> str:
    """As a receiver is given it."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def signed_headers(message_id: str, at: datetime, body: bytes, signing: Sequence[bytes]) -> dict[str, str]:
    """One signature of each secret, HMAC-SHA256 over id, seconds and body."""
    seconds = str(int(at.timestamp()))
    content = b".".join((message_id.encode(), seconds.encode(), body))
    made = (base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode() for secret in signing)
    return {"webhook-id": message_id, "webhook-timestamp": seconds, "webhook-signature": " ".join(f"v1,{one}" for one in made)}


# ---- what became of it ------------------------------------------------------------------------------------------------------------


def problem_of(answered: Answered) -> str:
    """In words; empty where it was taken. A redirect is not followed, so it is no receipt."""
    if answered.problem:
        return answered.problem
    status = answered.status or 0
    if 200 <= status < 300:
        return ""
    if 300 <= status < 400:
        return f"it answers {status} and points elsewhere, which is not followed"
    return f"it answers {status}"


@dataclass(frozen=True, slots=True)
class Verdict:
    retry_at: datetime | None  # None: suspended


def after_failure(answered: Answered, tries: int, failing_since: datetime, now: datetime, spread: int) -> Verdict:
    """`tries` counts the attempt that has just failed; `spread`, from 0 to SPREAD,
    keeps webhooks that failed together from coming back together."""
    if answered.status == 410:  # RFC 9110, 15.5.11: gone, and likely for good
        return Verdict(None)
    pause_s = _PAUSES_S[tries - 1] if tries <= len(_PAUSES_S) else _PAUSE_S_MAX
    wait_s = max(pause_s * (100 - SPREAD // 2 + spread) / 100, min(asked_to_wait_s(answered.retry_after, now), _RETRY_AFTER_S_MAX))
    end = failing_since + GIVE_UP_AFTER
    if now >= end:
        return Verdict(None)
    return Verdict(min(now + timedelta(seconds=wait_s), end))  # the last attempt is made when the time is up


def asked_to_wait_s(told: str | None, now: datetime) -> float:
    """Of a `Retry-After`: seconds or a date (RFC 9110, 10.2.3); 0 for anything else."""
    if told is None:
        return 0.0
    if told.strip().isascii() and told.strip().isdecimal():
        return float(told) if len(told) < 10 else float(_RETRY_AFTER_S_MAX)
    try:
        at = parsedate_to_datetime(told)
    except (ValueError, TypeError):
        return 0.0
    return max((at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds(), 0.0)


def excerpt(body: bytes) -> str:
    """The beginning of an answer as one harmless line."""
    text = body[: ANSWER_MAX * 4].decode("utf-8", "replace")
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:ANSWER_MAX]


def host_of(url: str) -> str:
    return urlsplit(url).netloc
