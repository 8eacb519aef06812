"""Who may open a socket: the origin of the page, the ticket or the cookie, and the permission of the console."""

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from crypto_api.config import Config
from crypto_api.flows.authenticate import authenticate_ticket
from crypto_api.identity.types import DASHBOARD_COOKIE
from crypto_api.kit.cookies import named
from crypto_api.kit.errors import Unauthenticated
from crypto_api.kit.log import security
from crypto_api.kit.together import Together
from crypto_api.organizations.types import Permission, Principal
from crypto_api.runtime import Runtime
from crypto_api.sockets.console import FORBIDDEN, UNAUTHENTICATED


class Refused(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


async def admit(scope: Mapping[str, Any], runtime: Runtime, permission: Permission | None) -> Principal:
    """The member behind the socket. Refused says with which code it is to be closed."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    try:
        principal = await _principal(scope, headers, runtime)
        if principal is None:
            raise Refused(UNAUTHENTICATED, "no valid ticket or log-in")
        if principal.org_id is None or principal.denied is not None or (permission is not None and not principal.may(permission)):
            raise Refused(FORBIDDEN, "not allowed")
    except Refused as refused:
        security.warning("socket_refused", path=scope["path"], code=refused.code, reason=refused.reason, client=(scope.get("client") or [None])[0])
        raise
    return principal


async def _principal(scope: Mapping[str, Any], headers: Mapping[str, str], runtime: Runtime) -> Principal | None:
    origin, now = headers.get("origin"), runtime.clock.now()
    if origin is not None and not origin_allowed(origin, headers.get("host", ""), runtime.config):
        raise Refused(FORBIDDEN, "wrong origin")
    if ticket := scope.get("ticket"):
        try:
            return await authenticate_ticket(runtime.uow, ticket, now)
        except Unauthenticated:
            return None
    cookie = _cookie(headers.get("cookie", ""), named(DASHBOARD_COOKIE, over_tls=runtime.config.over_tls))
    if cookie is None:
        return None
    if origin is None:
        # A browser always names the page; without it, the cookie could be used from anywhere.
        raise Refused(FORBIDDEN, "wrong origin")
    members: Together[str, Principal] = scope["state"]["hub"].members
    return await members.answer(cookie)


def origin_allowed(origin: str, host: str, config: Config) -> bool:
    """The configured front end, or a page of the very host and port that was asked, where that host is one of ours."""
    try:
        asked = urlsplit(origin)
    except ValueError:  # brackets of no IPv6 address
        return False
    if asked.scheme not in ("http", "https") or not asked.netloc:
        return False
    for own in (config.frontend_url, config.backend_url):
        parts = urlsplit(own)
        if (asked.scheme, asked.netloc.lower()) == (parts.scheme, parts.netloc.lower()):
            return True
    if config.over_tls and asked.scheme != "https":
        return False  # a page that came without TLS may have come from anybody
    return asked.netloc.lower() == host.lower() and (asked.hostname or "") in config.allowed_hosts


def _cookie(header: str, name: str) -> str | None:
    try:
        morsel = SimpleCookie(header).get(name)
    except CookieError:
        return None
    return morsel.value if morsel else None
