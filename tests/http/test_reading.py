"""What is only read changes nothing, and an address means one thing: whatever it ends in, however it is written."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import httpx
import orjson
import pytest
import structlog
from django.http import HttpResponse
from django.test import RequestFactory

from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from crypto_project.middleware import SecurityHeaders
from tests.architecture.reading import ROOT
from tests.http.conftest import Join, wallet_body
from tests.http.test_edge import log_in_to_dashboard, pages
from tests.tenant_guard import _WRITES, guard, single

TOLD = ("audit_", "process_presence")
"""An export of the audit log is itself recorded; a process says now and then that it is there."""
READS = [path for path, operations in orjson.loads((ROOT / "docs" / "openapi.json").read_bytes())["paths"].items() if "get" in operations]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Commands that change rows, each with its collection."""
    found: list[tuple[str, str]] = []

    def started(event: Any) -> None:
        commands: list[tuple[str, Mapping[str, Any]]] = list(single(event.command_name, event.command))
        found.extend((name, str(command[name])) for name, command in commands if name in _WRITES)

    monkeypatch.setattr(guard, "started", started)
    return found


async def test_no_get_changes_anything(api: str, join: Join, runtime: Runtime, written: list[tuple[str, str]]) -> None:
    ada = await join("ada", founds="Byron Treasury")
    async with httpx.AsyncClient(base_url=api, timeout=60) as browser:
        await log_in_to_dashboard(browser, "ada")
        written.clear()
        shown = {path: (await browser.get(path)).status_code for path in pages()}
        assert {path: status for path, status in shown.items() if status >= 500} == {}
        assert list(shown.values()).count(200) > 60
        assert sorted({path for path in shown if shown[path] == 200 and "export" in path}) != []
        assert {row for row in written if not row[1].startswith(TOLD)} == set()
        written.clear()
        answers = {path: (await ada.http.get(re.sub(r"{\w+}", "x", path))).status_code for path in READS}
        assert {path: status for path, status in answers.items() if status >= 500} == {}
        assert list(answers.values()).count(200) > 60
        assert {row for row in written if not row[1].startswith(TOLD)} == set()
        await ada.http.put("/api/auth/profile/", json={"first_name": "Augusta"})
        assert ("findAndModify", "users") in written  # so the eye is open


async def test_an_address_means_one_thing(api: str, join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    async with httpx.AsyncClient(base_url=api, timeout=60) as browser:
        await log_in_to_dashboard(browser, "ada")
        for path in (
            "/profile/x.css",
            "/profile.css",
            "/profile/;x.js",
            "/profile/%2e.css",
            "/profile/%0Ax.css",
            "/profile%3Fx.png",
            "/profile/x.png?y=z",
        ):
            answer = await browser.get(path)  # what a cache that goes by the ending would keep
            assert "Byron" not in answer.text and "ada@example.com" not in answer.text, path
            assert answer.status_code in (400, 404), path
        for folder in (
            "/static/",
            "/static/dashboard/",
            "/static/dashboard",
            "/static/vendor/",
            "/static/vendor/made-from",
            "/static/dashboard/page.js.gz",
        ):
            assert (await browser.get(folder)).status_code == 404, folder
        for path in ("/static/../crypto_api/config.py", "/static/%2e%2e/%2e%2e/config.py", "/static/dashboard/..%2f..%2f..%2fconfig.py"):
            assert (await browser.get(path)).status_code in (400, 404), path
        assert (await browser.get("/static/dashboard/page.js")).status_code == 200
        assert ((await browser.get("/%70rofile/")).status_code, (await browser.get("/%2570rofile/")).status_code) == (200, 404)
        page = (await browser.get("/journal/", params={"q": "%41&#x41;"})).text
        assert 'value="%41&amp;#x41;"' in page and 'value="A' not in page
    name = "%41 &#x41; &amp; \\u0041"
    kept = await ada.http.put("/api/auth/profile/", json={"first_name": name})
    assert (kept.status_code, kept.json()["first_name"]) == (200, name), kept.text


async def test_refusals_stand_in_the_security_log(api: str, join: Join) -> None:
    """Of a page, of what is no sound request, and of a body that does not fit; by its code, and without what was sent."""
    ada = await join("ada", founds="Byron Treasury")
    bob = await join("bob", org_id=ada.user["organization_id"], role=Role.AUDITOR)
    async with httpx.AsyncClient(base_url=api, timeout=60) as browser:
        await log_in_to_dashboard(browser, "bob")
        with structlog.testing.capture_logs() as told:
            assert (await browser.get("/wallets/add/")).status_code == 403
            assert (await browser.get("/wallets/%00/?secret=1")).status_code == 400
            assert (await bob.http.put("/api/auth/profile/", json={"first_name": 7, "hush": "a secret"})).status_code == 422
            assert (await bob.http.post("/api/wallets/", json=wallet_body())).status_code == 403
    lines = [(line["event"], line.get("code") or line.get("codes"), line["path"]) for line in told if "refused" in line["event"]]
    assert lines == [
        ("refused", "permission_denied", "/wallets/add/"),
        ("request_refused", "invalid_path", "/wallets/\x00/"),
        ("input_refused", ["string_type", "unknown_field"], "/api/auth/profile/"),
        ("refused", "permission_denied", "/api/wallets/"),
    ]
    assert "secret" not in str(told) and "hush" not in str(told)


@pytest.mark.parametrize(
    ("named", "harmless"),
    [
        ('attachment; filename="invoice-7.pdf"', 'attachment; filename="invoice-7.pdf"'),
        ('attachment; filename="a"; filename="evil.html"', 'attachment; filename="a___filename__evil.html"'),
        ('inline; filename="../../etc/pass\u00e4wd"', 'inline; filename="_.._etc_pass_wd"'),
        ('attachment; filename=""', 'attachment; filename="file"'),
        ("attachment", "attachment"),
        ("form-data; filename=x.svg", 'attachment; filename="x.svg"'),
    ],
)
async def test_a_file_is_named_by_harmless_letters_whatever_a_view_says(named: str, harmless: str) -> None:
    async def view(_: object) -> HttpResponse:
        response = HttpResponse(b"")
        response.headers["Content-Disposition"] = named
        return response

    answer = await SecurityHeaders(view)(RequestFactory().get("/wallets/"))
    assert answer.headers["Content-Disposition"] == harmless


@pytest.mark.usefixtures("join")
async def test_every_answer_says_once_where_it_ends(api: str) -> None:
    """RFC 9112, 6.3: a Content-Length of exactly what follows, or chunks, and never both, so that nobody in between reads two answers as one."""
    host, _, port = api.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    seen = set()
    asked = ["GET /api/system/health/", "GET /login/", "HEAD /login/", "GET /static/dashboard/page.js", "GET /api/wallets/", "GET /nowhere/"]
    asked += ["GET /api/openapi.json", "POST /api/auth/login/", "OPTIONS /api/wallets/", "GET /static/dashboard/mark.svg", "GET /api/system/health/"]
    for line in asked:
        writer.write(f"{line} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept-Encoding: gzip\r\nContent-Length: 0\r\n\r\n".encode())
        async with asyncio.timeout(60):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
            assert head[0].startswith("http/1.1 "), (line, head[0])
            lengths = [row.partition(":")[2].strip() for row in head if row.startswith("content-length:")]
            codings = [row.partition(":")[2].strip() for row in head if row.startswith("transfer-encoding:")]
            assert len(lengths) + len(codings) == 1 or (line.startswith("HEAD") and not lengths and not codings), (line, head)
            seen |= {"length"} if lengths else set(codings)
            if lengths and not line.startswith("HEAD"):
                await reader.readexactly(int(lengths[0]))
            while codings and not line.startswith("HEAD"):
                size = int(await reader.readuntil(b"\r\n"), 16)
                assert (await reader.readexactly(size + 2)).endswith(b"\r\n")
                if size == 0:
                    break
    assert "length" in seen
    writer.close()
