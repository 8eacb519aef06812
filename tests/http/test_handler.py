"""The handler that stands in for Django's: what it closes, what it logs, and what becomes of a request whose client went away."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from django.core.signals import request_finished
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from crypto_project import handler
from crypto_project.handler import Handler

SCOPE = {"type": "http", "method": "GET", "path": "/x/", "query_string": b"", "headers": [], "http_version": "1.1", "asgi": {"version": "3.0"}}
View = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class Closed(HttpResponse):
    closed_in = 0

    def close(self) -> None:
        super().close()
        self.closed_in = threading.get_ident()


class StreamedAndClosed(StreamingHttpResponse):
    closed_in = 0

    def close(self) -> None:
        super().close()
        self.closed_in = threading.get_ident()


async def asked(view: View, gone: asyncio.Event | None = None) -> list[dict[str, Any]]:
    """What is sent to a client that goes away when `gone` says so."""
    serving, sent, whole = Handler(), list[dict[str, Any]](), [{"type": "http.request", "body": b""}]
    serving._middleware_chain = view

    async def receive() -> dict[str, Any]:
        if whole:
            return whole.pop()
        await (gone or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await serving(SCOPE, receive, send)
    return sent


async def test_a_refusal_is_logged_and_closed_without_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    response = Closed(b"no", status=404, reason="Not Found")

    async def view(request: HttpRequest) -> HttpResponseBase:
        return response

    told: list[tuple[str, int]] = []
    monkeypatch.setattr(handler, "log_response", lambda words, *parts, **_: told.append((words % parts, threading.get_ident())))
    sent = await asked(view)
    assert (sent[0]["status"], sent[1]["body"]) == (404, b"no")
    assert response.closed and response.closed_in == threading.get_ident()
    assert told == [("Not Found: /x/", threading.get_ident())]


async def test_what_is_streamed_may_hold_a_file_and_is_closed_in_a_thread() -> None:
    async def parts() -> Any:
        yield b"one"
        yield b"two"

    response = StreamedAndClosed(parts())

    async def view(request: HttpRequest) -> HttpResponseBase:
        return response

    assert [message.get("body") for message in await asked(view)][1:3] == [b"one", b"two"]
    assert response.closed_in not in (0, threading.get_ident())


async def test_whoever_works_for_a_client_that_went_away_is_cancelled() -> None:
    gone, working, came_to = asyncio.Event(), asyncio.Event(), list[str]()
    finished = list[type]()

    def note(sender: type, **_: Any) -> None:
        finished.append(sender)

    async def view(request: HttpRequest) -> HttpResponseBase:
        working.set()
        try:
            await asyncio.Event().wait()
        finally:
            came_to.append("its end")
        return HttpResponse()

    request_finished.connect(note)
    try:
        asking = asyncio.create_task(asked(view, gone))
        await working.wait()
        assert not came_to
        gone.set()
        assert await asyncio.wait_for(asking, 30) == []
    finally:
        request_finished.disconnect(note)
    assert came_to == ["its end"]
    assert finished == [Handler]


async def test_what_goes_wrong_beyond_every_guard_is_not_swallowed() -> None:
    async def view(request: HttpRequest) -> HttpResponseBase:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await asked(view)
