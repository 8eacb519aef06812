"""Pure decisions of the slice: when a sending is tried again, and which reminder is due."""

from collections.abc import Collection
from datetime import date, timedelta

_MINUTES = (1, 5, 15, 30, 60, 120, 240, 480, 960, 1440, 1440, 1440)
"""After each attempt. Together a little more than the four to five days after which RFC 5321, section 4.5.4.1, lets a sender give up."""

TRIES_MAX = len(_MINUTES) + 1

ATTEMPT_LEASE = timedelta(minutes=10)
"""After which an attempt that nobody ended is taken for lost: far more than a mail server is given."""

REMINDER_DAYS_MAX = 365
REMINDERS_MAX = 10
LATE_BY_AT_MOST = 3  # days that a reminder is made up for, after the workers were down
REMIND_FROM_HOUR = 8  # in the organisation's time zone


def retry_after(tries: int) -> timedelta | None:
    """The pause after so many attempts in vain; None: give up."""
    return timedelta(minutes=_MINUTES[tries - 1]) if tries <= len(_MINUTES) else None


def reminder_due(days: Collection[int], due: date, issued: date, today: date) -> int | None:
    """Which of the reminders (days after the due date) is due today: the latest whose day has come, at most LATE_BY_AT_MOST days ago. One whose
    day was not after the day of issue is never sent, nor is an older one beside a newer: nobody gets two at once."""
    for offset in sorted(days, reverse=True):
        day = due + timedelta(days=offset)
        if day <= today:
            return offset if day > issued and (today - day).days <= LATE_BY_AT_MOST else None
    return None
