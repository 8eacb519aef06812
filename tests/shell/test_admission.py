"""No more at work at a time than was said, no queue without an end, and nobody waits for what is not for them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import django
import orjson
import pytest
from prometheus_client import REGISTRY

from crypto_project import admission
from crypto_project.admission import RETRY_AFTER_S, SLOW_TIMES, Admission
from crypto_project.processes import HEALTH_PATH
from crypto_project.refusal import HEADERS


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is."""
    monkeypatch.setattr(admission, "BURST_WAIT_S", 60)
    monkeypatch.setattr(admission, "STANDING_WAIT_S", 60)
    monkeypatch.setattr(admission, "PLACE_S", 60)


class Works:
    """An application that answers when it is told to."""

    def __init__(self) -> None:
        self.at_it = self.most = self.done = 0
        self.go = asyncio.Event()
        self.client_reads = asyncio.Event()
        self.client_reads.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.at_it += 1
        self.most = max(self.most, self.at_it)
        try:
            await self.go.wait()
        finally:
            self.at_it -= 1
        self.done += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        await self.client_reads.wait()


def ask(app: Admission, path: str = "/api/x/", kind: str = "http", method: str = "GET", **headers: str) -> "asyncio.Task[list[Any]]":
    async def request() -> list[Any]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await app({"type": kind, "path": path, "method": method, "headers": pairs}, _nothing, send)
        return sent

    return asyncio.create_task(request())


async def _nothing() -> Any:
    raise AssertionError("the body was read before")


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.005)


def shed(reason: str) -> float:
    return REGISTRY.get_sample_value("coffer_http_shed_total", {"reason": reason}) or 0.0


def is_sent_away(sent: list[Any]) -> bool:
    return bool(sent[0]["status"] == 503 and dict(sent[0]["headers"])[b"retry-after"] == str(RETRY_AFTER_S).encode())


async def test_so_many_work_so_many_wait_and_the_rest_hears_when_to_come_again() -> None:
    works, before = Works(), shed("queue_full")
    app = Admission(works, running_max=3, waiting_max=4)
    first = [ask(app) for _ in range(7)]
    await until(lambda: works.at_it == 3)
    refused = await asyncio.gather(*(ask(app, method="POST", **{"x-request-id": "mine"}) for _ in range(5)))
    assert all(map(is_sent_away, refused)) and shed("queue_full") == before + 5
    start, body = refused[0]
    told = orjson.loads(body["body"])
    assert (told["type"], told["title"], told["code"]) == ("urn:coffer:problem:overloaded", "Service Unavailable", "overloaded")
    assert (told["status"], told["request_id"]) == (503, "mine") and told["detail"]
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    assert headers["content-type"] == "application/problem+json" and headers["cache-control"] == "no-store"
    assert {name.lower() for name in HEADERS} <= headers.keys() and "connection" not in headers
    assert headers["content-length"] == str(len(body["body"]))
    works.go.set()
    answers = await asyncio.gather(*first)
    assert [sent[0]["status"] for sent in answers] == [200] * 7 and works.most == 3 and works.done == 7
    assert (await ask(app))[0]["status"] == 200, "afterwards it is as if nothing had been"


async def test_health_scripts_and_consoles_stand_in_no_queue() -> None:
    works = Works()
    app = Admission(works, running_max=1, waiting_max=0)
    held = ask(app)
    await until(lambda: works.at_it == 1)
    apart = [ask(app, HEALTH_PATH), ask(app, "/static/dashboard/page.css"), ask(app, "/api/ws/events/", "websocket")]
    await until(lambda: works.at_it == 4)
    assert is_sent_away(await ask(app))
    works.go.set()
    await asyncio.gather(held, *apart)
    assert works.done == 4


async def test_nobody_waits_longer_than_it_is_worth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "BURST_WAIT_S", 0.05)
    monkeypatch.setattr(admission, "STANDING_WAIT_S", 0.05)
    works, before = Works(), shed("waited_too_long")
    app = Admission(works, running_max=1, waiting_max=100)
    held = ask(app)
    await until(lambda: works.at_it == 1)
    assert all(map(is_sent_away, await asyncio.gather(*(ask(app) for _ in range(20)))))
    assert shed("waited_too_long") == before + 20 and works.done == 0
    works.go.set()
    await held
    assert works.done == 1, "who was sent away did not get to work after all"
    assert (await ask(app))[0]["status"] == 200


async def test_who_goes_away_while_waiting_takes_no_place_with_them() -> None:
    works = Works()
    app = Admission(works, running_max=1, waiting_max=10)
    held = ask(app)
    await until(lambda: works.at_it == 1)
    gone, stays = ask(app), ask(app)
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    works.go.set()
    await held
    assert (await stays)[0]["status"] == 200 and works.done == 2
    works.go.clear()
    killed = ask(app)
    await until(lambda: works.at_it == 1)
    waits = ask(app)
    await asyncio.sleep(0)
    killed.cancel()
    await until(lambda: works.at_it == 1 and killed.done())
    works.go.set()
    assert (await waits)[0]["status"] == 200 and works.done == 3


async def test_a_client_that_reads_slowly_holds_no_place() -> None:
    works = Works()
    works.client_reads.clear()
    works.go.set()
    app = Admission(works, running_max=1, waiting_max=0)
    slow = [ask(app) for _ in range(1)]
    await until(lambda: works.done == 1)
    slow.append(ask(app))
    await until(lambda: works.done == 2)
    works.client_reads.set()
    await asyncio.gather(*slow)


async def test_who_waits_for_somebody_else_gives_the_place_on_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "PLACE_S", 0.01)
    works = Works()
    app = Admission(works, running_max=2, waiting_max=100)
    asked = [ask(app) for _ in range(2 + 2 * SLOW_TIMES)]
    await until(lambda: works.at_it == 2 * SLOW_TIMES)
    await asyncio.sleep(0.05)
    assert works.most == 2 * SLOW_TIMES
    works.go.set()
    assert [sent[0]["status"] for sent in await asyncio.gather(*asked)] == [200] * len(asked)


async def test_an_application_that_fails_gives_its_place_back() -> None:
    async def fails(*_: Any) -> None:
        raise ValueError("a defect")

    app = Admission(fails, running_max=1, waiting_max=0)
    for _ in range(3):
        with pytest.raises(ValueError, match="a defect"):
            await ask(app)


@pytest.mark.parametrize(("cookie", "words"), [("", "Too much"), ("coffer_language=de", "Zu viel auf einmal"), ("coffer_language=x", "Too much")])
async def test_people_are_shown_a_page_in_their_language(cookie: str, words: str) -> None:
    django.setup()  # its catalogues are those of installed apps
    works = Works()
    app = Admission(works, running_max=1, waiting_max=0)
    held: Awaitable[Any] = ask(app)
    await until(lambda: works.at_it == 1)
    shown = {"accept": "text/html,application/xhtml+xml", "cookie": cookie}
    start, body = await ask(app, "/wallets/", **shown)
    headers = dict(start["headers"])
    assert start["status"] == 503 and headers[b"content-type"] == b"text/html; charset=utf-8" and headers[b"refresh"] == headers[b"retry-after"]
    assert words in body["body"].decode() and headers[b"content-length"] == str(len(body["body"])).encode()
    posted, _ = await ask(app, "/wallets/", method="POST", **shown)
    assert b"refresh" not in dict(posted["headers"]), "what was sent is not sent again by itself"
    api, _ = await ask(app, "/api/wallets/", **shown)
    assert dict(api["headers"])[b"content-type"] == b"application/problem+json"
    works.go.set()
    await held
