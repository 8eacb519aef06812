from pymongo import ASCENDING, IndexModel

from crypto_api.saved_views.types import TRANSACTIONS
from mongodb_config.base_document import TenantDocument


class SavedView(TenantDocument):
    """Filters of a list, named by one person for themselves. Those of the transactions hold what the API calls them by, those of another list what
    stands in its address."""

    user_id: str
    list_name: str = TRANSACTIONS
    name: str
    name_folded: str
    filters: dict[str, str]

    class Settings:
        name = "saved_views"
        indexes = [
            IndexModel(
                [("org_id", ASCENDING), ("user_id", ASCENDING), ("list_name", ASCENDING), ("name_folded", ASCENDING)],
                unique=True,
                name="org_user_list_name",
            ),
        ]
