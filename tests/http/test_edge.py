"""The edge over real HTTP: proxies, other sites, forms from elsewhere, heads that do not end; and what every answer carries."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_network
from urllib.parse import urlsplit

import httpx
import pytest
from django.test import override_settings
from django.urls import URLPattern, URLResolver, get_resolver

from crypto_api.audit.documents import AuditRecord
from crypto_api.http.api import api as the_api
from crypto_api.identity.types import DASHBOARD_COOKIE
from crypto_api.runtime import Runtime
from crypto_project.asgi import unguarded
from crypto_project.edge import guarded
from crypto_project.refusal import HEADERS, HSTS
from tests.http.conftest import PASSWORD, Join, serve, wallet_body

APP = "https://app.example.com"
PROXIED = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@pytest.fixture
async def behind_proxy(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    app = guarded(unguarded, running_max=1_000, waiting_max=1_000, trusted_proxies=[ip_network("127.0.0.1/32")])
    async with serve(runtime, app) as url, httpx.AsyncClient(base_url=url, timeout=60) as client:
        yield client


def kinds_of_answer() -> list[tuple[str, str, dict[str, object], int]]:
    return [
        ("GET", "/login/", {}, 200),
        ("GET", "/", {}, 302),
        ("GET", "/nothing/here/", {}, 404),
        ("POST", "/login/", {}, 403),
        ("DELETE", "/login/", {}, 403),
        ("GET", "/static/dashboard/page.js", {}, 200),
        ("GET", "/static/nothing.css", {}, 404),
        ("GET", "/api/system/health/", {}, 200),
        ("GET", "/api/openapi.json", {}, 200),
        ("GET", "/api/docs", {}, 200),
        ("GET", "/api/nowhere/", {}, 404),
        ("GET", "/api/wallets/", {}, 401),
        ("PATCH", "/api/wallets/", {}, 405),
        ("HEAD", "/api/wallets/", {}, 405),
        ("POST", "/api/auth/login/", {"json": {"username": 1}}, 422),
        ("POST", "/api/auth/login/", {"content": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ("POST", "/api/auth/login/", {"content": b"[" * 99, "headers": {"Content-Type": "application/json"}}, 400),
        ("POST", "/api/auth/login/", {"content": b"x" * 1_000_001, "headers": {"Content-Type": "application/json"}}, 413),
        ("GET", "/api/wallets/%00/", {}, 400),
        ("GET", "/api/wallets/?" + "a=1&" * 200, {}, 400),
        ("GET", "/" + "a" * 5_000, {}, 414),
        ("TRACE", "/login/", {}, 405),
        ("GET", "/login/", {"headers": {"Cookie": "x" * 40_000}}, 431),
        ("GET", "/login/", {"headers": {"Host": "evil.example"}}, 400),
        ("OPTIONS", "/api/wallets/", {"headers": {"Origin": APP, "Access-Control-Request-Method": "GET"}}, 200),
    ]


async def test_every_kind_of_answer_carries_the_security_headers(client: httpx.AsyncClient, behind_proxy: httpx.AsyncClient) -> None:
    for method, path, options, status in kinds_of_answer():
        plain = await client.request(method, path, **options)  # type: ignore[arg-type]
        assert plain.status_code == status, (method, path[:60], plain.text[:200])
        for name, value in HEADERS.items():
            assert plain.headers.get(name) == value, (method, path[:60], name)
        assert plain.headers["x-request-id"]
        assert "server" not in plain.headers
        assert "strict-transport-security" not in plain.headers
        headers = {**PROXIED, **options.get("headers", {})}  # type: ignore[dict-item]
        secure = await behind_proxy.request(method, path, **{**options, "headers": headers})  # type: ignore[arg-type]
        assert (secure.status_code, secure.headers["strict-transport-security"]) == (status, HSTS), (method, path[:60])
    policy = HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert not re.search(r"unsafe|\*|https?:", policy)


async def test_the_list_of_the_browsers_is_asked_for_where_the_operator_says_so(behind_proxy: httpx.AsyncClient) -> None:
    asked = [("/login/", 200), ("/api/wallets/", 401), ("/login/?" + "x=1&" * 200, 400)]
    with override_settings(HSTS_PRELOAD=True):
        told = [await behind_proxy.get(path, headers=PROXIED) for path, _ in asked]
    assert [answer.status_code for answer in told] == [status for _, status in asked]
    assert {answer.headers["strict-transport-security"] for answer in told} == {"max-age=31536000; includeSubDomains; preload"}


async def test_a_browser_that_is_too_old_is_told_so(client: httpx.AsyncClient, behind_proxy: httpx.AsyncClient) -> None:
    """Over TLS every present one says by `Sec-Fetch-Site` where a request comes from; without TLS none does, but to this machine."""
    old, present = (
        await behind_proxy.get("/login/", headers=PROXIED),
        await behind_proxy.get("/login/", headers={**PROXIED, "Sec-Fetch-Site": "none"}),
    )
    said = "This browser is too old for what protects you here."
    assert (old.status_code, present.status_code) == (200, 200), "and is not kept out"
    assert said in old.text and said not in present.text and said not in (await client.get("/login/")).text


async def test_every_answer_with_a_body_says_what_it_is(client: httpx.AsyncClient) -> None:
    """Text with its encoding; JSON, which has one (RFC 8259), is JSON."""
    kinds = set()
    for method, path, options, _ in kinds_of_answer():
        answer = await client.request(method, path, **options)  # type: ignore[arg-type]
        if answer.content:
            kind, _, parameters = answer.headers["content-type"].partition(";")
            kinds.add(kind)
            if kind.startswith("text/"):
                assert parameters.strip().lower() == 'charset="utf-8"' or parameters.strip().lower() == "charset=utf-8", (method, path[:60])
                answer.content.decode("utf-8")
            else:
                assert isinstance(answer.json(), dict), (method, path[:60])
    assert kinds == {"text/html", "text/javascript", "application/json", "application/problem+json"}


async def test_a_trusted_proxy_says_who_and_how_and_nobody_else(join: Join, behind_proxy: httpx.AsyncClient) -> None:
    ada = await join("ada", founds="Byron Treasury")
    claimed = await ada.http.post("/api/wallets/", json=wallet_body(), headers=PROXIED)
    told = await behind_proxy.post(
        f"/api/wallets/{claimed.json()['id']}/monitor/",
        json={"monitoring_enabled": False},
        headers={**PROXIED, "X-Forwarded-For": "6.6.6.6, 203.0.113.9", "Authorization": ada.http.headers["Authorization"]},
    )
    assert (claimed.status_code, told.status_code) == (201, 200)
    rows = await AuditRecord.find({"subject_id": claimed.json()["id"]}).sort("+_id").to_list()
    assert [row.ip for row in rows] == ["127.0.0.1", "203.0.113.9"]
    assert "strict-transport-security" not in claimed.headers
    assert told.headers["strict-transport-security"] == HSTS


@pytest.fixture
def app_is_listed() -> Iterator[None]:
    with override_settings(CORS_ALLOWED_ORIGINS=[APP, "http://localhost:5173"]):
        yield


@pytest.mark.usefixtures("app_is_listed")
async def test_listed_origins_may_call_the_api_and_no_other(client: httpx.AsyncClient) -> None:
    asking = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization, idempotency-key"}
    for origin in (APP, "http://localhost:5173"):
        preflight = await client.options("/api/wallets/", headers={"Origin": origin, **asking})
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == origin
        assert "PUT" in preflight.headers["access-control-allow-methods"]
        assert {"authorization", "idempotency-key", "if-match"} <= set(preflight.headers["access-control-allow-headers"].split(", "))
        answer = await client.get("/api/wallets/", headers={"Origin": origin})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, origin)
        assert "ETag" in answer.headers["access-control-expose-headers"]
        for response in (preflight, answer):
            assert "origin" in response.headers["vary"].lower()
            assert "access-control-allow-credentials" not in response.headers
    for origin in (
        "https://evil.example",
        f"{APP}.evil.example",
        "http://app.example.com",
        f"{APP}:8443",
        "https://APP.example.com",
        "null",
        "*",
        "https://[",
    ):
        for method in ("OPTIONS", "GET"):
            refused = await client.request(method, "/api/wallets/", headers={"Origin": origin, **asking})
            assert "access-control-allow-origin" not in refused.headers, (method, origin)
            assert "origin" in refused.headers["vary"].lower()


@pytest.mark.usefixtures("app_is_listed")
async def test_the_pages_of_the_dashboard_answer_no_other_site(client: httpx.AsyncClient) -> None:
    for path in ("/login/", "/", "/static/dashboard/page.js", "/wallets/", "/fragments/wallets/", "/apiary/"):
        for method in ("GET", "OPTIONS"):
            answer = await client.request(method, path, headers={"Origin": APP, "Access-Control-Request-Method": "GET"})
            assert not [name for name in answer.headers if name.startswith("access-control")], (method, path)


def pages(patterns: list[URLPattern | URLResolver] | None = None, prefix: str = "/") -> Iterator[str]:
    """Every path of the dashboard, with its parts filled in."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        path = prefix + re.sub(r"<[^>]+>", "x", str(pattern.pattern)).removeprefix("^")
        if isinstance(pattern, URLResolver):
            if not path.startswith("/api"):
                yield from pages(pattern.url_patterns, path)
        elif not path.startswith("/api"):
            yield path


async def log_in_to_dashboard(client: httpx.AsyncClient, name: str) -> str:
    """The token for forms; the client holds the cookies."""
    token = TOKEN.search((await client.get("/login/")).text)
    assert token is not None
    answer = await client.post("/login/", data={"name": name, "password": PASSWORD, "csrfmiddlewaretoken": token[1]})
    assert answer.status_code == 302, answer.text[:500]
    assert DASHBOARD_COOKIE in client.cookies
    inside = TOKEN.search((await client.get("/wallets/")).text)
    assert inside is not None
    return inside[1]


async def test_no_form_is_taken_from_elsewhere(api: str, join: Join) -> None:
    await join("ada", founds="Byron Treasury")
    found = list(pages())
    assert len(found) > 20
    async with httpx.AsyncClient(base_url=api, timeout=60) as browser:
        token = await log_in_to_dashboard(browser, "ada")
        for path in found:
            for data, headers in (
                ({}, {}),
                ({"csrfmiddlewaretoken": "x" * 64}, {}),
                ({"csrfmiddlewaretoken": token[::-1]}, {}),
                ({}, {"X-CSRFToken": "nonsense"}),
                ({"csrfmiddlewaretoken": token}, {"Origin": "https://evil.example"}),
                ({"csrfmiddlewaretoken": token}, {"Origin": "null"}),
                ({"csrfmiddlewaretoken": token}, {"Origin": api.replace("http:", "https:")}),
            ):
                answer = await browser.post(path, data=data, headers=headers)
                assert answer.status_code == 403, (path, data, headers)
        async with httpx.AsyncClient(base_url=api, cookies={DASHBOARD_COOKIE: browser.cookies[DASHBOARD_COOKIE]}) as without_second:
            assert (await without_second.post("/logout/", data={"csrfmiddlewaretoken": token})).status_code == 403
        assert (await browser.post("/logout/", data={"csrfmiddlewaretoken": token}, headers={"Origin": api})).status_code == 302


async def test_the_cookie_of_the_dashboard_opens_no_operation_of_the_api(api: str, join: Join) -> None:
    await join("ada", founds="Byron Treasury")
    tried = 0
    async with httpx.AsyncClient(base_url=api, timeout=60) as browser:
        token = await log_in_to_dashboard(browser, "ada")
        for path, methods in the_api.get_openapi_schema(path_prefix="/api/")["paths"].items():
            for method, operation in methods.items():
                if operation["x-permission"] == "open":
                    continue
                answer = await browser.request(method, re.sub(r"{[^}]+}", "x", path), headers={"X-CSRFToken": token, "Origin": api})
                assert answer.status_code == 401, (method, path)
                tried += 1
        assert (await browser.get("/wallets/")).status_code == 200, "the cookie itself is good"
    assert tried > 30


async def raw(api: str, *parts: bytes) -> bytes:
    """What the server says to these bytes, until it closes or a second is over."""
    address = urlsplit(api)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(60):
            return await reader.readline()
    except ConnectionError:
        return b""
    finally:
        writer.close()


HEAD = b"POST /api/auth/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
KEYS = b"POST /api/wallets/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("head", "statuses"),
    [
        (HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", {b"400"}),
        (HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {b"400"}),
        (HEAD + b"Transfer-Encoding: gzip\r\n\r\n{}", {b"400"}),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", {b"400"}),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nF4240\r\n" + b"x" * 1_000_000 + b"\r\n5\r\nxxxxx\r\n0\r\n\r\n", {b"413"}),
        (KEYS + b"Transfer-Encoding: chunked\r\n\r\n8001\r\n" + b"x" * 0x8001 + b"\r\n0\r\n\r\n", {b"413"}),
        (KEYS + b"Transfer-Encoding: chunked\r\n\r\n200000\r\n" + b"x" * 0x200000 + b"\r\n", {b"413"}),  # and no end
        (KEYS + b"Content-Length: 32769\r\n\r\n{", {b"413"}),
        (HEAD + b"X-Nul: a\x00b\r\nContent-Length: 2\r\n\r\n{}", {b"400"}),
        (HEAD + b"X-Latin: \xff\xfe\r\nContent-Length: 2\r\n\r\n{}", {b"400"}),
        (HEAD + b"Bad Name: x\r\nContent-Length: 2\r\n\r\n{}", {b"400"}),
        (b"POST /api/auth/login/\xff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", {b"400"}),
        (b"TRACE / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", {b"405"}),
        (b"COFFER / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", {b"400"}),
        (b"GET / HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n", {b"400"}),
        (b"GET /login/ HTTP/1.1\r\n\r\n", {b"400"}),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", {b"400"}),
    ],
)
async def test_what_is_no_sound_request_is_refused(api: str, head: bytes, statuses: set[bytes]) -> None:
    line = await raw(api, head)
    assert line.split(b" ")[1:2] and line.split(b" ")[1] in statuses, line


async def test_requests_sent_ahead_are_answered_in_their_order_also_where_keys_come(api: str) -> None:
    key, no_json, log_in = b'{"private_key":"x"}', b"{", b'{"username":1}'
    sent = [KEYS + b"Content-Length: %d\r\n\r\n%b" % (len(body), body) for body in (key, no_json)]
    sent[1:1] = [HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(log_in), log_in), b"GET /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"]
    address = urlsplit(api)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(b"".join(sent) + b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    answers = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"401", b"422", b"200", b"401", b"302"]


async def test_a_head_that_does_not_end_is_cut_off(api: str) -> None:
    assert b" 431 " in await raw(api, HEAD, *[b"X-More: " + b"x" * 8_000 + b"\r\n"] * 40)


async def test_a_head_that_comes_too_slowly_is_given_up(api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crypto_project.http_protocol.HEAD_S_MAX", 0.2)
    started = time.monotonic()
    assert b" 408 " in await raw(api, b"GET /login/ HTTP/1.1\r\nHost: 127")
    assert time.monotonic() - started < 30
    assert await raw(api) == b""  # opened and silent: closed without a word
