from pymongo import ASCENDING, IndexModel

from crypto_api.organizations.types import Role
from mongodb_config.base_document import SharedDocument, TenantDocument


class Organization(SharedDocument):
    """Shared: it is the tenant itself; it is read by its own id, which the session names."""

    name: str
    functional_currency: str = "USD"
    time_zone: str = "UTC"

    class Settings:
        name = "organizations"


class Membership(TenantDocument):
    user_id: str
    role: Role

    class Settings:
        name = "memberships"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("user_id", ASCENDING)], unique=True, name="org_user"),
            IndexModel([("user_id", ASCENDING)], name="user"),
        ]
