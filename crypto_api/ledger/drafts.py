"""Entries by hand: draft → approved where the organisation asks for it → posted. Each verb runs inside the caller's unit of work.

Nobody approves what they prepared: everybody who wrote or edited a draft is one of its preparers, and an edit takes an approval back.
"""

from datetime import date, datetime
from typing import Any

from crypto_api.events import service as events
from crypto_api.kit.errors import NotFound
from crypto_api.ledger import period_store, rules, service, store
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.errors import ApprovalRequired, ChangedMeanwhile, NotADraft, OwnEntry, ReversalIsFixed
from crypto_api.ledger.events import JournalEntryApproved, JournalEntryDiscarded, JournalEntryDrafted, JournalEntryEdited
from crypto_api.ledger.types import EntryDraft, EntryStatus, SourceKind
from mongodb_config.unit_of_work import Session
from mongodb_config.writes import write_all


async def create_draft(session: Session, org_id: str, body: EntryDraft, user_id: str, now: datetime) -> JournalEntry:
    """`body.source` is given anew: what a person writes is its own source."""
    await service.check_all(session, org_id, [body.lines])
    service.check_open(body.date, await period_store.closed_through(org_id, session))
    entry = service.new_entry(org_id, body, EntryStatus.DRAFT, now, user_id)
    entry.source_kind, entry.source_id, entry.source_purpose = SourceKind.MANUAL, entry.id, "manual"
    return await _draft(session, entry, user_id, now, f"A draft was written: {entry.description}")


async def draft_reversal(session: Session, org_id: str, entry_id: str, user_id: str, now: datetime, reason: str, on: date) -> JournalEntry:
    """The mirror of a posted entry, as a draft: posting it reverses the entry. A second one gives the first. NotPosted for what cannot be
    reversed (any more)."""
    entry = await store.entry(org_id, entry_id, session)
    if entry is None:
        raise NotFound
    service.check_reversible(entry)
    if (waiting := await store.entry_of_source(org_id, service.reversal_of(entry), session)) is not None:
        return waiting
    service.check_open(on, await period_store.closed_through(org_id, session))
    mirror = service.mirror_of(entry, now, reason, on, user_id, EntryStatus.DRAFT)
    return await _draft(session, mirror, user_id, now, f"A reversal was drafted: {entry.description} ({reason})")


async def edit_draft(session: Session, org_id: str, entry_id: str, version: int, body: EntryDraft, user_id: str, now: datetime) -> JournalEntry:
    """The whole of it as it is to be. An approval is gone with it, and whoever edits is a preparer. NotADraft, ReversalIsFixed, ChangedMeanwhile."""
    before = await _open(session, org_id, entry_id)
    if before.reverses is not None:
        raise ReversalIsFixed
    await service.check_all(session, org_id, [body.lines])
    service.check_open(body.date, await period_store.closed_through(org_id, session))
    debit, credit = rules.totals(body.lines)
    changes = {
        "date": store.day_as_stored(body.date),
        "description": body.description,
        "reference": body.reference,
        "transaction_hash": body.transaction_hash,
        "lines": store.as_stored(body.lines),
        "prepared_by": sorted({*before.prepared_by, user_id}),
        "approved_by": None,
        "approved_at": None,
        **store.totals_as_stored(debit, credit),
    }
    changed = await _change(session, org_id, entry_id, version, changes)
    await events.append(session, org_id, JournalEntryEdited(**service.facts(changed)), now)
    await service.record_entry(session, "journal_entry.edited", f"A draft was edited: {changed.description}", now, before, changed)
    return changed


async def approve_draft(session: Session, org_id: str, entry_id: str, version: int, user_id: str, now: datetime) -> JournalEntry:
    """OwnEntry for whoever prepared it. Approving what is approved changes nothing."""
    before = await _open(session, org_id, entry_id)
    if user_id in before.prepared_by or user_id == before.created_by:
        raise OwnEntry
    if before.approved_by is not None:
        return before
    changed = await _change(session, org_id, entry_id, version, {"approved_by": user_id, "approved_at": now})
    await events.append(session, org_id, JournalEntryApproved(**service.facts(changed), approved_by=user_id), now)
    await service.record_entry(session, "journal_entry.approved", f"An entry was approved: {changed.description}", now, before, changed)
    return changed


async def post_draft(session: Session, org_id: str, entry_id: str, version: int, now: datetime, *, approval: bool = False) -> JournalEntry:
    """From here on it counts and cannot be changed. ApprovalRequired where `approval` is asked for and nobody else has approved it. Its
    accounts are checked again: one may have been deactivated meanwhile."""
    before = await _open(session, org_id, entry_id)
    if approval and before.approved_by is None:
        raise ApprovalRequired
    entrance = await period_store.enter(session, org_id)
    service.check_open(before.date, entrance.closed_through)
    marks = {"unsealed": True, "uncosted": rules.moves_assets(before.lines)}
    entry = await _change(session, org_id, entry_id, version, {"status": EntryStatus.POSTED, "posted_at": now, **marks})
    await service.check_all(session, org_id, [entry.lines], entrance)
    if entry.reverses is not None:
        reversed_entry = await store.entry(org_id, entry.reverses, session)
        assert reversed_entry is not None, f"{entry.id} reverses an entry that does not exist"
        service.check_reversible(reversed_entry)
        await service.take_back(session, reversed_entry, entry, now, entry.description, entry.created_by)
    else:
        await service.count_all(session, org_id, [entry], now)
    await service.record_entry(session, "journal_entry.posted", f"A draft was posted: {entry.description}", now, before, entry)
    return entry


async def discard_draft(session: Session, org_id: str, entry_id: str, version: int, now: datetime) -> None:
    """It never counted; what it said stays in the audit log. NotADraft once it is posted: that is only reversed."""
    entry = await _open(session, org_id, entry_id)
    if not await store.delete_draft(session, org_id, entry_id, version):
        raise ChangedMeanwhile
    await events.append(session, org_id, JournalEntryDiscarded(**service.facts(entry)), now)
    await service.record_entry(session, "journal_entry.discarded", f"A draft was deleted: {entry.description}", now, entry, None)


# ---- parts -----------------------------------------------------------------------------------------------------------------------


async def _draft(session: Session, entry: JournalEntry, user_id: str, now: datetime, summary: str) -> JournalEntry:
    entry.prepared_by = [user_id]
    told = JournalEntryDrafted(**service.facts(entry))
    await write_all(session, [store.insertions([entry]), events.to_append([(entry.org_id, told)], now)])
    await service.record_entry(session, "journal_entry.drafted", summary, now, None, entry)
    return entry


async def _open(session: Session, org_id: str, entry_id: str) -> JournalEntry:
    entry = await store.entry(org_id, entry_id, session)
    if entry is None:
        raise NotFound
    if entry.status is not EntryStatus.DRAFT:
        raise NotADraft
    return entry


async def _change(session: Session, org_id: str, entry_id: str, version: int, changes: dict[str, Any]) -> JournalEntry:
    if not await store.update_entry(session, org_id, entry_id, EntryStatus.DRAFT, version, changes):
        raise ChangedMeanwhile
    changed = await store.entry(org_id, entry_id, session)
    assert changed is not None
    return changed
