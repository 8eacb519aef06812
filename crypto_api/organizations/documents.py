from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from pymongo import ASCENDING, IndexModel

from crypto_api.kit.amounts import StoredDecimal
from crypto_api.organizations.types import PayslipMail, Permission
from mongodb_config.base_document import SharedDocument, TenantDocument


class Organization(SharedDocument):
    """Shared: it is the tenant itself; it is read by its own id, which the session names."""

    name: str
    functional_currency: str = "USD"  # ISO 4217
    time_zone: str = "UTC"  # IANA
    fiscal_year_start: str = "01-01"  # MM-DD
    second_factor_roles: list[str] = []  # whoever has one of these acts only in a session with a second factor
    single_session: bool = False  # a new session in it ends the person's others in it
    entry_approval: bool = False  # entries by hand are posted only after another person's approval
    payslip_mail: PayslipMail = PayslipMail.LINK
    classification_threshold: StoredDecimal = Decimal("0.9")  # from this confidence on, 0 to 1, what memory or a model says is booked; below, it asks
    suspended_at: datetime | None = None  # by the platform: nobody acts in it
    admins_changed: int = 0  # grows whenever its ADMINs may change, so that two such changes at once conflict: the last ADMIN stays
    teams_changed: int = 0  # grows whenever somebody gets another manager, so that two such changes at once conflict: no circle
    version: int = 1

    class Settings:
        name = "organizations"


class Membership(TenantDocument):
    user_id: str
    role: str  # a `Role`, or the id of one of the organisation's own
    suspended_at: datetime | None = None
    version: int = 1

    class Settings:
        name = "memberships"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("user_id", ASCENDING)], unique=True, name="org_user"),
            IndexModel([("org_id", ASCENDING), ("role", ASCENDING)], name="org_role"),
            IndexModel([("user_id", ASCENDING)], name="user"),
        ]


class CustomRole(TenantDocument):
    name: str
    name_folded: str
    description: str = ""
    permissions: list[Permission]
    updated_at: datetime
    grants: int = 0  # grows whenever it is given to somebody, so that giving it and deleting it at once conflict
    version: int = 1

    class Settings:
        name = "custom_roles"
        indexes = [IndexModel([("org_id", ASCENDING), ("name_folded", ASCENDING)], unique=True, name="org_name")]


class InvitationState(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    REVOKED = "revoked"


class Invitation(TenantDocument):
    """To join with a role; whoever shows the token from the mail and owns that address may accept it."""

    email: str  # folded
    role: str
    token_hash: str  # SHA-256
    invited_by: str
    employee_id: str | None = None  # the employee who becomes a member by it
    client_id: str | None = None  # the client whose invoices the person may see by it
    username: str = ""  # by which they were invited: then the organisation does not know the address
    state: InvitationState = InvitationState.OPEN
    expires_at: datetime
    sent_at: datetime | None = None
    mail_tried_at: datetime | None = None  # the sweep goes round: an address that no server takes holds nobody up
    answered_at: datetime | None = None
    version: int = 1

    @property
    def named(self) -> str:
        """What the organisation may see of whom it invited."""
        return f"@{self.username}" if self.username else self.email

    class Settings:
        name = "invitations"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("email", ASCENDING)], unique=True, partialFilterExpression={"state": "open"}, name="org_open_email"),
            IndexModel([("token_hash", ASCENDING)], name="token"),
            IndexModel([("email", ASCENDING), ("state", ASCENDING)], name="email_state"),
            IndexModel([("created_at", ASCENDING)], partialFilterExpression={"sent_at": None, "state": "open"}, name="mail_due"),
        ]


class Company(TenantDocument):
    """A legal entity of the organisation."""

    legal_name: str
    name_folded: str
    tax_id: str = ""
    address: str = ""
    country: str = ""  # ISO 3166-1 alpha-2
    functional_currency: str
    time_zone: str
    fiscal_year_start: str  # MM-DD
    active: bool = True
    updated_at: datetime
    version: int = 1

    class Settings:
        name = "companies"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("name_folded", ASCENDING)], unique=True, partialFilterExpression={"active": True}, name="org_name"),
        ]
