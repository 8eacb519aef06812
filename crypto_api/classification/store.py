"""Every query of the slice."""

from crypto_api.classification.documents import Counterparty
from crypto_api.classification.types import CounterpartyKind
from mongodb_config.unit_of_work import Session


async def known(org_id: str) -> dict[str, tuple[str, CounterpartyKind]]:
    """Address (EIP-55) → (name, kind) of every counterparty."""
    rows = await Counterparty.find({"org_id": org_id}).to_list()
    return {row.address: (row.name, row.kind) for row in rows}


async def by_address(org_id: str, address: str, session: Session) -> Counterparty | None:
    return await Counterparty.find_one({"org_id": org_id, "address": address}, session=session)


async def insert(session: Session, row: Counterparty) -> None:
    await row.insert(session=session)
