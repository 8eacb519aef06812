from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel

from crypto_api.audit.types import Outcome
from mongodb_config.base_document import TenantDocument
from mongodb_config.seal_chain import SealDocument

_NEWEST_FIRST = [("created_at", DESCENDING), ("_id", DESCENDING)]


def _of_organization(name: str, *fields: str) -> IndexModel:
    return IndexModel([(field, ASCENDING) for field in ("org_id", *fields)] + _NEWEST_FIRST, name=name)


class AuditRecord(TenantDocument):
    """One security event or one change. Inserted and read, nothing else: the application's role in the database can neither update nor
    delete it (mongodb_config/scripts/roles.js), and a chain of seals shows whoever did so all the same."""

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
            IndexModel([("org_id", ASCENDING), ("_id", ASCENDING)], name="org_record"),  # the verification walks by it
            _of_organization("org_newest"),
            _of_organization("org_action", "action"),
            _of_organization("org_actor", "actor_id"),
            _of_organization("org_subject", "subject_kind", "subject_id"),
            _of_organization("org_request", "request_id"),
            _of_organization("org_ip", "ip"),
        ]


class AuditSeal(SealDocument):
    """A link of the organisation's chain: one record, sealed after its commit, so that writers never queue. Inserted and read, nothing
    else, and kept apart from the record, which therefore never changes. `hash` is over prev, seq and the record: audit/rules.py."""

    record_id: str

    class Settings:
        name = "audit_seals"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("seq", ASCENDING)], unique=True, name="org_seq"),
            IndexModel([("org_id", ASCENDING), ("record_id", ASCENDING)], unique=True, name="org_record"),
        ]


class AuditQueued(TenantDocument):
    """A record that waits for its seal; `_id` is the record's. Written with it, and gone with the seal."""

    class Settings:
        name = "audit_queue"
