"""What follows from how a provider does, by a clock that the test moves."""

import pytest

from crypto_api.adapters.provider_health import (
    ALONE_PAUSE_S_MAX,
    FAILURE_PAUSE_S,
    FAILURE_PAUSE_S_MAX,
    FORGOTTEN_AFTER_S,
    LIE_PAUSE_S,
    THROTTLE_PAUSE_S,
    BatchSize,
    Counter,
    Health,
    TokenBucket,
)


def test_each_failure_in_a_row_pauses_longer_and_one_answer_ends_that() -> None:
    health, now, pauses = Health(), 100.0, []
    for _ in range(9):
        health.failed("it accepts no connections", now)
        assert not health.fit(now)
        pauses.append(health.paused_until - now)
        now = health.paused_until
    assert pauses == [FAILURE_PAUSE_S * 2**n for n in range(6)] + [FAILURE_PAUSE_S_MAX] * 3
    assert not health.fit(now), "its pause being over is no answer yet"
    assert health.may_be_probed(now)
    health.answered(0.1, now)
    assert health.fit(now)
    assert (health.failures, health.error) == (0, None)


def test_one_that_contradicts_itself_waits_longer_each_time_until_it_did_well_for_a_while() -> None:
    health, now = Health(), 100.0
    for expected in (LIE_PAUSE_S, 2 * LIE_PAUSE_S, 4 * LIE_PAUSE_S):
        health.lied("logs of another block", now)
        health.answered(0.1, now)  # that it answers at all does not make it truthful
        assert not health.fit(now)
        assert health.paused_until - now == expected
        now = health.paused_until
        assert health.fit(now)
    health.answered(0.1, now + FORGOTTEN_AFTER_S + 1)
    assert health.lies == 0


def test_a_wait_that_was_asked_for_is_kept_even_by_the_only_one() -> None:
    health = Health()
    health.throttled("too many requests", 12.0, 100.0)
    assert not health.may_be_tried(111.9)
    assert health.may_be_tried(112.0)
    away = Health()
    away.failed("it accepts no connections", 100.0)
    for _ in range(5):
        away.failed("it accepts no connections", 100.0)
    assert away.may_be_tried(100.0 + ALONE_PAUSE_S_MAX)


def test_the_only_one_is_not_waited_for_longer_than_it_asked_for_though_it_had_contradicted_itself() -> None:
    """The long pause of a liar is for those that have others to ask; before, one answer of "too many requests" made everybody keep it."""
    for earlier in (True, False):
        health = Health()
        for _ in range(9):
            health.lied("its answer is malformed", 100.0 if earlier else 102.0)
            if earlier:
                health.answered(0.1, 100.0)
        health.throttled("too many requests", 2.0, 101.0 if earlier else 100.0)
        if not earlier:
            health.lied("its answer is malformed", 102.0)
        assert health.paused_until > 200.0
        assert not health.may_be_tried(101.9)
        assert health.may_be_tried(103.0)
        assert not health.fit(103.0)


def test_calls_that_were_on_their_way_together_are_refused_for_their_rate_once() -> None:
    health = Health()
    for _ in range(8):
        health.throttled("too many requests", None, 100.0)
    assert health.throttled_until == 100.0 + THROTTLE_PAUSE_S
    health.throttled("too many requests", None, 102.0)
    assert health.throttled_until == 102.0 + 2 * THROTTLE_PAUSE_S


def test_heads_that_go_back_are_known_until_they_are_long_ago() -> None:
    health = Health()
    health.saw_head(100, 0.0)
    health.saw_head(90, 1.0)
    assert health.went_back() == 10
    health.saw_head(90, FORGOTTEN_AFTER_S + 1)
    assert health.went_back() == 0


def test_latency_and_errors_are_moving_averages() -> None:
    health = Health()
    for _ in range(50):
        health.answered(0.2, 1.0)
    assert health.latency_s == pytest.approx(0.2)
    health.failed("reset", 2.0)
    assert 0.15 < health.error_rate < 0.25


def test_a_bucket_lets_through_so_many_a_second() -> None:
    bucket = TokenBucket(10)
    assert bucket.reserve(10, 0.0) == 0
    assert bucket.reserve(5, 0.0) == pytest.approx(0.5)
    assert bucket.reserve(1, 1.0) == 0  # five are paid back, five are left


def test_batches_halve_at_once_and_grow_slowly() -> None:
    size = BatchSize(20)
    seen = []
    while size.shrink():
        seen.append((size.size, size.bare))
    assert seen == [(10, False), (5, False), (2, False), (1, False), (1, True)]
    size = BatchSize(20)
    size.shrink()
    for _ in range(15):
        size.took(10)
    assert size.size == 10
    size.took(10)
    assert size.size == 11
    assert BatchSize(1).bare


def test_only_the_last_minute_counts() -> None:
    counter = Counter()
    for second in range(100):
        counter.add(2, float(second))
    assert counter.total(99.5) == 120
    assert counter.total(300.0) == 0
