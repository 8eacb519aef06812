"""The feeds that the operator configured: over TLS and in the open internet, no redirects, bounded in time and size."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from http import HTTPStatus
from urllib.parse import urlsplit

from crypto_api.adapters.outside_http import OutsideFailed, OutsideHttp
from crypto_api.kit.outside import FeedFailed

TIMEOUT_S = 10.0
BYTES_MAX = 2_000_000
_ACCEPTED = "application/rss+xml, application/atom+xml, application/xml, text/xml"


class NewsFeeds:
    """`async with`: holds the connections."""

    def __init__(self, addresses: Sequence[str] = (), *, private_hosts: Collection[str] = (), timeout_s: float = TIMEOUT_S) -> None:
        """`private_hosts` may be in our own networks, and asked without TLS."""
        self.addresses = tuple(addresses)
        self._private, self._timeout_s = frozenset(private_hosts), timeout_s
        self._http = OutsideHttp()

    async def __aenter__(self) -> "NewsFeeds":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.__aexit__()

    async def read(self, address: str) -> bytes:
        host = urlsplit(address).hostname or ""
        try:
            answer = await self._http.get(
                address,
                {},
                headers={"Accept": _ACCEPTED, "User-Agent": "Coffer-News/1"},
                timeout_s=self._timeout_s,
                bytes_max=BYTES_MAX,
                private=host in self._private,
            )
        except OutsideFailed as error:
            raise FeedFailed(str(error)) from error
        if answer.status != 200:
            raise FeedFailed(f"{host} answers {_said(answer.status)}")
        return answer.body


def _said(status: int) -> str:
    """`404, Not Found`."""
    with suppress(ValueError):
        told = f"{status}, {HTTPStatus(status).phrase}"
        return f"{told}; it is asked nowhere else" if 300 <= status < 400 else told
    return str(status)
