"""The same key and request have one effect and one answer, also when two arrive at the same moment.

The unique index decides who works; the twin waits for the answer. An error leaves nothing behind, so the key may be used again. A
process that dies between effect and answer leaves the key in progress, and so does one that could not give it back because the database
was away: a repeat works on it anew, and meets the natural keys of what was done. At once where it can be told that nobody is at work on
it, else after a while.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from crypto_api.idempotency import store
from crypto_api.idempotency.documents import IdempotentRequest
from crypto_api.idempotency.errors import KeyReused, StillInProgress
from crypto_api.kit.clock import Clock
from crypto_api.kit.ids import new_id
from mongodb_config.process_name import process_name, surely_dead

WAIT_S, POLL_S = 10.0, 0.05
STALE_AFTER = timedelta(seconds=60)  # longer than any request may take
_at_work: set[str] = set()  # claims of this process


@dataclass(frozen=True)
class Answer:
    status: int
    body: str
    headers: dict[str, str]


class _Ours:
    """The key is ours to work on."""


async def once(clock: Clock, org_id: str, key: str, fingerprint: str, work: Callable[[], Awaitable[Answer]]) -> tuple[Answer, bool]:
    """The answer, and whether it is the first one given again. KeyReused for another request, StillInProgress after waiting in vain."""
    claim, now = f"{process_name()}|{new_id('clm')}", clock.now()
    row = IdempotentRequest(id=new_id("idm"), created_at=now, org_id=org_id, key=key, fingerprint=fingerprint, claim=claim, claimed_at=now)
    _at_work.add(claim)
    try:
        if not await store.insert(org_id, row):
            earlier = await _answer_of_twin(clock, row)
            if earlier is not None:
                return earlier, True
        try:
            answer = await work()
        except BaseException:
            await asyncio.shield(store.release(org_id, key, claim))
            raise
        await store.finish(org_id, key, claim, answer.status, answer.body, answer.headers)
        return answer, False
    finally:
        _at_work.discard(claim)


async def _answer_of_twin(clock: Clock, ours: IdempotentRequest) -> Answer | None:
    """None when the work is ours after all: the twin failed, or it died and its claim is stale."""
    try:
        async with asyncio.timeout(WAIT_S):
            while (settled := await _look(clock, ours)) is None:
                await asyncio.sleep(POLL_S)
    except TimeoutError as error:
        raise StillInProgress from error
    return settled if isinstance(settled, Answer) else None


async def _look(clock: Clock, ours: IdempotentRequest) -> Answer | _Ours | None:
    """The twin's answer, or that the work is ours, or None: still in progress."""
    theirs = await store.get(ours.org_id, ours.key)
    if theirs is None:
        return _Ours() if await store.insert(ours.org_id, ours) else None
    if theirs.fingerprint != ours.fingerprint:
        raise KeyReused
    if theirs.status is not None:
        return Answer(theirs.status, theirs.body or "", theirs.headers)
    if _is_over(theirs, clock.now()) and await store.take_over(ours.org_id, ours.key, theirs.claim, ours.claim, clock.now()):
        return _Ours()
    return None


def _is_over(theirs: IdempotentRequest, now: datetime) -> bool:
    """Whether nobody works on it any more: its process is dead, or is this one and has let go of it, or has had longer than any request takes."""
    process, _, _ = theirs.claim.rpartition("|")
    let_go = process == process_name() and theirs.claim not in _at_work
    return let_go or surely_dead(theirs.claim) or now - theirs.claimed_at > STALE_AFTER
