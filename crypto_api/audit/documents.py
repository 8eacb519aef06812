from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel

from crypto_api.audit.types import Outcome
from mongodb_config.base_document import TenantDocument


class AuditRecord(TenantDocument):
    """One security event or one change. Inserted and read, nothing else: the application's role in the database can neither update nor
    delete it."""

    action: str  # dotted, past tense: `wallet.renamed`, `session.opened`
    outcome: Outcome = Outcome.DONE
    actor_id: str | None = None  # None: nobody known, or the system
    actor_name: str = ""  # as it was then
    session_id: str | None = None
    ip: str | None = None
    device: str | None = None
    request_id: str | None = None
    subject_kind: str = ""
    subject_id: str = ""
    summary: str
    before: dict[str, Any] | None = None  # the changed fields alone, never a secret
    after: dict[str, Any] | None = None

    class Settings:
        name = "audit_records"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("_id", DESCENDING)], name="org_newest"),
            IndexModel([("org_id", ASCENDING), ("action", ASCENDING), ("_id", DESCENDING)], name="org_action"),
            IndexModel([("org_id", ASCENDING), ("actor_id", ASCENDING), ("_id", DESCENDING)], name="org_actor"),
            IndexModel([("org_id", ASCENDING), ("subject_kind", ASCENDING), ("subject_id", ASCENDING), ("_id", DESCENDING)], name="org_subject"),
        ]
