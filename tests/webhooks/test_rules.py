"""What is wanted, how it is signed, and when it is tried again."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import orjson
import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from crypto_api.kit.outside import Answered
from crypto_api.webhooks import rules

NOW = datetime(2026, 11, 21, 9, 30, 0, 123_000, tzinfo=UTC)


def test_kinds_are_wanted_by_name_or_by_what_they_begin_with() -> None:
    assert rules.wants([], "invoice.paid")
    assert rules.wants(["invoice.paid"], "invoice.paid")
    assert rules.wants(["payment.*", "invoice.*"], "invoice.paid")
    assert not rules.wants(["invoice.sent"], "invoice.paid")
    assert not rules.wants(["invoice.*"], "invoice_delivery.sent")
    assert not rules.wants(["invoice"], "invoice.paid")


def test_a_kind_that_no_event_has_is_named() -> None:
    known = {"invoice.paid", "payment.sent"}
    assert rules.unknown_kinds(["invoice.paid", "invoice.*", "payment.sent"], known) == []
    assert rules.unknown_kinds(["invoice.payed", "*", "invoice.*.*", "", "invoice.paid ", "client.*"], known) == [
        "invoice.payed",
        "*",
        "invoice.*.*",
        "",
        "invoice.paid ",
        "client.*",
    ]


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://example.com/coffer?tenant=1", None),
        ("https://example.com:8443", None),
        ("https://[2606:4700::1]/x", None),
        ("ftp://example.com/", "is not an address such as https://example.com/coffer"),
        ("https:///coffer", "is not an address such as https://example.com/coffer"),
        ("//example.com/", "is not an address such as https://example.com/coffer"),
        ("https://example.com:0/", "is not an address such as https://example.com/coffer"),
        ("https://example.com:99999/", "is not an address such as https://example.com/coffer"),
        ("https://[::1", "is not an address such as https://example.com/coffer"),
        ("https://example.com/a b", "is not an address such as https://example.com/coffer"),
        ("https://example.com\\@evil.example/", "is not an address such as https://example.com/coffer"),
        ("https://exämple.com/", "is not an address such as https://example.com/coffer"),
        ("https://user:word@example.com/", "must not hold a name or password: the signature says who sends"),
        ("https://example.com/#part", "must not end with a part behind #: it is never sent"),
        ("https://example.com/" + "x" * 1_000, "has more than 1000 characters"),
    ],
)
def test_addresses(url: str, problem: str | None) -> None:
    assert rules.problem_of_url(url) == problem


def test_a_body_is_the_same_bytes_each_time_and_says_everything() -> None:
    told = ("evt_1", "invoice.paid", "org_1", 7, NOW, {"invoice_id": "inv_1", "amount": "1.10"})
    assert rules.body_of(*told) == rules.body_of(*told)
    assert orjson.loads(rules.body_of(*told)) == {
        "id": "evt_1",
        "type": "invoice.paid",
        "timestamp": "2026-11-21T09:30:00.123Z",
        "organization_id": "org_1",
        "seq": 7,
        "data": {"invoice_id": "inv_1", "amount": "1.10"},
    }


def test_the_published_library_verifies_what_we_sign_with_either_secret_and_nothing_else() -> None:
    old, new, other = rules.new_secret(), rules.new_secret(), rules.new_secret()
    at = datetime.now(UTC)
    body = rules.body_of("evt_1", "invoice.paid", "org_1", 7, at, {"note": "Grüße"})
    headers = rules.signed_headers("evt_1", at, body, [new, old])
    for secret in (new, old):
        assert Verifier(rules.shown(secret)).verify(body, headers) == orjson.loads(body)
    altered = [
        (other, body, headers),
        (new, body.replace(b"paid", b"sent"), headers),
        (new, body, headers | {"webhook-id": "evt_2"}),
        (new, body, headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}),
    ]
    for secret, sent, among in altered:
        with pytest.raises(WebhookVerificationError):
            Verifier(rules.shown(secret)).verify(sent, among)


@pytest.mark.parametrize(
    ("answered", "problem"),
    [
        (Answered(1, 200), ""),
        (Answered(1, 299), ""),
        (Answered(1, 302), "it answers 302 and points elsewhere, which is not followed"),
        (Answered(1, 404), "it answers 404"),
        (Answered(1, None, "example.com is not reachable (X)"), "example.com is not reachable (X)"),
    ],
)
def test_what_counts_as_taken(answered: Answered, problem: str) -> None:
    assert rules.problem_of(answered) == problem


def test_pauses_grow_and_the_last_attempt_is_made_when_72_hours_are_over() -> None:
    at, tries, pauses = NOW, 0, []
    while True:
        tries += 1
        verdict = rules.after_failure(Answered(1, 500), tries, NOW, at, 10)
        if verdict.retry_at is None:
            break
        pauses.append((verdict.retry_at - at).total_seconds())
        at = verdict.retry_at
    assert pauses[:9] == [5, 30, 120, 300, 900, 1_800, 3_600, 7_200, 14_400]
    assert at - NOW == timedelta(hours=72)
    assert len(pauses) == 26


def test_webhooks_that_failed_together_come_back_apart() -> None:
    found = {rules.after_failure(Answered(1, 500), 2, NOW, NOW, spread).retry_at for spread in (0, 10, 20)}
    assert found == {NOW + timedelta(seconds=seconds) for seconds in (27, 30, 33)}


def test_a_receiver_may_ask_for_a_longer_pause_of_up_to_an_hour() -> None:
    def pause(retry_after: str) -> float:
        verdict = rules.after_failure(Answered(1, 429, retry_after=retry_after), 1, NOW, NOW, 10)
        assert verdict.retry_at is not None
        return (verdict.retry_at - NOW).total_seconds()

    assert [pause(told) for told in ("60", "1", "999999999999", "-5", "soon", "9" * 400)] == [60, 5, 3_600, 5, 5, 3_600]
    assert 118 < pause(format_datetime(NOW + timedelta(seconds=120), usegmt=True)) <= 120


def test_gone_is_believed_at_once() -> None:
    assert rules.after_failure(Answered(1, 410), 1, NOW, NOW, 10).retry_at is None


def test_of_an_answer_one_harmless_line_is_kept() -> None:
    assert rules.excerpt(b"<b>no</b>\r\n\x1b[31m\xe2\x80\xaered\xff") == "<b>no</b> [31m red\ufffd"
    assert len(rules.excerpt(b"x" * 10_000)) == 500
