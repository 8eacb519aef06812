"""What people are told of: every word of a notice comes out of its event, every cause can be ended, and strangers' text is harmless."""

import re
from string import Formatter

import pytest

from crypto_api.notifications.catalogue import ENDS, NOTICES, ended_by, harmless, notice_of
from crypto_api.notifications.types import Priority, Topic
from crypto_project.schemas import domain_events

EVENTS = domain_events()
FOR_GOOD = {"failed", "confirmed", "receiving_key"}
"""Causes that nothing ends: they are told once and stand."""


def names(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("kind", [*NOTICES, *ENDS])
def test_every_notice_and_end_is_of_an_event_that_says_what_it_needs(kind: str) -> None:
    fields = set(EVENTS[kind].model_fields)
    notice = NOTICES.get(kind)
    texts = [*ENDS.get(kind, ()), *((notice.title, notice.path, notice.cause) if notice else ())]
    assert {name for text in texts for name in names(text)} <= fields
    if notice is not None and notice.only_if is not None:
        assert notice.only_if[0] in fields


def test_every_cause_is_ended_by_something_and_nothing_ends_what_nobody_is_told_of() -> None:
    ended = {cause for causes in ENDS.values() for cause in causes}
    told = {notice.cause for notice in NOTICES.values()}
    assert ended <= told
    assert {cause.split(":")[0] for cause in told - ended} == FOR_GOOD


def test_a_draft_that_needs_no_approval_asks_nobody() -> None:
    data = {"payment_id": "pay_1", "amount": "0.5", "asset": "ETH", "payee_name": "Grace", "state": "PENDING_APPROVAL"}
    notice = notice_of("payment.submitted", data)
    assert notice is not None
    assert (notice.title_in(None), notice.path, notice.cause) == ("0.5 ETH to Grace wait for approval", "/payments/pay_1/", "approval:pay_1")
    assert (notice.topic, notice.priority) == (Topic.APPROVALS, Priority.HIGH)
    assert notice_of("payment.submitted", data | {"state": "APPROVED"}) is None
    assert notice_of("transaction.recorded", data) is None
    assert ended_by("payment.approved", data) == ["approval:pay_1"]
    assert ended_by("transaction.recorded", data) == []


def test_strangers_text_stays_on_its_line_and_names_no_other_field() -> None:
    hostile = "Pay\u202e\u0000 {cause}\r\nSubject: free\u200b money" + "!" * 1_000
    notice = notice_of("inbox.opened", {"item_id": "inb_1", "title": hostile})
    assert notice is not None
    assert re.fullmatch(r"Pay \{cause\} Subject: free money!+…", notice.title_in(None))
    assert len(notice.title_in(None)) == 180
    assert harmless("\n\n") == ""
