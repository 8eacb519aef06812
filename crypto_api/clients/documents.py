from datetime import datetime

from pymongo import ASCENDING, IndexModel

from crypto_api.clients.types import TERMS_DAYS, ClientKind, Contact, PostalAddress
from crypto_api.kit.languages import Language
from mongodb_config.base_document import TenantDocument


class Client(TenantDocument):
    """Whom the organisation sends invoices to. Two may have the same name: persons do."""

    kind: ClientKind
    name: str
    name_folded: str
    email: str = ""  # where invoices go
    phone: str = ""
    contacts: list[Contact] = []
    address: PostalAddress = PostalAddress()
    tax_id: str = ""
    tax_id_checked: str = ""  # the rule that it passed, such as `de.vat`
    payment_terms_days: int = TERMS_DAYS
    currency: str | None = None  # ISO 4217; None: the organisation's
    language: Language | None = None  # of the letters to it; None: English
    note: str = ""
    user_ids: list[str] = []  # people who may see its invoices, and nothing else, by a log-in of their own
    created_by: str
    archived_at: datetime | None = None
    written: int = 0  # documents that name it: grows with each in the same unit of work, so that none is written while it is deleted
    updated_at: datetime
    version: int = 1

    class Settings:
        name = "clients"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("name_folded", ASCENDING), ("_id", ASCENDING)], name="org_name"),
            IndexModel([("org_id", ASCENDING), ("updated_at", ASCENDING), ("_id", ASCENDING)], name="org_updated"),
            IndexModel([("org_id", ASCENDING), ("user_ids", ASCENDING)], name="org_users"),
        ]
