"""A short run of the simulator of webhooks, and bugs that are planted for it to find. The long run: `manage.py simulate`."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from crypto_api.flows import deliver_webhooks
from crypto_api.webhooks import rules, service
from tests.simulation.proving import expect_found, traces_of
from tests.simulation.webhooks import Book, Schedule

SCHEDULES = 100
TO_FIND = 300


def test_everything_wanted_is_taken_in_order_and_nobody_is_given_up_too_early() -> None:
    for seed in range(SCHEDULES):
        Schedule(seed).run()


def test_the_same_seed_gives_the_same_trace() -> None:
    first, _ = traces_of(Schedule, 5)
    assert any(row.startswith("die ") for row in first)


# ---- the simulator proves itself ---------------------------------------------------------------------------------------------------


def _every_answer_is_a_receipt(answered: Any) -> str:
    return ""


def _whoever_comes_late_writes(self: Book, row: Any, changes: dict[str, Any]) -> bool:
    self.tables.hooks[row.id] = self.tables.hooks[row.id].model_copy(update=changes)
    return True


def _what_failed_is_passed_over(row: Any, sent: Any, now: Any, spread: int) -> dict[str, Any]:
    return _FAILED(row, sent, now, spread) | {"done_seq": sent.seq}


def _one_more_than_was_taken(sent: Any, now: Any) -> dict[str, Any]:
    return _TAKEN(sent, now) | {"done_seq": sent.seq + 1}


def _given_up_at_the_first_failure(*_: Any) -> rules.Verdict:
    return rules.Verdict(None)


def _tried_again_next_year(*asked: Any) -> rules.Verdict:
    verdict = _AFTER(*asked)
    return replace(verdict, retry_at=verdict.retry_at + timedelta(days=365)) if verdict.retry_at else verdict


def _told_what_nobody_may_see(row: Any, event: Any) -> bool:
    return rules.wants(row.kinds, event.kind)


_numbers = iter(range(10**9))


def _other_bytes_each_time(*said: Any) -> bytes:
    return _BODY(*said) + str(next(_numbers)).encode()


_FAILED, _TAKEN, _AFTER, _BODY = service.once_failed, service.once_taken, rules.after_failure, rules.body_of

PLANTED = {
    "every answer is a receipt": (rules, "problem_of", _every_answer_is_a_receipt),
    "whoever comes late writes": (Book, "_note", _whoever_comes_late_writes),
    "what failed is passed over": (service, "once_failed", _what_failed_is_passed_over),
    "one more than was taken": (service, "once_taken", _one_more_than_was_taken),
    "given up at the first failure": (rules, "after_failure", _given_up_at_the_first_failure),
    "tried again next year": (rules, "after_failure", _tried_again_next_year),
    "told what nobody may see": (deliver_webhooks, "_is_for", _told_what_nobody_may_see),
    "other bytes each time": (rules, "body_of", _other_bytes_each_time),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_bug_is_found(planted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, name, bug = PLANTED[planted]
    monkeypatch.setattr(place, name, bug)
    expect_found(planted, Schedule, TO_FIND)
