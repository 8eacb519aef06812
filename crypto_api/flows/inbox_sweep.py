"""The inbox follows what is true: what was found and is not there is put there, what no longer holds is closed.

It may run at any time and as often as one likes. What changes between looking and writing is seen by the next sweep.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crypto_api.flows.inbox_findings import CLOSED_BECAUSE, findings
from crypto_api.inbox import service as inbox
from crypto_api.inbox import store
from crypto_api.inbox.types import Finding, ItemKind
from crypto_api.kit.clock import Clock
from crypto_api.kit.networks import NetworkConfig
from mongodb_config.unit_of_work import Session, UnitOfWork

ITEMS_AT_ONCE = 50


@dataclass(frozen=True)
class Swept:
    noted: int
    settled: int


async def sweep_inbox(uow: UnitOfWork, clock: Clock, org_id: str, networks: Mapping[str, NetworkConfig]) -> Swept:
    """Of one organisation."""
    standing = await store.live(org_id, list(ItemKind))  # before looking: what opens meanwhile is not closed by this sweep
    found = {finding.key: finding for finding in await findings(org_id, networks)}
    new = [finding for key, finding in found.items() if key not in standing or _differs(standing[key].fingerprint, standing[key].cause, finding)]
    gone = [(key, CLOSED_BECAUSE[item.kind]) for key, item in standing.items() if key not in found]
    for start in range(0, len(new), ITEMS_AT_ONCE):
        await uow.run(lambda session, some=new[start : start + ITEMS_AT_ONCE]: _note(session, clock, org_id, some))  # type: ignore[misc]
    for start in range(0, len(gone), ITEMS_AT_ONCE):
        await uow.run(lambda session, some=gone[start : start + ITEMS_AT_ONCE]: _settle(session, clock, org_id, some))  # type: ignore[misc]
    return Swept(len(new), len(gone))


def _differs(fingerprint: str, cause: str, finding: Finding) -> bool:
    return (fingerprint, cause) != (finding.fingerprint, finding.cause)


async def _note(session: Session, clock: Clock, org_id: str, some: Sequence[Finding]) -> None:
    for finding in some:
        await inbox.note(session, org_id, finding, clock.now())


async def _settle(session: Session, clock: Clock, org_id: str, some: Sequence[tuple[str, str]]) -> None:
    for key, reason in some:
        await inbox.settle(session, org_id, key, clock.now(), reason)
