"""Values of the slice."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from crypto_api.kit.languages import Language

ACCESS_LIFETIME = timedelta(minutes=15)
TICKET_LIFETIME = timedelta(seconds=30)
VERIFICATION_LIFETIME = timedelta(days=2)
RESET_LIFETIME = timedelta(hours=1)
SET_PASSWORD_LIFETIME = timedelta(days=7)
MADE_PASSWORD_LIFETIME = timedelta(days=3)
"""A password that the operator's command made up opens the account for so long: it is to be changed."""
CHALLENGE_LIFETIME = timedelta(minutes=5)
APPROVAL_LIFETIME = timedelta(minutes=5)
DEVICE_LIFETIME = timedelta(days=180)
ATTEMPTS_FREE = 5
"""Failed tries at one door before each further one must wait."""
FAILURES_TOLD = 10
"""Wrong passwords in a row, within a day of each other, after which the owner is told."""
ATTEMPTS_KEPT = timedelta(days=1)
BLOCK_MAX = timedelta(minutes=15)
MAILS_AN_HOUR = 3
MAIL_KEPT = timedelta(days=7)
SEEN_EVERY = timedelta(minutes=1)
DEVICE_COOKIE = "coffer_device"
DASHBOARD_COOKIE = "coffer_session"  # the pages set it, the sockets read it


class Factor(StrEnum):
    """What somebody showed to open a session."""

    PASSWORD = "password"  # noqa: S105  a name
    OTP = "otp"  # a TOTP or a recovery code
    PASSKEY = "passkey"  # with user verification: two factors in one
    ETHEREUM = "ethereum"


STRONG = frozenset({Factor.OTP, Factor.PASSKEY})
"""A session that was opened with one of these has a second factor."""


class Purpose(StrEnum):
    """What a step-up is for."""

    KEYS = "keys"
    """The use of a wallet's key."""
    SECURITY = "security"
    """A change of how this person gets in. A log-in of the last five minutes counts as well."""


class Letter(StrEnum):
    """Mails of an account that are kept in the database until they are sent."""

    VERIFY_EMAIL = "verify_email"
    ALREADY_REGISTERED = "already_registered"
    RESET_PASSWORD = "reset_password"  # noqa: S105  a name
    SET_PASSWORD = "set_password"  # noqa: S105  a name
    CHANGE_EMAIL = "change_email"
    NOTICE = "notice"
    PRICE_ALERT = "price_alert"
    PAYSLIP = "payslip"
    RECEIVING_KEY = "receiving_key"


class Limited(StrEnum):
    """What one address of the network may do only so often."""

    FAILED_LOG_INS = "failed_log_ins"
    REGISTRATIONS = "registrations"
    MAILS = "mails"
    RESETS = "resets"
    PAYER_PAGES = "payer_pages"  # pages on which invoices are paid, and what they ask for
    CHALLENGES = "challenges"  # of passkeys and Ethereum accounts, before anybody is known


class Spent(StrEnum):
    """What one person may do only so often, wherever they are."""

    CALLS = "calls"  # of the API
    PAGES = "pages"  # and parts of pages


class PersonLimiter(Protocol):
    async def spend(self, what: str, user_id: str) -> None:
        """Counts one of this person. TooManyRequests when it is one too many; unavailable counters refuse nobody."""


class SourceLimiter(Protocol):
    """Counts by address of the network. Unavailable counters refuse nobody."""

    async def admit(self, what: str, source: str | None) -> None:
        """TooManyRequests when this source has used up what it may; counts nothing."""

    async def count(self, what: str, source: str | None) -> None:
        """Counts one, and refuses nothing."""

    async def take(self, what: str, source: str | None) -> None:
        """Counts one. TooManyRequests when it is one too many."""


class Notice(StrEnum):
    """What a person is told by mail, because it changes how one gets into their account, or because somebody got in or tried to."""

    PASSWORD_CHANGED = "password_changed"  # noqa: S105  a name
    PASSWORD_RESET = "password_reset"  # noqa: S105  a name
    EMAIL_CHANGE_ASKED = "email_change_asked"
    EMAIL_CHANGED = "email_changed"
    SECOND_FACTOR_RESET = "second_factor_reset"
    TOTP_ENABLED = "totp_enabled"
    TOTP_DISABLED = "totp_disabled"
    RECOVERY_CODES_RENEWED = "recovery_codes_renewed"
    RECOVERY_CODE_USED = "recovery_code_used"
    PASSKEY_ADDED = "passkey_added"
    PASSKEY_REMOVED = "passkey_removed"
    ETHEREUM_ACCOUNT_ADDED = "ethereum_account_added"
    ETHEREUM_ACCOUNT_REMOVED = "ethereum_account_removed"
    USERNAME_CHANGED = "username_changed"
    NEW_PLACE = "new_place"
    SECOND_FACTOR_FAILED = "second_factor_failed"
    LOG_INS_FAILED = "log_ins_failed"


@dataclass(frozen=True)
class NewUser:
    username: str
    email: str
    first_name: str
    last_name: str
    language: Language | None = None


@dataclass(frozen=True)
class Device:
    """Where a request comes from, kept with the session that it opens."""

    ip: str | None
    user_agent: str | None
    token: str | None = None  # the secret in its DEVICE_COOKIE, if it brought one


@dataclass(frozen=True)
class AccessClaims:
    user_id: str
    session_id: str
    expires_at: datetime


class SecretBoxPort(Protocol):
    """Seals small secrets at rest, each bound to where it belongs."""

    def seal(self, secret: bytes, bound_to: str) -> str: ...

    def open(self, envelope: str, bound_to: str) -> bytes: ...
