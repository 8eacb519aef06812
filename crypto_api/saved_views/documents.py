from pymongo import ASCENDING, IndexModel

from mongodb_config.base_document import TenantDocument


class SavedView(TenantDocument):
    """Filters of the list of transactions, named by one person for themselves. They hold what the API calls them by."""

    user_id: str
    name: str
    name_folded: str
    filters: dict[str, str]

    class Settings:
        name = "saved_views"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("user_id", ASCENDING), ("name_folded", ASCENDING)], unique=True, name="org_user_name"),
        ]
