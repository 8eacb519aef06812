"""The guard in front of Django, against an application that records what reaches it."""

import asyncio
from typing import Any

import orjson
import pytest

from crypto_project.body_guard import BODY_BYTES_MAX, DEPTH_MAX, BodyGuard, deeper_than


class Recorder:
    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.called = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.called = True
        self.messages = [await receive(), await receive()]


async def run(
    parts: list[bytes], *, headers: dict[str, str] | None = None, path: str = "/api/x/", stall: bool = False, **options: Any
) -> tuple[Recorder, list[Any]]:
    inner, sent = Recorder(), []
    messages = [{"type": "http.request", "body": part, "more_body": number < len(parts) - 1 or stall} for number, part in enumerate(parts)]

    async def receive() -> Any:
        if messages:
            return messages.pop(0)
        if stall:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "path": path, "headers": [(k.encode(), v.encode()) for k, v in (headers or {"transfer-encoding": "chunked"}).items()]}
    await BodyGuard(inner, **options)(scope, receive, send)
    return inner, sent


async def test_a_body_arrives_whole_and_then_the_disconnect() -> None:
    inner, sent = await run([b"ab", b"", b"cd"])
    assert inner.messages == [{"type": "http.request", "body": b"abcd", "more_body": False}, {"type": "http.disconnect"}]
    assert sent == []


async def test_the_cap_holds_for_told_and_for_untold_lengths() -> None:
    exact, _ = await run([b"x" * BODY_BYTES_MAX])
    assert exact.called
    for parts, headers in (([b"x"], {"content-length": str(BODY_BYTES_MAX + 1)}), ([b"x" * BODY_BYTES_MAX, b"x"], {"transfer-encoding": "chunked"})):
        inner, sent = await run(parts, headers=headers)
        assert not inner.called
        assert sent[0]["status"] == 413
        assert orjson.loads(sent[1]["body"])["code"] == "content_too_large"


async def test_files_may_be_larger_where_they_are_taken() -> None:
    inner, _ = await run([b"x" * (BODY_BYTES_MAX + 1)], path="/files/", uploads=["/files/"])
    assert inner.called
    _, sent = await run([b"x"], headers={"content-length": "20000001"}, path="/files/", uploads=["/files/"])
    assert sent[0]["status"] == 413


async def test_a_body_that_does_not_end_is_given_up() -> None:
    inner, sent = await run([b"slow"], stall=True, seconds_max=0.05)
    assert not inner.called
    assert sent[0]["status"] == 408


async def test_a_client_that_leaves_while_sending_is_forgotten() -> None:
    inner, sent = await run([])
    assert not inner.called
    assert sent == []


def nested(depth: int, opening: str = "[", closing: str = "]", inside: str = "1") -> bytes:
    return (opening * depth + inside + closing * depth).encode()


@pytest.mark.parametrize(
    ("body", "deeper"),
    [
        (b"", False),
        (b"{}", False),
        (nested(32), False),
        (nested(33), True),
        (nested(32, '{"a":', "}"), False),
        (nested(33, '{"a":', "}"), True),
        (nested(16, '[{"a":', "}]"), False),
        (nested(17, '[{"a":', "}]"), True),
        (b"[" + b"[]," * 100_000 + b"[]]", False),  # wide is not deep
        (b'["' + b"[" * 1_000 + b'"]', False),  # in a string
        (b'["\\"' + b"[" * 40, True),  # the string has ended: only the backslash is escaped
        (b'["\\\\"' + b"]" + b" " * 10, False),
        (b'["\\"' + b"[" * 1_000 + b'"]', False),  # an escaped backslash, then an escaped quote: still in the string
        (b'{"a":"' + b'\\"[{' * 1_000 + b'"}', False),
        (b"[" * 500_000 + b"]" * 500_000, True),
        (b"[[]" * 300_000, True),
        (b"]" * 100 + b"[" * 100, True),
        (b'"' * 999_000 + b"[" * 40, True),
        (b'\\"' * 499_000, False),
    ],
)
def test_depth_is_known_before_anything_is_parsed(body: bytes, deeper: bool) -> None:
    assert deeper_than(body, DEPTH_MAX) is deeper


async def test_deep_json_goes_no_further_and_other_bodies_do() -> None:
    for kind in ("application/json", "application/json; charset=utf-8", "application/problem+json"):
        inner, sent = await run([nested(33)], headers={"content-type": kind, "transfer-encoding": "chunked"})
        assert not inner.called
        assert (sent[0]["status"], orjson.loads(sent[1]["body"])["code"]) == (400, "invalid_json")
    inner, _ = await run([nested(33)], headers={"content-type": "text/plain", "transfer-encoding": "chunked"})
    assert inner.called


async def test_a_request_id_of_the_client_comes_back_on_a_refusal() -> None:
    _, sent = await run([b"x" * (BODY_BYTES_MAX + 1)], headers={"x-request-id": "trace-7", "transfer-encoding": "chunked"})
    assert dict(sent[0]["headers"])[b"x-request-id"] == b"trace-7"
    assert orjson.loads(sent[1]["body"])["request_id"] == "trace-7"
