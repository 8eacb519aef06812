"""What browsers report of the Content-Security-Policy: a bounded line for whoever looks after the installation, whatever was sent."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from crypto_project.edge import guarded
from crypto_project.refusal import HEADERS, VIOLATIONS
from crypto_project.violation_reports import BYTES_MAX, LINES_PER_MINUTE, ViolationReports, violations

REPORT = {
    "csp-report": {
        "document-uri": "https://coffer.example/pay/secret-of-the-payer?token=canary",
        "violated-directive": "script-src-elem",
        "effective-directive": "script-src-elem",
        "blocked-uri": "https://evil.example/x.js?canary",
        "original-policy": "default-src 'none'" * 100,
        "disposition": "enforce",
    }
}
KEPT = {"page": "https://coffer.example", "blocked": "https://evil.example", "directive": "script-src-elem", "disposition": "enforce"}
NEWER = [
    {
        "type": "csp-violation",
        "age": 3,
        "body": {"documentURL": "https://coffer.example/x", "effectiveDirective": "style-src", "blockedURL": "inline"},
    },
    {"type": "deprecation", "body": {"id": "canary"}},
]


async def nobody(*_: Any) -> None:
    raise AssertionError("a report goes no further")


async def sent(app: Any, body: bytes, method: str = "POST") -> tuple[int, dict[str, str]]:
    """Through all that stands in front of the application."""
    answers: list[Any] = []
    told = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Any:
        return next(told)

    async def send(message: Any) -> None:
        answers.append(message)

    headers = [(b"host", b"coffer.example"), (b"content-type", b"application/csp-report"), (b"content-length", str(len(body)).encode())]
    scope = {"type": "http", "method": method, "path": VIOLATIONS, "raw_path": VIOLATIONS.encode(), "query_string": b"", "scheme": "https"}
    await app(scope | {"headers": headers, "client": ("203.0.113.9", 1)}, receive, send)
    return answers[0]["status"], {name.decode(): value.decode() for name, value in answers[0]["headers"]}


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    with capture_logs() as found:
        yield found


async def test_a_violation_is_a_line_without_anybodys_secret(lines: list[Any]) -> None:
    app = guarded(nobody, running_max=1, waiting_max=0)
    status, headers = await sent(app, orjson.dumps(REPORT))
    assert status == 204 and headers["strict-transport-security"] and headers["cache-control"] == "no-store"
    (line,) = lines
    assert line["event"] == "policy_violated" and line["ip"] == "203.0.113.9" and KEPT.items() <= line.items()
    assert "canary" not in str(lines) and "secret" not in str(lines)
    assert list(violations(orjson.dumps(NEWER))) == [{"directive": "style-src", "page": "https://coffer.example", "blocked": "inline"}]


def test_the_policy_says_where() -> None:
    policy, endpoints = HEADERS["Content-Security-Policy"], HEADERS["Reporting-Endpoints"]
    assert f"report-uri {VIOLATIONS}; report-to violations" in policy and endpoints == f'violations="{VIOLATIONS}"'


async def test_whoever_sends_anything_fills_nothing(lines: list[Any]) -> None:
    app = guarded(nobody, running_max=1, waiting_max=0)
    for body in (
        b"",
        b"x",
        b"[[[]]]",
        b"[1]",
        b"null",
        b'{"csp-report": 1}',
        b'{"csp-report": {"document-uri": 5}}',
        b"\xff" * 100,
        b'{"csp-report": {}}',
    ):
        assert (await sent(app, body))[0] == 204, body
    assert lines == []
    assert (await sent(app, b"[" + b" " * BYTES_MAX + b"]"))[0] == 413
    lines.clear()
    reports = ViolationReports(nobody, clock=lambda: 60.0)
    for _ in range(LINES_PER_MINUTE):
        assert (await sent(reports, orjson.dumps([NEWER[0]] * 30)))[0] == 204
    assert len(lines) == LINES_PER_MINUTE, "and no more, however many come"
    long = {
        "csp-report": {
            "blocked-uri": "https://" + "x" * 10_000,
            "violated-directive": "y" * 10_000,
            "source-file": "http://[",
            "disposition": "a\r\nb",
        }
    }
    (kept,) = violations(orjson.dumps(long))
    assert max(map(len, kept.values())) <= 200 and kept["source"] == "?"


async def test_who_reads_there_finds_nothing_of_its_own() -> None:
    came = list[str]()

    async def application(scope: Any, *_: Any) -> None:
        came.append(scope["method"])

    await ViolationReports(application)({"type": "http", "method": "GET", "path": VIOLATIONS, "headers": []}, nobody, nobody)  # type: ignore[arg-type]
    assert came == ["GET"]
