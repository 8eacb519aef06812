"""Whether the audit log is as it was written: walks an organisation's chain and names the first record that was altered, taken away or put
in. Reads only, in batches, so that its length costs time and not memory."""

from dataclasses import dataclass

from crypto_api.audit import rules, store
from crypto_api.audit.documents import AuditSeal
from crypto_api.audit.types import Failure, Fault
from crypto_api.kit.seals import NO_HEAD, Head

BATCH = 500


@dataclass(frozen=True)
class AuditReport:
    checked: int  # records that have a seal
    waiting: int  # records that have none yet: written a moment ago
    head: Head
    first_failure: Failure | None

    @property
    def ok(self) -> bool:
        return self.first_failure is None


async def verify_audit_log(org_id: str, *, noted: Head | None = None) -> AuditReport:
    """`noted` is a head that somebody wrote down earlier: the chain must still go through it. Without one, a chain of which the end was
    cut off together with its records, or that was made anew as a whole, looks sound."""
    head, failure = await _chain(org_id)
    if failure is None and noted is not None:
        failure = await _through(org_id, noted)
    waiting, inserted = await _without_seal(org_id)
    return AuditReport(head.seq, waiting, head, failure or inserted)


async def _chain(org_id: str) -> tuple[Head, Failure | None]:
    head = NO_HEAD
    while seals := await store.seals_after(org_id, head.seq, BATCH):
        rows = await store.records(org_id, [seal.record_id for seal in seals])
        for seal in seals:
            if failure := _fault_of(head, seal, rows.get(seal.record_id)):
                return head, failure
            head = Head(seal.seq, seal.hash)
    return head, None


def _fault_of(head: Head, seal: AuditSeal, row: dict[str, object] | None) -> Failure | None:
    if seal.seq != head.seq + 1:
        return Failure(Fault.BROKEN, seal.record_id, head.seq + 1, f"The seal {head.seq + 1} is gone: the next one is {seal.seq}.")
    if seal.prev != head.hash:
        return Failure(Fault.BROKEN, seal.record_id, seal.seq, "The seal does not follow from the one before it.")
    if row is None:
        return Failure(Fault.MISSING, seal.record_id, seal.seq, "The record was sealed and is gone.")
    if rules.seal(seal.prev, seal.seq, row) != seal.hash:
        return Failure(Fault.ALTERED, seal.record_id, seal.seq, "The record or its seal is not what was sealed.")
    return None


async def _through(org_id: str, noted: Head) -> Failure | None:
    found = await store.seal_at(org_id, noted.seq)
    if found is not None and found.hash == noted.hash:
        return None
    what = "ends before" if found is None else "is another at"
    return Failure(Fault.BROKEN, found.record_id if found else "", noted.seq, f"The chain {what} the head that was noted down.")


async def _without_seal(org_id: str) -> tuple[int, Failure | None]:
    """How many wait for their seal, and the first that has none and does not wait: nobody who writes through the product leaves one."""
    waiting, last = 0, ""
    while ids := await store.record_ids_after(org_id, last, BATCH):
        last = ids[-1]
        if not (bare := await store.unsealed(org_id, ids)):
            continue
        queued = await store.waiting(org_id, bare)
        waiting += len(queued)
        # looked at again: a record may have got its seal between the two looks
        for record_id in sorted(await store.unsealed(org_id, bare - queued)) if bare - queued else ():
            return waiting, Failure(Fault.INSERTED, record_id, None, "The record has no seal, and does not wait for one.")
    return waiting, None


async def verify_every_audit_log(organizations: list[str]) -> dict[str, AuditReport]:
    """Of those, and of every chain that there is."""
    every = dict.fromkeys([*organizations, *await store.sealed_organizations()])
    return {org_id: await verify_audit_log(org_id) for org_id in every}
