"""Drafts posted by many at once: who posts while a unit of work is being committed shares the next one (group commit). Each has its own outcome."""

import asyncio
from collections.abc import Sequence
from contextvars import Context, copy_context

from crypto_api.kit.clock import Clock
from crypto_api.ledger import drafts
from crypto_api.ledger.documents import JournalEntry
from mongodb_config.unit_of_work import Session, UnitOfWork

Wanted = tuple[str, int, Context]
"""A draft by its id, in a version, and who asks: the audit log takes the person from there."""


async def post_draft_together(uow: UnitOfWork, clock: Clock, org_id: str, entry_id: str, version: int, *, approval: bool) -> JournalEntry:
    """As `ledger.drafts.post_draft`."""

    async def work(session: Session, items: Sequence[Wanted]) -> list[JournalEntry]:
        now = clock.now()
        return [
            await asyncio.create_task(drafts.post_draft(session, org_id, wanted, at, now, approval=approval), context=asked_by)
            for wanted, at, asked_by in items
        ]

    return await uow.together(("post_draft", org_id, approval), (entry_id, version, copy_context()), work)
