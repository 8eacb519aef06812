"""An audit that is ready, as a PDF. That it was taken along is itself recorded."""

import asyncio
import re
import tempfile
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from crypto_api.audit import service as audit_log
from crypto_api.contract_audits import service, store
from crypto_api.contract_audits.errors import NotReady
from crypto_api.contract_audits.pdf import AuditPdf
from crypto_api.contract_audits.types import AuditStatus
from crypto_api.identity import store as people
from crypto_api.kit.clock import Clock
from crypto_api.organizations import store as organizations
from mongodb_config.unit_of_work import UnitOfWork

_NAME = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True)
class AuditFile:
    name: str
    content: bytes


async def print_audit(uow: UnitOfWork, clock: Clock, org_id: str, audit_id: str) -> AuditFile:
    """NotFound, NotReady."""
    row = await service.needed(org_id, audit_id)
    if row.status is not AuditStatus.READY:
        raise NotReady
    findings = await store.findings(org_id, audit_id)
    organization = await organizations.get(org_id)
    assert organization is not None, "a principal acts in it"
    users = await people.users(sorted({row.requested_by, *(one.suppressed_by for one in findings if one.suppressed_by)}))
    names = {user.id: f"{user.first_name} {user.last_name}".strip() or user.username for user in users}
    now = clock.now()
    made = f"made {now.astimezone(UTC):%Y-%m-%d %H:%M} UTC"

    def written() -> bytes:
        with tempfile.TemporaryDirectory(prefix="coffer-audit-") as folder:
            path = Path(folder) / "audit.pdf"
            AuditPdf(path, row, organization.name, made, names).write(findings)
            return path.read_bytes()

    content = await asyncio.to_thread(written)
    told, subject = f"The audit of {row.subject.name} was taken along as a PDF.", ("contract_audit", row.id)
    await uow.run(lambda session: audit_log.record(session, org_id, "contract_audit.exported", told, now, subject=subject))
    return AuditFile(f"audit-{_NAME.sub('-', row.subject.name).strip('-').lower() or 'contract'}-{row.created_at:%Y-%m-%d}.pdf", content)
