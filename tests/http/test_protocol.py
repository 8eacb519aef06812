"""What every answer has, and what no request can do: request ids, headers, problem answers, caps, hostile bodies, clients that leave."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import structlog

from crypto_api.http import in_flight
from crypto_api.runtime import Runtime
from crypto_api.wallets import service as wallets
from crypto_api.wallets.documents import Wallet
from tests.http.conftest import Join, random_address, wallet_body


async def test_a_request_id_comes_back_on_every_answer(client: httpx.AsyncClient) -> None:
    for path in ("/api/system/health/", "/api/wallets/", "/api/nowhere/", "/static/nothing.css", "/api/openapi.json"):
        given = await client.get(path, headers={"X-Request-Id": "trace-7.a_B"})
        assert given.headers["x-request-id"] == "trace-7.a_B", path
        made = await client.get(path, headers={"X-Request-Id": 'no spaces; or "quotes"'})
        assert made.headers["x-request-id"].startswith("req_"), path
    problem = (await client.get("/api/wallets/", headers={"X-Request-Id": "trace-7"})).json()
    assert problem["request_id"] == "trace-7"


async def test_a_request_starts_no_thread(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Django's own handler starts one for each."""
    assert (await client.get("/login/")).status_code == 200  # what is started once has been
    start, started = threading.Thread.start, []

    def noted(thread: threading.Thread) -> None:
        started.append(thread.name)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", noted)
    for _ in range(3):
        assert (await client.get("/login/")).status_code == 200
    assert started == []


async def test_every_answer_carries_the_security_headers(client: httpx.AsyncClient) -> None:
    for path in ("/api/system/health/", "/api/nowhere/", "/login/", "/static/nothing.css"):
        headers = (await client.get(path)).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self';"), path
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert "server" not in headers


async def test_errors_of_the_framework_are_problem_answers_too(client: httpx.AsyncClient) -> None:
    for method, path, status, code in (
        ("GET", "/api/nowhere/", 404, "not_found"),
        ("GET", "/api/wallets", 404, "not_found"),
        ("GET", "/api/", 404, "not_found"),
        ("PATCH", "/api/wallets/", 405, "method_not_allowed"),
        ("DELETE", "/api/auth/login/", 405, "method_not_allowed"),
        ("GET", "/api/wallets/", 401, "unauthenticated"),
    ):
        answer = await client.request(method, path)
        assert answer.status_code == status, path
        assert answer.headers["content-type"] == "application/problem+json"
        body = answer.json()
        assert (body["status"], body["code"]) == (status, code)
        assert set(body) == {"type", "title", "status", "detail", "code", "request_id"}
        assert body["type"] == f"urn:coffer:problem:{code}"
    assert (await client.patch("/api/wallets/")).headers["allow"] == "GET, POST"


async def test_a_host_that_is_not_ours_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/system/health/", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_host")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"not json",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1,}',
        b"\xff\xfe{}",
        b'{"a": "\\ud800"}',
        b"[" * 50_000 + b"]" * 50_000,
        b'{"a":' * 40 + b"1" + b"}" * 40,
    ],
)
async def test_what_is_not_json_is_a_bad_request(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/api/auth/login/", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")


@pytest.mark.parametrize("body", [b"null", b"[]", b'"text"', b"7", b"{}", b""])
async def test_json_of_another_shape_is_not_valid(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/api/auth/login/", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])
async def test_another_content_type_is_refused(client: httpx.AsyncClient, kind: str) -> None:
    answer = await client.post("/api/auth/login/", content=b'{"username": "a", "password": "b"}', headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_without_a_log_in_a_body_is_not_looked_at(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/wallets/", content=b"{", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 401


async def test_a_body_that_is_too_large_is_refused_unread(api: str, client: httpx.AsyncClient, tmp_path: Path) -> None:
    told = await client.post("/api/auth/login/", content=b"x" * 1_000_001, headers={"Content-Type": "application/json"})
    assert (told.status_code, told.json()["code"]) == (413, "content_too_large")
    assert told.headers["x-request-id"].startswith("req_")

    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65_536
            yield b"x" * 65_536

    try:
        chunked = await client.post("/api/auth/login/", content=endless(), headers={"Content-Type": "application/json"})
        assert chunked.status_code == 413
    except httpx.TransportError:
        pass  # the server closed the connection while it was being written to
    assert sent < 50_000_000  # what the sockets buffer, and no more
    assert (await client.get("/api/system/health/")).status_code == 200


async def test_odd_content_lengths_do_no_harm(api: str) -> None:
    address = urlsplit(api)
    for length in (b"-1", b"9" * 400, b"1e3", b"0x10", "１２".encode()):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(
            b"POST /api/auth/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: " + length + b"\r\n\r\n{}"
        )
        status = (await asyncio.wait_for(reader.readline(), 5)).split(b" ")[1]
        assert status in (b"400", b"413"), (length, status)
        writer.close()


async def test_a_write_goes_on_when_its_client_leaves(api: str, join: Join, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await join("ada", founds="Byron Treasury")
    begun, go_on = asyncio.Event(), asyncio.Event()
    create = wallets.create

    async def slow(*values: object) -> Wallet:
        begun.set()
        await go_on.wait()
        return await create(*values)  # type: ignore[arg-type]

    monkeypatch.setattr(wallets, "create", slow)
    address = urlsplit(api)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    body = json.dumps(wallet_body()).encode()
    head = f"POST /api/wallets/ HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {ada.http.headers['Authorization']}\r\n"
    writer.write(head.encode() + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await asyncio.wait_for(begun.wait(), 5)
    writer.transport.abort()
    del reader
    await asyncio.sleep(0)  # the abort itself is scheduled on the loop
    go_on.set()
    assert await in_flight.drain(5) == 0
    assert await Wallet.find({"org_id": ada.org_id}).count() == 1


async def test_a_fault_of_ours_says_nothing_but_the_request_id(
    join: Join, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ada = await join("ada", founds="Byron Treasury")

    async def broken(*_: object) -> None:
        raise RuntimeError("the inner workings")

    monkeypatch.setattr(wallets, "create", broken)
    with structlog.testing.capture_logs() as told:
        answer = await ada.http.post("/api/wallets/", json=wallet_body(), headers={"X-Request-Id": "loud-1"})
    (line,) = [entry for entry in told if entry["event"] == "unexpected error"]
    assert (line["log_level"], line["path"], repr(line["exc_info"])) == ("error", "/api/wallets/", "RuntimeError('the inner workings')")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "inner workings" not in answer.text
    assert "Traceback" not in answer.text


OPERATORS = [{"$ne": None}, {"$gt": ""}, {"$where": "1"}, {"$regex": ".*"}, ["$ne"], [{"$ne": 1}], True, 1, 1.5, None]


async def test_operators_reach_no_query(join: Join, client: httpx.AsyncClient) -> None:
    ada = await join("ada", founds="Byron Treasury")
    for hostile in OPERATORS:
        for field in ("username", "email", "password"):
            body = {"username": "ada", "password": "x"} | {field: hostile}
            assert (await client.post("/api/auth/login/", json=body)).status_code in (401, 422), (field, hostile)
        for path, field in (("/api/auth/verify-email/", "token"), ("/api/auth/refresh/", "refresh")):
            assert (await client.post(path, json={field: hostile})).status_code == 422, (path, hostile)
        for field in ("name", "address", "network", "wallet_type", "private_key"):
            if (field, hostile) == ("private_key", None):
                continue
            assert (await ada.http.post("/api/wallets/", json=wallet_body() | {field: hostile})).status_code == 422, (field, hostile)
    for path in ("/api/wallets/", "/api/transactions/", "/api/system/tasks/", "/api/organizations/"):
        for hostile_id in ('{"$ne":null}', "%00", "..%2f..", "a" * 3_000, "%F0%9F%92%A9", "[$ne]"):
            assert (await ada.http.get(f"{path}{hostile_id}/")).status_code == (400 if hostile_id == "%00" else 404), (path, hostile_id)
        answer = await ada.http.get(path, params={"network[$ne]": "x", "wallet_id[$gt]": ""})
        assert answer.status_code == 200  # names that mean nothing here change nothing
    assert await Wallet.find_all().count() == 0


async def test_what_a_client_sent_does_not_come_back_in_an_error(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    canary = "canary-5f3a"
    for body in (wallet_body(private_key=canary, name=7), wallet_body(name={"x": canary}), {"private_key": [canary]}):
        answer = await ada.http.post("/api/wallets/", json=body)
        assert answer.status_code == 422
        assert canary not in answer.text


async def test_hundreds_of_reads_at_once_are_answered(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    await ada.http.post("/api/wallets/", json=wallet_body(address=random_address()))
    answers = await asyncio.gather(*(ada.http.get("/api/wallets/") for _ in range(200)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
