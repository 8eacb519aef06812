"""Figures for Prometheus at an address of their own (exposition format 0.0.4), so that the listener that the world reaches has none of them."""

import re
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

PATH = "/metrics"
LIVE = "/live"
Measure = Callable[[], Awaitable[list[Metric]]]
_LISTEN = re.compile(r"(?P<host>\[[0-9a-f:]+\]|[0-9a-z.-]+):(?P<port>[0-9]{1,5})", re.ASCII)


class MetricsListener:
    """`async with MetricsListener("127.0.0.1:9464", measure):` answers `GET /metrics` with what this process counts and what `measure` finds at that
    moment, and `GET /live`. With `certificate` (PEM with key and certificate) over TLS alone, with `client_ca` to those alone who
    show a certificate of that authority. ValueError where `listen` is no host and port, OSError where the port is taken or a file is not there."""

    def __init__(self, listen: str, measure: Measure | None = None, *, certificate: Path | None = None, client_ca: Path | None = None) -> None:
        found = _LISTEN.fullmatch(listen)
        if not found:
            raise ValueError(f"METRICS_LISTEN: {listen[:80]!r} is no host and port such as 127.0.0.1:9464")
        self._host, self._port = found["host"].strip("[]"), int(found["port"])
        self._measure = measure
        self._tls = _tls(certificate, client_ca) if certificate else None
        app = web.Application()
        app.router.add_get(PATH, self._answer)
        app.router.add_get(LIVE, self._live)
        self._runner = web.AppRunner(app, access_log=None)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port, ssl_context=self._tls).start()
        except OSError:
            await self._runner.cleanup()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._runner.cleanup()

    @property
    def port(self) -> int:
        port: int = self._runner.addresses[0][1]
        return port

    async def _live(self, _: web.Request) -> web.Response:
        """The process lives and its loop goes round, whatever else is away: a supervisor that restarts by this restarts nobody who only waits."""
        return web.Response(text="ok")

    async def _answer(self, _: web.Request) -> web.Response:
        found = await self._measure() if self._measure is not None else []
        body = generate_latest(REGISTRY) + generate_latest(_Found(found))
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})


def _tls(certificate: Path, client_ca: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class _Found(Collector):
    def __init__(self, found: list[Metric]) -> None:
        self._found = found

    def collect(self) -> list[Metric]:
        return self._found
