"""Every query of the slice: it inserts and reads."""

from crypto_api.audit.documents import AuditRecord
from mongodb_config.unit_of_work import Session


async def insert(session: Session, record: AuditRecord) -> None:
    await record.insert(session=session)
