"""The verbs of notices, each part of the caller's unit of work."""

from collections.abc import Callable, Collection
from datetime import datetime
from zoneinfo import ZoneInfo

from crypto_api.audit import service as audit
from crypto_api.events import service as events
from crypto_api.kit.errors import InvalidInput, NotFound, PreconditionFailed
from crypto_api.kit.ids import new_id, next_id
from crypto_api.kit.languages import Language
from crypto_api.notifications import rules, store
from crypto_api.notifications.catalogue import NUMBERS, Notice, titled
from crypto_api.notifications.documents import Notification, NotificationChoices
from crypto_api.notifications.events import NotificationsChanged
from crypto_api.notifications.types import Choices, MailState, Priority, Topic
from mongodb_config.unit_of_work import Session

# ---- a person's -------------------------------------------------------------------------------------------------------------------


async def read(session: Session, org_id: str, user_id: str, notification_id: str, now: datetime) -> Notification:
    """It was read; saying so again changes nothing. NotFound."""
    row = await store.get(org_id, user_id, notification_id, session)
    if row is None:
        raise NotFound
    if row.read_at is not None:
        return row
    await store.mark_read(session, org_id, user_id, notification_id, now)
    after: Notification = row.model_copy(update={"read_at": now})
    return after


async def unread_again(session: Session, org_id: str, user_id: str, at: datetime, zone: ZoneInfo, now: datetime) -> int:
    """What was read at that moment, all at once, is unread again, and the letters about it that had not left are due as if it were told now. Returns
    how many there were."""
    kept = await store.choices(org_id, user_id, session)
    choices = kept.choices if kept is not None else Choices()
    for kind in await store.dropped_by_reading(session, org_id, user_id, at, rules.TRIES_MAX):
        due_at = rules.letter_due_at(choices, *kind, zone, now)
        if due_at is not None:
            await store.want_letters(session, org_id, user_id, at, rules.TRIES_MAX, kind, due_at)
    return await store.mark_unread(session, org_id, user_id, at)


async def delete(session: Session, org_id: str, user_id: str, notification_id: str) -> None:
    """NotFound."""
    if not await store.delete(session, org_id, user_id, notification_id):
        raise NotFound


async def choose(
    session: Session, org_id: str, user_id: str, wanted: Choices, now: datetime, expected: frozenset[int] | None = None
) -> NotificationChoices:
    """How this person wants to be told from now on. InvalidInput; PreconditionFailed when it is none of the `expected` versions."""
    _check(wanted)
    before = await store.choices(org_id, user_id, session)
    if expected is not None and (before.version if before else 0) not in expected:
        raise PreconditionFailed
    if before is None:
        row = NotificationChoices(id=new_id("ncs"), created_at=now, org_id=org_id, user_id=user_id, choices=wanted)
        await store.insert_choices(session, row)
        return row
    after = await store.change_choices(session, before, wanted)
    if after is None:
        raise PreconditionFailed
    return after


def title_of(row: Notification, language: Language | None, written: Callable[[str], str] = str) -> str:
    """What a person wrote is read as it was written. `written`: how its numbers stand there, which are plain otherwise."""
    if not row.template:
        return row.title
    return titled(row.template, {name: written(word) if name in NUMBERS else word for name, word in row.words.items()}, language)


def _check(wanted: Choices) -> None:
    times = {"digest_at": wanted.digest_at} | ({"quiet.start": wanted.quiet.start, "quiet.end": wanted.quiet.end} if wanted.quiet else {})
    for field, value in times.items():
        if not rules.is_clock(value):
            raise InvalidInput.of(field, "must be a time of day such as 08:00", "not_a_time")


async def write(
    session: Session, org_id: str, by: str, to: Collection[str], title: str, text: str, priority: Priority, zone: ZoneInfo, now: datetime
) -> list[Notification]:
    """A message of an administrator to these members."""
    message_id = new_id("msg")
    chosen = await store.choices_among(org_id, to, session)
    rows = [
        Notification(
            id=next_id("ntf"),
            created_at=now,
            org_id=org_id,
            user_id=user_id,
            topic=Topic.MESSAGES,
            priority=priority,
            title=title,
            text=text,
            cause=f"message:{message_id}",
            written_by=by,
            expires_at=now + rules.KEPT,
            **_letter(chosen.get(user_id, Choices()), Topic.MESSAGES, priority, zone, now),
        )
        for user_id in sorted(to)
    ]
    await store.insert_all(session, rows)
    await events.append(session, org_id, NotificationsChanged(), now)
    told = {"title": title, "to": len(rows), "priority": priority.value}
    summary = f"{title} was written to {len(rows)} member{'s' if len(rows) != 1 else ''}."
    await audit.record(session, org_id, "notification.written", summary, now, subject=("message", message_id), after=told)
    return rows


# ---- the worker's -----------------------------------------------------------------------------------------------------------------


async def tell(
    session: Session, org_id: str, notice: Notice, seq: int, to: Collection[str], zone: ZoneInfo, happened_at: datetime, now: datetime
) -> int:
    """Those of `to` who were not told of this cause while it holds. Returns how many."""
    new = sorted(set(to) - await store.told_of(session, org_id, notice.cause))
    chosen = await store.choices_among(org_id, new, session) if new else {}
    rows = [
        Notification(
            id=next_id("ntf"),
            created_at=happened_at,
            org_id=org_id,
            user_id=user_id,
            topic=notice.topic,
            priority=notice.priority,
            title=notice.title_in(None),
            template=notice.title,
            words=dict(notice.words),
            path=notice.path,
            cause=notice.cause,
            seq=seq,
            expires_at=now + rules.KEPT,
            **_letter(chosen.get(user_id, Choices()), notice.topic, notice.priority, zone, now),
        )
        for user_id in new
        if rules.choice_of(chosen.get(user_id, Choices()), notice.topic).shown
    ]
    if rows:
        await store.insert_all(session, rows)
    return len(rows)


def _letter(choices: Choices, topic: Topic, priority: Priority, zone: ZoneInfo, now: datetime) -> dict[str, object]:
    due_at = rules.letter_due_at(choices, topic, priority, zone, now)
    return {"mail": MailState.NONE if due_at is None else MailState.WAITING, "mail_due_at": due_at}
