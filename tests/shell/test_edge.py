"""What stands in front of Django: who the client is behind a proxy, and what a head may look like."""

from ipaddress import ip_network
from typing import Any

import orjson
import pytest

from crypto_api.config import Config
from crypto_project.head_guard import HEAD_BYTES_MAX, HEADERS_MAX, PARAMETERS_MAX, PATH_BYTES_MAX, QUERY_BYTES_MAX, HeadGuard
from crypto_project.refusal import HEADERS
from crypto_project.trusted_proxies import TrustedProxies
from tests.conftest import TEST_SECRET_KEY

TRUSTED = [ip_network("10.0.0.0/8"), ip_network("fd00::/8"), ip_network("127.0.0.1/32")]
Headers = list[tuple[str, str]]


class Recorder:
    def __init__(self) -> None:
        self.scope: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope


async def receive() -> Any:
    raise AssertionError("the head alone decides")


async def seen(peer: str, headers: Headers, *, kind: str = "http", scheme: str = "http", trusted: Any = TRUSTED) -> Any:
    inner = Recorder()
    pairs = [(name.encode(), value.encode()) for name, value in headers]
    await TrustedProxies(inner, trusted)({"type": kind, "client": (peer, 4711), "scheme": scheme, "headers": pairs}, receive, receive)
    return inner.scope


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", ["1.2.3.4"], "203.0.113.9"),  # nobody trusts it
        ("10.0.0.1", ["1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["6.6.6.6, 1.2.3.4"], "1.2.3.4"),  # what the client claims stands left
        ("10.0.0.1", ["6.6.6.6", "1.2.3.4"], "1.2.3.4"),  # in two headers
        ("10.0.0.1", ["127.0.0.1, 1.2.3.4"], "1.2.3.4"),  # claiming to be trusted does not help
        ("10.0.0.1", ["6.6.6.6, 1.2.3.4, 10.0.0.2, 10.9.9.9"], "1.2.3.4"),  # proxies behind proxies
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),  # somebody inside
        ("10.0.0.1", ["1.2.3.4, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["1.2.3.4, nonsense, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["1.2.3.4:5678"], "1.2.3.4"),
        ("10.0.0.1", ["[2001:db8::7]:443"], "2001:db8::7"),
        ("fd00::1", ["2001:db8::7"], "2001:db8::7"),
        ("::ffff:10.0.0.1", ["1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["::ffff:1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["' OR 1=1 --"], "10.0.0.1"),
        ("10.0.0.1", [","], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [", ".join(["10.0.0.2"] * 10_000)], "10.0.0.2"),
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_the_client_is_the_nearest_that_no_trusted_proxy_is(peer: str, forwarded: list[str], client: str, kind: str) -> None:
    scope = await seen(peer, [("x-forwarded-for", value) for value in forwarded], kind=kind)
    assert scope["client"][0] == client


@pytest.mark.parametrize(
    ("peer", "kind", "own", "told", "scheme"),
    [
        ("10.0.0.1", "http", "http", ["https"], "https"),
        ("10.0.0.1", "http", "http", ["http", "HTTPS"], "https"),
        ("10.0.0.1", "http", "http", ["https, http"], "http"),  # the nearest proxy's word
        ("10.0.0.1", "http", "https", ["http"], "http"),
        ("10.0.0.1", "websocket", "ws", ["https"], "wss"),
        ("10.0.0.1", "websocket", "ws", ["wss"], "wss"),
        ("10.0.0.1", "http", "http", ["javascript"], "http"),
        ("203.0.113.9", "http", "http", ["https"], "http"),
        ("203.0.113.9", "websocket", "ws", ["wss"], "ws"),
    ],
)
async def test_the_scheme_is_what_a_trusted_proxy_says(peer: str, kind: str, own: str, told: list[str], scheme: str) -> None:
    assert (await seen(peer, [("x-forwarded-proto", value) for value in told], kind=kind, scheme=own))["scheme"] == scheme


@pytest.mark.parametrize("peer", ["10.0.0.1", "203.0.113.9"])
async def test_no_forwarding_header_goes_further(peer: str) -> None:
    names = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-real-ip", "forwarded", "X-Forwarded-Host")
    scope = await seen(peer, [(name, "evil.example") for name in names] + [("host", "coffer.example")])
    assert scope["headers"] == [(b"host", b"coffer.example")]


async def test_without_trusted_proxies_nobody_is_believed() -> None:
    scope = await seen("127.0.0.1", [("x-forwarded-for", "1.2.3.4"), ("x-forwarded-proto", "https")], trusted=[])
    assert (scope["client"][0], scope["scheme"]) == ("127.0.0.1", "http")


def config(**values: Any) -> Config:
    return Config(_env_file=None, secret_key=TEST_SECRET_KEY, **values)  # type: ignore[arg-type, call-arg]


def test_settings_of_the_edge_are_checked_at_the_start() -> None:
    whole = config(trusted_proxies="10.0.0.0/8, 127.0.0.1,fd00::/8,", cors_origins=" https://app.example.com,http://localhost:5173 ")
    assert [str(network) for network in whole.trusted_proxies] == ["10.0.0.0/8", "127.0.0.1/32", "fd00::/8"]
    assert whole.cors_origins == ["https://app.example.com", "http://localhost:5173"]
    assert (config(trusted_proxies="", cors_origins="").trusted_proxies, config(cors_origins="").cors_origins) == ([], [])
    for wrong in ("proxy.example", "10.0.0.0/33", "10.0.0.1/8", "0.0.0.0/0", "::/0", "*"):
        with pytest.raises(ValueError, match="trusted_proxies"):
            config(trusted_proxies=wrong)
    for wrong in (
        "*",
        "https://*.example.com",
        "app.example.com",
        "https://app.example.com/",
        "https://u@app.example.com",
        "null",
        "HTTPS://A.example",
    ):
        with pytest.raises(ValueError, match="cors_origins"):
            config(cors_origins=wrong)


async def head(
    *,
    headers: Headers | list[tuple[bytes, bytes]] | None = None,
    path: bytes = b"/api/x/",
    query: bytes = b"",
    method: str = "GET",
    kind: str = "http",
) -> tuple[int, str]:
    """(status, code) of the refusal; (0, "") when it went on."""
    inner, sent = Recorder(), []

    async def send(message: Any) -> None:
        sent.append(message)

    pairs = [(name.encode() if isinstance(name, str) else name, value.encode() if isinstance(value, str) else value) for name, value in headers or []]
    scope = {"type": kind, "method": method, "path": path.decode("latin-1"), "raw_path": path, "query_string": query, "headers": pairs}
    await HeadGuard(inner)(scope, receive, send)
    if inner.scope is not None:
        assert sent == []
        return 0, ""
    if kind == "websocket":
        assert sent[0]["type"] == "websocket.close"
        return sent[0]["code"], sent[0]["reason"]
    told = dict(sent[0]["headers"])
    assert told[b"content-type"] == b"application/problem+json"
    assert {name.lower().encode() for name in HEADERS} <= told.keys()
    body = orjson.loads(sent[1]["body"])
    assert body["status"] == sent[0]["status"]
    return body["status"], body["code"]


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "TRACK", "PROPFIND", "get", "MERGE", "X" * 100])
async def test_other_methods_are_refused(method: str) -> None:
    assert await head(method=method) == (405, "method_not_allowed")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/" + b"a" * (PATH_BYTES_MAX - 1), (0, "")),
        (b"/" + b"a" * PATH_BYTES_MAX, (414, "uri_too_long")),
        (b"/wallets/%00/", (400, "invalid_path")),
        (b"/wallets/\x00/", (400, "invalid_path")),
        (b"/wallets/%1f/", (400, "invalid_path")),
        (b"/wallets/%7F/", (400, "invalid_path")),
        (b"/wallets/%ff/", (400, "invalid_path")),
        (b"/wallets/%c0%af/", (400, "invalid_path")),  # an overlong /
        (b"/wallets/%ed%a0%80/", (400, "invalid_path")),  # half a surrogate pair
        (b"/wallets/%F0%9F%92%A9/", (0, "")),
        ("/wallets/é/".encode(), (0, "")),
        (b"/wallets/%/", (0, "")),
    ],
)
async def test_paths(path: bytes, expected: tuple[int, str]) -> None:
    assert await head(path=path) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"q=" + b"a" * (QUERY_BYTES_MAX - 2), (0, "")),
        (b"q=" + b"a" * QUERY_BYTES_MAX, (414, "uri_too_long")),
        (b"&".join(b"a%d=1" % place for place in range(PARAMETERS_MAX)), (0, "")),
        (b"&".join(b"a%d=1" % place for place in range(PARAMETERS_MAX + 1)), (400, "too_many_parameters")),
        (b"limit=1&limit=2", (400, "repeated_parameter")),
        (b"limit=1&q=x&%6cimit=2", (400, "repeated_parameter")),
        (b"a+b=1&a%20b=2", (400, "repeated_parameter")),
        (b"limit=1&Limit=2&", (0, "")),
        (b"&" * 200, (400, "too_many_parameters")),
        (b"q=%00", (400, "invalid_query")),
        (b"q=%ff%fe", (400, "invalid_query")),
        (b"%00=1", (400, "invalid_query")),
        (b"q=line%0Abreak", (0, "")),
        (b"q=%E2%82%AC", (0, "")),
    ],
)
async def test_queries(query: bytes, expected: tuple[int, str]) -> None:
    assert await head(query=query) == expected


async def test_a_form_of_a_page_may_name_several() -> None:
    assert await head(path=b"/transactions/", query=b"id=1&id=2") == (0, "")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("a", "b")] * HEADERS_MAX, (0, "")),
        ([("a", "b")] * (HEADERS_MAX + 1), (431, "headers_too_large")),
        ([("cookie", "x" * HEAD_BYTES_MAX)], (431, "headers_too_large")),
        ([(b"user-agent", b"a\x00b")], (400, "invalid_header")),
        ([(b"user-agent", b"a\r\nb: c")], (400, "invalid_header")),
        ([(b"user-agent", b"\xff\xfe")], (400, "invalid_header")),
        ([("user-agent", "Käfer\t1")], (0, "")),
        ([("authorization", "Bearer a"), ("Authorization", "Bearer b")], (400, "repeated_header")),
        ([("host", "a"), ("host", "b")], (400, "repeated_header")),
        ([("content-length", "1"), ("content-length", "2")], (400, "repeated_header")),
        ([("content-length", "5"), ("transfer-encoding", "chunked")], (400, "invalid_content_length")),
        ([("content-length", "-1")], (400, "invalid_content_length")),
        ([("content-length", "1_0")], (400, "invalid_content_length")),
        ([("content-length", "１２")], (400, "invalid_content_length")),
        ([("content-length", "0x10")], (400, "invalid_content_length")),
        ([("content-length", "9" * 400)], (400, "invalid_content_length")),
        ([("content-length", "")], (400, "invalid_content_length")),
        ([("transfer-encoding", "gzip, chunked")], (400, "invalid_transfer_encoding")),
        ([("transfer-encoding", "identity")], (400, "invalid_transfer_encoding")),
        ([("transfer-encoding", "Chunked")], (0, "")),
    ],
)
async def test_headers(headers: Any, expected: tuple[int, str]) -> None:
    assert await head(headers=headers) == expected


async def test_a_websocket_is_refused_before_it_opens() -> None:
    assert await head(kind="websocket", path=b"/api/ws/%00/") == (4400, "invalid_path")
    assert await head(kind="websocket", query=b"ticket=%ff") == (4400, "invalid_query")
    assert await head(kind="websocket", headers=[("a", "b")] * 101) == (4400, "headers_too_large")
    assert await head(kind="websocket") == (0, "")
