"""What no client of ours sends, in every field of every operation: each gets a clear refusal, none an error of the server, and no operator of
the database ever comes out of a request. Generated from the OpenAPI schema.

Each field, parameter and path of every operation gets some of each kind of attack, others than its neighbours get; everything goes everywhere, in
minutes, with

    COFFER_SEARCH=1 python3 manage.py test tests/http/test_hostile_input.py
"""

import asyncio
import contextlib
import copy
import ctypes
import gc
import os
import re
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import orjson
import pytest
from pymongo import monitoring

from crypto_api.http.problems import CONTENT_TYPE
from crypto_api.organizations.types import Role
from crypto_project.body_guard import UPLOAD_BYTES_MAX
from crypto_project.edge import UPLOADS
from tests.authorization import cells as expected
from tests.authorization import product
from tests.authorization.bodies import Request, request_for
from tests.authorization.casting import needs_chart
from tests.authorization.cells import OPEN, Cells
from tests.authorization.conftest import BEHIND_A_PROXY, house, quiet, told
from tests.authorization.house import Answer, House, Person
from tests.authorization.product import Operation

__all__ = ["house", "quiet"]  # fixtures

CELLS = expected.operations()
CANARY = "canary-5f1c"
EVERYTHING = os.environ.get("COFFER_SEARCH") == "1"
Attack = TypeVar("Attack")
RSS_GROWTH_MB_MAX = 96
KEPT_KB_MAX = 1  # of a request, on average; bodies are up to 300 kB
OFTEN = ("create_wallet", "update_contract", "create_journal_entry", "log_in")
ROUNDS = 4
MEGABYTES_10 = 10_000_000
SHUT_OUT = {"invalid_token", "unauthenticated", "permission_denied", "session_not_approved", "suspended", "second_factor_required"}

OPERATORS: dict[str, Any] = {
    "ne": {"$ne": CANARY},
    "gt": {"$gt": CANARY},
    "where": {"$where": CANARY},
    "regex": {"$regex": CANARY},
    "in": {"$in": [CANARY]},
    "dotted": {"a.b": CANARY},
    "prototype": {"__proto__": {"admin": CANARY}, "constructor": {"prototype": CANARY}},
    "list": [{"$ne": CANARY}],
    "nested": [[[CANARY]]],
}
"""Never a value of any field."""

TEXTS: dict[str, str] = {
    "nul": "a\\u0000b",
    "surrogate": "a\\ud800b",
    "direction": "a\\u202eb",
    "long": "x" * 300_000,
}
"""As they stand between quotes in JSON. Refused wherever text is taken; the long one is made longer where the schema says that more is taken."""

ALONE = ("surrogate", "long")
"""One is no JSON at all, whatever else is in the body; of the other several would be more than a body may have."""

HARMLESS_TEXTS = ("$where", "__proto__", "constructor", "a.b", "'; return true; //", "{{7*7}}", "../../etc/passwd", "%00", "１２")
"""Text like any other: taken or refused, but never more than text."""

NUMBERS = ("1e400", "1" + "0" * 400, "-1", "1e-400", "99999999999999999999999999")
"""Where no number is expected it is refused; where one is, this one."""

ENDS = {
    "date": ("0001-01-01", "9999-12-31"),
    "date-time": ("0001-01-01T00:00:00+10:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-10:00"),
}
"""The first and the last day that there are: the day before and the day after are none."""

KEYS = ("$where", "$ne", "__proto__", "constructor", "prototype", "a.b", "a\\u0000b", "org_id")
"""Beside the fields that there are."""


IN_QUERIES = ("a\x00b", "\ud800".encode("utf-8", "surrogatepass"), b"\xff", "x" * 20_000, "9" * 400, "-1", "")
IN_PATHS = ("a\x00b", b"\xff", "x" * 4_000, "$ne", f'{{"$ne":"{CANARY}"}}', "\u202e", "0", "-1", "%2e%2e")

WRONG_TYPES = ("text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json5", "")


class Watch(monitoring.CommandListener):
    """Remembers each operator that reached the driver with what a test sent."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.looking = False  # the driver tells it of the commands of every other test as well

    @contextlib.contextmanager
    def look(self) -> Iterator[list[str]]:
        self.found.clear()
        self.looking = True
        try:
            yield self.found
        finally:
            self.looking = False

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if not self.looking:
            return
        self.found += [f"{event.command_name}: {where}" for where in _operators(event.command)]

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


def _operators(node: Any, above: str = "") -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key in HOSTILE_KEYS and CANARY in str(value):
                yield f"{above}{key}"
            yield from _operators(value, f"{above}{key}.")
    elif isinstance(node, list):
        for value in node:
            yield from _operators(value, above)


HOSTILE_KEYS = {"$ne", "$gt", "$where", "a.b", "__proto__", "constructor"}
watch = Watch()
monitoring.register(watch)


@dataclass
class Siege:
    """One operation under everything that can be sent to it."""

    house: House
    cells: Cells
    operation: Operation
    person: Person
    request: Request
    faults: list[str] = field(default_factory=list)
    sent: int = 0

    @property
    def path(self) -> str:
        return self.request.filled(self.operation.path)

    def _some(self, attacks: Iterable[Attack], place: str, at_most: int = 3) -> list[Attack]:
        """The same ones in every run, and others elsewhere."""
        known = list(attacks)
        first = zlib.crc32(f"{self.cells.name} {place}".encode()) % len(known)
        return known if EVERYTHING else (known[first:] + known[:first])[:at_most]

    async def run(self) -> None:
        """What may be taken comes last: a password that it changed is the wrong one afterwards."""
        await asyncio.gather(*self._body_attacks(), *self._query_attacks(), *self._path_attacks(), *self._by_nobody())
        await asyncio.gather(*self._harmless())

    # ---- fields of the body

    def _body_attacks(self) -> Iterator[Any]:
        if self.operation.body is None:
            return
        good = self.request.body
        for place, schema in fields_of(self.operation.body):
            if not _can_put(good, place):
                continue
            for name in ALONE:
                allowed = name == "long" and _is_number(schema)
                whole = TEXTS[name].ljust(_longest(schema) + 1, "x") if name == "long" else TEXTS[name]
                yield self._refused(f"{place} = {name}", _with_raw(good, place, f'"{whole}"'), names=None if allowed else place)
        yield from self._in_all_fields(good)
        yield self._refused_beside(good)
        yield from self._wholes(orjson.dumps(good))

    def _harmless(self) -> Iterator[Any]:
        good = self.request.body
        for place, schema in fields_of(self.operation.body or {}):
            if not _can_put(good, place):
                continue
            for number in self._some(NUMBERS, place):
                yield self._survived(f"{place} = {number[:12]}", _with_raw(good, place, number))
            for text in (*self._some(HARMLESS_TEXTS, place), *_ends(schema)):
                yield self._survived(f"{place} = {text!r}", orjson.dumps(_with(good, place, text)))

    def _in_all_fields(self, good: Any) -> Iterator[Any]:
        """What a schema refuses by itself, in every field of one body at once, and in each another."""
        places = [place for place, _ in fields_of(self.operation.body or {}) if _can_put(good, place)]
        if not places:
            return
        turns = [self._some([(name, orjson.dumps(value).decode()) for name, value in OPERATORS.items()], place) for place in places]
        for attacks in zip(*turns, strict=True):
            yield self._refused_in_each(good, dict(zip(places, attacks, strict=True)))
        for name in (each for each in TEXTS if each not in ALONE):
            yield self._refused_in_each(good, dict.fromkeys(places, (name, f'"{TEXTS[name]}"')))

    async def _refused_in_each(self, good: Any, attacks: Mapping[str, tuple[str, str]]) -> None:
        """(name, JSON) by field. A refusal that names a field has refused what was in it; what it does not name, or where there is another answer,
        is sent again alone, in a body that is good but for this."""
        together = {place: text for place, (_, text) in attacks.items() if not any(other.startswith(f"{place}.") for other in attacks)}
        named = await self._named("; ".join(f"{place} = {attacks[place][0]}" for place in together), _with_each(good, together))
        for place, (name, text) in attacks.items():
            if place not in together or not any(field == place or field.startswith(f"{place}.") for field in named):
                await self._refused(f"{place} = {name}", _with_raw(good, place, text), names=place)

    async def _refused_beside(self, good: Any) -> None:
        """All unknown keys at once, and alone each that the refusal does not name."""

        def beside(*keys: str) -> bytes:
            more = ",".join(f'"{key}": {{"$ne": "{CANARY}"}}' for key in keys).encode()
            return orjson.dumps(good)[:-1] + (b"," if good else b"") + more + b"}"

        named = await self._named(f"with {', '.join(KEYS)}", beside(*KEYS))
        for key in KEYS:
            if key not in named:
                await self._refused(f"with {key}", beside(key), names="")

    async def _named(self, what: str, raw: bytes) -> list[str]:
        """The fields that a refusal of it names."""
        answer = await self._send(raw)
        self._check(what, answer)
        return [row["field"] for row in orjson.loads(answer.content).get("errors", [])] if answer.status == 422 else []

    def _wholes(self, good: bytes) -> Iterator[Any]:
        """The body as a whole is not what it should be."""
        yield self._refused("an array", b"[" + good + b"]")
        yield self._refused("text", b'"' + CANARY.encode() + b'"')
        for what, raw in (("null", b"null"), ("nothing", b"")):
            yield self._refused(what, raw) if self.operation.body_required else self._survived(what, raw)
        yield self._refused("cut off", good[:-1])
        yield self._refused("invalid UTF-8", b'{"\xff\xfe": "\xc3\x28"}')
        yield self._refused("two bodies", good + good)
        yield self._refused("deep", b'{"a":' * 33 + b"1" + b"}" * 33)
        yield self._refused("very deep", b"[" * 10_000 + b"]" * 10_000)
        yield self._refused("NaN", b'{"a": NaN}')
        for kind in WRONG_TYPES:
            yield self._refused(f"as {kind}", good, content_type=kind)

    # ---- query and path

    def _query_attacks(self) -> Iterator[Any]:
        for name in self.operation.query_parameters:
            for value in (*self._some(HARMLESS_TEXTS, name), *self._some(IN_QUERIES, name), *_ends(self.operation.query[name])):
                yield self._survived(f"?{name}={value[:12]!r}", None, query=f"{name}={quote(value)}")
            for operator in self._some(("$ne", "$gt", "$where", "$regex"), name, 2):
                yield self._survived(
                    f"?{name}[{operator}]", None, query=f"{name}[{operator}]={CANARY}&{name}={quote(orjson.dumps({operator: CANARY}))}"
                )
        yield self._survived("?__proto__", None, query=f"__proto__={CANARY}&constructor={CANARY}&$where={CANARY}")

    def _path_attacks(self) -> Iterator[Any]:
        for name in self.operation.path_parameters:
            for value in (*self._some(HARMLESS_TEXTS, name), *self._some(IN_PATHS, name)):
                path = Request(path={**self.request.path, name: quote(value, safe="")}).filled(self.operation.path)
                yield self._lost(f"{{{name}}} = {value[:20]!r}", path)

    def _by_nobody(self) -> Iterator[Any]:
        """Before anybody knows who asks."""
        for what, raw in (("deep", b"[" * 10_000), ("an operator", orjson.dumps(OPERATORS["ne"])), ("invalid UTF-8", b"\xff\xfe")):
            if self.operation.method != "GET" and (self.operation.body is not None or self.cells.needs != OPEN):
                yield self._turned_away(what, raw)

    # ---- what must come back

    async def _send(self, raw: bytes | None, *, path: str = "", query: str = "", content_type: str = "application/json") -> Answer:
        """The query of the valid request goes along, with what is attacked in place of the good value."""
        self.sent += 1
        parts = [query] if query else []
        parts += [f"{key}={quote(value)}" for key, value in self.request.query.items() if not query.startswith(f"{key}=")]
        headers = {**self.person.headers, **self.request.headers, **({"Content-Type": content_type} if raw is not None else {})}
        if raw is None and self.request.body is not None:
            raw, headers = orjson.dumps(self.request.body), {**headers, "Content-Type": "application/json"}
        whole = (path or self.path) + ("?" + "&".join(parts) if parts else "")
        return await self.house.call(self.operation.method, whole, raw=raw, headers=headers)

    async def _refused(self, what: str, raw: bytes, *, names: str | None = None, content_type: str = "application/json") -> None:
        """4xx; a 422 names the field."""
        answer = await self._send(raw, content_type=content_type)
        self._check(what, answer)
        if answer.status < 400:
            self.faults.append(f"{what}: taken: {answer}")
        elif names and answer.status == 422:
            named = [row["field"] for row in orjson.loads(answer.content)["errors"]]
            if not any(_same(name, names) or (self.cells.name, names, name) in TOGETHER for name in named):
                self.faults.append(f"{what}: the refusal does not name {names}: {answer}")

    async def _turned_away(self, what: str, raw: bytes) -> None:
        self.sent += 1
        answer = await self.house.call(self.operation.method, self.path, raw=raw)
        wanted = (400, 413, 422) if self.cells.needs == OPEN else (400, 401)
        if answer.status not in wanted or answer.headers.get("Content-Type") != CONTENT_TYPE:
            self.faults.append(f"{what} from nobody: {answer}")

    async def _survived(self, what: str, raw: bytes | None, *, query: str = "") -> None:
        self._check(what, await self._send(raw, query=query))

    async def _lost(self, what: str, path: str) -> None:
        answer = await self._send(None, path=path)
        self._check(what, answer)
        if answer.status < 400:
            self.faults.append(f"{what}: taken: {answer}")

    def _check(self, what: str, answer: Answer) -> None:
        if answer.status >= 500:
            self.faults.append(f"{what}: {answer}")
        elif answer.status >= 400:
            if answer.headers.get("Content-Type", "") != CONTENT_TYPE:
                self.faults.append(f"{what}: no problem answer but {answer.headers.get('Content-Type')}: {answer}")
            elif answer.code in SHUT_OUT and self.cells.needs != OPEN and answer.code not in EXPECTED_CODES.get(self.cells.name, ()):
                self.faults.append(f"{what}: never got behind the door: {answer}")
        if CANARY.encode() in answer.content and answer.status in (400, 422):
            self.faults.append(f"{what}: comes back in the error: {answer}")


TOGETHER = {(name, "message", "signature") for name in ("create_wallet_link", "prove_wallet_ownership", "prove_own_wallet")}
"""(operation, field, field that is named for it): what only counts together is wrong together."""

EXPECTED_CODES: dict[str, tuple[str, ...]] = {"change_own_password": ("invalid_token",)}  # whichever is taken first ends the session of the others
"""Codes that some operations give for their own reasons and that look like a closed door."""


def fields_of(schema: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(`items.0.name`, schema) of each field, inside objects and lists too."""
    for name, part in schema.get("properties", {}).items():
        yield before + name, part
        yield from fields_of(part, f"{before}{name}.")
        yield from fields_of(part.get("items", {}), f"{before}{name}.0.")


def _longest(schema: Mapping[str, Any]) -> int:
    """How long a text may be there at most."""
    return max([int(schema.get("maxLength", 0)), *(_longest(part) for part in schema.get("anyOf", []))])


def _ends(schema: Mapping[str, Any]) -> tuple[str, ...]:
    kinds = [schema.get("format"), *(part.get("format") for part in schema.get("anyOf", []))]
    return next((ENDS[kind] for kind in kinds if kind in ENDS), ())


def _is_number(schema: Mapping[str, Any]) -> bool:
    return "number" in str(schema.get("type")) or "integer" in str(schema.get("type"))


def _can_put(body: Any, place: str) -> bool:
    """Whether the valid body has what stands above."""
    for key in place.split(".")[:-1]:
        body = (body[int(key)] if int(key) < len(body) else None) if isinstance(body, list) else (body or {}).get(key)
        if body is None:
            return False
    return isinstance(body, dict | list)


def _with(body: Any, place: str, value: Any) -> Any:
    changed = node = copy.deepcopy(body)
    *above, last = place.split(".")
    for key in above:
        node = node[int(key)] if isinstance(node, list) else node[key]
    node[int(last) if isinstance(node, list) else last] = value
    return changed


def _with_raw(body: Any, place: str, text: str) -> bytes:
    """With a piece of JSON that no encoder of ours would write."""
    return _with_each(body, {place: text})


def _with_each(body: Any, texts: Mapping[str, str]) -> bytes:
    for place in texts:
        body = _with(body, place, f"@@{place}@@")
    raw = orjson.dumps(body)
    for place, text in texts.items():
        raw = raw.replace(f'"@@{place}@@"'.encode(), text.encode())
    return raw


def _same(field_name: str, place: str) -> bool:
    return field_name in ("body", place) or field_name.startswith((f"{place}.", f"{place.split('.', maxsplit=1)[0]}")) or place.startswith(field_name)


def names() -> list[str]:
    wanted = [name for name in os.environ.get("COFFER_MATRIX", "").split(",") if name]
    return [name for name in CELLS if not wanted or name in wanted]


@contextlib.asynccontextmanager
async def besieged(house: House, name: str) -> AsyncIterator[Siege]:
    """A valid request of somebody who may, in an organisation of their own, to begin with."""
    cells, operation = CELLS[name], product.operations()[name]
    org_id = await house.organization(chart=needs_chart(cells))
    role = Role.ADMIN if Role.ADMIN in cells.may else cells.may[0]
    person = await house.in_role(org_id, role)
    with watch.look() as found:
        yield Siege(house, cells, operation, person, await request_for(house, cells, operation, org_id, person))
    assert found == []


@pytest.mark.parametrize("name", names())
async def test_operation(name: str, house: House) -> None:
    async with besieged(house, name) as siege:
        await siege.run()
        if siege.faults:
            pytest.fail(told(siege.faults), pytrace=False)


async def test_bodies_that_are_too_large_or_too_slow(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """10 MB, or more than a file may have, to every operation that takes a body, read or not, from nobody: refused at once and not kept."""
    before = _rss_mb()
    for name, operation in product.operations().items():
        if operation.method in ("GET", "DELETE"):
            continue
        path = re.sub(r"{[a-z_]+}", "x", operation.path)
        size = UPLOAD_BYTES_MAX + MEGABYTES_10 if path in UPLOADS else MEGABYTES_10
        status = await _flood(house, operation.method, path, told=True, size=size)
        assert status in (413, 404), name
    for path in ("/api/auth/login/", "/api/wallets/"):
        for _ in range(3):
            assert await _flood(house, "POST", path, told=False) == 413
    assert _rss_mb() - before < RSS_GROWTH_MB_MAX

    monkeypatch.setattr(BEHIND_A_PROXY._app._app, "_seconds_max", 0.3)
    for path in ("/api/auth/login/", "/api/wallets/", "/api/journal-entries/"):
        reader, writer = await _connected(house)
        writer.write(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
        assert await _status(reader) == 408
        writer.close()


async def _flood(house: House, method: str, path: str, *, told: bool, size: int = MEGABYTES_10) -> int:
    """The status that comes back while they are on their way. `told`: by their length; otherwise piece by piece."""
    for _ in range(20):
        with contextlib.suppress(ConnectionResetError):  # whoever is cut off in the middle of a piece may lose the answer before it: asked again
            return await _flooded(house, method, path, told=told, size=size)
    raise AssertionError("cut off again and again, without an answer")


async def _flooded(house: House, method: str, path: str, *, told: bool, size: int) -> int:
    reader, writer = await _connected(house)
    length = f"Content-Length: {size}" if told else "Transfer-Encoding: chunked"
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{length}\r\n\r\n".encode())
    piece = b"x" * 100_000
    answer = asyncio.ensure_future(_status(reader))
    with contextlib.suppress(ConnectionError):
        for _ in range(size // len(piece)):
            writer.write(piece if told else b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
            if answer.done():
                break
    status = await answer
    writer.close()
    return status


async def _connected(house: House) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(house.base_url)
    return await asyncio.open_connection(address.hostname, address.port)


async def _status(reader: asyncio.StreamReader) -> int:
    line = await asyncio.wait_for(reader.readline(), 60)
    return int(line.split()[1])


def _rss_mb() -> float:
    return int(re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024  # type: ignore[index]


async def test_memory_stays_flat(house: House) -> None:
    """Again and again the same: what is kept of a request would add up. What is made once, such as modules and caches with a bound, has been made
    before the last round."""
    sizes: list[float] = []
    for _ in range(ROUNDS):
        sent = 0
        for name in OFTEN:
            async with besieged(house, name) as siege:
                await siege.run()
                sent += siege.sent
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)  # what is free goes back, so that what is left is kept
        sizes.append(_rss_mb())
    assert sent > 200
    assert sizes[-1] - sizes[-2] < sent * KEPT_KB_MAX / 1024, f"{sizes} MB, {sent} requests a round"


async def test_the_watch_sees_an_operator(house: House) -> None:
    """Shown on a planted query."""
    with watch.look() as found:
        await house.runtime.database["wallets"].find({"org_id": "x", "name": {"$ne": CANARY}}).to_list()
    assert found == ["find: filter.name.$ne"]
