from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel
from pymongo import ASCENDING, IndexModel

from crypto_api.identity.types import Factor, Letter, Purpose
from crypto_api.kit.languages import Language
from mongodb_config.base_document import SharedDocument


class Totp(BaseModel):
    """RFC 6238. The secret is sealed; `last_step` is the newest time step that was used, since a code counts once."""

    sealed_secret: str
    confirmed_at: datetime | None = None
    last_step: int = 0


class User(SharedDocument):
    """Shared: a person may belong to several organisations. `email` and `username` are stored folded (lower case).

    A *shadow* is what a registration with an address leaves that has an account already: it keeps the user name and answers a log-in as an account
    does whose address was never verified, so that nothing tells the two apart. It is nobody: no query but those of registration and of the log-in
    by password finds it, it is sent nothing, and it never becomes an account."""

    username: str
    email: str  # of a shadow: no address, and unique
    shadow_of_email: str | None = None  # folded: then it is a shadow
    first_name: str
    last_name: str
    language: Language | None = None  # of pages and letters; None: chose none, so the browser that they use does, and letters are in English
    password_hash: str | None  # None: invited, and has not chosen one yet
    password_changed_at: datetime | None = None
    password_until: datetime | None = None  # of one that the operator's command made up: it is to be changed until then
    email_verified_at: datetime | None = None
    verification_sent_at: datetime | None = None
    pending_email: str | None = None  # folded; becomes `email` when the link in the mail to it is opened
    last_log_in_at: datetime | None = None  # written by every log-in, so that it conflicts with a suspension or a new password at that moment
    platform_admin: bool = False  # then a member of no organisation
    suspended_at: datetime | None = None  # by the platform
    entered: int = 0  # grows when a session comes into an organisation that wants one at a time: two such at once conflict
    totp: Totp | None = None
    recovery_hashes: list[str] = []  # SHA-256 of the recovery codes not used yet
    guides_dismissed: list[str] = []  # organisations whose first steps the person does not want to see any more
    hidden_columns: dict[str, list[int]] = {}  # list of the dashboard → places of the columns that the person does not want to see
    version: int = 1

    class Settings:
        name = "users"
        indexes = [
            IndexModel([("email", ASCENDING)], unique=True, name="email"),
            IndexModel([("username", ASCENDING)], unique=True, name="username"),
            IndexModel([("created_at", ASCENDING)], partialFilterExpression={"verification_sent_at": None}, name="verification_due"),
            IndexModel([("platform_admin", ASCENDING)], partialFilterExpression={"platform_admin": True}, name="platform_admins"),
            IndexModel(
                [("shadow_of_email", ASCENDING), ("created_at", ASCENDING)],
                partialFilterExpression={"shadow_of_email": {"$type": "string"}},
                name="shadows",
            ),
        ]


class Approval(BaseModel):
    """A step-up ("session approval"): for one purpose, in the organisation in which the session acted then."""

    purpose: Purpose
    org_id: str | None
    granted_at: datetime
    until: datetime


class Session(SharedDocument):
    """Shared: a log-in of a person on a device; the family of its refresh tokens. `org_id` is the organisation it acts in."""

    user_id: str
    org_id: str | None
    refresh_hash: str
    family_hash: str | None = None  # of what all its refresh tokens begin with; None: they are from before this was so, or there are none
    refresh_used: list[str] = []  # of before that: tokens that were used
    dashboard_hash: str | None = None
    expires_at: datetime  # moved by its use, never beyond its longest life (identity.types.Spans)
    ended_at: datetime | None = None
    ended_reason: str | None = None
    ip: str | None = None
    user_agent: str | None = None
    factors: list[Factor] = [Factor.PASSWORD]  # what was shown to open it
    authenticated_at: datetime | None = None  # when the person last showed it; None in sessions from before this was kept
    last_seen_at: datetime | None = None  # to the minute
    approvals: list[Approval] = []

    class Settings:
        name = "sessions"
        indexes = [
            IndexModel([("user_id", ASCENDING)], name="user"),
            IndexModel([("org_id", ASCENDING), ("user_id", ASCENDING)], name="org_user"),
            IndexModel([("refresh_hash", ASCENDING)], unique=True, name="refresh"),
            IndexModel([("refresh_used", ASCENDING)], name="refresh_used"),
            IndexModel([("family_hash", ASCENDING)], unique=True, partialFilterExpression={"family_hash": {"$type": "string"}}, name="family"),
            IndexModel(
                [("dashboard_hash", ASCENDING)], unique=True, partialFilterExpression={"dashboard_hash": {"$type": "string"}}, name="dashboard"
            ),
            IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=86_400 * 30, name="expiry"),
        ]


class OneTimePurpose(StrEnum):
    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105  a name
    SET_PASSWORD = "set_password"  # noqa: S105  the first one, of somebody who was added by others
    WEBSOCKET = "websocket"
    PASSKEY_REGISTER = "passkey_register"
    PASSKEY_LOG_IN = "passkey_log_in"
    PASSKEY_APPROVE = "passkey_approve"
    ETHEREUM_LOG_IN = "ethereum_log_in"
    ETHEREUM_LINK = "ethereum_link"
    WALLET_OWNERSHIP = "wallet_ownership"
    PAY_WALLET = "pay_wallet"  # where an employee is paid
    SECOND_STEP = "second_step"  # of a log-in in a browser: what comes first was shown


class OneTimeToken(SharedDocument):
    """Shared: a secret or nonce for one use, kept as its SHA-256; `_id` is that hash. Used means deleted."""

    purpose: OneTimePurpose
    user_id: str | None = None  # None: not known yet who it is, as when logging in
    session_id: str | None = None
    data: dict[str, Any] = {}  # what was asked, to be compared with what comes back
    expires_at: datetime

    class Settings:
        name = "one_time_tokens"
        indexes = [
            IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0, name="expiry"),
            IndexModel([("user_id", ASCENDING), ("purpose", ASCENDING)], name="user_purpose"),
        ]


class Passkey(SharedDocument):
    """Shared: as the person is. a WebAuthn credential. `_id` is the credential id in base64url."""

    user_id: str
    name: str
    public_key: bytes  # COSE
    sign_count: int
    transports: list[str] = []
    backed_up: bool = False
    aaguid: str = ""
    last_used_at: datetime | None = None

    class Settings:
        name = "passkeys"
        indexes = [IndexModel([("user_id", ASCENDING)], name="user")]


class EthereumAccount(SharedDocument):
    """Shared: as the person is. an address that signs its owner in (EIP-4361). `_id` is `eip155:<chain id>:<address in lower case>`."""

    user_id: str
    address: str  # EIP-55
    chain_id: int
    is_contract: bool = False  # checked by EIP-1271
    last_used_at: datetime | None = None

    class Settings:
        name = "ethereum_accounts"
        indexes = [
            IndexModel([("user_id", ASCENDING)], name="user"),
            # a key is the same on every network, so it signs one person in
            IndexModel([("address", ASCENDING)], unique=True, partialFilterExpression={"is_contract": False}, name="key"),
        ]


class Attempts(SharedDocument):
    """Shared: failed tries at one door (`_id`: what is tried and from where, hashed), so that the next must wait. In the database, since a
    flushed cache must not open it."""

    failures: int
    blocked_until: datetime | None = None
    expires_at: datetime

    class Settings:
        name = "attempts"
        indexes = [IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0, name="expiry")]


class KnownDevice(SharedDocument):
    """Shared: as the person is. a device on which they have logged in before; `_id` is the SHA-256 of the secret in its cookie. A lock-out of
    the account by strangers does not concern it."""

    user_id: str
    last_used_at: datetime
    expires_at: datetime

    class Settings:
        name = "known_devices"
        indexes = [
            IndexModel([("user_id", ASCENDING)], name="user"),
            IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0, name="expiry"),
        ]


class DueMail(SharedDocument):
    """Shared: as the person is. A letter that is owed to somebody, with what the log-in to their account depends on. A job sends it, a sweep
    what the job did not; links and tokens are made when it is sent."""

    kind: Letter
    to: str
    user_id: str | None  # None: nobody has this address; kept so that asking for it costs the same, and never sent
    data: dict[str, str] = {}
    sent_at: datetime | None = None
    expires_at: datetime

    class Settings:
        name = "due_mails"
        indexes = [
            IndexModel([("created_at", ASCENDING)], partialFilterExpression={"sent_at": None}, name="due"),
            IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0, name="expiry"),
        ]


class SigningKey(SharedDocument):
    """Shared: a key that signs access tokens; `_id` is the `kid`. The newest signs, the others verify until `retired_at`."""

    sealed_key: str
    retired_at: datetime | None = None  # None: it signs

    class Settings:
        name = "signing_keys"
        indexes = [
            # one signs: of two processes that make the first at the same moment, one does
            IndexModel([("retired_at", ASCENDING)], unique=True, partialFilterExpression={"retired_at": None}, name="signs"),
        ]
