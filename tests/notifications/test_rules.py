"""Whether and when a letter goes out."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from crypto_api.notifications import rules
from crypto_api.notifications.types import Choices, MailChoice, Priority, QuietHours, Topic, TopicChoice

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 21, 11, 0, tzinfo=UTC)  # 12:00 in Berlin
NIGHT = datetime(2026, 11, 21, 22, 30, tzinfo=UTC)  # 23:30


def due(priority: Priority, now: datetime = NOON, choices: Choices | None = None) -> datetime | None:
    return rules.letter_due_at(choices or Choices(), Topic.INBOX, priority, BERLIN, now)


def test_by_urgency() -> None:
    eight = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
    assert [due(priority) for priority in Priority] == [None, eight, NOON, NOON]


def test_what_a_person_chose_for_a_topic_counts_for_it_alone() -> None:
    choices = Choices(topics={Topic.INBOX: TopicChoice(mail=MailChoice.OFF), Topic.BOOKS: TopicChoice(mail=MailChoice.DIGEST)})
    assert due(Priority.URGENT, choices=choices) is None
    assert rules.letter_due_at(choices, Topic.PRICES, Priority.HIGH, BERLIN, NOON) == NOON
    assert rules.letter_due_at(choices, Topic.BOOKS, Priority.URGENT, BERLIN, NOON) == datetime(2026, 11, 22, 7, 0, tzinfo=UTC)


def test_quiet_hours_span_midnight_and_what_is_urgent_breaks_them() -> None:
    choices = Choices(quiet=QuietHours(start="20:00", end="07:15"))
    morning = datetime(2026, 11, 22, 6, 15, tzinfo=UTC)
    assert due(Priority.HIGH, NIGHT, choices) == morning
    assert due(Priority.HIGH, datetime(2026, 11, 22, 6, 14, tzinfo=UTC), choices) == morning
    assert due(Priority.HIGH, morning, choices) == morning
    assert due(Priority.HIGH, NOON, choices) == NOON
    assert due(Priority.URGENT, NIGHT, choices) == NIGHT
    by_day = Choices(quiet=QuietHours(start="11:00", end="13:00"))
    assert due(Priority.HIGH, NOON, by_day) == NOON + timedelta(hours=1)


def test_the_letter_of_the_day_follows_the_clocks_of_the_place() -> None:
    choices = Choices(digest_at="12:00")
    assert due(Priority.NORMAL, NOON, choices) == NOON + timedelta(days=1)  # that moment is over
    assert due(Priority.NORMAL, NOON - timedelta(minutes=1), choices) == NOON
    before_summer = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
    assert due(Priority.NORMAL, before_summer, choices) == datetime(2026, 3, 29, 10, 0, tzinfo=UTC)
    skipped = due(Priority.NORMAL, before_summer, Choices(digest_at="02:30"))
    assert skipped == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 3:30 there: half past two does not exist


def test_letters_are_given_up_after_some_days() -> None:
    pauses = []
    while (pause := rules.retry_after(len(pauses) + 1)) is not None:
        pauses.append(pause)
    assert (pauses[0], pauses[-1]) == (timedelta(minutes=1), timedelta(days=1))
    assert timedelta(days=3) < sum(pauses, timedelta()) < timedelta(days=4)
    assert len(pauses) == 11


def test_a_subject_names_the_one_or_counts_them() -> None:
    assert rules.subject_of(["INV-7 is overdue"], "Byron", None) == "INV-7 is overdue"
    assert rules.subject_of(["a", "b"], "Byron", None) == "2 notices of Byron"
