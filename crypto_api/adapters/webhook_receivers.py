"""Receivers of webhooks, which organisations name: over TLS and in the open internet, unless the operator of the installation says otherwise."""

import time
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from crypto_api.adapters.outside_http import OutsideFailed, OutsideHttp, refusal
from crypto_api.kit import tracing
from crypto_api.kit.outside import Answered
from crypto_api.kit.private_transport import is_here

TIMEOUT_S = 5.0
BYTES_MAX = 65_536


class WebhookReceivers:
    """`async with`: holds the connections."""

    def __init__(self, private_hosts: Collection[str] = (), *, allowed: Collection[str] = ("*",), in_the_clear: bool = True) -> None:
        """`private_hosts`: `name` or `name:port` of receivers in our own networks. `allowed`: names of those in the open internet, `*.example.com`
        for all below one, `*` for all; nobody else is asked. `in_the_clear`: whether those of our networks may be asked without TLS; on this machine
        they may."""
        self._private = frozenset(private_hosts)
        self._allowed = frozenset(name.casefold() for name in allowed)
        self._in_the_clear = in_the_clear
        # As many as there are places for (workers/webhooks.py): who waited for a connection would be taken for a receiver that hangs.
        self._http = OutsideHttp(at_once=0, of_host=0)

    async def __aenter__(self) -> "WebhookReceivers":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.__aexit__()

    def refusal(self, url: str) -> str | None:
        parts, private = urlsplit(url), self._is_private(url)
        host = (parts.hostname or "").casefold()
        if private and parts.scheme != "https" and not self._in_the_clear and not is_here(host):
            return "would be asked without TLS"
        allowed = private or self._is_allowed(host)
        return refusal(url, private=private) or (None if allowed else "is none of the receivers that this installation allows")

    def _is_allowed(self, host: str) -> bool:
        above = host.split(".")[1:]
        return bool(self._allowed & {"*", host, *("*." + ".".join(above[place:]) for place in range(len(above)))})

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answered:
        began_s = time.monotonic()
        if (refused := self.refusal(url)) is not None:  # the settings may have changed since it was written down
            return Answered(_ms_since(began_s), None, refused)
        try:
            with tracing.span("tell a webhook", tracing.Kind.CLIENT) as span:  # which is not told of which trace
                answer = await self._http.post(
                    url,
                    body,
                    headers={"Content-Type": "application/json", "User-Agent": "Coffer-Webhooks/1", **headers},
                    timeout_s=TIMEOUT_S,
                    bytes_max=BYTES_MAX,
                    private=self._is_private(url),
                )
                span.set("http.response.status_code", answer.status)
        except OutsideFailed as error:
            return Answered(_ms_since(began_s), None, str(error))
        return Answered(_ms_since(began_s), answer.status, body=answer.body, retry_after=answer.retry_after)

    def _is_private(self, url: str) -> bool:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or {"https": 443, "http": 80}.get(parts.scheme)
        return bool(self._private & {host, f"{host}:{port}"})


def _ms_since(began_s: float) -> int:
    return round((time.monotonic() - began_s) * 1_000)
