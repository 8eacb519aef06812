"""Asking servers that are not ours, named by whoever runs the installation or by an organisation: only where that was meant to lead, and bounded.

A name is resolved once, for the connection that is then made, and an address inside this machine or its networks is refused there: a name that
points elsewhere at the second look has no second look. Redirects are answers like any other, proxies of the environment are not used, and a body is
read no further than allowed and is never unpacked.
"""

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

_CHUNK = 65_536


class OutsideFailed(Exception):
    """No answer that can be used; the text says why, and names no more of the address than its host."""


@dataclass(frozen=True)
class OutsideAnswer:
    status: int
    retry_after: str | None
    body: bytes


def is_public(address: str) -> bool:
    """Whether it is an address of the open internet."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        elif found.sixtofour is not None or found.teredo is not None or found in _NAT64:
            return False  # they lead to an IPv4 address that is not looked at here
    return found.is_global and not found.is_multicast


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def refusal(url: str, *, private: bool) -> str | None:
    """Why it is never asked, as far as the address itself tells. What a name leads to is looked at with each connection."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        return "would be asked without TLS"
    try:
        literal = is_public(parts.hostname or "")
    except ValueError:
        return None
    return None if literal or private else "is no address of the open internet"


class _PublicResolver(AbstractResolver):
    def __init__(self) -> None:
        self._inner = ThreadedResolver()

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if not found or not all(is_public(row["host"]) for row in found):
            raise OutsideFailed(f"{host} is no address of the open internet")
        return found

    async def close(self) -> None:
        await self._inner.close()


class OutsideHttp:
    """`async with OutsideHttp() as http:`; sessions are made when first needed. Connections at once: `at_once`, of which `of_host` to one host, 0 for
    as many as are asked for; who finds none free waits, in the time that the answer has."""

    def __init__(self, *, at_once: int = 8, of_host: int = 4) -> None:
        self._at_once, self._of_host = at_once, of_host
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> "OutsideHttp":
        return self

    async def __aexit__(self, *_: object) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def get(
        self, url: str, query: dict[str, str], *, headers: dict[str, str], timeout_s: float, bytes_max: int, private: bool = False
    ) -> OutsideAnswer:
        """OutsideFailed: refused, unreachable, too slow, too large. `private` allows http and addresses of our own networks."""
        return await self._ask("GET", url, headers, timeout_s, bytes_max, private, params=query)

    async def post(self, url: str, body: bytes, *, headers: dict[str, str], timeout_s: float, bytes_max: int, private: bool = False) -> OutsideAnswer:
        """OutsideFailed as with `get`; what was sent may have arrived all the same."""
        return await self._ask("POST", url, headers, timeout_s, bytes_max, private, data=body)

    async def _ask(
        self, method: str, url: str, headers: dict[str, str], timeout_s: float, bytes_max: int, private: bool, **sent: Any
    ) -> OutsideAnswer:
        host = urlsplit(url).hostname or ""
        if (problem := refusal(url, private=private)) is not None:
            raise OutsideFailed(f"{host} {problem}")
        headers = {"Accept-Encoding": "identity", **headers}
        try:
            async with asyncio.timeout(timeout_s):
                session = self._session(private)
                async with session.request(method, url, headers=headers, allow_redirects=False, **sent) as response:
                    return OutsideAnswer(response.status, response.headers.get("Retry-After"), await _bounded(response, host, bytes_max))
        except OutsideFailed:
            raise
        except TimeoutError as error:
            raise OutsideFailed(f"{host} did not answer within {timeout_s:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error.__cause__, OutsideFailed):
                raise error.__cause__ from error
            raise OutsideFailed(f"{host} is not reachable ({type(error).__name__})") from error

    def _session(self, private: bool) -> aiohttp.ClientSession:
        if private not in self._sessions:
            made: dict[str, Any] = {} if private else {"resolver": _PublicResolver(), "use_dns_cache": False}
            connector = aiohttp.TCPConnector(limit=self._at_once, limit_per_host=self._of_host, **made)
            self._sessions[private] = aiohttp.ClientSession(
                connector=connector, trust_env=False, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._sessions[private]


async def _bounded(response: aiohttp.ClientResponse, host: str, bytes_max: int) -> bytes:
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise OutsideFailed(f"{host} answers packed, which was not asked for")
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > bytes_max:
            raise OutsideFailed(f"{host} answers more than {bytes_max} bytes")
    return bytes(body)
