"""What happened is told to the programs of an organisation, in order, at least once each.

The outbox is the log of events: a webhook holds the number up to which its receiver took everything, and one step sends it the next event that it
wants. What is sent and what is written down about it are two things, so a crash between them sends an event once more, under the same id; nothing is
passed over. A receiver that fails holds back its own webhook only.

What a stretch does is pure over ports (`tell`), so that the same code runs in a simulator.
"""

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol

from crypto_api.events import store as events
from crypto_api.events.documents import Event
from crypto_api.flows.keep_webhooks import Desk, bound_to
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import NotFound
from crypto_api.kit.faultpoint import faultpoint
from crypto_api.kit.ids import new_id
from crypto_api.kit.outside import Answered
from crypto_api.organizations.types import GRANTABLE
from crypto_api.webhooks import rules, service, store
from crypto_api.webhooks.documents import Webhook, WebhookDelivery
from crypto_api.webhooks.service import Sent
from crypto_api.webhooks.types import TEST_KIND, WebhookDeliveryPurpose, WebhookDeliveryStatus
from mongodb_config.unit_of_work import Session, UnitOfWork

STRETCH = 100
"""Events read at a time."""

STRETCH_S = 5.0
"""How long one receiver is sent something before others get its place. A delivery that has begun is brought to its end."""


Post = Callable[[Webhook, str, bytes, datetime], Awaitable[Answered]]
"""Sends the bytes of a message, named by its id and signed for that moment."""


class Book(Protocol):
    """The log, and how far each webhook has come. Each change is one unit of work, and happens only where nobody was in between."""

    async def after(self, org_id: str, seq: int, limit: int) -> list[Event]: ...

    async def taken(self, row: Webhook, sent: Sent, now: datetime) -> Webhook | None: ...

    async def failed(self, row: Webhook, sent: Sent, now: datetime, spread: int) -> bool: ...

    async def passed(self, row: Webhook, seq: int) -> bool: ...


@dataclass(frozen=True)
class World:
    """What a stretch needs of the rest."""

    book: Book
    clock: Clock
    post: Post
    spread: Callable[[], int]
    now_s: Callable[[], float]


async def deliver_stretch(desk: Desk, row: Webhook) -> bool:
    """`tell`, with the database and real receivers."""
    world = World(_MongoBook(desk.uow), desk.clock, partial(_posted, desk), lambda: random.randint(0, rules.SPREAD), time.monotonic)
    return await tell(world, row)


async def tell(world: World, row: Webhook) -> bool:
    """Sends what the webhook wants of the next events, one after another, until one is not taken or others are to have their turn. Whether there may
    be more to do at once."""
    found, ends_at = await world.book.after(row.org_id, row.done_seq, STRETCH), world.now_s() + STRETCH_S
    for event in found:
        if _is_for(row, event):
            after = await _deliver(world, row, event)
            if after is None:
                return False
            row = after
            if world.now_s() > ends_at:
                return True
    if found and row.done_seq < (last := _seq(found[-1])):  # the rest is not wanted
        return await world.book.passed(row, last) and len(found) == STRETCH
    return len(found) == STRETCH


async def _deliver(world: World, row: Webhook, event: Event) -> Webhook | None:
    """Sends one and writes down what became of it. None where it was not taken, or somebody was in between."""
    sent = await _send(world.clock, world.post, row, event, WebhookDeliveryPurpose.EVENT, delivery_id=row.delivery_id)
    faultpoint("webhook.answered")
    now, after = world.clock.now(), None
    if rules.problem_of(sent.answered):
        await world.book.failed(row, sent, now, world.spread())
    else:
        after = await world.book.taken(row, sent, now)
    faultpoint("webhook.noted")
    return after


class _MongoBook:
    """`Book` in the database."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def after(self, org_id: str, seq: int, limit: int) -> list[Event]:
        return await events.after(org_id, seq, limit)

    async def taken(self, row: Webhook, sent: Sent, now: datetime) -> Webhook | None:
        return await self._uow.run(lambda session: service.note_taken(session, row, sent, now))

    async def failed(self, row: Webhook, sent: Sent, now: datetime, spread: int) -> bool:
        return await self._uow.run(lambda session: service.note_failed(session, row, sent, now, spread))

    async def passed(self, row: Webhook, seq: int) -> bool:
        return await self._uow.run(lambda session: service.note_passed(session, row, seq))


def _is_for(row: Webhook, event: Event) -> bool:
    """What an administrator may see, of the kinds that were asked for. What it has failed to take it still wants."""
    return event.permission in GRANTABLE and rules.wants(row.kinds, event.kind)


def _seq(event: Event) -> int:
    assert event.seq is not None  # it came out of the numbered ones
    return event.seq


async def send_test(desk: Desk, org_id: str, webhook_id: str, user_id: str) -> WebhookDelivery:
    """Sends something harmless now, whether the webhook is active or not, and tells what became of it. NotFound."""
    row = await store.get(org_id, webhook_id)
    if row is None:
        raise NotFound
    now, test_id = desk.clock.now(), new_id("evt")
    body = rules.body_of(test_id, TEST_KIND, org_id, None, now, {"webhook_id": row.id})
    answered = await _posted(desk, row, test_id, body, now)
    return await _kept(desk, row, Sent(new_id("whd"), test_id, TEST_KIND, None, WebhookDeliveryPurpose.TEST, now, answered, user_id))


async def replay(desk: Desk, org_id: str, delivery_id: str, user_id: str) -> WebhookDelivery:
    """Sends the event of a delivery once more, now and out of turn. NotFound."""
    before = await store.delivery(org_id, delivery_id)
    row = await store.get(org_id, before.webhook_id) if before is not None else None
    if row is None or before is None:
        raise NotFound
    if before.seq is None:
        return await send_test(desk, org_id, row.id, user_id)
    (event,) = await events.after(org_id, before.seq - 1, 1)
    return await _kept(desk, row, await _send(desk.clock, partial(_posted, desk), row, event, WebhookDeliveryPurpose.REPLAY, requested_by=user_id))


async def _send(
    clock: Clock,
    post: Post,
    row: Webhook,
    event: Event,
    purpose: WebhookDeliveryPurpose,
    *,
    delivery_id: str | None = None,
    requested_by: str | None = None,
) -> Sent:
    now = clock.now()
    body = rules.body_of(event.id, event.kind, row.org_id, event.seq, event.created_at, event.data)
    answered = await post(row, event.id, body, now)
    return Sent(delivery_id or new_id("whd"), event.id, event.kind, event.seq, purpose, now, answered, requested_by)


async def _posted(desk: Desk, row: Webhook, message_id: str, body: bytes, now: datetime) -> Answered:
    opened = [desk.box.open(secret.sealed, bound_to(row.id)) for secret in service.signing_secrets(row, now)]
    return await desk.receivers.post(row.url, body, rules.signed_headers(message_id, now, body, opened))


async def _kept(desk: Desk, row: Webhook, sent: Sent) -> WebhookDelivery:
    status = WebhookDeliveryStatus.FAILED if rules.problem_of(sent.answered) else WebhookDeliveryStatus.DELIVERED
    now = desk.clock.now()

    async def work(session: Session) -> WebhookDelivery:
        if await store.get(row.org_id, row.id, session) is None:  # deleted meanwhile
            raise NotFound
        await service.keep_delivery(session, row, sent, status, now)
        await service.record_sent(session, row, sent.event_kind, sent.purpose, now)
        kept = await store.delivery(row.org_id, sent.delivery_id, session)
        assert kept is not None
        return kept

    return await desk.uow.run(work)
