"""An audit of a contract as it stands once it is ready."""

from datetime import datetime

from crypto_api.contract_audits.documents import ContractAudit
from crypto_api.contract_audits.types import AuditStatus, Subject
from crypto_api.kit.ids import new_id


async def ready_audit(org_id: str, network: str, address: str, name: str, at: datetime, *, high: int) -> ContractAudit:
    """Of the contract at that address (EIP-55), with so many open findings of high severity."""
    number = new_id("cau")
    row = ContractAudit(
        id=number,
        created_at=at,
        org_id=org_id,
        subject=Subject.contract(new_id("ctr"), network, address, name),
        task_id=new_id("tsk"),
        requested_by="usr_1",
        status=AuditStatus.READY,
        digest=number,
        live=False,
        has_source=False,
        ended_at=at,
        open_counts={"high": high},
    )
    await row.insert()
    return row
