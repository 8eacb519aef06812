"""Who is asking, for every operation that does not say that it is open."""

from weakref import WeakKeyDictionary

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja.security import HttpBearer

from crypto_api.flows.access_tokens import AccessTokens, RingMemory
from crypto_api.flows.authenticate import authenticate_access
from crypto_api.flows.sign_in import Door
from crypto_api.identity.rules import device_cookie
from crypto_api.identity.types import DEVICE_COOKIE, Device
from crypto_api.kit import origin
from crypto_api.kit.cookies import named
from crypto_api.kit.errors import PermissionDenied
from crypto_api.organizations.types import Principal
from crypto_api.runtime import Runtime, runtime_of


class AccessToken(HttpBearer):
    """The access token of a log-in, in `Authorization: Bearer`."""

    openapi_bearerFormat = "JWT"  # noqa: N815  # the name that OpenAPI gives it

    async def authenticate(self, request: HttpRequest, token: str) -> Principal:
        runtime = runtime_of(request.scope)
        principal = await authenticate_access(tokens_of(runtime), token, runtime.clock.now(), runtime.limiter)
        origin.identified(principal.user_id, principal.session_id, principal.username)
        return principal

    async def __call__(self, request: HttpRequest) -> Principal | None:
        scheme, _, token = request.headers.get(self.header, "").partition(" ")
        if scheme.lower() != self.openapi_scheme:
            return None
        return await self.authenticate(request, token)


_memories: WeakKeyDictionary[object, RingMemory] = WeakKeyDictionary()
"""The ring of signing keys as this process knows it, for each runtime by its box."""


def tokens_of(runtime: Runtime) -> AccessTokens:
    memory = _memories.get(runtime.box)
    if memory is None:
        memory = _memories[runtime.box] = RingMemory()
    return AccessTokens(runtime.uow, runtime.box, memory)


def door_of(runtime: Runtime) -> Door:
    """What log-ins are checked with."""
    return Door(runtime.uow, runtime.clock, runtime.box, runtime.limiter, runtime.queue, runtime.config.bcrypt_cost, runtime.config.spans())


def remember_device(response: HttpResponse, token: str | None) -> HttpResponse:
    """Every answer to a log-in leaves this on the device."""
    if token is not None:
        response.set_cookie(**device_cookie(token, secure=settings.SESSION_COOKIE_SECURE))
    return response


def principal_of(request: HttpRequest) -> Principal:
    principal: Principal = request.auth
    return principal


def org_of(request: HttpRequest) -> str:
    """The organisation that the request acts in: the one that goes into every query. PermissionDenied for a person without one."""
    org_id = principal_of(request).org_id
    if org_id is None:
        raise PermissionDenied("You belong to no organisation yet.")
    return org_id


def device_of(request: HttpRequest) -> Device:
    client = request.scope.get("client")
    known = request.COOKIES.get(named(DEVICE_COOKIE, over_tls=settings.SESSION_COOKIE_SECURE))
    token = known or request.COOKIES.get(DEVICE_COOKIE, "")  # under the name of before: it opens nothing
    return Device(client[0] if client else None, request.headers.get("User-Agent", "")[:300] or None, token if 0 < len(token) <= 100 else None)
