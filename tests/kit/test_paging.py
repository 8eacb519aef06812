"""Cursors: what was given out comes back as it was, and whatever else somebody sends is refused, before the database sees it."""

import base64
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import bson
import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.paging import PageRequest

BOUNDS = datetime(1, 1, 2), datetime(9999, 12, 30)  # noqa: DTZ001  bounds of hypothesis are naive
MOMENTS = st.datetimes(*BOUNDS, timezones=st.just(UTC)).map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000))
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def cursor_of(*parts: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()


@given(MOMENTS | st.text(max_size=20) | st.integers(-(2**63), 2**63 - 1) | st.none(), st.text(min_size=1, max_size=40))
def test_a_cursor_comes_back_as_it_was(value: Any, row_id: str) -> None:
    given_out = PageRequest(sort="created_at").cursor_after(value, row_id)
    assert PageRequest(sort="created_at", cursor=given_out).position() == (value, row_id)


PARTS = st.text(max_size=10) | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.booleans() | st.none()
SAID = (
    st.text(max_size=60)
    | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode())
    | st.lists(PARTS | st.lists(PARTS, max_size=2), max_size=6).map(lambda parts: cursor_of(*parts))
    | st.builds(lambda value: cursor_of("created_at", "v", value, "x"), PARTS)
    | st.builds(lambda at, zone: cursor_of("created_at", "t", at.replace(tzinfo=zone).isoformat(), "x"), st.datetimes(), st.none() | ZONES)
)


@given(SAID)
@example(cursor_of("created_at", "v", 2**64 - 1, "x"))
@example(cursor_of("created_at", "t", "0001-01-01T00:00:00+10:00", "x"))
@example(cursor_of("created_at", "t", "9999-12-31T23:59:59-10:00", "x"))
@example(cursor_of("created_at", "t", "", "x"))
@example(cursor_of("created_at", "v", {"$gt": ""}, "x"))
@example(cursor_of("created_at"))
@example("é" * 9)
def test_whatever_is_sent_is_refused_or_something_that_the_database_takes(said: str) -> None:
    try:
        position = PageRequest(sort="created_at", cursor=said).position()
    except InvalidInput as refused:
        assert [error.field for error in refused.errors] == ["cursor"]
        return
    assert position is not None
    value, row_id = position
    assert isinstance(row_id, str) and isinstance(value, str | int | datetime | None)
    bson.encode({"value": value, "id": row_id})


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(InvalidInput):
        PageRequest(sort="name", cursor=cursor_of("created_at", "v", "x", "x")).position()
