"""Pure decisions of the slice: whether and when a letter goes out."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from crypto_api.kit.languages import Language, noted, said
from crypto_api.notifications.types import Choices, MailChoice, Priority, QuietHours, Topic, TopicChoice

KEPT = timedelta(days=180)

NEWS = timedelta(days=7)
"""What is older when it is read (after a long outage, or when there were no notices yet) tells nobody any more."""

LETTER_LEASE = timedelta(minutes=10)
"""After which a letter that nobody ended is sent by another process."""

_RETRY_MINUTES = (1, 5, 15, 30, 60, 120, 240, 480, 960, 1_440, 1_440)
TRIES_MAX = len(_RETRY_MINUTES) + 1  # after which a letter is given up
_BY_PRIORITY = {
    Priority.LOW: MailChoice.OFF,
    Priority.NORMAL: MailChoice.DIGEST,
    Priority.HIGH: MailChoice.AT_ONCE,
    Priority.URGENT: MailChoice.AT_ONCE,
}
_SEVERAL = noted("{n} notices of {organization}")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)


def is_clock(text: str) -> bool:
    """HH:MM."""
    return bool(_CLOCK.fullmatch(text))


def choice_of(choices: Choices, topic: Topic) -> TopicChoice:
    return choices.topics.get(topic, TopicChoice())


def letter_due_at(choices: Choices, topic: Topic, priority: Priority, zone: ZoneInfo, now: datetime) -> datetime | None:
    """When a letter about it goes out; None: none does. What is urgent is written at once, whatever the hour, unless the topic is switched off."""
    choice = choice_of(choices, topic).mail or _BY_PRIORITY[priority]
    if choice is MailChoice.OFF:
        return None
    if choice is MailChoice.DIGEST:
        return _next(choices.digest_at, zone, now)
    if priority is Priority.URGENT or choices.quiet is None or not _is_quiet(choices.quiet, zone, now):
        return now
    return _next(choices.quiet.end, zone, now)


def retry_after(tries: int) -> timedelta | None:
    """The pause after so many letters in vain; None: give up."""
    return timedelta(minutes=_RETRY_MINUTES[tries - 1]) if tries <= len(_RETRY_MINUTES) else None


def _is_quiet(quiet: QuietHours, zone: ZoneInfo, now: datetime) -> bool:
    start, end, here = time.fromisoformat(quiet.start), time.fromisoformat(quiet.end), now.astimezone(zone).time()
    return start <= here < end if start <= end else here >= start or here < end


def _next(clock: str, zone: ZoneInfo, now: datetime) -> datetime:
    """The next moment at which clocks there show it; where summer time skips it, an hour later."""
    here = now.astimezone(zone)
    for day in (here.date(), here.date() + timedelta(days=1)):
        at = _at(day, clock, zone)
        if at > now:
            return at
    return _at(here.date() + timedelta(days=2), clock, zone)


def _at(day: date, clock: str, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), zone).astimezone(UTC)


def subject_of(titles: Sequence[str], organization: str, language: Language | None) -> str:
    return titles[0] if len(titles) == 1 else said(_SEVERAL, language).format(n=len(titles), organization=organization)
