"""What an operation needs. Every operation names its permission or says that it is open: without either the API does not start.

@router.post("/wallets/", response={201: WalletRead}, summary="Add a wallet")
@requires(Permission.WALLETS_WRITE)
@idempotent
async def create_wallet(request, body: WalletCreate): ...
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from django.http import HttpRequest

from crypto_api.flows.step_up import require_approval
from crypto_api.http import in_flight
from crypto_api.http.auth import principal_of
from crypto_api.identity.types import Purpose
from crypto_api.kit.errors import PermissionDenied
from crypto_api.organizations.types import PLATFORM, Denied, Permission, Principal
from crypto_api.runtime import runtime_of

Operation = Callable[..., Coroutine[Any, Any, Any]]
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

OPEN = "open"
"""Needs no log-in."""
SIGNED_IN = "signed_in"
"""Needs a log-in and nothing more: it is about the person themselves."""


def requires(permission: Permission) -> Callable[[Operation], Operation]:
    """For whoever has `permission` in the organisation they act in."""

    def decorate(operation: Operation) -> Operation:
        @wraps(operation)
        async def guarded(request: HttpRequest, *args: Any, **values: Any) -> Any:
            principal = principal_of(request)
            _check(principal, permission)
            return await _run(operation, request, *args, **values)

        guarded.permission = str(permission)  # type: ignore[attr-defined]
        return guarded

    return decorate


_WHY = {
    Denied.SECOND_FACTOR_REQUIRED: "Your organisation asks your role for a second factor: set one up, or log in with it.",
    Denied.SUSPENDED: "Your place in this organisation is suspended.",
}


def _check(principal: Principal, permission: Permission) -> None:
    if principal.denied is not None:
        raise PermissionDenied(_WHY[principal.denied], code=principal.denied)
    if not principal.may(permission) or (principal.org_id is None and permission not in PLATFORM):
        raise PermissionDenied(f"This needs the permission {permission}.")


def approved(purpose: Purpose) -> Callable[[Operation], Operation]:
    """For what needs a step-up ("session approval") of that purpose. Put it below `requires` or `signed_in`, above `idempotent`."""

    def decorate(operation: Operation) -> Operation:
        @wraps(operation)
        async def guarded(request: HttpRequest, *args: Any, **values: Any) -> Any:
            principal = principal_of(request)
            await require_approval(principal.session_id, principal.org_id, purpose, runtime_of(request.scope).clock.now())
            return await operation(request, *args, **values)

        guarded.approval = str(purpose)  # type: ignore[attr-defined]
        return guarded

    return decorate


def signed_in(operation: Operation) -> Operation:
    return _marked(operation, SIGNED_IN)


def open_to_all(operation: Operation) -> Operation:
    """Give `auth=None` to the router as well: the two must agree."""
    return _marked(operation, OPEN)


def _marked(operation: Operation, permission: str) -> Operation:
    @wraps(operation)
    async def marked(request: HttpRequest, *args: Any, **values: Any) -> Any:
        return await _run(operation, request, *args, **values)

    marked.permission = permission  # type: ignore[attr-defined]
    return marked


async def _run(operation: Operation, request: HttpRequest, *args: Any, **values: Any) -> Any:
    """What changes something runs to its end also when the client goes away in the middle."""
    if request.method in SAFE:
        return await operation(request, *args, **values)
    return await asyncio.shield(in_flight.start(operation(request, *args, **values)))
